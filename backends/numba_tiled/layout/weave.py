"""Elements kept apart by their remainder modulo a stride, and woven together again: flat passes without a mask.

One pass over a whole buffer moves the last binary digit of every index to its front: even elements, then odd ones. As
many passes as the stride has factors of two take any number of rows apart at once, because the row pitch is a multiple
of the stride; an odd factor that is left is dealt out in one pass. `weave` is the inverse. Each pass reads and writes
the buffer once, in the caches; its sizes are rounded up so that every part is a number of whole vectors.
"""

from __future__ import annotations

from numba import njit

from backends.numba_tiled.simd.vector import evens, get, lanes, load, load_every, odds, put, store, zeros, zip_high, zip_low


@njit(nogil=True, error_model="numpy")
def unweave(a, to, at, spare, gap, stride, parts):
    """To a[to:] the first `parts` (1 or all) of the `stride` parts of a[at:], each of them `gap` long.

    Between the passes they are in a[spare:] and a[spare + stride * gap:] in turn.
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


@njit(nogil=True, error_model="numpy")
def weave(a, at, spare, gap, stride, parts):
    """The inverse; returns where the result is. Where there is but one part, the others are zeros, and need no memory.

    The passes go to a[spare:] and a[spare + stride * gap:] in turn.
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
