"""The largest and the mean of every window: a row of results at a time, each by one thread."""

from __future__ import annotations

from backends.numba_tiled.launch.records import record
from backends.numba_tiled.launch.spread import spread
from backends.numba_tiled.pooling.plans import Slide, Tables
from backends.numba_tiled.pooling.slide import (
    fill_all,
    larger_rows,
    larger_taps,
    lists_of,
    next_row,
    own_memory,
    settle,
    sum_rows,
    sum_taps,
)
from backends.numba_tiled.simd.compare import least
from backends.numba_tiled.simd.compiled import entry, inner
from backends.numba_tiled.simd.pointers import moved, pointer
from backends.numba_tiled.simd.vector import divided, fill, fma, lanes, load, zeros


@inner
def _max_share(t, threads, x, y, s, tables, buffer):
    """Thread t's part of the rows."""
    row, size, lists = own_memory(buffer, t, threads), x.size, lists_of(tables)
    x, y = pointer(x), pointer(y)
    n, around, rows = lanes(y), least(y), s.planes * s.height
    fill_all(row, s.size, around)
    begin, after = t * rows // threads, (t + 1) * rows // threads
    p, plane = begin % s.height, begin // s.height * s.source
    for r in range(begin, after):
        larger_rows(row, moved(x, plane), size - plane, lists, p, s, around)
        for q in range(0, s.results, n):
            settle(y, r * s.results + q, larger_taps(row, q, s), s.results - q, after * s.results)
        p, plane = next_row(p, plane, s)


@inner
def _mean_share(t, threads, x, y, s, tables, buffer):
    """Thread t's part of the rows."""
    row, size, lists = own_memory(buffer, t, threads), x.size, lists_of(tables)
    x, y = pointer(x), pointer(y)
    n, around, rows = lanes(y), zeros(y), s.planes * s.height
    fill_all(row, s.size, around)
    begin, after = t * rows // threads, (t + 1) * rows // threads
    p, plane = begin % s.height, begin // s.height * s.source
    for r in range(begin, after):
        sum_rows(row, moved(x, plane), size - plane, lists, p, s, around)
        high = fill(lists.down, p)
        for q in range(0, s.results, n):
            mean = divided(sum_taps(row, q, s), fma(high, load(lists.across, q), around))
            settle(y, r * s.results + q, mean, s.results - q, after * s.results)
        p, plane = next_row(p, plane, s)


@entry
def maxima(x, y, threads, s, tables, buffer):
    """The largest pixel of every window. Arrays are contiguous, `buffer` is scratch; `s` comes packed."""
    spread(_max_share, threads, (x, y, record(Slide, s), Tables(*tables), buffer))


@entry
def means(x, y, threads, s, tables, buffer):
    """The sum of the pixels of every window, divided."""
    spread(_mean_share, threads, (x, y, record(Slide, s), Tables(*tables), buffer))
