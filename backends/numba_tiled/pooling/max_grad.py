"""The gradient of a maximum: the first largest pixel of each window is looked for again, and dy is added to it.

The rows that a window covers are copied into scratch memory, between -inf, so that every tap of it is at a fixed
distance. A vector of windows goes over the taps row by row, and keeps the largest and the number of its tap:

    best    3  7  2  9        tap v is larger in lanes 1 and 3        3  8  2  11
    place   0  1  0  2   ->                                           0  v  0  v

Then each element of dy is added where its window's tap lies. Windows overlap, so a plane belongs to one thread.
"""

from __future__ import annotations

from backends.numba_tiled.launch.records import record
from backends.numba_tiled.launch.spread import spread
from backends.numba_tiled.layout.rows import clear
from backends.numba_tiled.pooling.plans import Search, Seen
from backends.numba_tiled.pooling.slide import every, fill_all, own_memory, within
from backends.numba_tiled.simd.compare import keep_larger, least
from backends.numba_tiled.simd.compiled import entry, inner
from backends.numba_tiled.simd.pointers import get, pointer, put
from backends.numba_tiled.simd.vector import lanes, load, store


@inner
def _search(chosen, rows, count, first, s):
    """chosen[q] = the number of the tap of window q that is the largest of `count` rows of it."""
    n, start = lanes(rows), least(rows)
    for q in range(0, s.ow, n):
        best, place = start, load(first, q)  # where all pixels are -inf, the first pixel
        for k in range(count):
            row = k * s.pitch + q * s.sw
            for v in range(s.kw):
                best, place = keep_larger(best, place, every(rows, row + v * s.dw, s.sw), k * s.kw + v)
        store(chosen, q, place)


@inner
def _copy_row(to, i, x, at, width, end, around):
    """to[i : i + width] = x[at : at + width], then `around`; x ends at `end`."""
    for j in range(0, width, lanes(x)):
        store(to, i + j, within(x, at + j, width - j, end))
    store(to, i + width, around)


@inner
def _share(t, threads, dy, x, dx, s, seen, memory):
    """Thread t's part of the planes."""
    rows, chosen = own_memory(memory[0], t, threads), own_memory(memory[1], t, threads)
    end, dy, x, dx = x.size, pointer(dy), pointer(x), pointer(dx)
    top, counts, first, place = pointer(seen.top), pointer(seen.counts), pointer(seen.first), pointer(seen.place)
    fill_all(rows, s.size, least(rows))
    for plane in range(t * s.planes // threads, (t + 1) * s.planes // threads):
        own = plane * s.h * s.w
        clear(dx, own, s.h * s.w)
        for p in range(s.oh):
            count, begin = get(counts, p), own + get(top, p) * s.w
            for k in range(count):
                _copy_row(rows, k * s.pitch + s.left, x, begin + k * s.dh * s.w, s.w, end, least(rows))
            _search(chosen, rows, count, first, s)
            for q in range(s.ow):
                at = begin + q * s.sw - s.left + get(place, get(chosen, q))
                put(dx, at, get(dx, at) + get(dy, (plane * s.oh + p) * s.ow + q))


@entry
def max_grad(dy, x, dx, threads, s, seen, memory):
    """dx of a maximum. Arrays are contiguous, `memory` is two of scratch; `s` comes packed."""
    spread(_share, threads, (dy, x, dx, record(Search, s), Seen(*seen), memory))
