"""The few positions of a product beyond whole vectors, as dot products.

7x7 pixels are 3 vectors of 16 and one pixel. That pixel would take a vector of its own for every tap; instead its taps
are gathered once, one after the other, and lanes run along the depth: a sixteenth of the multiply-adds. The rows of
weights were read for the whole vectors just before, so they come from the L1 cache.
"""

from __future__ import annotations

from numba import njit

from backends.numba_tiled.simd.vector import fma, get, lanes, load, load_first, moved, put, total, zeros

FEW = 4  # positions, beyond which a vector is faster


@njit(nogil=True, error_model="numpy")
def rest_of(count, n):
    """How many of `count` positions are beyond whole vectors, if few; else 0."""
    return count % n if count % n <= FEW else 0


@njit(nogil=True, error_model="numpy")
def gather(few, pitch, b, at, taps, deep, rest):
    """few[i * pitch + k] = b[at + taps[k] + i] for i < rest, k < deep."""
    for i in range(rest):
        for k in range(deep):
            put(few, i * pitch + k, get(b, at + get(taps, k) + i))


@njit(nogil=True, error_model="numpy")
def add_dots(rows, rest, deep, a, pitch, few, few_pitch, start, start_pitch, c, k, apart, more):
    """c[k + f * apart + i] = start[f * start_pitch], or itself if `more`, + sum of a[f * pitch + d] * few[i][d]."""
    n = lanes(c)
    whole = deep - deep % n
    for f in range(rows):
        row = moved(a, f * pitch)
        for i in range(rest):
            column, found = moved(few, i * few_pitch), zeros(c)
            for d in range(0, whole, n):
                found = fma(load(row, d), load(column, d), found)
            if whole < deep:
                found = fma(load_first(row, whole, deep - whole), load_first(column, whole, deep - whole), found)
            before = get(c, k + f * apart + i) if more else get(start, f * start_pitch)
            put(c, k + f * apart + i, before + total(found))
