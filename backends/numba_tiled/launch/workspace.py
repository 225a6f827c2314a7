"""Scratch memory that is kept: fresh memory costs a page fault every 4 KiB, more than most layers take to compute.

Every calling thread has its own, so calls from several threads do not meet. It grows to the largest call and stays.
"""

from __future__ import annotations

import threading

import numpy as np

_ALIGN = 64  # bytes: a line, and a vector
_kept = threading.local()


def scratch(name: str, count: int, dtype: np.dtype) -> np.ndarray:
    """`count` elements, with anything in them, that the next call with this name and dtype may overwrite."""
    arrays = _kept.__dict__
    held = arrays.get((name, dtype))
    if held is None or held.size < count:
        raw = np.empty(count * dtype.itemsize + _ALIGN, np.uint8)
        start = -raw.ctypes.data % _ALIGN
        held = raw[start : start + count * dtype.itemsize].view(dtype)
        arrays[name, dtype] = held
    return held[:count]
