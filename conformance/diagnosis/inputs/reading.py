"""Ways to misread an array that does not lie as NumPy lays a new one: whoever makes the mistake sees other numbers."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import numpy as np
from numpy.lib.stride_tricks import as_strided

from harness.contract.protocol import Array
from harness.geometry.spec import Shape


class Way(NamedTuple):
    """`says` is a verb and holds {what}; `read` gives what is seen of an array, None if that is not its own memory."""

    key: str
    says: str
    read: Callable[[Array], Array | None]


def _strides(shape: Shape, item: int) -> Shape:
    """Of an array in C order.

    >>> _strides((2, 3, 5), 4)
    (60, 20, 4)
    """
    found, step = list[int](), item
    for size in reversed(shape):
        found.insert(0, step)
        step *= size
    return tuple(found)


def _kept(axes: int, view: Array) -> Array | None:
    """With the strides of its first axes, and of the others those of a new array."""
    return _stepped(view, (*view.strides[:axes], *_strides(view.shape, view.itemsize)[axes:]))


def _row_by_neighbours(view: Array) -> Array | None:
    """With all strides but the last, which is taken for that of neighbours."""
    return _stepped(view, (*view.strides[:-1], view.itemsize))


def _stepped(view: Array, strides: Shape) -> Array | None:
    """The array that these strides read from the first element on, where they stay in the memory it is a view of."""
    owner = view if view.base is None else view.base
    if not isinstance(owner, np.ndarray) or not view.size:
        return None
    ends = [(size - 1) * step for size, step in zip(view.shape, strides, strict=True)]
    first = view.ctypes.data - owner.ctypes.data
    low, high = first + sum(min(end, 0) for end in ends), first + sum(max(end, 0) for end in ends)
    if low < 0 or high + view.itemsize > owner.nbytes:
        return None
    return as_strided(view, view.shape, strides).copy()


def _from_lowest(view: Array) -> Array | None:
    """As in C order from its lowest address on, gaps included, where they reach far enough."""
    upwards = _steps_forward(view)
    return _kept(0, upwards)


def _from_the_start(view: Array) -> Array | None:
    """As in C order from where the memory begins that it is a view of: its offset is lost."""
    owner = view
    while isinstance(owner.base, np.ndarray):
        owner = owner.base
    if owner.dtype != view.dtype or owner.size < view.size or not owner.flags.c_contiguous:
        return None
    return owner.reshape(owner.size)[: view.size].reshape(view.shape).copy()


def _steps_forward(view: Array) -> Array:
    return view[tuple(slice(None, None, -1) if step < 0 else slice(None) for step in view.strides)]


def _one_late(view: Array) -> Array:
    """As if its memory began one element earlier; the first is then not its own, and taken to be its last."""
    return np.roll(view.reshape(view.size), 1).reshape(view.shape)


def _last_axes_exchanged(view: Array) -> Array | None:
    return view.swapaxes(-1, -2).reshape(view.shape) if view.ndim > 1 else None


def _in_order(order: str, view: Array) -> Array:
    return np.ravel(view, order=order).reshape(view.shape)  # type: ignore[call-overload, no-any-return]


WAYS: tuple[Way, ...] = (
    Way("contiguous", "takes the memory of {what} for contiguous, whatever the strides: it misreads views",
        partial(_kept, 0)),
    Way("rows of neighbours", "takes the numbers of a row of {what} for neighbours in memory, whatever the last stride",
        _row_by_neighbours),
    Way("planes contiguous", "takes the planes of {what} for contiguous, and heeds the strides of the first two axes "
        "alone", partial(_kept, 2)),
    Way("images contiguous", "takes all but the first axis of {what} for contiguous, whatever the strides",
        partial(_kept, 1)),
    Way("order of memory", "takes the numbers of {what} as they follow in memory, as `ravel(order=\"K\")` does",
        partial(_in_order, "K")),
    Way("Fortran order kept", "takes the numbers of {what} as they follow in memory if that is in Fortran order: "
        "`ravel(order=\"A\")` does, and who asks `flags.forc`", partial(_in_order, "A")),
    Way("steps forward", "takes the negative strides of {what} for positive ones", _steps_forward),
    Way("lowest address", "reads {what} from its lowest address on as if it were contiguous, whatever the strides",
        _from_lowest),
    Way("offset lost", "reads the memory that {what} is a view of from its start: the offset of the view is lost",
        _from_the_start),
    Way("last axes exchanged", "reads {what} with its last two axes exchanged, as the flag of a transposed matrix does",
        _last_axes_exchanged),
    Way("one element off", "reads {what} one element off, as if its memory began an element earlier", _one_late),
    Way("zeros", "takes {what} for zeros", np.zeros_like),
)  # fmt: skip
