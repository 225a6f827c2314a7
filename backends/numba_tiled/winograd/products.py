"""Winograd convolution of a chunk of tiles: transform, 16 matrix products, transform back.

For frequency k: M[k] (filters x tiles) = U[k] (filters x channels) @ V[k] (channels x tiles). The tiles of a chunk,
a band of tile rows or several images, are one long list, so lanes are full however narrow the image is. The products
are those of `gemm`: 8 filters by 3 vectors of tiles in registers, a panel of V in the L1 cache for all filters, rows of
U streaming past. A few tiles beyond whole vectors would cost a vector of their own in every product: for these the
lanes run along the depth.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit

from backends.numba_tiled.product.leftover_dots import add_dots, gather, rest_of
from backends.numba_tiled.product.register_tile import FILTERS, VECTORS, multiply_tile, panel_of, rows_of
from backends.numba_tiled.launch.spread import spread
from backends.numba_tiled.simd.vector import lanes, moved, pointer, put
from backends.numba_tiled.winograd.transforms import (
    FREQUENCIES,
    TAPS,
    transform_image,
    transform_kernels,
    transform_sums,
)

_BIASED = 5  # frequency (1, 1), which every pixel takes once, with a plus


class Tiles(NamedTuple):
    """Planes of h x w that are read, of oh x ow that are written, and the tiles of 2x2 pixels of the latter."""

    h: int
    w: int
    oh: int
    ow: int
    top: int  # rows of padding; negative: rows that are left out
    left: int
    down: int
    across: int


class Share(NamedTuple):
    """Sizes: of the problem, of items of work, and of scratch memory (in elements)."""

    batch: int
    groups: int
    depth: int  # channels of a group that are read
    filters: int  # channels of a group that are written
    flipped: bool  # kernels: the depth is the first axis of the weights then
    images: int  # of an item
    rows: int  # of tiles, of an item
    bands: int
    parts: int  # of the filters
    deep: int  # channels at a time
    together: int  # filters at a time
    tiles: int  # from one channel to the next
    v: int  # from one frequency to the next
    m: int
    u: int
    pitch: int  # of U, from one filter to the next


class Room(NamedTuple):
    """Scratch memory, and constants."""

    u: np.ndarray
    v: np.ndarray
    m: np.ndarray
    few: np.ndarray  # a thread: the depth of FEW tiles
    zero: np.ndarray  # of pixels that are not there, and of sums
    across: np.ndarray  # 0, 1, ...
    taps: np.ndarray  # where a channel's tiles are in V
    spoilt: np.ndarray  # an item: whether a result is not finite


@njit(nogil=True, error_model="numpy")
def _multiply(u, s, filters, deep, v, m, count, start, start_pitch, more, few, across, taps):
    """m = start + u @ v, or m += u @ v, for one frequency: some filters, `count` tiles and `deep` channels."""
    n = lanes(v)
    rest = rest_of(count, n)
    whole = count - rest
    vectors = (whole + n - 1) // n
    panels = max((vectors + VECTORS - 1) // VECTORS, 1)
    gather(few, s.pitch, v, whole, taps, deep, rest)
    for panel in range(panels):
        begin, wide = panel_of(panel, vectors, panels)
        for f in range(0, filters, FILTERS):
            if wide > 0:
                multiply_tile(
                    wide, deep, u, rows_of(f, filters - 1, s.pitch), across, v, begin * n, taps, start,
                    rows_of(f, filters - 1, start_pitch), m, f * s.tiles + begin * n, s.tiles, more,
                )  # fmt: skip
            if panel == panels - 1:  # their rows of u are in the L1 cache now
                add_dots(
                    min(FILTERS, filters - f), rest, deep, moved(u, f * s.pitch), s.pitch, few, s.pitch,
                    moved(start, f * start_pitch), start_pitch, m, f * s.tiles + whole, s.tiles, more,
                )  # fmt: skip


@njit(nogil=True, error_model="numpy")
def _transform_rows(u, w, group, first_row, last_row, first, deep, s, nothing):
    """The kernels of a group's filters first_row <= f < last_row and of `deep` channels from `first` on."""
    for f in range(first_row, last_row):
        place, pitch = ((group * s.filters + f) * s.depth + first) * TAPS, TAPS
        if s.flipped:
            place, pitch = ((group * s.depth + first) * s.filters + f) * TAPS, s.filters * TAPS
        transform_kernels(u, (f - first_row) * s.pitch, s.u, w, place, pitch, deep, nothing)


@njit(nogil=True, error_model="numpy")
def _turned_round(k):
    """The frequency of a kernel that is frequency k of the same kernel turned round: first and last change places."""
    i, j = k // 4, k % 4
    return (3 - i if i % 3 == 0 else i) * 4 + (3 - j if j % 3 == 0 else j)


@njit(nogil=True, error_model="numpy")
def _products(t, threads, w, start, v, m, tiles, group, begin, end, s, room):
    """M of all frequencies for filters begin <= f < end, from V; their U is made block of channels by block."""
    u = moved(pointer(room.u), t * (room.u.size // threads))
    few = moved(pointer(room.few), t * (room.few.size // threads))
    for first in range(0, s.depth, s.deep):
        deep, more = min(s.deep, s.depth - first), first > 0
        _transform_rows(u, pointer(w), group, begin, end, first, deep, s, pointer(room.zero))
        for k in range(FREQUENCIES):
            begins, start_pitch = pointer(room.zero), 0
            if k == _BIASED and not more and start.size > 0:
                begins, start_pitch = moved(pointer(start), group * s.filters + begin), 1
            _multiply(
                moved(u, (_turned_round(k) if s.flipped else k) * s.u), s, end - begin, deep,
                moved(v, k * s.v + first * s.tiles), moved(m, k * s.m), tiles, begins, start_pitch, more, few,
                pointer(room.across), pointer(room.taps),
            )  # fmt: skip


@njit(nogil=True, error_model="numpy")
def _item(item, t, threads, x, w, start, y, g, s, room):
    number, part, item = item, item % s.parts, item // s.parts
    row, item = item % s.bands * s.rows, item // s.bands
    chunks = (s.batch + s.images - 1) // s.images
    image, group = item % chunks * s.images, item // chunks
    rows, images = min(s.rows, g.down - row), min(s.images, s.batch - image)
    blocks = (s.filters + FILTERS - 1) // FILTERS
    first_row, last_row = part * blocks // s.parts * FILTERS, min((part + 1) * blocks // s.parts * FILTERS, s.filters)
    v, m = moved(pointer(room.v), t * (room.v.size // threads)), moved(pointer(room.m), t * (room.m.size // threads))
    place, stride = (image * s.groups + group) * s.depth * g.h * g.w, s.groups * s.depth * g.h * g.w
    transform_image(
        v, s.v, s.tiles, pointer(x), place, stride, images, s.depth, g, row, rows, pointer(room.zero)
    )  # fmt: skip
    finite, area = True, g.oh * g.ow
    for begin in range(first_row, last_row, s.together):
        end = min(begin + s.together, last_row)
        _products(t, threads, w, start, v, m, images * rows * g.across, group, begin, end, s, room)
        for f in range(begin, end):
            place, stride = ((image * s.groups + group) * s.filters + f) * area, s.groups * s.filters * area
            fine = transform_sums(pointer(y), place, stride, images, m, (f - begin) * s.tiles, s.m, g, row, rows)
            finite = finite and fine
    put(pointer(room.spoilt), number, not finite)


@njit(nogil=True, error_model="numpy")
def _share(t, threads, x, w, start, y, g, s, room):
    items = s.groups * ((s.batch + s.images - 1) // s.images) * s.bands * s.parts
    for item in range(t * items // threads, (t + 1) * items // threads):
        _item(item, t, threads, x, w, start, y, g, s, room)


@njit(nogil=True, cache=True, error_model="numpy")
def convolve(x, w, start, y, threads, g, s, room):
    """`start` is the bias of all filters, or nothing."""
    spread(_share, threads, (x, w, start, y, g, s, room))
