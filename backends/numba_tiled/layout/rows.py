"""Rows of planes, and the moves of memory that every kernel here is made of: clear, copy, widen, narrow, crop.

Nothing outside the named ranges is touched, except where a function says so. Sizes and positions count elements.
A row is moved in whole vectors and a rest:

    | vector | vector | vector | re|      `count` elements; the rest is loaded and stored under a mask
"""

from __future__ import annotations

from typing import NamedTuple

from backends.numba_tiled.simd.compiled import inner
from backends.numba_tiled.simd.pointers import Pointer, misaligned
from backends.numba_tiled.simd.vector import lanes, load, load_first, store, store_first, stream, zeros


class Rows(NamedTuple):
    """Where rows of planes are: row r of plane k begins at begin + k * plane + r * row."""

    begin: int
    plane: int  # from one plane to the next
    row: int  # from one row to the next


@inner
def clear(to: Pointer, i: int, count: int) -> None:
    """to[i : i + count] = 0."""
    n, zero = lanes(to), zeros(to)
    whole = count - count % n
    for k in range(0, whole, n):
        store(to, i + k, zero)
    if whole < count:
        store_first(to, i + whole, zero, count - whole)


@inner
def copy(to: Pointer, i: int, source: Pointer, j: int, count: int) -> None:
    """to[i : i + count] = source[j : j + count]."""
    n = lanes(to)
    whole = count - count % n
    for k in range(0, whole, n):
        store(to, i + k, load(source, j + k))
    if whole < count:
        store_first(to, i + whole, load_first(source, j + whole, count - whole), count - whole)


@inner
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


@inner
def widen(to: Pointer, i: int, pitch: int, source: Pointer, j: int, width: int, rows: int, count: int) -> None:
    """to[i + r * pitch + q] = source[j + r * width + q] for q < count, then zeros up to a whole vector.

        source   aaaaabbbbbccccc            rows of `width` elements
        to       aaaaa000bbbbb000ccccc000   rows `pitch` apart

    Rows go one after the other, so that the next may overwrite these zeros.
    """
    n = lanes(to)
    whole = count - count % n
    for r in range(rows):
        for q in range(0, whole, n):
            store(to, i + r * pitch + q, load(source, j + r * width + q))
        if whole < count:
            store(to, i + r * pitch + whole, load_first(source, j + r * width + whole, count - whole))


@inner
def narrow(to: Pointer, i: int, source: Pointer, j: int, pitch: int, rows: int, count: int) -> None:
    """to[i + r * count + q] = source[j + r * pitch + q] for q < count.

        source   aaaaa...bbbbb...ccccc...   rows `pitch` apart
        to       aaaaabbbbbccccc            rows of `count` elements

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


@inner
def clear_rows(to: Pointer, i: int, pitch: int, rows: int, count: int) -> None:
    """to[i + r * pitch + q] = 0 for q < count."""
    n, zero = lanes(to), zeros(to)
    whole = count - count % n
    for r in range(rows):
        for q in range(0, whole, n):
            store(to, i + r * pitch + q, zero)
        if whole < count:
            store_first(to, i + r * pitch + whole, zero, count - whole)


@inner
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
