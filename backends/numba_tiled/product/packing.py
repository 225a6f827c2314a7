"""A panel of pixels packed for the register tile, and a finished tile stored in the output.

panel    [tap][pixel]     tap 0 | 3 vectors of pixels |     as wide as a tile: what tap k reads for all pixels of the
                          tap 1 | 3 vectors of pixels |     panel is one stretch of memory
                           ...
tile     [filter][pixel]  the sums of 8 filters, as wide
"""

from __future__ import annotations

from numba import njit

from backends.numba_tiled.product.pixels import SEGMENT
from backends.numba_tiled.product.register_tile import VECTORS
from backends.numba_tiled.simd.pointers import get
from backends.numba_tiled.simd.vector import lanes, load, load_first, store, store_between, store_first


@njit(nogil=True, error_model="numpy")
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


@njit(nogil=True, error_model="numpy")
def store_tile(y, tile, rows, segments, found):
    """`rows` rows of a tile to the rows of `y`, by `found` numbers of `find_stores`."""
    width = VECTORS * lanes(tile)
    for s in range(0, found, SEGMENT):
        j, to, low, high = get(segments, s), get(segments, s + 1), get(segments, s + 2), get(segments, s + 3)
        for f in range(rows):
            store_between(y.p, to + f * y.pitch, load(tile, f * width + j), low, high)
