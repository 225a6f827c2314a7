"""The largest and the mean of every window: a row of results at a time, each by one thread."""

from __future__ import annotations

from numba import njit

from backends.numba_tiled.launch.spread import spread
from backends.numba_tiled.pooling.plans import Slide, Tables
from backends.numba_tiled.pooling.slide import (
    fill_all,
    larger_rows,
    larger_taps,
    lists_of,
    own_memory,
    sum_rows,
    sum_taps,
)
from backends.numba_tiled.simd.compare import least
from backends.numba_tiled.simd.pointers import moved, pointer
from backends.numba_tiled.simd.vector import divided, fill, fma, lanes, load, store, store_first, zeros


@njit(nogil=True, error_model="numpy")
def _max_share(t, threads, x, y, s, tables, buffer):
    """Thread t's part of the rows."""
    row, x, y, lists = own_memory(buffer, t, threads), pointer(x), pointer(y), lists_of(tables)
    n, start, rows = lanes(y), least(y), s.planes * s.height
    whole = s.results - s.results % n
    fill_all(row, s.size, start)
    for r in range(t * rows // threads, (t + 1) * rows // threads):
        to = moved(y, r * s.results)
        larger_rows(row, moved(x, r // s.height * s.source), lists, r % s.height, s, start)
        for q in range(0, whole, n):
            store(to, q, larger_taps(row, q, s, start))
        if whole < s.results:
            store_first(to, whole, larger_taps(row, whole, s, start), s.results - whole)


@njit(nogil=True, error_model="numpy")
def _mean_share(t, threads, x, y, s, tables, buffer):
    """Thread t's part of the rows."""
    row, x, y, lists = own_memory(buffer, t, threads), pointer(x), pointer(y), lists_of(tables)
    n, start, rows = lanes(y), zeros(y), s.planes * s.height
    whole = s.results - s.results % n
    fill_all(row, s.size, start)
    for r in range(t * rows // threads, (t + 1) * rows // threads):
        to, p = moved(y, r * s.results), r % s.height
        sum_rows(row, moved(x, r // s.height * s.source), lists, p, s, start)
        high = fill(lists.down, p)
        for q in range(0, whole, n):
            store(to, q, divided(sum_taps(row, q, s, start), fma(high, load(lists.across, q), start)))
        if whole < s.results:
            mean = divided(sum_taps(row, whole, s, start), fma(high, load(lists.across, whole), start))
            store_first(to, whole, mean, s.results - whole)


@njit(nogil=True, cache=True, error_model="numpy")
def maxima(x, y, threads, s, tables, buffer):
    """The largest pixel of every window. Arrays are flat, `buffer` is scratch; `s`, `tables` come as plain tuples."""
    spread(_max_share, threads, (x, y, Slide(*s), Tables(*tables), buffer))


@njit(nogil=True, cache=True, error_model="numpy")
def means(x, y, threads, s, tables, buffer):
    """The sum of the pixels of every window, divided."""
    spread(_mean_share, threads, (x, y, Slide(*s), Tables(*tables), buffer))
