"""Whether numbers are finite: 0 times a number is 0, unless it is NaN or infinite."""

from __future__ import annotations

from backends.numba_tiled.simd.compiled import entry, inner
from backends.numba_tiled.simd.pointers import pointer
from backends.numba_tiled.simd.vector import fma, lanes, load, load_first, total, zeros


@entry
def is_finite(a):
    """Whether no element of a contiguous array is NaN or infinite."""
    return are_finite(pointer(a), 0, a.size)


@inner
def are_finite(p, i, count):
    """Whether none of p[i : i + count] is NaN or infinite: 0 times any of these is NaN."""
    n, zero = lanes(p), zeros(p)
    found = zero
    whole = count - count % n
    for k in range(0, whole, n):
        found = fma(load(p, i + k), zero, found)
    if whole < count:
        found = fma(load_first(p, i + whole, count - whole), zero, found)
    return total(found) == 0
