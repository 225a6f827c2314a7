"""Implicit GEMM: sums over the taps of padded planes, pixel panels times filter blocks, without a column matrix.

There are three ways, of which `work` chooses:

- Direct. A panel is VECTORS vectors of pixels, read straight from the planes: there, neighbours in the output are
  neighbours in memory for every tap, and the few columns between two rows that are no pixels are computed and thrown
  away (`Pixels`). Neither pixels nor weights are packed.
- Packed. Where these would be too many (one small image, `regions`), DEPTH taps of a panel are packed first; so is the
  last panel of an image that is read in place.
- Turned. Lanes go along the filters, whose weights are turned over: see `turned`.

For a group of panels and every DEPTH taps of the reduction: panel by panel, all blocks of filters. What a panel reads
stays in the L1 cache, its sums in the L2 cache, and weights stream past: for each byte, 12 multiply-adds in float32 and
6 in float64, half as many with 16 registers. Sums of DEPTH taps are added up apart: rounding grows with the number of
blocks, not of taps.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit

from backends.numba_tiled.product.leftover_dots import FEW, add_dots, gather, rest_of
from backends.numba_tiled.layout.planes import Planes
from backends.numba_tiled.product.register_tile import DEPTH, FILTERS, VECTORS, multiply_tile, rows_of
from backends.numba_tiled.simd.registers import BYTES
from backends.numba_tiled.product.transposed import TOGETHER, multiply_turned
from backends.numba_tiled.simd.vector import (
    get,
    lanes,
    load,
    load_first,
    moved,
    pointer,
    put,
    store,
    store_between,
    store_first,
)
from backends.numba_tiled.product.divide import Work, share_of
from backends.numba_tiled.launch.workspace import scratch

_PACKED_DEPTH = 224  # of a packed panel: 42 KiB
_SEGMENTS = 4  # numbers that a run or a store takes
_SUMS_BYTES = 128 << 10  # of a group of panels: an eighth of a 1 MiB L2 cache


class Room(NamedTuple):
    """A thread's part of the scratch memory: padded planes, a packed panel, sums, `few` of `dots`. And constants."""

    size: int  # elements
    panel: int  # where it begins: of pixels or, turned over, of weights
    sums: int
    few: int
    together: int  # panels whose sums are there; of a turned product, pixels
    zero: np.ndarray
    places: np.ndarray  # of the taps in a packed panel


def room(planes: Planes, work: Work, taps: int, filters: int, width: int, itemsize: int) -> Room:
    """For a product of `filters` rows over `taps` of each channel, with results of `width` columns."""
    line, panel = BYTES // itemsize, VECTORS * BYTES // itemsize
    laid_out = 0 if planes.is_image else work.images * planes.channels * planes.size
    positions = work.images * (work.rows * width if work.packed else (work.rows - 1) * planes.row + width + panel)
    one = -(-filters // FILTERS) * FILTERS * panel  # sums of a panel
    together = max(min(_SUMS_BYTES // itemsize // one, -(-positions // panel)), 1)
    if work.turned:  # pixels, of one panel of filters; the last tile may have fewer than FILTERS
        one, together = panel, min(TOGETHER, work.images * work.rows * width)
    first = -(-laid_out // line) * line + panel  # whole vectors are read at the end of the planes
    packs = work.packed or work.turned or planes.is_image
    second = first + (min(planes.channels * taps, DEPTH) * panel if packs else 0) + panel
    dtype = np.dtype(f"f{itemsize}")
    third = second + together * one + (FILTERS * panel if work.turned else 0) + line
    size = third + (FEW * DEPTH + line if work.dots else 0)
    return Room(size, first, second, third, together, np.zeros(1, dtype), np.arange(DEPTH) * panel)


def segments(threads: int) -> np.ndarray:
    """Scratch for where the runs or the stores of a panel are, or the pixels of a turned product."""
    return scratch("segments", threads * 2 * TOGETHER, np.dtype(np.int64))


class Pixels(NamedTuple):
    """Where the pixels of a product are: in the planes that are read, and in the array that is written.

    Panels that are packed count pixels, through all images. Others count positions of one image at a time, `row` to
    a row, of which the first `width` are pixels.
    """

    images: int
    rows: int  # of an image
    width: int  # of a row
    row: int  # in the planes, from one row to the next
    image: int  # in the planes, from one image to the next
    line: int  # in the output, from one row to the next
    channel: int  # in the output, from one channel to the next
    stride: int  # in the output, from one image to the next
    packed: bool
    dots: bool  # a few positions beyond whole vectors; a row of the weights lies along the depth then
    in_place: bool  # the planes are an array of the caller's: nothing past its end may be read


@njit(nogil=True, error_model="numpy")
def _positions(at):
    """Of the images together if panels are packed, else of one."""
    if at.packed:
        return at.images * at.rows * at.width
    return (at.rows - 1) * at.row + at.width


@njit(nogil=True, error_model="numpy")
def _find_runs(segments, q, count, image, at):
    """Positions that neighbour in memory, of `count` from q on: (place in the planes, in the panel, how many)."""
    found, done, area = 0, 0, at.rows * at.width
    while done < count:
        place, long = image * at.image + q, count
        if at.packed:
            l = (q + done) % area
            place = (q + done) // area * at.image + l // at.width * at.row + l % at.width
            long = min(at.width - l % at.width if at.row != at.width else area - l, count - done)
        put(segments, found, place)
        put(segments, found + 1, done)
        put(segments, found + 2, long)
        found += _SEGMENTS
        done += long
    return found


@njit(nogil=True, error_model="numpy")
def _pack_panel(panel, planes, limit, taps, deep, segments, found):
    """`deep` taps of a panel of pixels; `planes` has no element from `limit` on.

    A run is moved in whole vectors: what is too much is overwritten by the next run. Lanes after the last pixel hold
    anything.
    """
    n, width = lanes(panel), VECTORS * lanes(panel)
    highest = 0
    for k in range(deep):
        highest = max(highest, get(taps, k))
    for s in range(0, found, _SEGMENTS):
        source, to, long = get(segments, s), get(segments, s + 1), get(segments, s + 2)
        for j in range(0, long, n):
            if highest + source + j + n <= limit and to + j + n <= width:
                for k in range(deep):
                    store(panel, k * width + to + j, load(planes, get(taps, k) + source + j))
            else:
                for k in range(deep):
                    some = load_first(planes, get(taps, k) + source + j, long - j)
                    store_first(panel, k * width + to + j, some, width - to - j)


@njit(nogil=True, error_model="numpy")
def _find_stores(stores, q, count, image, at, n):
    """Where `count` positions of a panel from q on are written: (place in the panel, in the output, lanes from, to).

    A vector that holds pixels of several rows is stored once for each; positions between rows are left out.
    """
    found, done, area = 0, 0, at.rows * at.width
    while done < count:
        if at.packed:
            image, l = (q + done) // area, (q + done) % area
            long = apart = min(area - l, count - done)
            if at.line > at.width:
                long = apart = min(at.width - l % at.width, count - done)
                l = l // at.width * at.line + l % at.width
        else:
            column = (q + done) % at.row
            l = (q + done) // at.row * at.line + column
            long, apart = min(at.width - column, count - done), at.row - column
        for j in range(done // n * n, done + max(long, 0), n):
            put(stores, found, j)
            put(stores, found + 1, image * at.stride + l - done + j)
            put(stores, found + 2, max(done - j, 0))
            put(stores, found + 3, min(done + long - j, n))
            found += _SEGMENTS
        done += apart
    return found


@njit(nogil=True, error_model="numpy")
def _is_one_run(stores, n):
    """Whether VECTORS stores are of whole vectors, one after the other."""
    whole = True
    for j in range(VECTORS):
        s = j * _SEGMENTS
        whole = whole and get(stores, s + 1) == get(stores, 1) + j * n
        whole = whole and get(stores, s + 2) == 0 and get(stores, s + 3) == n
    return whole


@njit(nogil=True, error_model="numpy")
def _write(y, place, tile, rows, stores, found, channel):
    """Store `rows` rows of a tile."""
    width = VECTORS * lanes(y)
    for s in range(0, found, _SEGMENTS):
        j, to, low, high = get(stores, s), place + get(stores, s + 1), get(stores, s + 2), get(stores, s + 3)
        for f in range(rows):
            store_between(y, to + f * channel, load(tile, f * width + j), low, high)


@njit(nogil=True, error_model="numpy")
def _multiply(
    planes, limit, taps, across, depth, weights, pitch, first_row, last_row, start, start_pitch, panels, y, place, at,
    panel, segments, sums, together, zero, packed_places, few,
):  # fmt: skip
    """All panels, filters first_row <= f < last_row; the first is the first of a block."""
    n, width, positions = lanes(y), VECTORS * lanes(y), _positions(at)
    each = (positions + width - 1) // width
    slabs = (depth + DEPTH - 1) // DEPTH
    if at.packed:
        slabs = (depth + _PACKED_DEPTH - 1) // _PACKED_DEPTH
    most = (depth + slabs - 1) // slabs
    size = (last_row - first_row + FILTERS - 1) // FILTERS * FILTERS * width
    for group in range(0, panels, together):
        until = min(group + together, panels)
        for first in range(0, depth, most):
            deep = min(most, depth - first)
            last = first + deep == depth
            for j in range(group, until):
                image, q = j // each, j % each * width
                count = min(width, positions - q)
                b, where, from_b, found = planes, moved(taps, first), image * at.image + q, 0
                if at.packed or (at.in_place and count < width):
                    runs = _find_runs(segments, q, count, image, at)
                    _pack_panel(panel, planes, limit, where, deep, segments, runs)
                    b, where, from_b = panel, packed_places, 0
                if last:
                    found = _find_stores(segments, q, count, image, at, n)
                straight = first == 0 and last and found == VECTORS * _SEGMENTS and _is_one_run(segments, n)
                own = (j - group) * size - first_row * width
                rest = rest_of(count, n) if at.dots else 0
                gather(few, DEPTH, b, from_b + count - rest, where, deep, rest)
                vectors = (count - rest + n - 1) // n
                for f in range(first_row, last_row, FILTERS):
                    direct = straight and f + FILTERS <= last_row
                    c, k, apart = sums, own + f * width, width
                    if direct:
                        c, k, apart = y, place + get(segments, 1) + f * at.channel, at.channel
                    begin, rows = rows_of(f, last_row - 1, 0 if first > 0 else start_pitch), min(FILTERS, last_row - f)
                    if vectors > 0:
                        multiply_tile(
                            vectors, deep, weights, rows_of(f, last_row - 1, pitch), moved(across, first), b, from_b,
                            where, zero if first > 0 else start, begin, c, k, apart, first > 0,
                        )  # fmt: skip
                    add_dots(
                        rows, rest, deep, moved(weights, f * pitch + first), pitch, few, DEPTH,
                        moved(start, f * start_pitch), start_pitch, c, k + count - rest, apart, first > 0,
                    )  # fmt: skip
                    if last and not direct:
                        tile = moved(sums, own + f * width)
                        _write(y, place + f * at.channel, tile, rows, segments, found, at.channel)


@njit(nogil=True, error_model="numpy")
def multiply_share(
    part, parts, source, first, limit, taps, across, depth, weights, from_weight, pitch, filters, start, start_pitch, y,
    place, at, region, before, row, memory, segments, room, runs,
):  # fmt: skip
    """Part `part` of the filters of y = start + weights @ planes.

    For tap i of `depth`, row f of the weights is weights[from_weight + f * pitch + across[i]], and the planes are read
    from source[first + taps[i]] on: whole vectors, but nothing from `limit` on of an array of the caller's. The sum
    starts from start[f * start_pitch].

    A turned product needs `runs`, of region `region`, of which tap `before` of all is the first, and `row`, the first
    row of the results. For others `runs` is None: Numba leaves out what is not needed, and compiles it when it is.
    """
    first_row, last_row = share_of(part, parts, filters, lanes(y) if runs is not None else FILTERS)
    if runs is not None:
        rows = region * runs.rows + row
        multiply_turned(
            moved(source, first), taps, across, depth, runs.most[region], runs.kernel_rows[region],
            moved(pointer(runs.lows), rows), moved(pointer(runs.highs), rows), moved(weights, from_weight),
            pitch, first_row, last_row, start, start_pitch, y, place, at, moved(memory, room.panel), segments,
            moved(memory, room.sums), room.together, pointer(room.zero),
            moved(pointer(runs.places), before),
        )  # fmt: skip
    else:
        width = VECTORS * lanes(y)
        panels = (_positions(at) + width - 1) // width * (1 if at.packed else at.images)
        _multiply(
            moved(source, first), limit - first, taps, across, depth, moved(weights, from_weight), pitch, first_row,
            last_row, start, start_pitch, panels, y, place, at, moved(memory, room.panel), segments,
            moved(memory, room.sums), room.together, pointer(room.zero), pointer(room.places), moved(memory, room.few),
        )  # fmt: skip
