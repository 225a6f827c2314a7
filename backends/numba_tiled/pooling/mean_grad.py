"""The gradient of a mean: a row of dx is the sum of the rows of dy whose windows cover it, shared out along the taps.

    shares of dy, divided      a b c                      2x2 windows with stride 2
    SW apart, among zeros    . a . b . c .                in scratch memory
    tap 0 of dx                a . b . c .
    tap 1                      . a . b . c                their sum: a a b b c c

So nothing is added to memory twice, and a row of dx belongs to one thread.
"""

from __future__ import annotations

from backends.numba_tiled.launch.records import record
from backends.numba_tiled.launch.spread import spread
from backends.numba_tiled.pooling.plans import Slide, Tables
from backends.numba_tiled.pooling.slide import fill_all, lists_of, next_row, own_memory, settle, sum_taps, within
from backends.numba_tiled.simd.compiled import entry, inner
from backends.numba_tiled.simd.pointers import get, moved, pointer, put
from backends.numba_tiled.simd.vector import (
    divided,
    fill,
    fma,
    lanes,
    load,
    store,
    zeros,
    zip_high,
    zip_low,
)


@inner
def _shares(dy, room, lists, i, q, width):
    """A vector of what reaches row i of dx: of each row of dy that does, the elements from q on, divided.

    The array goes on for `room` elements from where the plane begins; what does not belong to the row may be anything.
    """
    zero = zeros(dy)
    found, columns = zero, load(lists.across, q)
    for k in range(get(lists.begin, i), get(lists.begin, i + 1)):
        p = get(lists.rows, k)
        row = within(dy, p * width + q, width - q, room)
        found = found + divided(row, fma(fill(lists.down, p), columns, zero))
    return found


@inner
def _lay_out(row, dy, room, lists, i, s):
    """The shares of row i of dx, `s.step` apart, and zeros over what was written beyond them."""
    n, zero = lanes(dy), zeros(dy)
    for q in range(0, s.width, n):
        found, to = _shares(dy, room, lists, i, q, s.width), s.left + q * s.step
        if s.step == 1:
            store(row, to, found)
        elif s.step == 2:
            store(row, to, zip_low(found, zero))
            store(row, to + n, zip_high(found, zero))
        else:
            store(row, s.size - n, found)
            for k in range(min(n, s.width - q)):
                put(row, to + k * s.step, get(row, s.size - n + k))
    if s.step <= 2:
        store(row, s.left + s.width * s.step, zero)
        store(row, s.left + s.width * s.step + n, zero)


@inner
def _share(t, threads, dy, dx, s, tables, buffer):
    """Thread t's part of the rows of dx. One that is made of the same rows of dy as the last is a copy of it."""
    row, size, lists, again = own_memory(buffer, t, threads), dy.size, lists_of(tables), pointer(tables.again)
    dy, dx = pointer(dy), pointer(dx)
    n, value, rows = lanes(dx), zeros(dx), s.planes * s.height
    fill_all(row, s.size, value)
    begin, after = t * rows // threads, (t + 1) * rows // threads
    end = after * s.results
    i, plane = begin % s.height, begin // s.height * s.source
    for r in range(begin, after):
        to, is_again = r * s.results, r > begin and get(again, i) > 0
        if not is_again:
            _lay_out(row, moved(dy, plane), size - plane, lists, i, s)
        for j in range(0, s.results, n):
            if not is_again:
                value = sum_taps(row, j, s)
            elif s.results > n:  # of a shorter row, the only value is still there
                value = within(dx, to - s.results + j, s.results - j, end)
            settle(dx, to + j, value, s.results - j, end)
        i, plane = next_row(i, plane, s)


@entry
def mean_grad(dy, dx, threads, s, tables, buffer):
    """dx of a mean. Arrays are contiguous, `buffer` is scratch; `s` comes packed."""
    spread(_share, threads, (dy, dx, record(Slide, s), Tables(*tables), buffer))
