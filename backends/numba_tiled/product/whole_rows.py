"""The product by rows: every tile lies in one row of pixels and is stored from registers, for few taps.

Where there are few taps to add up, most of a direct product's time goes to what is around it: sums of positions that
are no pixels, kept in scratch memory and moved to y under masks. Here a row is divided into tiles of whole vectors, and
the last begins so early that it ends with the row:

    a row of 14 pixels, vectors of 4     0 1 2 3|4 5 6 7|8 9 . .
                                                         . .|10 11 12 13      what two of them have is computed twice

What is computed twice is the same both times. The last block of filters begins early in the same way. So there are
neither masks nor sums outside registers, and nothing beyond a row is read or written.
"""

from __future__ import annotations

from backends.numba_tiled.product.register_tile import FILTERS, VECTORS, multiply_tile, panel_of, rows_of
from backends.numba_tiled.simd.compiled import inner
from backends.numba_tiled.simd.pointers import moved, prefetch_to_write
from backends.numba_tiled.simd.vector import lanes

_FEW = 16  # results of a channel: to read so much once more for each block of filters costs less than it saves
_DEEP = 64  # taps: with fewer, to ask for lines of y ahead takes longer than to wait for them


@inner
def tiles_of_row(width, n):
    """Vectors of n that a row of `width` >= n pixels takes, and tiles: none is wider than the row."""
    vectors = (width + n - 1) // n
    tiles = (vectors + VECTORS - 1) // VECTORS
    if tiles == 1 and vectors * n > width:
        tiles = 2
    return vectors, tiles


@inner
def tile_of_row(i, vectors, tiles, width, n):
    """The column where tile i of a row begins, and how many vectors it has."""
    first, wide = panel_of(i, vectors, tiles)
    return min(first * n, width - wide * n), wide


@inner
def _expect_tile(y, pitch, wide):
    """Ask for the lines of y that a tile of `wide` vectors writes: they come while it is computed."""
    for m in range(FILTERS):
        for v in range(wide):
            prefetch_to_write(y, m * pitch + (v + 1) * lanes(y) - 1)


@inner
def multiply_rows(reads, weights, start, first_row, last_row, y, at, together):
    """All pixels, filters first_row <= f < last_row: FILTERS at least; see `multiply_share` for the records.

    All taps are added up at once. What `together` tiles of a row read stays in the L1 cache for all filters. Where an
    image of the planes is small beside its results, a block of filters goes over all rows of an image before the next
    one does: FILTERS rows of y at a time are few enough for the CPU to foresee where they go on.
    """
    n, summed = lanes(y), at.rows < 0  # False, but no literal: see `simd.compiled`
    vectors, tiles = tiles_of_row(at.width, n)
    some = FILTERS if at.image <= _FEW * at.rows * at.width else last_row - first_row
    for image in range(at.images):
        for low in range(first_row, last_row, some):
            for r in range(at.rows):
                row, to = image * at.image + r * at.row, image * at.stride + r * at.line
                for group in range(0, tiles, together):
                    for block in range(low, min(low + some, last_row), FILTERS):
                        f = min(block, last_row - FILTERS)
                        places, begin = rows_of(f, last_row - 1, weights.pitch), rows_of(f, last_row - 1, start.pitch)
                        for i in range(group, min(group + together, tiles)):
                            column, wide = tile_of_row(i, vectors, tiles, at.width, n)
                            own = moved(y, to + f * at.channel + column)
                            if reads.depth >= _DEEP:
                                _expect_tile(own, at.channel, wide)
                            multiply_tile(
                                wide, reads.depth, weights.p, places, reads.across, moved(reads.planes, row + column),
                                reads.taps, start.p, begin, own, at.channel, summed,
                            )  # fmt: skip
