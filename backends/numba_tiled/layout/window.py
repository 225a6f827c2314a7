"""A spec as the plain numbers that compiled functions take; made once for a spec and kept for the next call."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from harness import ConvSpec


class Window(NamedTuple):
    """The geometry of a spec. `top` and `left` are the padding; the other two sides follow from the sizes."""

    h: int
    w: int
    kh: int
    kw: int
    oh: int
    ow: int
    sh: int
    sw: int
    top: int
    left: int
    dh: int
    dw: int


class Counts(NamedTuple):
    """How many there are of what an op goes over."""

    batch: int
    groups: int
    sources: int  # all channels of the array that is read: C of x, F of dy
    results: int  # all channels of the array that is written
    taps: int  # of the kernel: KH * KW


@lru_cache(maxsize=256)
def window(spec: ConvSpec) -> Window:
    """The window of a spec."""
    top, _, left, _ = spec.padding
    return Window(
        *spec.input_size, *spec.kernel_size, *spec.output_size, *spec.stride, top, left, *spec.dilation
    )  # fmt: skip


@lru_cache(maxsize=256)
def work(spec: ConvSpec) -> int:
    """What a convolution or a gradient takes, in numbers to read or to write: as long as 8 multiply-adds each."""
    return max(math.prod(spec.x_shape), math.prod(spec.y_shape), spec.macs // 8)


def counts(spec: ConvSpec, sources: int, results: int) -> Counts:
    """The counts of an op that reads `sources` channels and writes `results`."""
    return Counts(spec.batch, spec.groups, sources, results, spec.taps)


@lru_cache(maxsize=64)
def counting(count: int) -> np.ndarray:
    """0, 1, ... count - 1."""
    return np.arange(count)
