"""Implicit GEMM: sums over the taps of padded planes, pixel panels times filter blocks, without a column matrix.

For every group of PANELS panels and every DEPTH taps of the reduction, the panels are packed once (they stay in the
L2 cache) and multiplied with every block of filters. The pixels of a panel may span rows and images, so small images
fill the lanes as well as large ones. Sums of DEPTH taps are added up apart: rounding grows with the number of blocks,
not of taps.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit

from backends.numba_tiled.kernel import FILTERS, VECTORS, tile_panel
from backends.numba_tiled.rows import add, copy
from backends.numba_tiled.simd import BYTES
from backends.numba_tiled.vector import get, lanes, load, load_first, moved, pointer, put, store
from backends.numba_tiled.workspace import scratch

DEPTH = 256  # taps a block: a panel of them is 48 KiB
PANELS = 10  # packed at a time, at most: half of a 1 MiB L2 cache


class Room(NamedTuple):
    """Scratch memory: panels and a tile for each thread, the runs of a panel, zeros to start a tile from."""

    panels: np.ndarray
    segments: np.ndarray
    zero: np.ndarray


def room(threads: int, dtype: np.dtype) -> Room:
    """For a product with arrays of `dtype`."""
    panel = VECTORS * BYTES // dtype.itemsize
    size = PANELS * DEPTH * panel + panel + FILTERS * panel
    segments = scratch("segments", threads * 3 * panel, np.dtype(np.int64))
    return Room(scratch("panels", threads * size, dtype), segments, np.zeros(FILTERS, dtype))


class Pixels(NamedTuple):
    """Where the pixels of the output are: in the planes that are read, and in the array that is written."""

    count: int
    length: int  # of an image
    width: int  # of a row
    row: int  # in the planes, from one row to the next
    image: int  # in the planes, from one image to the next
    stride: int  # in the output, from one image to the next; its channels are `length` apart


@njit(nogil=True, error_model="numpy")
def _pack_panel(panel, planes, limit, taps, first, last, pixel, count, at, segments):
    """Taps first <= k < last of `count` pixels from `pixel` on; `planes` has no element from `limit` on.

    Runs of pixels that neighbour in memory are found once. A run is moved in whole vectors: what is too much is
    overwritten by the next run, and lanes after the last pixel hold anything.
    """
    n, width = lanes(panel), VECTORS * lanes(panel)
    runs, done = 0, 0
    while done < count:
        image, l = (pixel + done) // at.length, (pixel + done) % at.length
        long = min(at.width - l % at.width if at.row != at.width else at.length - l, count - done)
        put(segments, 3 * runs, image * at.image + l // at.width * at.row + l % at.width)
        put(segments, 3 * runs + 1, done)
        put(segments, 3 * runs + 2, long)
        done += long
        runs += 1
    for k in range(first, last):
        place = (k - first) * width
        for s in range(runs):
            source, to, long = (
                get(taps, k) + get(segments, 3 * s),
                place + get(segments, 3 * s + 1),
                get(segments, 3 * s + 2),
            )
            for j in range(0, long, n):
                if source + j + n <= limit:
                    store(panel, to + j, load(planes, source + j))
                else:
                    store(panel, to + j, load_first(planes, source + j, limit - source - j))


@njit(nogil=True, error_model="numpy")
def _put(y, place, filters, pixel, count, tile, more, at):
    """Scatter a tile: `filters` rows of `count` pixels, which may span images."""
    width = VECTORS * lanes(y)
    done = 0
    while done < count:
        image, l = (pixel + done) // at.length, (pixel + done) % at.length
        long = min(at.length - l, count - done)
        for f in range(filters):
            to = place + image * at.stride + f * at.length + l
            if more:
                add(y, to, tile, f * width + done, long)
            else:
                copy(y, to, tile, f * width + done, long)
        done += long


@njit(nogil=True, error_model="numpy")
def _range(planes, limit, taps, depth, weights, filters, start, begin, end, y, at, panels, tile, segments, zero):
    """Pixels begin <= pixel < end of all filters."""
    n, width = lanes(y), VECTORS * lanes(y)
    blocks = (filters + FILTERS - 1) // FILTERS
    pixel = begin
    while pixel < end:
        left = (end - pixel + width - 1) // width
        groups = (left + PANELS - 1) // PANELS
        together = (left + groups - 1) // groups  # groups of about the same size
        for first in range(0, depth, DEPTH):
            deep, more = min(DEPTH, depth - first), first > 0
            for j in range(together):
                q = pixel + j * width
                panel = moved(panels, j * DEPTH * width)
                _pack_panel(panel, planes, limit, taps, first, first + deep, q, min(width, end - q), at, segments)
            for block in range(blocks):
                rows, a = min(FILTERS, filters - block * FILTERS), (block * depth + first) * FILTERS
                begins = zero if more else moved(start, block * FILTERS)
                for j in range(together):
                    q = pixel + j * width
                    count, l, b = min(width, end - q), q % at.length, j * DEPTH * width
                    place = block * FILTERS * at.length
                    if count == width and l + width <= at.length and rows == FILTERS:
                        to = place + q // at.length * at.stride + l
                        tile_panel(VECTORS, deep, weights, a, panels, b, width, begins, y, to, at.length, more)
                    else:
                        across = (count + n - 1) // n
                        tile_panel(across, deep, weights, a, panels, b, width, begins, tile, 0, width, False)
                        _put(y, place, rows, q, count, tile, more, at)
        pixel += together * width


@njit(nogil=True, error_model="numpy")
def multiply_share(t, threads, source, first, taps, packed, skipped, filters, start, skipped_start, y, place, at, room):
    """Part t of the pixels, for all filters: y = start + packed @ planes. Everything begins at the position given."""
    panel = VECTORS * lanes(pointer(y))
    columns, size = (at.count + panel - 1) // panel, room.panels.size // threads
    begin, end = t * columns // threads * panel, min((t + 1) * columns // threads * panel, at.count)
    panels = moved(pointer(room.panels), t * size)
    _range(
        moved(pointer(source), first), source.size - first, pointer(taps), taps.size,
        moved(pointer(packed), skipped), filters, moved(pointer(start), skipped_start), begin, end,
        moved(pointer(y), place), at, panels, moved(panels, size - FILTERS * panel),
        moved(pointer(room.segments), t * 3 * panel), pointer(room.zero),
    )  # fmt: skip
