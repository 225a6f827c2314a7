"""The few positions of a product beyond whole vectors, as dot products.

7x7 pixels are 3 vectors of 16 and one pixel:

    | 16 pixels | 16 pixels | 16 pixels |*|      * would take a vector of its own for every tap

Instead the taps of that pixel are gathered once, one after the other, and the lanes run along the depth: a sixteenth of
the multiply-adds. The rows of weights were read for the whole vectors just before, so they come from the L1 cache.

    w    | w0 w1 w2 ... | ... |      a row of the weights, as it lies in memory
    few  | b0 b1 b2 ... | ... |      the taps of one pixel, gathered
"""

from __future__ import annotations

from backends.numba_tiled.simd.compiled import inner
from backends.numba_tiled.simd.pointers import get, moved, put
from backends.numba_tiled.simd.vector import fma, lanes, load, load_first, total, zeros

FEW = 4  # positions, beyond which a vector is faster


@inner
def rest_of(count, n):
    """How many of `count` positions are beyond whole vectors of n, if these are few; else 0."""
    return count % n if count % n <= FEW else 0


@inner
def gather(few, b, at, taps, deep, rest):
    """Row i < rest of `few`: b[at + taps[k] + i] for k < deep."""
    for i in range(rest):
        for k in range(deep):
            put(few.p, i * few.pitch + k, get(b, at + get(taps, k) + i))


@inner
def add_dots(rows, rest, deep, a, few, start, c, more):
    """c[f][i] = start[f], or itself if `more`, + the sum of a[f][d] * few[i][d] over d < deep; f < rows, i < rest."""
    n = lanes(c.p)
    whole = deep - deep % n
    for f in range(rows):
        row = moved(a.p, f * a.pitch)
        for i in range(rest):
            column, found = moved(few.p, i * few.pitch), zeros(c.p)
            for d in range(0, whole, n):
                found = fma(load(row, d), load(column, d), found)
            if whole < deep:
                found = fma(load_first(row, whole, deep - whole), load_first(column, whole, deep - whole), found)
            before = get(c.p, f * c.pitch + i) if more else get(start.p, f * start.pitch)
            put(c.p, f * c.pitch + i, before + total(found))
