"""Maps of an index, and arrays (before, n, after) that are read or written by one along their middle axis.

A map gives n numbers for the numbers 0 to n - 1; what is less than 0 or more than n - 1 is outside, where nothing is.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

import numpy as np

from harness.contract.protocol import Array

Map = Callable[[int], Array]


def read(by: Map, v: Array) -> Array:
    """Element i is element by[i]; 0 of what is outside."""
    at, outside = _kept(by, v.shape[1])
    taken = v[:, at]
    if outside is not None:
        taken[:, outside] = 0
    return taken


def put(by: Map, v: Array) -> Array:
    """Element i stands at by[i], where a later one replaces an earlier one; 0 where none is."""
    at, outside = _kept(by, v.shape[1])
    placed = np.zeros_like(v)
    if outside is None:
        placed[:, at] = v
    else:
        placed[:, at[~outside]] = v[:, ~outside]
    return placed


def added(by: Map, v: Array) -> Array:
    """Element i is added at by[i]."""
    at, outside = _kept(by, v.shape[1])
    there = slice(None) if outside is None else ~outside
    total = np.zeros_like(v)
    np.add.at(total.swapaxes(0, 1), at[there], v[:, there].swapaxes(0, 1))
    return total


@lru_cache(maxsize=8192)
def _kept(by: Map, n: int) -> tuple[Array, Array | None]:
    """The map, 0 for what is outside, and where that is."""
    at = np.asarray(by(n))
    outside = (at < 0) | (at >= n)
    return np.where(outside, 0, at), outside if outside.any() else None


def itself(n: int) -> Array:
    """The right map."""
    return np.arange(n)


def backwards(n: int) -> Array:
    """n - 1 - i."""
    return np.arange(n)[::-1]


def rolled(by: int, n: int) -> Array:
    """(i + by) % n."""
    return (np.arange(n) + by) % n


def shifted(by: int, n: int) -> Array:
    """i + by."""
    return np.arange(n) + by


def constant(at: int, n: int) -> Array:
    """The first (0) or the last (-1) for all."""
    return np.full(n, at % n)


def without(at: int, n: int) -> Array:
    """All but one, counted from the start or from the end; none if there are fewer."""
    i = np.arange(n)
    return np.where(i == (at if at >= 0 else n + at), -1, i)


def alone(at: int, n: int) -> Array:
    """The first (0) or the last (-1), and no other."""
    i = np.arange(n)
    return np.where(i == at % n, i, -1)


def last_two_exchanged(n: int) -> Array:
    """Right for one alone."""
    i = np.arange(n)
    i[-2:] = i[-2:][::-1].copy()
    return i


def last_repeats(n: int) -> Array:
    """n - 2 for the last; right for one alone."""
    return np.minimum(np.arange(n), max(n - 2, 0))


def one_before_the_last(n: int) -> Array:
    """n - 2 for the last; outside for one alone."""
    return np.minimum(np.arange(n), n - 2)


def second_half_repeats(n: int) -> Array:
    """The second half is the first once more; of an odd number the first half is the larger."""
    i = np.arange(n)
    i[n - n // 2 :] = np.arange(n // 2)
    return i


def first_half(n: int) -> Array:
    """n // 2 of them, so that one alone is left out."""
    i = np.arange(n)
    return np.where(i < n // 2, i, -1)


def first_half_or_one(n: int) -> Array:
    """n // 2 of them, and one alone if there is no other."""
    i = np.arange(n)
    return np.where(i < max(n // 2, 1), i, -1)


def every_second(n: int) -> Array:
    """0, 2, 4 ..."""
    i = np.arange(n)
    return np.where(i % 2, -1, i)


def halved(n: int) -> Array:
    """i // 2."""
    return np.arange(n) // 2


def doubled(n: int) -> Array:
    """2 * i."""
    return 2 * np.arange(n)


def wrapped(size: int, n: int) -> Array:
    """i % size: the number of the block is lost."""
    return np.arange(n) % size
