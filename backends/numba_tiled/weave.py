"""Elements kept apart by their remainder modulo a stride, and woven together again: flat passes without a mask.

One pass over a whole buffer moves the last binary digit of every index to its front: even elements, then odd ones. As
many passes as the stride has factors of two take any number of rows apart at once, because the row pitch is a multiple
of the stride; an odd factor that is left is dealt out in one pass. `weave` is the inverse. Each pass reads and writes
the buffer once, in the caches; its sizes are rounded up so that every part is a number of whole vectors.
"""

from __future__ import annotations

from numba import njit

from backends.numba_tiled.vector import evens, get, lanes, load, load_every, odds, put, store, zeros, zip_high, zip_low


@njit(nogil=True, error_model="numpy")
def unweave(a, at, spare, gap, stride, parts):
    """The first `parts` (1 or all) of the `stride` * gap elements from a[at] on, each `gap` long; returns their place.

    The passes go to a[spare:] and a[spare + stride * gap:] in turn, and leave what they read as it was.
    """
    n, left, size, to = lanes(a), stride, stride * gap, spare
    other = spare + size
    while left > 1:
        if left % 2 == 0:
            left, half = left // 2, size // 2
            for k in range(0, half, n):
                v, w = load(a, at + 2 * k), load(a, at + 2 * k + n)
                store(a, to + k, evens(v, w))
                if parts > 1:
                    store(a, to + half + k, odds(v, w))
            size = size if parts > 1 else half
        else:
            each = size // left
            for part in range(left if parts > 1 else 1):
                for k in range(0, each, n):
                    store(a, to + part * each + k, load_every(a, at + k * left + part, left, 0, n))
            left = 1
        at, to, other = to, other, to
    return at


@njit(nogil=True, error_model="numpy")
def weave(a, at, spare, gap, stride, parts):
    """The inverse: a[at:] has `parts` parts; where there is but one, the others are zeros that need not be there."""
    n, left, to = lanes(a), stride, spare
    size, other = parts * gap, spare + stride * gap
    while left > 1:
        if left % 2 == 0:
            left, half = left // 2, size // 2 if parts > 1 else size
            for k in range(0, half, n):
                v, w = load(a, at + k), zeros(a)
                if parts > 1:
                    w = load(a, at + half + k)
                store(a, to + 2 * k, zip_low(v, w))
                store(a, to + 2 * k + n, zip_high(v, w))
            size = 2 * half
        else:
            each = size // left if parts > 1 else size
            for k in range(each):
                for part in range(left):
                    if part == 0 or parts > 1:
                        put(a, to + k * left + part, get(a, at + part * each + k))
                    else:
                        put(a, to + k * left + part, 0.0)
            left = 1
        at, to, other = to, other, to
    return at
