"""Elements sorted by their remainder modulo a stride (`unweave`), and woven together again (`weave`).

A pass over a whole buffer puts even elements before odd ones; no masks, whatever the rows are. With stride 4:

    start        0 1 2 3 4 5 6 7  8 9 a b c d e f       two rows of 8
    one pass     0 2 4 6 8 a c e  1 3 5 7 9 b d f       even positions, then odd ones
    two passes   0 4 8 c  1 5 9 d  2 6 a e  3 7 b f     the same once more: remainders 0, 1, 2, 3

Any number of rows are taken apart at once, because the distance between rows is a multiple of the stride. As many
passes as the stride has factors of two; an odd factor that is left is dealt out in one pass. Each pass reads and writes
the buffer once, in the caches; sizes are rounded up, so that every part is a whole number of vectors.
"""

from __future__ import annotations

from backends.numba_tiled.simd.compiled import inner
from backends.numba_tiled.simd.pointers import get, put
from backends.numba_tiled.simd.vector import evens, lanes, load, load_every, odds, store, zeros, zip_high, zip_low


@inner
def unweave(a, to, at, spare, gap, stride, parts):
    """Elements a[at:], sorted by their remainder modulo `stride`, to a[to:]: its first `parts` (1 or all) parts.

    A part is `gap` elements long, a whole number of vectors. Between the passes the elements are in a[spare:] and in
    a[spare + stride * gap:] in turn.
    """
    n, left, size, other = lanes(a), stride, stride * gap, spare + stride * gap
    while left > 1:
        by = 2 if left % 2 == 0 else left
        left //= by
        here, each = to if left == 1 else spare, size // by
        if by == 2:
            for k in range(0, each, n):
                v, w = load(a, at + 2 * k), load(a, at + 2 * k + n)
                store(a, here + k, evens(v, w))
                if parts > 1:
                    store(a, here + each + k, odds(v, w))
        else:
            for part in range(by if parts > 1 else 1):
                for k in range(0, each, n):
                    store(a, here + part * each + k, load_every(a, at + k * by + part, by, 0, n))
        size = size if parts > 1 else each
        at, spare, other = here, other, spare


@inner
def weave(a, at, spare, gap, stride, parts):
    """The inverse of `unweave`; returns where in `a` the result begins.

    With one part of several, the other parts are zeros and need no memory. The passes go to a[spare:] and to
    a[spare + stride * gap:] in turn.
    """
    n, left, size, other = lanes(a), stride, parts * gap, spare + stride * gap
    while left > 1:
        by = 2 if left % 2 == 0 else left
        left //= by
        each = size // by if parts > 1 else size
        if by == 2:
            for k in range(0, each, n):
                v, w = load(a, at + k), zeros(a)
                if parts > 1:
                    w = load(a, at + each + k)
                store(a, spare + 2 * k, zip_low(v, w))
                store(a, spare + 2 * k + n, zip_high(v, w))
        else:
            for k in range(each):
                for part in range(by):
                    if part == 0 or parts > 1:
                        put(a, spare + k * by + part, get(a, at + part * each + k))
                    else:
                        put(a, spare + k * by + part, 0.0)
        size = by * each
        at, spare, other = spare, other, spare
    return at
