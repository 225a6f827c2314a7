"""Convolutions and their input gradients as one shape of problem: what the kernels are told about a geometry.

An input gradient with a stride is several convolutions without one. Pixels whose row and column leave
the same remainders, modulo the stride, meet the same taps; each such set is a convolution of dy over its own taps.
"""

from __future__ import annotations

from functools import lru_cache
from itertools import product
from math import ceil
from typing import NamedTuple

import numpy as np

from harness import ConvSpec

TABLE_ROWS = 128  # the table is padded to whole tiles of either kernel
_AHEAD = 16  # rows that are fetched before they are needed
_MOST_TAPS = 15  # a side, that have bits in the table
_NOWHERE, _NOWHERE_BIT = -(2**29), 2**31  # beyond the last row of the table: outside of every image


class Weights(NamedTuple):
    """Where elements of w lie, in elements; rows and channels are those of the product, which may exchange them."""

    first: int
    group: int
    row: int
    channel: int
    down: int
    across: int


class Result(NamedTuple):
    """Where elements of the result lie, in elements: rows of the product, then rows and columns of positions."""

    first: int
    image: int
    group: int
    filter: int
    row: int
    column: int


class Lowered(NamedTuple):
    """result (rows x pixels) = filters (rows x channels*taps) @ columns of the source, per group."""

    groups: int
    rows: int
    channels: int  # of a group of the source
    size: tuple[int, int]  # of the source
    grid: tuple[int, int]  # of positions
    stride: tuple[int, int]
    down: range  # where each row of taps lies, relative to position * stride
    across: range
    w: Weights
    y: Result

    @property
    def terms(self) -> int:
        """K, the length of the sum."""
        return self.channels * len(self.down) * len(self.across)

    @property
    def positions(self) -> int:
        """Positions of an image."""
        return self.grid[0] * self.grid[1]

    @property
    def is_pointwise(self) -> bool:
        """Whether the columns are the source itself."""
        return list(self.down) == list(self.across) == [0] and self.stride == (1, 1) and self.grid == self.size

    @property
    def is_large(self) -> bool:
        """Whether the table must hold 64-bit offsets and compare indices: see taps.cuh."""
        (h, w), sides = self.size, (len(self.down), len(self.across))
        reach = max(abs(v) for line in (self.down, self.across) for v in (line[0], line[-1])) * (w + 1)
        return max(sides) > _MOST_TAPS or self.channels * h * w + reach >= 2**31

    @property
    def has_wide_rows(self) -> bool:
        """Whether four positions from a multiple of four on lie together in the result, at a multiple of four."""
        (rows, width), y = self.grid, self.y
        gapless = y.column == 1 and (width % 4 == 0 or (y.row == width and rows * width % 4 == 0))
        aligned = all(stride % 4 == 0 for stride in (y.first, y.image, y.group, y.filter))
        return gapless and aligned and (y.row % 4 == 0 or y.row == width)


@lru_cache(maxsize=1024)
def forward(spec: ConvSpec) -> Lowered:
    """y = w * x."""
    (kh, kw), (dh, dw), (top, _, left, _) = spec.kernel_size, spec.dilation, spec.padding
    filters, channels, taps = spec.out_channels // spec.groups, spec.in_channels // spec.groups, spec.taps
    positions, width = spec.positions, spec.output_size[1]
    return Lowered(
        spec.groups, filters, channels, spec.input_size, spec.output_size, spec.stride,
        range(-top, kh * dh - top, dh), range(-left, kw * dw - left, dw),
        Weights(0, filters * channels * taps, channels * taps, taps, kw, 1),
        Result(0, spec.out_channels * positions, filters * positions, positions, width, 1),
    )  # fmt: skip


@lru_cache(maxsize=1024)
def input_grad(spec: ConvSpec) -> tuple[Lowered, ...]:
    """dx, one problem for each set of pixels that meets taps; pixels in none of them are zero.

    >>> [(part.grid, part.down) for part in input_grad(ConvSpec.parse("n1c1h4w4_f1kh3kw1_sh2sw1"))]
    [((2, 4), range(0, -2, -1)), ((2, 4), range(0, -1, -1))]
    """
    (h, w), (kh, kw) = spec.input_size, spec.kernel_size
    (oh, ow), (sh, sw), (dh, dw), (top, _, left, _) = spec.output_size, spec.stride, spec.dilation, spec.padding
    filters, channels, taps = spec.out_channels // spec.groups, spec.in_channels // spec.groups, spec.taps
    parts = []
    for (i, us, down), (j, vs, across) in product(_residues(h, sh, kh, dh, top), _residues(w, sw, kw, dw, left)):
        (u, u_step), (v, v_step) = us, vs
        parts.append(Lowered(
            spec.groups, channels, filters, (oh, ow), (ceil((h - i) / sh), ceil((w - j) / sw)), (1, 1), down, across,
            Weights(u * kw + v, filters * channels * taps, taps, channels * taps, u_step * kw, v_step),
            Result(i * w + j, spec.in_channels * h * w, channels * h * w, h * w, sh * w, sw),
        ))  # fmt: skip
    return tuple(parts)


def covers_all(parts: tuple[Lowered, ...]) -> bool:
    """Whether every pixel of dx belongs to a part."""
    return bool(parts) and sum(part.positions for part in parts) == parts[0].y.filter


def _residues(
    size: int, stride: int, kernel: int, dilation: int, before: int
) -> list[tuple[int, tuple[int, int], range]]:
    """Per remainder that meets taps: its first pixel, (first tap, step between taps), and where the taps lie in dy."""
    found = []
    for first in range(min(size, stride)):
        taps = [u for u in range(kernel) if (first + before - u * dilation) % stride == 0]
        if taps:
            step = taps[1] - taps[0] if len(taps) > 1 else 1
            nearest, apart = (first + before - taps[0] * dilation) // stride, max(1, step * dilation // stride)
            found.append((first, (taps[0], step), range(nearest, nearest - apart * len(taps), -apart)))
    return found


def table(part: Lowered) -> np.ndarray:
    """One entry per row k of the columns, padded to whole tiles: (offset, bits) as int32, or large ones as int64."""
    (_, w), h_w, down, across = part.size, part.size[0] * part.size[1], np.array(part.down), np.array(part.across)
    beyond: np.ndarray
    words: np.ndarray
    if part.is_large:
        beyond, words = (
            _packed(np.array(_NOWHERE, np.int64), np.array(_NOWHERE, np.int64)),
            _packed(down[:, None], across),
        )
    else:
        beyond, words = (
            np.array(_NOWHERE_BIT, np.int64),
            1 << np.arange(down.size)[:, None] | 1 << 15 + np.arange(across.size),
        )
    offsets = np.arange(part.channels)[:, None, None] * h_w + down[:, None] * w + across
    entries = np.zeros((ceil((part.terms + _AHEAD) / TABLE_ROWS) * TABLE_ROWS, 2), np.int64)
    entries[:, 1] = beyond
    entries[: part.terms, 0] = offsets.ravel()
    entries[: part.terms, 1] = np.broadcast_to(words, offsets.shape).ravel()
    return entries if part.is_large else entries.astype(np.uint32).view(np.int32)


def windows(part: Lowered) -> np.ndarray:
    """Per row, then per column of positions: the bits of the taps that lie outside of the image there, and bit 31."""
    if part.is_large:
        return np.zeros(1, np.int32)  # indices are compared instead
    bits = []
    lines = zip(part.grid, part.stride, (part.down, part.across), part.size, (0, 15), strict=True)
    for count, stride, line, size, bit in lines:
        at = np.arange(count)[:, None] * stride + np.array(line)
        bits.append((((at < 0) | (at >= size)) << bit + np.arange(len(line))).sum(axis=1) | _NOWHERE_BIT)
    return np.concatenate(bits).astype(np.uint32).view(np.int32)


def _packed(down: np.ndarray, across: np.ndarray) -> np.ndarray:
    return (across << 32) | (down & 0xFFFFFFFF)
