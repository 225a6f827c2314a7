"""Arrays and sizes in the form that compiled functions want."""

from __future__ import annotations

import numpy as np

from backends.numba_tiled.simd.registers import BYTES


def contiguous(a: np.ndarray) -> np.ndarray:
    """The array with its elements in order in memory, aligned and writeable; copied only if it is not so already."""
    return a if a.flags.carray else np.array(a, order="C")


def round_up(count: int, multiple: int) -> int:
    """The least multiple that is not less than `count`."""
    return -(-count // multiple) * multiple


def apart(count: int, itemsize: int) -> int:
    """Elements from one thread's part of a buffer to the next, so that no two of them share a line of the cache."""
    return round_up(count * itemsize, BYTES) // itemsize + 2 * BYTES // itemsize
