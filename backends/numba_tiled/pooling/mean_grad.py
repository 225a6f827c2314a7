"""The gradient of a mean: a row of dx is the sum of the rows of dy whose windows cover it, shared out along the taps.

    shares of dy, divided      a b c                      2x2 windows with stride 2
    SW apart, among zeros    . a . b . c .                in scratch memory
    tap 0 of dx                a . b . c .
    tap 1                      . a . b . c                their sum: a a b b c c

So nothing is added to memory twice, and a row of dx belongs to one thread.
"""

from __future__ import annotations

from numba import njit

from backends.numba_tiled.launch.spread import spread
from backends.numba_tiled.pooling.plans import Slide, Tables
from backends.numba_tiled.pooling.slide import fill_all, lists_of, own_memory, sum_taps
from backends.numba_tiled.simd.pointers import get, moved, pointer, put
from backends.numba_tiled.simd.vector import (
    divided,
    fill,
    fma,
    lanes,
    load,
    load_first,
    store,
    store_first,
    zeros,
    zip_high,
    zip_low,
)


@njit(nogil=True, error_model="numpy")
def _shares(dy, lists, i, q, width):
    """A vector of what reaches row i of dx: of each row of dy that does, the elements from q on, divided."""
    zero = zeros(dy)
    found, columns = zero, load(lists.across, q)
    for k in range(get(lists.begin, i), get(lists.begin, i + 1)):
        p = get(lists.rows, k)
        pixels = fma(fill(lists.down, p), columns, zero)
        if q + lanes(dy) <= width:
            found = found + divided(load(dy, p * width + q), pixels)
        else:
            found = found + divided(load_first(dy, p * width + q, width - q), pixels)
    return found


@njit(nogil=True, error_model="numpy")
def _lay_out(row, dy, lists, i, s):
    """The shares of row i of dx, `s.step` apart. What is written beyond the last is zeros, as it was."""
    n, zero = lanes(dy), zeros(dy)
    for q in range(0, s.width, n):
        found, to = _shares(dy, lists, i, q, s.width), s.left + q * s.step
        if s.step == 1:
            store(row, to, found)
        elif s.step == 2:
            store(row, to, zip_low(found, zero))
            store(row, to + n, zip_high(found, zero))
        else:
            store(row, s.size - n, found)
            for k in range(min(n, s.width - q)):
                put(row, to + k * s.step, get(row, s.size - n + k))


@njit(nogil=True, error_model="numpy")
def _share(t, threads, dy, dx, s, tables, buffer):
    """Thread t's part of the rows of dx."""
    row, dy, dx, lists = own_memory(buffer, t, threads), pointer(dy), pointer(dx), lists_of(tables)
    n, zero, rows = lanes(dx), zeros(dx), s.planes * s.height
    whole = s.results - s.results % n
    fill_all(row, s.size, zero)
    for r in range(t * rows // threads, (t + 1) * rows // threads):
        to = moved(dx, r * s.results)
        _lay_out(row, moved(dy, r // s.height * s.source), lists, r % s.height, s)
        for j in range(0, whole, n):
            store(to, j, sum_taps(row, j, s, zero))
        if whole < s.results:
            store_first(to, whole, sum_taps(row, whole, s, zero), s.results - whole)


@njit(nogil=True, cache=True, error_model="numpy")
def mean_grad(dy, dx, threads, s, tables, buffer):
    """dx of a mean. Arrays are flat, `buffer` is scratch; `s` and `tables` come as plain tuples."""
    spread(_share, threads, (dy, dx, Slide(*s), Tables(*tables), buffer))
