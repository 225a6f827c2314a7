"""The image by the remainders of its rows and columns modulo the stride: how the input gradient is put together.

Pixel (i, j) of the padded image gets something from tap (u, v) only if i - u * DH is a multiple of SH, and j - v * DW
of SW. So pixels with the same remainders (a, b) are reached by the same taps; with stride 2 and a 3x3 kernel:

    row of the image      0  1  2  3  4  5        remainder 0: taps u = 0 and 2
    remainder             0  1  0  1  0  1        remainder 1: tap u = 1

Each pair of remainders is a stride-1 convolution of dy over its own taps: a region, with planes of dy as its source.
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import numpy as np

from backends.numba_tiled.layout.planes import Axis, Planes, laid_out
from backends.numba_tiled.layout.regions import Regions
from backends.numba_tiled.layout.window import window
from harness import ConvSpec


class Remainders(NamedTuple):
    """Every pair of remainders has rows * columns pixels, of which some are outside the image."""

    rows: int
    columns: int
    first: int  # of the rows: they begin at padded row first * SH


@lru_cache(maxsize=256)
def remainders(spec: ConvSpec, rows_at_a_time: int) -> tuple[Planes, Remainders, Regions]:
    """The planes of dy, for some rows of a remainder at a time, and the remainders: a region for each pair."""
    g, filters, channels = window(spec), spec.out_channels // spec.groups, spec.in_channels // spec.groups
    first, beside = g.top // g.sh, g.left // g.sw
    rows, columns = (g.top + g.h - 1) // g.sh - first + 1, (g.left + g.w - 1) // g.sw - beside + 1
    down, right = (g.kh - 1) * g.dh // g.sh, (g.kw - 1) * g.dw // g.sw  # steps of the farthest tap
    is_image = (g.sh, g.sw, down, right, rows + down, columns + right) == (1, 1, first, beside, g.oh, g.ow)
    planes = laid_out(
        Axis(g.oh, 1, down - first, rows_at_a_time, down, [0]), Axis(g.ow, 1, right - beside, columns, right, [0]),
        filters, is_image,
    )  # fmt: skip
    sizes: list[int] = []
    taps, across = [np.zeros(0, np.int64)], [np.zeros(0, np.int64)]
    for a in range(g.sh):
        for b in range(g.sw):
            own = [(u, v) for u in range(g.kh) for v in range(g.kw) if (u * g.dh % g.sh, v * g.dw % g.sw) == (a, b)]
            sizes += [0, rows, 0, columns, filters * len(own), sum(map(len, taps))]
            places = [(down - u * g.dh // g.sh) * planes.row + right - v * g.dw // g.sw for u, v in own]
            taps.append(np.add.outer(np.arange(filters) * planes.size, np.array(places, np.int64)).ravel())
            which = np.array([u * g.kw + v for u, v in own], np.int64)
            across.append(np.add.outer(np.arange(filters) * channels * spec.taps, which).ravel())
    regions = Regions(g.sh * g.sw, np.array(sizes), np.concatenate(taps), np.concatenate(across))
    return planes, Remainders(rows, columns, first), regions
