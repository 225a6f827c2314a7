"""A window slides along rows that were combined before: what all pooling but the search for maxima is made of.

For row p of a result, the rows that its windows cover are combined element by element, in scratch memory, between
elements that change nothing (-inf for maxima, 0 for sums):

    rows that are read         a b c d e                  one after the other in memory
                               f g h i j
    combined                 . A B C D E . . .            A is max(a, f), or a + f
    tap 0 of results 0, 1      ^   ^                      here with stride 2: every second element
    tap 1                        ^   ^

So a row costs KH + KW steps instead of KH * KW, the borders are no case of their own, and there is no branch inside.
"""

from __future__ import annotations

import operator
from typing import Any, NamedTuple

from backends.numba_tiled.simd.compare import larger
from backends.numba_tiled.simd.compiled import inlined, inner
from backends.numba_tiled.simd.pointers import get, moved, pointer
from backends.numba_tiled.simd.vector import evens, lanes, load, load_every, load_first, store, store_first


class Lists(NamedTuple):
    """The tables of a plan as pointers."""

    begin: Any
    rows: Any
    down: Any
    across: Any


@inlined
def lists_of(tables):
    """The tables of a plan, which must outlive them."""
    return Lists(pointer(tables.begin), pointer(tables.rows), pointer(tables.down), pointer(tables.across))


@inner
def fill_all(to, size, value):
    """to[: size] = value."""
    n = lanes(to)
    whole = size - size % n
    for k in range(0, whole, n):
        store(to, k, value)
    if whole < size:
        store_first(to, whole, value, size - whole)


@inner
def every(row, i, stride):
    """A vector of row[i], row[i + stride], ..."""
    if stride == 1:
        return load(row, i)
    if stride == 2:
        return evens(load(row, i), load(row, i + lanes(row)))
    return load_every(row, i, stride, 0, lanes(row))


@inner
def within(a, i, count, end):
    """A vector of a[i : i + count], with anything beyond it; nothing is read from a[end] on."""
    return load(a, i) if i + lanes(a) <= end else load_first(a, i, count)


@inner
def settle(to, i, value, count, end):
    """to[i : i + count] = value; up to `end` more may be written, as rows follow that overwrite it."""
    if i + lanes(to) <= end:
        store(to, i, value)
    else:
        store_first(to, i, value, count)


def _sliding(combine: Any) -> tuple[Any, Any]:
    """The two compiled functions of a way to combine two vectors."""

    @inner
    def combine_rows(row, x, room, lists, p, s, around):
        """Into the row in scratch memory: the rows of a plane that row p of a result is made of, then `around`.

        The array goes on for `room` elements from where the plane begins. Within it whole vectors are read, and what
        does not belong to the row is overwritten: masked stores are slow with AVX2.
        """
        n, first, after = lanes(x), get(lists.begin, p), get(lists.begin, p + 1)
        i, last = get(lists.rows, first), get(lists.rows, after - 1)
        if last + s.width + n <= room:
            for j in range(0, s.width, n):
                found = load(x, i + j)
                for k in range(first + 1, after):
                    found = combine(found, load(x, get(lists.rows, k) + j))
                store(row, s.left + j, found)
        else:
            for j in range(0, s.width, n):
                found = load_first(x, i + j, s.width - j)
                for k in range(first + 1, after):
                    found = combine(found, load_first(x, get(lists.rows, k) + j, s.width - j))
                store(row, s.left + j, found)
        store(row, s.left + s.width, around)

    @inner
    def combine_taps(row, q, s):
        """A vector of results, from result q on."""
        found = every(row, q * s.stride, s.stride)
        for v in range(1, s.taps):
            found = combine(found, every(row, q * s.stride + v * s.apart, s.stride))
        return found

    return combine_rows, combine_taps


larger_rows, larger_taps = _sliding(larger)
sum_rows, sum_taps = _sliding(operator.add)


@inner
def next_row(p, plane, s):
    """After row p of a result: the next, and where the plane begins that it is made from."""
    return (p + 1, plane) if p + 1 < s.height else (0, plane + s.source)


@inner
def own_memory(buffer, t, threads):
    """A thread's part of the scratch memory."""
    return moved(pointer(buffer), t * (buffer.size // threads))
