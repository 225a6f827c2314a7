"""What follows from a spec alone, as the named tuples that compiled functions take; kept for the next call.

Padded planes: an image laid out so that every tap of a convolution reads it at a fixed distance. Pixel (p, q) of the
output reads, for tap (u, v), row p * SH + u * DH and column q * SW + v * DW of the padded image. A plane is kept in
parts, one for each pair of remainders modulo SH and SW (`phases`; those that no tap reads are left out, so that a 1x1
kernel with stride 2 keeps a quarter). Then the tap's element is at `taps[k]` + p * row + q: whatever the stride,
neighbours in the output are neighbours in memory, and padding is zeros that are there. Zeros on the right of a row are
also those on the left of the next, so `row` is less than the width.
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import numpy as np

from harness import ConvSpec

_LINE = 16  # float32 in a line of a cache
SIZES = 6  # numbers that describe a region


class Window(NamedTuple):
    """A spec as plain numbers; `top` and `left` are the padding, the other two sides follow from the sizes."""

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


class Planes(NamedTuple):
    """Padded planes of the channels of a group. Sizes in elements; the last two are arrays of phases."""

    h: int  # the image
    w: int
    sh: int
    sw: int
    top: int  # negative: rows of the image that are left out
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


class Counts(NamedTuple):
    """`sources` and `results` are all channels of what is read and of what is written."""

    batch: int
    groups: int
    sources: int
    results: int
    taps: int  # of the kernel


@lru_cache(maxsize=256)
def window(spec: ConvSpec) -> Window:
    """Of a spec."""
    top, _, left, _ = spec.padding
    return Window(
        *spec.input_size, *spec.kernel_size, *spec.output_size, *spec.stride, top, left, *spec.dilation
    )  # fmt: skip


@lru_cache(maxsize=256)
def planes_of_x(spec: ConvSpec, rows: int) -> tuple[Planes, np.ndarray]:
    """Of x, for `rows` rows of the output at a time, and where tap k = (c, u, v) is in them."""
    g, channels = window(spec), spec.in_channels // spec.groups
    row_places, row_phases = _axis(g.kh, g.sh, g.dh)
    column_places, column_phases = _axis(g.kw, g.sw, g.dw)
    reach, width = (g.kh - 1) * g.dh // g.sh, g.ow + (g.kw - 1) * g.dw // g.sw
    is_image = (g.top, g.left, g.sh, g.sw, g.oh + reach, width) == (0, 0, 1, 1, g.h, g.w)
    planes = _planes(
        g.h, g.w, g.sh, g.sw, g.top, g.left, channels, rows, reach, width, g.ow, is_image, row_phases,
        column_phases,
    )  # fmt: skip
    down = np.array([slot * len(column_phases) * planes.part + steps * planes.row for slot, steps in row_places])
    right = np.array([slot * planes.part + steps for slot, steps in column_places])
    kernel = np.add.outer(down, right).ravel()
    return planes, np.add.outer(np.arange(channels) * planes.size, kernel).ravel()


@lru_cache(maxsize=256)
def sight_of_x(spec: ConvSpec) -> list[tuple[int, np.ndarray]]:
    """The taps of a channel, and whether row p of the output sees the image by row u of the kernel; see `skip`."""
    g = window(spec)
    read = np.add.outer(np.arange(g.oh) * g.sh - g.top, np.arange(g.kh) * g.dh)
    return [(spec.taps, (read >= 0) & (read < g.h))]


def _planes(
    h: int, w: int, sh: int, sw: int, top: int, left: int, channels: int, rows: int, reach: int, width: int,
    pixels: int, is_image: bool, row_phases: list[int], column_phases: list[int],
) -> Planes:  # fmt: skip
    """With the distances between rows, phases and channels; a row has `pixels` results."""
    shared = width - pixels
    for phase in column_phases:
        low = min(max(-((phase - left) // sw), 0), width)
        high = min(max((w - 1 - phase + left) // sw + 1, low), width)
        shared = min(shared, low, width - high)
    row = width - shared
    part = (rows + reach) * row + shared
    size = h * w if is_image else len(row_phases) * len(column_phases) * part
    if not is_image:  # an odd number of lines, so that channels do not meet in the same sets of a cache
        size = -(-size // _LINE) * _LINE
        size += _LINE if size // _LINE % 2 == 0 else 0
    return Planes(
        h, w, sh, sw, top, left, channels, row, part, size, reach, width, is_image, np.array(row_phases),
        np.array(column_phases),
    )  # fmt: skip


@lru_cache(maxsize=64)
def counting(count: int) -> np.ndarray:
    """0, 1, ... count - 1."""
    return np.arange(count)


def _axis(kernel: int, stride: int, dilation: int) -> tuple[list[tuple[int, int]], list[int]]:
    """For every tap (which of the phases, steps within it), and the phases that are read."""
    phases = sorted({u * dilation % stride for u in range(kernel)})
    return [(phases.index(u * dilation % stride), u * dilation // stride) for u in range(kernel)], phases


class Regions(NamedTuple):
    """Rectangles of a result, each with taps of its own. See `regions`."""

    count: int
    sizes: np.ndarray  # SIZES of each: first row, rows, first column, columns, taps, taps of those before
    taps: np.ndarray  # where they are in the planes, region by region
    across: np.ndarray  # and in the weights


def one_region(rows: int, columns: int, taps: np.ndarray) -> Regions:
    """All of a result, by all taps in the order of the weights."""
    return Regions(1, np.array([0, rows, 0, columns, taps.size, 0]), taps, counting(taps.size))


class Remainders(NamedTuple):
    """The image by the remainders (a, b) of its padded rows and columns modulo the stride, see `input_grad`.

    Every pair has rows * columns pixels, of which some are outside the image.
    """

    rows: int
    columns: int
    first: int  # of the rows: they begin at padded row first * SH


@lru_cache(maxsize=256)
def remainders(spec: ConvSpec, laid_out: int) -> tuple[Planes, Remainders, Regions]:
    """The planes of dy, for `laid_out` rows of a remainder at a time, and the remainders: a region for each pair."""
    g, filters, channels = window(spec), spec.out_channels // spec.groups, spec.in_channels // spec.groups
    first, beside = g.top // g.sh, g.left // g.sw
    rows, columns = (g.top + g.h - 1) // g.sh - first + 1, (g.left + g.w - 1) // g.sw - beside + 1
    down, right = (g.kh - 1) * g.dh // g.sh, (g.kw - 1) * g.dw // g.sw  # steps of the farthest tap
    is_image = (g.sh, g.sw, down, right, rows + down, columns + right) == (1, 1, first, beside, g.oh, g.ow)
    planes = _planes(
        g.oh, g.ow, 1, 1, down - first, right - beside, filters, laid_out, down, columns + right, columns,
        is_image, [0], [0],
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


@lru_cache(maxsize=256)
def sight_of_dy(spec: ConvSpec) -> list[tuple[int, np.ndarray]]:
    """For every pair of remainders, its taps of a filter, and whether its row r sees dy by the rows of its taps."""
    g, (planes, parts, regions) = window(spec), remainders(spec, 1)
    counts, found = regions.sizes[4::SIZES] // planes.channels, []
    for a in range(g.sh):
        steps = np.array([u * g.dh // g.sh for u in range(g.kh) if u * g.dh % g.sh == a], np.int64)
        read = np.subtract.outer(np.arange(parts.rows) + parts.first, steps)
        found += [(int(count), (read >= 0) & (read < g.oh)) for count in counts[a * g.sw : (a + 1) * g.sw]]
    return found
