"""Arrays, sizes and records in the form that compiled functions want."""

from __future__ import annotations

from typing import Any

import numpy as np

from backends.numba_tiled.simd.registers import BYTES


def flat(a: np.ndarray) -> np.ndarray:
    """One-dimensional, contiguous, aligned and writeable; copied only if it is not so already."""
    if a.flags.carray:
        return a.reshape(-1)
    return np.array(a, order="C").reshape(a.size)


def plain(record: tuple[Any, ...]) -> tuple[Any, ...]:
    """A record, and the records in it, as plain tuples; the compiled function makes records of them again.

    Numba takes a plan from Python in 1.2 us as plain tuples, in 6 us as records: half of what a tiny layer takes.
    """
    return tuple(plain(value) if isinstance(value, tuple) else value for value in record)


def round_up(count: int, multiple: int) -> int:
    """The least multiple that is not less than `count`."""
    return -(-count // multiple) * multiple


def apart(count: int, itemsize: int) -> int:
    """Elements from one thread's part of a buffer to the next, so that no two of them share a line of the cache."""
    return round_up(count * itemsize, BYTES) // itemsize + 2 * BYTES // itemsize
