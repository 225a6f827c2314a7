"""Every second, third, ... element of many rows; and its inverse, rows interleaved.

    take, step 2     source  a0 b0 a1 b1 a2 b2 a3 b3        to  a0 a1 a2 a3
    interleave, 2    source  a0 a1 a2 a3 ... b0 b1 b2 b3    to  a0 b0 a1 b1 a2 b2 a3 b3

Steps 2 and 4 are loads of everything and a choice of lanes (`evens`); other steps gather.
"""

from __future__ import annotations

from backends.numba_tiled.layout.rows import Rows, copy
from backends.numba_tiled.simd.compiled import driver, inner
from backends.numba_tiled.simd.pointers import Pointer, get, put
from backends.numba_tiled.simd.vector import (
    evens,
    lanes,
    load,
    load_between,
    load_every,
    store,
    store_first,
    zip_high,
    zip_low,
)

_NARROW = 4  # vectors of a row


@driver
def take(to, target, count, source, origin, planes, rows, step, low, high):
    """Each row of `target` = every `step`-th element of a row of `origin` (both are `Rows`), between zeros.

        position   0 ... low ................ high ... count
        to         0 0 0 s[low * step] .......... 0 0 0

    `s` begins where the row of `origin` does; only the elements named and those between them are read. Narrow rows go
    strip by strip, a vector of every row, so that masks are made once and many rows are on their way at a time. Wide
    rows go one after the other, as the CPU foresees that order and fetches ahead; with steps 1 and 2 without masks, and
    the ends, which need some, by strips afterwards.
    """
    n = lanes(to)
    if step == 1 and low == 0 and high == count and target.row == count and origin.row == count:
        for k in range(planes):
            copy(to, target.begin + k * target.plane, source, origin.begin + k * origin.plane, rows * count)
    elif count <= _NARROW * n:
        for q in range(0, count, n):
            _strip(to, target, q, count, source, origin, planes, rows, step, low, high)
    else:
        for k in range(planes):
            own = Rows(target.begin + k * target.plane, target.plane, target.row)
            other = Rows(origin.begin + k * origin.plane, origin.plane, origin.row)
            _take_wide(to, own, count, source, other, rows, step, low, high)


@inner
def _take_wide(to, target, count, source, origin, rows, step, low, high):
    """`take` for the wide rows of one plane."""
    n, some = lanes(to), max(rows, 1)  # rows whose ends are a strip
    first = min((low + n - 1) // n * n, count)
    last = max((high - (step - 1)) // n * n, first)  # with step 2, what follows the last element may not be read
    if step > 2:
        some, first, last = min(some, 1), 0, 0  # all of a row is an end; 1, but no literal: see `simd.compiled`
    for top in range(0, rows, some):
        i, j = target.begin + top * target.row, origin.begin + top * origin.row
        for r in range(some):
            place, at = i + r * target.row, j + r * origin.row
            if step == 1:
                for q in range(first, last, n):
                    store(to, place + q, load(source, at + q))
            else:
                for q in range(first, last, n):
                    store(to, place + q, evens(load(source, at + 2 * q), load(source, at + 2 * q + n)))
        own, other = Rows(i, target.plane, target.row), Rows(j, origin.plane, origin.row)
        for q in range(0, count, n):
            if q < first or q >= last:
                _strip(to, own, q, count, source, other, min(some, 1), some, step, low, high)


@inner
def _strip(to, target, q, count, source, origin, planes, rows, step, low, high):
    """The vector from position q on of every row of `count` elements; `low` and `high` are those of `take`."""
    n, to_row, row = lanes(to), target.row, origin.row
    most, low, high = count - q, low - q, high - q
    for k in range(planes):
        own, at = target.begin + k * target.plane + q, origin.begin + k * origin.plane + q * step
        if step == 1:
            for r in range(rows):
                _keep(to, own + r * to_row, load_between(source, at + r * row, low, high), most)
        elif step == 2:
            for r in range(rows):
                _keep(to, own + r * to_row, _second(source, at + r * row, 2 * low, 2 * high - 1), most)
        elif step == 4:
            first, last = 4 * low, 4 * high - 3
            for r in range(rows):
                a = _second(source, at + r * row, first, last)
                b = _second(source, at + r * row + 2 * n, first - 2 * n, last - 2 * n)
                _keep(to, own + r * to_row, evens(a, b), most)
        else:
            for r in range(rows):
                _keep(to, own + r * to_row, load_every(source, at + r * row, step, low, high), most)


@inner
def _second(source, j, low, high):
    """Every second of two vectors' worth of elements; only those at positions low <= p < high are read."""
    n = lanes(source)
    return evens(load_between(source, j, low, high), load_between(source, j + n, low - n, high - n))


@inner
def _keep(to, i, value, most):
    """Store a vector, or its first `most` elements."""
    if most >= lanes(to):
        store(to, i, value)
    else:
        store_first(to, i, value, most)


@inner
def interleave(to: Pointer, i: int, source: Pointer, j: int, gap: int, parts: int, count: int) -> None:
    """to[i + k * parts + p] = source[j + p * gap + k] for k < count. Whole vectors: both need room for one more."""
    n = lanes(to)
    if parts == 2:
        for k in range(0, count, n):
            a, b = load(source, j + k), load(source, j + gap + k)
            store(to, i + 2 * k, zip_low(a, b))
            store(to, i + 2 * k + n, zip_high(a, b))
    elif parts == 4:
        for k in range(0, count, n):
            a, b = load(source, j + k), load(source, j + gap + k)
            c, d = load(source, j + 2 * gap + k), load(source, j + 3 * gap + k)
            even, odd = zip_low(a, c), zip_low(b, d)
            store(to, i + 4 * k, zip_low(even, odd))
            store(to, i + 4 * k + n, zip_high(even, odd))
            even, odd = zip_high(a, c), zip_high(b, d)
            store(to, i + 4 * k + 2 * n, zip_low(even, odd))
            store(to, i + 4 * k + 3 * n, zip_high(even, odd))
    else:
        for p in range(parts):
            for k in range(count):
                put(to, i + k * parts + p, get(source, j + p * gap + k))
