"""Memory for results, which is fresh, and for scratch, which is kept from call to call.

Fresh memory costs a page fault every 4 KiB, more than most layers take to compute, so only what is handed out is fresh.
Every calling thread has scratch of its own, so calls from several threads do not meet. It grows to the largest call and
stays.
"""

from __future__ import annotations

import threading
from functools import lru_cache

import numpy as np

_ALIGN = 64  # bytes: a line, and a vector


class _Kept(threading.local):
    """What a thread keeps: arrays by name and dtype. (Every thread that looks gets an empty one first.)"""

    def __init__(self) -> None:
        self.arrays: dict[tuple[str, np.dtype], np.ndarray] = {}


_kept = _Kept()


def fresh(shape: tuple[int, ...] | int, dtype: np.dtype) -> np.ndarray:
    """An array for a result, with anything in it."""
    return np.empty(shape, dtype)


@lru_cache(maxsize=64)
def zeros(count: int, dtype: np.dtype) -> np.ndarray:
    """Of which every call with these arguments gets the same array, to read only."""
    return np.zeros(count, dtype)


def scratch(name: str, count: int, dtype: np.dtype) -> np.ndarray:
    """`count` elements, with anything in them, that the next call with this name and dtype may overwrite."""
    arrays = _kept.arrays
    held = arrays.get((name, dtype))
    if held is None or held.size < count:
        raw = np.empty(count * dtype.itemsize + _ALIGN, np.uint8)
        start = -raw.ctypes.data % _ALIGN
        held = raw[start : start + count * dtype.itemsize].view(dtype)
        arrays[name, dtype] = held
    return held[:count]
