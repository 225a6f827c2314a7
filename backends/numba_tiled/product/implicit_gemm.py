"""Implicit GEMM: y = start + W @ (taps of padded planes), panels of pixels times blocks of filters, no column matrix.

There are four ways, of which `divide` chooses one:

- Direct. A panel is VECTORS vectors of pixels, read straight from the planes: there, neighbours in the output are
  neighbours in memory for every tap, and the few columns between two rows that are no pixels are computed and thrown
  away (`pixels`). Neither pixels nor weights are packed.
- Packed. Where these would be too many (one small image, regions), a block of taps of a panel is packed first; so is
  the last panel of an image that is read in place.
- Transposed. Lanes go along the filters, whose weights are packed: see `transposed`.
- By rows. A panel lies in one row of pixels: no columns between, and with few taps no sums outside registers: see
  `whole_rows`.

What is computed in which order, for direct and packed panels:

                    taps 0 ... 287       taps 288 ... 575
    panel 0      1  all filter blocks    5  all filter blocks        a group: as many panels as have room
    panel 1      2        :              6        :                  for their sums in the L2 cache
    panel 2      3        :              7        :
    panel 3      4        :              8  and stored               then the next group of panels

What a panel reads stays in the L1 cache for all filters, and weights stream past: for each byte 12 multiply-adds in
float32 and 6 in float64, half as many with 16 registers. The sums of DEPTH taps are added up apart: rounding grows with
the number of blocks, not of taps.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from numba import types
from numba.extending import overload

from backends.numba_tiled.product.divide import share_of
from backends.numba_tiled.product.leftover_dots import add_rest, gather_rest, rest_of
from backends.numba_tiled.product.pixels import (
    expect_stores,
    find_runs,
    find_stores,
    is_one_run,
    joined,
    pack_panel,
    positions,
    store_tile,
)
from backends.numba_tiled.product.register_tile import FILTERS, VECTORS, multiply_tile, rows_of
from backends.numba_tiled.product.transposed import multiply_transposed
from backends.numba_tiled.product.whole_rows import multiply_rows, tile_of_row, tiles_of_row
from backends.numba_tiled.simd.compiled import DRIVER, inner
from backends.numba_tiled.simd.pointers import Matrix, from_row, get, moved
from backends.numba_tiled.simd.vector import lanes


class Reads(NamedTuple):
    """What a product reads of the planes, as pointers: for tap i of `depth`, planes[taps[i] + ...]."""

    planes: Any
    limit: int  # elements from `planes` on: no more may be read
    taps: Any
    across: Any  # for tap i, where its weight is in a row of the weights
    depth: int


@inner
def panels_of(at, n):
    """Panels of an image, or of all images if they are packed; vectors of n."""
    if at.by_rows:
        return at.rows * tiles_of_row(at.width, n)[1]
    return (positions(at) + VECTORS * n - 1) // (VECTORS * n)


@inner
def _multiply(reads, step, weights, start, first_row, last_row, panels, y, at, scratch):
    """All panels, filters first_row <= f < last_row; the first is the first of a block."""
    n, width, depth, segments = lanes(y), VECTORS * lanes(y), reads.depth, scratch.segments
    each = panels_of(at, n)
    vectors_of_row, tiles = tiles_of_row(at.width, n)
    slabs = (depth + scratch.deep - 1) // scratch.deep
    most = (depth + slabs - 1) // slabs
    size = (last_row - first_row + FILTERS - 1) // FILTERS * FILTERS * width  # sums of a panel
    few = Matrix(scratch.few, scratch.pitch)
    for group in range(0, panels, scratch.together):
        until = min(group + scratch.together, panels)
        for first in range(0, depth, most):
            deep, more = min(most, depth - first), first > 0
            last = first + deep == depth
            for j in range(group, until):
                image, q = j // each, j % each * width
                if at.by_rows:
                    column, wide = tile_of_row(j % each % tiles, vectors_of_row, tiles, at.width, n)
                    q, count = j % each // tiles * at.row + column, wide * n
                else:
                    count = min(width, positions(at) - q)
                b, where, from_b, found = reads.planes, moved(reads.taps, first), image * at.image + q, 0
                if at.packed or (at.in_place and not at.by_rows and count < width):
                    runs = find_runs(segments, q, count, image, at)
                    pack_panel(scratch.panel, reads.planes, reads.limit, where, deep, segments, runs)
                    b, where, from_b = scratch.panel, scratch.places, 0
                if last:
                    found = find_stores(segments, q, count, image, at, n)
                # A whole panel whose pixels are neighbours in y, by one block of taps: y itself holds the sums.
                straight = first == 0 and last and count == width and is_one_run(segments, found, n)
                own = (j - group) * size - first_row * width
                rest = rest_of(count, n) if at.dots else 0
                gather_rest(
                    few, moved(b, from_b + count - rest), where, moved(reads.across, first), deep, rest, step,
                    weights.pitch,
                )  # fmt: skip
                vectors = (count - rest + n - 1) // n
                for f in range(first_row, last_row, FILTERS):
                    direct = straight and f + FILTERS <= last_row
                    own_y = Matrix(moved(y, f * at.channel), at.channel)
                    c = Matrix(moved(scratch.sums, own + f * width), width)
                    if direct:
                        c = Matrix(moved(own_y.p, get(segments, 1)), at.channel)
                    rows = min(FILTERS, last_row - f)
                    expect_stores(own_y, rows, segments, found)
                    if vectors > 0:
                        multiply_tile(
                            vectors, deep, weights.p, rows_of(f, last_row - 1, weights.pitch),
                            moved(reads.across, first), moved(b, from_b), where, scratch.zero if more else start.p,
                            rows_of(f, last_row - 1, 0 if more else start.pitch), c.p, c.pitch, more,
                        )  # fmt: skip
                    at_rest = Matrix(moved(c.p, count - rest), c.pitch)
                    add_rest(
                        rows, rest, first, moved(reads.across, first), deep, from_row(weights, f), step,
                        weights.pitch, few, from_row(start, f), at_rest, more,
                    )  # fmt: skip
                    if last and not direct:
                        tile = moved(scratch.sums, own + f * width)
                        store_tile(own_y, tile, rows, segments, found)


def multiply_share(part, parts, filters, reads, step, weights, start, y, at, scratch, seen):
    """Part `part` of the rows (filters) of y = start + weights @ taps of planes.

    `reads` is `Reads`, `weights` and `start` are `Matrix` (of one column: the bias, or a zero for all), y points to the
    first result of filter 0, `at` is `Pixels`, `scratch` is of one thread. `step` is how far the weights of an input
    gradient are from filter to filter, or None where they lie along the depth. A transposed product needs `seen`
    (`Seen`); for the others it is None. Compiled code gets the one or the other, and compiles no more than that.
    """
    raise NotImplementedError("a function for compiled code only")


@overload(multiply_share, jit_options=DRIVER)
def _way_of_product(part, parts, filters, reads, step, weights, start, y, at, scratch, seen):
    """Which of the two is compiled follows from the type of `seen`."""

    def by_panels(part, parts, filters, reads, step, weights, start, y, at, scratch, seen):
        first_row, last_row = share_of(part, parts, filters, FILTERS)
        own = joined(at)
        panels = panels_of(own, lanes(y)) * (1 if at.packed else at.images)
        for low in range(first_row, last_row, scratch.filters):
            high = min(low + scratch.filters, last_row)
            if at.by_rows and reads.depth <= scratch.deep:
                multiply_rows(reads, weights, start, low, high, y, own, scratch.together)
            else:
                _multiply(reads, step, weights, start, low, high, panels, y, own, scratch)

    def along_filters(part, parts, filters, reads, step, weights, start, y, at, scratch, seen):
        first_row, last_row = share_of(part, parts, filters, lanes(y))
        multiply_transposed(reads, seen, weights, start, first_row, last_row, y, at, scratch)

    return by_panels if isinstance(seen, types.NoneType) else along_filters
