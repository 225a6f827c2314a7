"""Rows and runs: the moves of memory that every kernel here is made of.

Nothing outside the named ranges is touched, except where a function says so.
"""

from __future__ import annotations

from typing import Any

from numba import njit

from backends.numba_tiled.simd.vector import (
    evens,
    fma,
    get,
    lanes,
    load,
    load_between,
    load_every,
    load_first,
    misaligned,
    pointer,
    put,
    store,
    store_first,
    stream,
    total,
    zeros,
    zip_high,
    zip_low,
)

Pointer = Any  # to float32 or float64


@njit(nogil=True, error_model="numpy")
def clear(to: Pointer, i: int, count: int) -> None:
    """to[i : i + count] = 0."""
    n, zero = lanes(to), zeros(to)
    whole = count - count % n
    for k in range(0, whole, n):
        store(to, i + k, zero)
    if whole < count:
        store_first(to, i + whole, zero, count - whole)


@njit(nogil=True, cache=True, error_model="numpy")
def is_finite(a):
    """Whether no element is NaN or infinite."""
    return are_finite(pointer(a), 0, a.size)


@njit(nogil=True, error_model="numpy")
def are_finite(p: Pointer, i: int, count: int) -> bool:
    """Whether none of p[i : i + count] is NaN or infinite: 0 times any of these is NaN."""
    n, zero = lanes(p), zeros(p)
    found = zero
    whole = count - count % n
    for k in range(0, whole, n):
        found = fma(load(p, i + k), zero, found)
    if whole < count:
        found = fma(load_first(p, i + whole, count - whole), zero, found)
    return total(found) == 0


@njit(nogil=True, error_model="numpy")
def copy(to: Pointer, i: int, source: Pointer, j: int, count: int) -> None:
    """to[i : i + count] = source[j : j + count]."""
    n = lanes(to)
    whole = count - count % n
    for k in range(0, whole, n):
        store(to, i + k, load(source, j + k))
    if whole < count:
        store_first(to, i + whole, load_first(source, j + whole, count - whole), count - whole)


@njit(nogil=True, error_model="numpy")
def copy_past_caches(to: Pointer, i: int, source: Pointer, j: int, count: int) -> None:
    """The same with streamed stores, which need whole lines: the ends go the usual way. See `fence`."""
    n = lanes(to)
    head = min((n - misaligned(to, i)) % n, count)
    if head:
        store_first(to, i, load_first(source, j, head), head)
    whole = head + (count - head) // n * n
    for k in range(head, whole, n):
        stream(to, i + k, load(source, j + k))
    if whole < count:
        store_first(to, i + whole, load_first(source, j + whole, count - whole), count - whole)


@njit(nogil=True, error_model="numpy")
def widen(to: Pointer, i: int, pitch: int, source: Pointer, j: int, width: int, rows: int, count: int) -> None:
    """to[i + r * pitch + q] = source[j + r * width + q] for q < count, then zeros up to a whole vector.

    Rows go one after the other, so that the next may overwrite these zeros.
    """
    n = lanes(to)
    whole = count - count % n
    for r in range(rows):
        for q in range(0, whole, n):
            store(to, i + r * pitch + q, load(source, j + r * width + q))
        if whole < count:
            store(to, i + r * pitch + whole, load_first(source, j + r * width + whole, count - whole))


@njit(nogil=True, error_model="numpy")
def narrow(to: Pointer, i: int, source: Pointer, j: int, pitch: int, rows: int, count: int) -> None:
    """to[i + r * count + q] = source[j + r * pitch + q] for q < count.

    Whole vectors are written where they stay within the rows: what is too much is overwritten by the next row.
    """
    n = lanes(to)
    whole = count - count % n
    rest = count - whole
    safe = max(rows - (whole + n - 1) // count, 0) if rest else rows
    for r in range(safe):
        for q in range(0, whole, n):
            store(to, i + r * count + q, load(source, j + r * pitch + q))
        if rest:
            store(to, i + r * count + whole, load_first(source, j + r * pitch + whole, rest))
    for r in range(safe, rows):
        for q in range(0, whole, n):
            store(to, i + r * count + q, load(source, j + r * pitch + q))
        store_first(to, i + r * count + whole, load_first(source, j + r * pitch + whole, rest), rest)


@njit(nogil=True, error_model="numpy")
def clear_rows(to: Pointer, i: int, pitch: int, rows: int, count: int) -> None:
    """to[i + r * pitch + q] = 0 for q < count."""
    n, zero = lanes(to), zeros(to)
    whole = count - count % n
    for r in range(rows):
        for q in range(0, whole, n):
            store(to, i + r * pitch + q, zero)
        if whole < count:
            store_first(to, i + r * pitch + whole, zero, count - whole)


@njit(nogil=True, error_model="numpy")
def crop(to: Pointer, i: int, to_pitch: int, source: Pointer, j: int, pitch: int, rows: int, count: int) -> None:
    """to[i + r * to_pitch + q] = source[j + r * pitch + q] for q < count. Whole vectors of `source` are read."""
    n = lanes(to)
    whole = count - count % n
    rest = count - whole
    for r in range(rows):
        a, b = i + r * to_pitch, j + r * pitch
        for q in range(0, whole, n):
            store(to, a + q, load(source, b + q))
        if rest:
            store_first(to, a + whole, load(source, b + whole), rest)


@njit(nogil=True, error_model="numpy")
def take(to, i, to_gap, to_pitch, count, source, j, gap, pitch, planes, rows, step, low, high):
    """to[i + r * to_pitch + q] = source[j + r * pitch + q * step] for r < rows, low <= q < high; 0 for other q < count.

    And so for each of some planes, `gap` apart. Steps 2 and 4 are loads of all and a choice of lanes; others gather.
    `source` is read only at the named elements and between them. Narrow rows go strip by strip, so that masks are made
    once and many rows are on their way at a time.
    """
    n = lanes(to)
    if step == 1 and low == 0 and high == count and to_pitch == count and pitch == count:
        for k in range(planes):
            copy(to, i + k * to_gap, source, j + k * gap, rows * count)
        return
    narrow = count <= 4 * n
    several, together = planes if narrow else 1, max(rows, 1) if narrow else 1
    for k in range(0, planes, several):
        for r in range(0, rows, together):
            row, place = j + k * gap + r * pitch, i + k * to_gap + r * to_pitch
            for q in range(0, count, n):
                if step == 1 and not narrow and low <= q and q + n <= high:
                    store(to, place + q, load(source, row + q))
                elif step == 2 and not narrow and low <= q and q + n < high:
                    store(to, place + q, evens(load(source, row + 2 * q), load(source, row + 2 * q + n)))
                else:
                    _strip(
                        to, place + q, to_gap, to_pitch, source, row + q * step, gap, pitch, several, together, step,
                        low - q, high - q, count - q,
                    )  # fmt: skip


@njit(nogil=True, error_model="numpy")
def _strip(to, i, to_gap, to_pitch, source, j, gap, pitch, planes, rows, step, low, high, most):
    """One vector of every row, of which `most` elements are stored."""
    n = lanes(to)
    for k in range(planes):
        own, at = i + k * to_gap, j + k * gap
        if step == 1:
            for r in range(rows):
                _keep(to, own + r * to_pitch, load_between(source, at + r * pitch, low, high), most)
        elif step == 2:
            for r in range(rows):
                _keep(to, own + r * to_pitch, _second(source, at + r * pitch, 2 * low, 2 * high - 1), most)
        elif step == 4:
            first, last = 4 * low, 4 * high - 3
            for r in range(rows):
                a = _second(source, at + r * pitch, first, last)
                b = _second(source, at + r * pitch + 2 * n, first - 2 * n, last - 2 * n)
                _keep(to, own + r * to_pitch, evens(a, b), most)
        else:
            for r in range(rows):
                _keep(to, own + r * to_pitch, load_every(source, at + r * pitch, step, low, high), most)


@njit(nogil=True, error_model="numpy")
def _second(source, j, low, high):
    """Every second of two vectors' worth of elements; only those at positions low <= p < high are read."""
    n = lanes(source)
    return evens(load_between(source, j, low, high), load_between(source, j + n, low - n, high - n))


@njit(nogil=True, error_model="numpy")
def _keep(to, i, value, most):
    if most >= lanes(to):
        store(to, i, value)
    else:
        store_first(to, i, value, most)


@njit(nogil=True, error_model="numpy")
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
