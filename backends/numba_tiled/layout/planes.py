"""Padded planes: an image laid out so that every tap of a convolution reads it at a fixed distance.

Pixel (p, q) of the output reads, for tap (u, v), row p * SH + u * DH and column q * SW + v * DW of the padded image.
With stride 1 a plane is the padded image, and tap (u, v) of pixel (p, q) is at (p + u * DH) * row + q + v * DW. A 4x4
image, a 3x3 kernel, padding 1 (a dot is a zero):

    . . . . .
    . a b c d        row = 5: the zero on the right of a row is also the one on the left of the next;
    . e f g h                 the last row has one more
    . i j k l
    . m n o p        tap (2, 1) of pixel (0, 0) is i, of (0, 1) j, of (0, 2) k: neighbours in the output
    . . . . . .      are neighbours in memory, and padding is zeros that are there

With a stride a plane is kept in parts, one for each pair of remainders (`phases`) of row and column modulo SH and SW.
The same image with stride 2, whose output is 2x2:

    rows 0, 2, 4:  . . .  . . .      rows 1, 3, 5:  . b d  a c .
                   . f h  e g .                     . j l  i k .
                   . n p  m o .                     . . .  . . .
    columns:       0,2,4  1,3,5                     0,2,4  1,3,5

Tap (2, 1) is in the phase of rows 0 and columns 1, one row down: of pixel (0, 0) it is e, of (0, 1) g: again
neighbours. So a tap is a distance, `taps[k]`, and its element is at taps[k] + p * row + q whatever stride and dilation
are. Phases that no tap reads are left out: a 1x1 kernel with stride 2 keeps a quarter of the image.
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import numpy as np

from backends.numba_tiled.layout.window import window
from harness import ConvSpec

_LINE = 16  # float32 in a line of a cache


class Planes(NamedTuple):
    """Padded planes of the channels of a group. Sizes in elements; the last two are arrays of phases."""

    h: int  # of the image
    w: int
    sh: int
    sw: int
    top: int  # padding; negative: rows of the image that are left out
    left: int
    channels: int
    row: int  # between vertical neighbours of the output
    part: int  # between phases
    size: int  # between channels
    reach: int  # rows of a phase beyond those of the output
    width: int  # columns of a phase, of which the last may be the first of the next row
    is_image: bool  # the image is its own layout: nothing to copy
    row_phases: np.ndarray
    column_phases: np.ndarray


class Axis(NamedTuple):
    """What planes are made from, for rows or for columns."""

    size: int  # of the image
    stride: int
    padding: int  # before the image; negative: what is left out
    results: int  # of the output, that are laid out at a time
    reach: int  # steps from a result to the farthest element that it reads in its phase
    phases: list[int]


@lru_cache(maxsize=256)
def planes_of_x(spec: ConvSpec, rows: int) -> tuple[Planes, np.ndarray]:
    """Planes of x, for `rows` rows of the output at a time, and where tap k = (c, u, v) is in them."""
    g, channels = window(spec), spec.in_channels // spec.groups
    row_places, row_phases = _places(g.kh, g.sh, g.dh)
    column_places, column_phases = _places(g.kw, g.sw, g.dw)
    down = Axis(g.h, g.sh, g.top, rows, (g.kh - 1) * g.dh // g.sh, row_phases)
    right = Axis(g.w, g.sw, g.left, g.ow, (g.kw - 1) * g.dw // g.sw, column_phases)
    is_image = (g.top, g.left, g.sh, g.sw) == (0, 0, 1, 1) and (g.oh + down.reach, g.ow + right.reach) == (g.h, g.w)
    planes = laid_out(down, right, channels, is_image)
    u = np.array([slot * len(column_phases) * planes.part + steps * planes.row for slot, steps in row_places])
    v = np.array([slot * planes.part + steps for slot, steps in column_places])
    kernel = np.add.outer(u, v).ravel()
    return planes, np.add.outer(np.arange(channels) * planes.size, kernel).ravel()


def laid_out(down: Axis, right: Axis, channels: int, is_image: bool) -> Planes:
    """Planes with the distances between rows, phases and channels."""
    width = right.results + right.reach
    shared = right.reach  # columns that are zero at the end of a row and at the beginning of the next
    for phase in right.phases:
        low = min(max(-((phase - right.padding) // right.stride), 0), width)
        high = min(max((right.size - 1 - phase + right.padding) // right.stride + 1, low), width)
        shared = min(shared, low, width - high)
    row = width - shared
    part = (down.results + down.reach) * row + shared
    size = down.size * right.size if is_image else len(down.phases) * len(right.phases) * part
    if not is_image:  # an odd number of lines, so that channels do not meet in the same sets of a cache
        size = -(-size // _LINE) * _LINE
        size += _LINE if size // _LINE % 2 == 0 else 0
    return Planes(
        down.size, right.size, down.stride, right.stride, down.padding, right.padding, channels, row, part, size,
        down.reach, width, is_image, np.array(down.phases), np.array(right.phases),
    )  # fmt: skip


def _places(kernel: int, stride: int, dilation: int) -> tuple[list[tuple[int, int]], list[int]]:
    """For every tap of an axis (which of the phases, steps within it), and the phases that are read."""
    phases = sorted({u * dilation % stride for u in range(kernel)})
    return [(phases.index(u * dilation % stride), u * dilation // stride) for u in range(kernel)], phases
