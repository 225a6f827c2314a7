"""Arrays of the same values in other memory: order, steps, offset, alignment, writeability, files.

Memory around and between the elements is poisoned, so a backend that reads past its array, or front to back without
looking at strides, meets numbers that belong to nobody.
"""

from __future__ import annotations

import ctypes
import mmap
import tempfile
from collections.abc import Callable

import numpy as np

from harness.contract.protocol import Array

_NO_ACCESS = 0  # PROT_NONE
_BROADCAST = {"broadcast": 0, "broadcast1": 1, "broadcast2": 2, "broadcast3": 3}
_POISON = 93  # whole, so that integer dtypes hold it; larger than any factor of the exact data


def representable(a: Array, layout: str) -> Array:
    """The values that `layout` can hold: those of `a`; for `broadcast`, its first entry along that axis again."""
    axis = _BROADCAST.get(layout)
    if axis is None or axis >= a.ndim or not a.shape[axis]:
        return a
    return np.ascontiguousarray(np.broadcast_to(a.take([0], axis), a.shape))


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


def _broadcast(a: Array, axis: int) -> Array:
    """Stride 0 along one axis; read-only, as NumPy makes such arrays."""
    return np.broadcast_to(a.take([0], axis), a.shape) if axis < a.ndim and a.shape[axis] else a.copy()


def _axes_stored(a: Array, first: int, last: int) -> Array:
    """Axis `first` stored last, behind axis `last`; as it is where there are fewer."""
    if a.ndim <= first:
        return a.copy()
    return np.moveaxis(np.moveaxis(a, first, last).copy(), last, first)


def _along(a: Array, axis: int, step: int) -> Array:
    """Steps in one axis alone; a negative one runs backwards. As it is where there is no such axis."""
    axis = axis % a.ndim if axis < 0 <= axis + a.ndim else axis
    if not 0 <= axis < a.ndim:
        return a.copy()
    buffer = np.full([abs(step) * n if k == axis else n for k, n in enumerate(a.shape)], _POISON, a.dtype)
    view = buffer[tuple(slice(None, None, step) if k == axis else slice(None) for k in range(a.ndim))]
    view[...] = a
    return view


def _crop(a: Array) -> Array:
    """The inner part of a larger poisoned array."""
    buffer = np.full([n + 2 for n in a.shape], _POISON, a.dtype)
    view = buffer[tuple(slice(1, 1 + n) for n in a.shape)]
    view[...] = a
    return view


def _pitched(a: Array) -> Array:
    """Rows that are longer in memory than they are."""
    buffer = np.full([*a.shape[:-1], a.shape[-1] + 3], _POISON, a.dtype)
    view = buffer[..., : a.shape[-1]]
    view[...] = a
    return view


def _guarded(a: Array, behind: bool) -> Array:
    """Right before, or behind, a page of memory that ends the process of whoever reads or writes it."""
    if not a.size or not hasattr(mmap, "PROT_READ"):
        return a.copy()
    page = mmap.PAGESIZE
    own = -(-a.nbytes // page) * page
    pages = mmap.mmap(-1, own + 2 * page)
    view = np.frombuffer(pages, a.dtype, a.size, page + (own - a.nbytes if behind else 0)).reshape(a.shape)
    view[...] = a
    start = view.ctypes.data - (own - a.nbytes if behind else 0)
    for guard in (start - page, start + own):
        ctypes.CDLL(None, use_errno=True).mprotect(ctypes.c_void_p(guard), page, _NO_ACCESS)
    return view


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
    "broadcast": lambda a: _broadcast(a, 0),
    "memmap": _memmap,
    "channels_last": lambda a: _axes_stored(a, 1, -1),
    "transposed": lambda a: _axes_stored(a, a.ndim - 2, -1) if a.ndim > 1 else a.copy(),
    "crop": _crop,
    "row_pitch": _pitched,
    "last_step2": lambda a: _along(a, -1, 2),
    "rows_step2": lambda a: _along(a, -2, 2),
    "first_step2": lambda a: _along(a, 0, 2),
    "last_reversed": lambda a: _along(a, -1, -1),
    "second_reversed": lambda a: _along(a, 1, -1),
    "first_reversed": lambda a: _along(a, 0, -1),
    "broadcast1": lambda a: _broadcast(a, 1),
    "broadcast2": lambda a: _broadcast(a, 2),
    "broadcast3": lambda a: _broadcast(a, 3),
}
MEMORY_LAYOUTS = tuple(_ARRANGE)
GUARDED = ("guard_before", "guard_behind")
_ARRANGE |= {"guard_before": lambda a: _guarded(a, False), "guard_behind": lambda a: _guarded(a, True)}
