"""Where the pixels of a product are: in the planes that are read, in a packed panel, and in the array that is written.

A panel is VECTORS vectors of positions. Direct panels run over the rows of a plane as they lie, with the columns
between two rows that are no pixels; packed panels run over pixels only, through all images. A 3x3 result whose rows are
5 apart:

    planes            a b c . . d e f . . g h i
    direct panels     a b c . .|d e f . .|g h i      positions: 13, of which 9 are pixels
    packed panels     a b c d e|f g h i              positions: 9; `find_runs`: abc, de and f, ghi

What is computed for the columns between is not stored: `find_stores` says what goes where. A row of 10 pixels in a
panel, with vectors of 4:

    . . a b c d e f g h i j . .      stored: a b c d, e f g h and, once more, g h i j; no masks

What a tile reads and makes:

    panel    [tap][pixel]     tap 0 | 3 vectors of pixels |     what tap k reads for all pixels of the panel is one
                              tap 1 | 3 vectors of pixels |     stretch of memory
                               ...
    tile     [filter][pixel]  the sums of 8 filters, as wide
"""

from __future__ import annotations

from typing import NamedTuple

from backends.numba_tiled.product.register_tile import VECTORS
from backends.numba_tiled.simd.compiled import inner
from backends.numba_tiled.simd.pointers import get, prefetch_to_write, put
from backends.numba_tiled.simd.vector import lanes, load, load_first, store, store_first

SEGMENT = 3  # numbers that describe a run or a store


class Pixels(NamedTuple):
    """Where the pixels of a product are. Distances in elements."""

    images: int
    rows: int  # of an image
    width: int  # pixels of a row
    row: int  # in the planes, from one row to the next
    image: int  # in the planes, from one image to the next
    line: int  # in the output, from one row to the next
    channel: int  # in the output, from one channel to the next
    stride: int  # in the output, from one image to the next
    packed: bool
    by_rows: bool
    dots: bool  # a few positions beyond whole vectors are not in vectors (`leftover_dots`)
    in_place: bool  # the planes are an array of the caller's: nothing past its end may be read


@inner
def joined(at):
    """The same by rows, with those of an image as one, if nothing is between them in the planes or in the output."""
    rows, width = at.rows, at.width
    if at.by_rows and at.row == at.width and at.line == at.width:
        rows, width = 1, at.rows * at.width
    return Pixels(
        at.images, rows, width, at.row, at.image, at.line, at.channel, at.stride, at.packed, at.by_rows, at.dots,
        at.in_place,
    )  # fmt: skip


@inner
def positions(at):
    """How many positions panels run over: packed ones over all images together, direct ones over one image."""
    if at.packed:
        return at.images * at.rows * at.width
    return (at.rows - 1) * at.row + at.width


@inner
def find_runs(segments, q, count, image, at):
    """Runs of positions that are neighbours in memory, of `count` positions from q on, to `segments`.

    For each run: its place in the planes, its place in the panel, how long it is. Returns how many numbers these are.
    """
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
        found += SEGMENT
        done += long
    return found


@inner
def find_stores(segments, q, count, image, at, n):
    """The stores of `count` positions of a panel from q on, in vectors of n, to `segments`.

    For each store: its place in the panel, its place in the output, how many lanes. The last of a run ends with it, so
    that it is a whole vector unless the run is shorter than one; positions between rows are in no store. Returns how
    many numbers these are.
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
        for i in range(0, max(long, 0), n):
            j = max(min(i, long - n), 0)  # the last vector ends with the run, and overlaps the one before
            put(segments, found, done + j)
            put(segments, found + 1, image * at.stride + l + j)
            put(segments, found + 2, min(long, n))
            found += SEGMENT
        done += apart
    return found


@inner
def is_one_run(segments, found, n):
    """Whether the stores of a panel, `found` numbers, are of VECTORS whole vectors, one after the other."""
    whole = found == VECTORS * SEGMENT
    for j in range(VECTORS):
        s = j * SEGMENT
        whole = whole and get(segments, s) == j * n and get(segments, s + 1) == get(segments, 1) + j * n
        whole = whole and get(segments, s + 2) == n
    return whole


@inner
def pack_panel(panel, planes, limit, taps, deep, segments, found):
    """`deep` taps of a panel of pixels; `planes` has no element from `limit` on.

    `segments` holds `found` numbers of `find_runs`. A run is moved in whole vectors: what is too much is overwritten by
    the next run. Lanes after the last pixel hold anything.
    """
    n, width = lanes(panel), VECTORS * lanes(panel)
    highest = 0
    for k in range(deep):
        highest = max(highest, get(taps, k))
    for s in range(0, found, SEGMENT):
        source, to, long = get(segments, s), get(segments, s + 1), get(segments, s + 2)
        for j in range(0, long, n):
            if highest + source + j + n <= limit and to + j + n <= width:
                for k in range(deep):
                    store(panel, k * width + to + j, load(planes, get(taps, k) + source + j))
            else:
                for k in range(deep):
                    some = load_first(planes, get(taps, k) + source + j, long - j)
                    store_first(panel, k * width + to + j, some, width - to - j)


@inner
def expect_stores(y, rows, segments, found):
    """Ask for the lines of y in which the stores of `store_tile` end: they come while the tile is computed."""
    for s in range(0, found, SEGMENT):
        last = get(segments, s + 1) + get(segments, s + 2) - 1
        for f in range(rows):
            prefetch_to_write(y.p, last + f * y.pitch)


@inner
def store_tile(y, tile, rows, segments, found):
    """`rows` rows of a tile to the rows of `y`, by `found` numbers of `find_stores`."""
    width = VECTORS * lanes(tile)
    for s in range(0, found, SEGMENT):
        j, to, long = get(segments, s), get(segments, s + 1), get(segments, s + 2)
        if long == lanes(tile):
            for f in range(rows):
                store(y.p, to + f * y.pitch, load(tile, f * width + j))
        else:
            for f in range(rows):
                store_first(y.p, to + f * y.pitch, load(tile, f * width + j), long)
