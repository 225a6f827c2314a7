"""Winograd convolution of a chunk of tiles: transform, 16 matrix products, transform back.

For frequency k: M[k] (filters x tiles) = U[k] (filters x channels) @ V[k] (channels x tiles). The tiles of a chunk,
a band of tile rows or several images, are one long list, so lanes are full however narrow the image is:

    x: tiles of a chunk  ->  V [16][channel][tile]     written once a chunk; a part of the L3 cache
                                  |
    w: some filters      ->  U [16][filter][channel] ---> 16 products ---> M [16][filter][tile]  ->  y: their pixels
                                                              U and M of these filters stay in the L2 cache

The products are those of `product`: 8 filters by 3 vectors of tiles in registers, a panel of V in the L1 cache for all
filters, rows of U streaming past. A few tiles beyond whole vectors would cost a vector of their own in every product:
for these the lanes run along the depth.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from backends.numba_tiled.launch.spread import spread
from backends.numba_tiled.product.divide import share_of
from backends.numba_tiled.product.leftover_dots import add_dots, gather, rest_of
from backends.numba_tiled.product.register_tile import FILTERS, VECTORS, multiply_tile, panel_of, rows_of
from backends.numba_tiled.simd.compiled import entry, inner
from backends.numba_tiled.simd.pointers import Matrix, from_row, moved, pointer, put
from backends.numba_tiled.simd.vector import lanes
from backends.numba_tiled.winograd.image import transform_image
from backends.numba_tiled.winograd.kernels import transform_kernels
from backends.numba_tiled.winograd.matrices import FREQUENCIES, TAPS
from backends.numba_tiled.winograd.pixels import transform_sums

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


class Cut(NamedTuple):
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
    """Scratch memory of all threads, and constants."""

    u: np.ndarray
    v: np.ndarray
    m: np.ndarray
    few: np.ndarray  # the depth of FEW tiles
    zero: np.ndarray  # of pixels that are not there, and of sums
    across: np.ndarray  # 0, 1, ...
    taps: np.ndarray  # where a channel's tiles are in V
    spoilt: np.ndarray  # an item: whether a result is not finite


class _Own(NamedTuple):
    """The same as pointers, for one thread."""

    u: Any
    v: Any
    m: Any
    few: Any
    zero: Any
    across: Any
    taps: Any
    spoilt: Any


class _Chunk(NamedTuple):
    """Rows of tiles row <= i < row + rows of some images, for one group."""

    image: int
    images: int
    row: int
    rows: int
    group: int


@inner
def _multiply(u, v, m, filters, deep, count, start, more, s, own):
    """m = start + u @ v, or m += u @ v, for one frequency: some filters, `count` tiles and `deep` channels."""
    n = lanes(v)
    rest = rest_of(count, n)
    whole = count - rest
    vectors = (whole + n - 1) // n
    panels = max((vectors + VECTORS - 1) // VECTORS, 1)
    few = Matrix(own.few, s.pitch)
    gather(few, moved(v, whole), own.taps, deep, rest)
    for panel in range(panels):
        begin, wide = panel_of(panel, vectors, panels)
        for f in range(0, filters, FILTERS):
            if wide > 0:
                multiply_tile(
                    wide, deep, u, rows_of(f, filters - 1, s.pitch), own.across, moved(v, begin * n), own.taps, start.p,
                    rows_of(f, filters - 1, start.pitch), moved(m, f * s.tiles + begin * n), s.tiles, more,
                )  # fmt: skip
            if panel == panels - 1:  # their rows of u are in the L1 cache now
                add_dots(
                    min(FILTERS, filters - f), rest, deep, Matrix(moved(u, f * s.pitch), s.pitch), few,
                    from_row(start, f), Matrix(moved(m, f * s.tiles + whole), s.tiles), more,
                )  # fmt: skip


@inner
def _transform_rows(u, w, group, begin, end, first, deep, s, nothing):
    """The kernels of a group's filters begin <= f < end and of `deep` channels from `first` on."""
    for f in range(begin, end):
        place, pitch = ((group * s.filters + f) * s.depth + first) * TAPS, TAPS
        if s.flipped:
            place, pitch = ((group * s.depth + first) * s.filters + f) * TAPS, s.filters * TAPS
        transform_kernels(moved(u, (f - begin) * s.pitch), s.u, moved(w, place), pitch, deep, nothing)


@inner
def _turned_round(k):
    """The frequency of a kernel that is frequency k of the same kernel turned round: first and last change places."""
    i, j = k // 4, k % 4
    return (3 - i if i % 3 == 0 else i) * 4 + (3 - j if j % 3 == 0 else j)


@inner
def _products(w, start, tiles, group, begin, end, s, own):
    """M of all frequencies for filters begin <= f < end, from V; their U is made block of channels by block.

    `start` is the bias of all filters (`Matrix`), or has a pitch of 0 and is not added.
    """
    for first in range(0, s.depth, s.deep):
        deep, more = min(s.deep, s.depth - first), first > 0
        _transform_rows(own.u, w, group, begin, end, first, deep, s, own.zero)
        for k in range(FREQUENCIES):
            begins = Matrix(own.zero, 0)
            if k == _BIASED and not more and start.pitch > 0:
                begins = from_row(start, group * s.filters + begin)
            u = moved(own.u, (_turned_round(k) if s.flipped else k) * s.u)
            v = moved(own.v, k * s.v + first * s.tiles)
            _multiply(u, v, moved(own.m, k * s.m), end - begin, deep, tiles, begins, more, s, own)


@inner
def _item(number, x, w, start, y, g, s, own):
    """One item of work: a chunk of tiles, and a part of the filters of its group."""
    part, item = number % s.parts, number // s.parts
    row, item = item % s.bands * s.rows, item // s.bands
    chunks = (s.batch + s.images - 1) // s.images
    image, group = item % chunks * s.images, item // chunks
    chunk = _Chunk(image, min(s.images, s.batch - image), row, min(s.rows, g.down - row), group)
    first_row, last_row = share_of(part, s.parts, s.filters, FILTERS)
    channel, filters = (image * s.groups + group) * s.depth, (image * s.groups + group) * s.filters
    transform_image(own.v, moved(x, channel * g.h * g.w), chunk, g, s, own.zero)
    finite, tiles = True, chunk.images * chunk.rows * g.across
    for begin in range(first_row, last_row, s.together):
        end = min(begin + s.together, last_row)
        _products(w, start, tiles, group, begin, end, s, own)
        for f in range(begin, end):
            to = moved(y, (filters + f) * g.oh * g.ow)
            fine = transform_sums(to, moved(own.m, (f - begin) * s.tiles), chunk, g, s)
            finite = finite and fine
    put(own.spoilt, number, not finite)


@inner
def _own_part(a, t, threads):
    """Thread t's part of an array."""
    return moved(pointer(a), t * (a.size // threads))


@inner
def _share(t, threads, x, w, start, y, g, s, room):
    """Thread t's part of the items."""
    own = _Own(
        _own_part(room.u, t, threads), _own_part(room.v, t, threads), _own_part(room.m, t, threads),
        _own_part(room.few, t, threads), pointer(room.zero), pointer(room.across), pointer(room.taps),
        pointer(room.spoilt),
    )  # fmt: skip
    bias = Matrix(pointer(start), 1 if start.size > 0 else 0)
    items = s.groups * ((s.batch + s.images - 1) // s.images) * s.bands * s.parts
    for number in range(t * items // threads, (t + 1) * items // threads):
        _item(number, pointer(x), pointer(w), bias, pointer(y), g, s, own)


@entry
def convolve(x, w, start, y, threads, g, s, room):
    """All results, in y; arrays are contiguous. `start` is the bias of all filters, or nothing.

    `g` (`Tiles`), `s` (`Cut`) and `room` (`Room`) come as plain tuples.
    """
    spread(_share, threads, (x, w, start, y, Tiles(*g), Cut(*s), Room(*room)))
