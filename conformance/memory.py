"""Memory layouts of an input: the same values, arranged as a caller might hand them over.

Memory around strided and offset arrays is poisoned, so reading past an array shows as a wrong number.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from conformance.case import LAYOUT_NAMES
from harness.protocol import Array


def arrange(a: Array, layout: str) -> Array:
    """A copy of `a` in the named layout.

    >>> arrange(np.arange(6.0).reshape(2, 3), "reversed").strides
    (-24, -8)
    """
    result = _ARRANGE[layout](a)
    if not np.array_equal(result, a):
        raise AssertionError(f"layout {layout} changed the values")
    return result


def _poisoned(shape: tuple[int, ...], dtype: np.dtype[Any]) -> Array:
    return np.full(shape, np.nan if dtype.kind == "f" else np.iinfo(dtype).max // 3, dtype=dtype)


def _step2(a: Array) -> Array:
    """Every second element of a poisoned buffer, in every axis."""
    buffer = _poisoned(tuple(2 * n + 1 for n in a.shape), a.dtype)
    view = buffer[tuple(slice(1, 2 * n + 1, 2) for n in a.shape)]
    view[...] = a
    return view


def _reversed(a: Array) -> Array:
    """Negative strides in every axis."""
    flip = (slice(None, None, -1),) * a.ndim
    return np.ascontiguousarray(a[flip])[flip]


def _offset(a: Array) -> Array:
    """C-contiguous, but starting one byte off its alignment."""
    raw = np.zeros(a.nbytes + 1, dtype=np.uint8)
    view = raw[1:].view(a.dtype).reshape(a.shape)
    view[...] = a
    return view


def _readonly(a: Array) -> Array:
    copy = a.copy()
    copy.flags.writeable = False
    return copy


_ARRANGE: dict[str, Callable[[Array], Array]] = {
    "C": lambda a: a.copy(),
    "F": lambda a: np.asfortranarray(a.copy()),
    "step2": _step2,
    "reversed": _reversed,
    "offset": _offset,
    "readonly": _readonly,
}
assert tuple(_ARRANGE) == LAYOUT_NAMES
