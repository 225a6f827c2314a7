"""Arrays of the same values in other memory: order, steps, offset, alignment, writeability, files.

Memory around and between the elements is poisoned, so a backend that reads past its array, or front to back without
looking at strides, meets numbers that belong to nobody.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable

import numpy as np

from harness.contract.protocol import Array

_POISON = 93  # whole, so that integer dtypes hold it; larger than any factor of the exact data


def representable(a: Array, layout: str) -> Array:
    """The values that `layout` can hold: those of `a`; for `broadcast`, its first entry along the first axis again."""
    if layout == "broadcast" and a.shape[0]:
        return np.ascontiguousarray(np.broadcast_to(a[:1], a.shape))
    return a


def arrange(a: Array, layout: str) -> Array:
    """A new array equal to `representable(a, layout)`, laid out as `layout` says. Raises `KeyError` if unknown."""
    return _ARRANGE[layout](a)


def _permuted(a: Array) -> Array:
    """Axes stored in another order: neither C nor Fortran order where there are three or more."""
    axes = (*range(1, a.ndim), 0)
    return a.transpose(axes).copy(order="C").transpose(np.argsort(axes))


def _stepped(a: Array, step: int) -> Array:
    """Every |step|-th element of a poisoned buffer, in every axis; a negative step runs backwards."""
    gap = abs(step)
    buffer = np.full(tuple(gap * n + 2 for n in a.shape), _POISON, a.dtype)
    view = buffer[tuple(slice(1, 1 + gap * n, gap) for n in a.shape)]
    view = view[(slice(None, None, -1),) * a.ndim] if step < 0 else view
    view[...] = a
    return view


def _offset(a: Array) -> Array:
    """C-contiguous in the middle of a poisoned buffer."""
    buffer = np.full(a.size + 6, _POISON, a.dtype)
    view = buffer[3 : 3 + a.size].reshape(a.shape)
    view[...] = a
    return view


def _unaligned(a: Array) -> Array:
    """C-contiguous, but starting one byte off its alignment."""
    raw = np.zeros(a.nbytes + 1, dtype=np.uint8)
    view = raw[1:].view(a.dtype).reshape(a.shape)
    view[...] = a
    return view


def _broadcast(a: Array) -> Array:
    """Stride 0 along the first axis; read-only, as NumPy makes such arrays."""
    return np.broadcast_to(a[:1].copy(), a.shape) if a.shape[0] else a.copy()


def _readonly(a: Array) -> Array:
    copy = a.copy()
    copy.flags.writeable = False
    return copy


def _memmap(a: Array) -> Array:
    """In a file, as a plain array on top of the mapping. An empty file cannot be mapped."""
    if not a.size:
        return a.copy()
    mapped = np.memmap(tempfile.TemporaryFile(), a.dtype, "w+", shape=a.shape)  # noqa: SIM115
    mapped[...] = a
    return np.asarray(mapped)


_ARRANGE: dict[str, Callable[[Array], Array]] = {  # from the plainest to the oddest
    "C": lambda a: a.copy(),
    "F": lambda a: np.asfortranarray(a.copy()),
    "permuted": _permuted,
    "step2": lambda a: _stepped(a, 2),
    "reversed": lambda a: _stepped(a, -1),
    "step-2": lambda a: _stepped(a, -2),
    "offset": _offset,
    "unaligned": _unaligned,
    "readonly": _readonly,
    "broadcast": _broadcast,
    "memmap": _memmap,
}
MEMORY_LAYOUTS = tuple(_ARRANGE)
