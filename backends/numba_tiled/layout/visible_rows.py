"""Which rows of a result see the image by which rows of the kernel: the others see only padding.

A 3x3 kernel on 4 rows of x with padding 1, one line for each row of the output, one column for each row of the kernel:

    p = 0    . x x      its first row lies on the padding
    p = 1    x x x
    p = 2    x x x
    p = 3    x x .
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import numpy as np

from backends.numba_tiled.layout.regions import SIZES
from backends.numba_tiled.layout.remainders import remainders
from backends.numba_tiled.layout.window import window
from harness import ConvSpec


class VisibleRows(NamedTuple):
    """What a result sees of one channel."""

    taps: int  # of a channel
    sees: np.ndarray  # [row of the result][row of the kernel]: whether the image is there


@lru_cache(maxsize=256)
def sight_of_x(spec: ConvSpec) -> list[VisibleRows]:
    """What y sees of x: one sight."""
    g = window(spec)
    read = np.add.outer(np.arange(g.oh) * g.sh - g.top, np.arange(g.kh) * g.dh)
    return [VisibleRows(spec.taps, (read >= 0) & (read < g.h))]


@lru_cache(maxsize=256)
def sight_of_dy(spec: ConvSpec) -> list[VisibleRows]:
    """What each pair of remainders of dx sees of dy."""
    g, (planes, parts, regions) = window(spec), remainders(spec, 1)
    taps, found = regions.sizes[4::SIZES] // planes.channels, []
    for a in range(g.sh):
        steps = np.array([u * g.dh // g.sh for u in range(g.kh) if u * g.dh % g.sh == a], np.int64)
        read = np.subtract.outer(np.arange(parts.rows) + parts.first, steps)
        found += [VisibleRows(int(count), (read >= 0) & (read < g.oh)) for count in taps[a * g.sw : (a + 1) * g.sw]]
    return found
