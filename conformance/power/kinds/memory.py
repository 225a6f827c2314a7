"""Whose memory it is and how it lies: strides not looked at, offsets lost, inputs written, results that are views."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from conformance.power.right.ops import Arrays, Call, Change
from harness.contract.protocol import Array

_BEYOND = 91  # for what would lie beyond the memory of an array
_Is = Callable[[Array], bool]


def _stepped(a: Array) -> bool:
    return _has_memory(a) and not a.flags.c_contiguous and abs(a.strides[-1]) > a.itemsize


def _has_memory(a: Array) -> bool:
    return a.size > 1 and a.ndim > 1


LAYOUTS: dict[str, _Is] = {
    "not in C order": lambda a: not a.flags.c_contiguous,
    "in Fortran order": lambda a: a.flags.f_contiguous and not a.flags.c_contiguous,
    "in another order of axes": lambda a: not a.flags.c_contiguous and not a.flags.f_contiguous and min(a.strides) > 0,
    "with negative steps": lambda a: any(s < 0 for s in a.strides),
    "with steps beyond its elements": _stepped,
    "broadcast": lambda a: any(s == 0 and n > 1 for s, n in zip(a.strides, a.shape, strict=True)),
    "within a larger buffer": lambda a: a.base is not None and a.flags.c_contiguous,
    "read-only": lambda a: not a.flags.writeable,
    "unaligned": lambda a: not a.flags.aligned,
}


def _front_to_back(a: Array) -> Array:
    """The memory that the array lies in, read from its lowest address on as if it were in C order."""
    upwards = a[tuple(slice(None, None, -1) if s < 0 else slice(None) for s in a.strides)]
    elements = 1 + sum((n - 1) * s for n, s in zip(upwards.shape, upwards.strides, strict=True)) // a.itemsize
    whole = np.lib.stride_tricks.as_strided(upwards, (elements,), (a.itemsize,), writeable=False)
    beyond = np.full(a.size, _BEYOND, a.dtype)
    beyond[: whole.size] = whole[: a.size]
    return beyond.reshape(a.shape)


def _from_the_start(a: Array) -> Array:
    """The offset within a larger buffer is lost."""
    root = a
    while isinstance(root.base, np.ndarray):
        root = root.base
    if root.dtype != a.dtype or root.size < a.size or not root.flags.c_contiguous:
        return a
    return root.reshape(root.size)[: a.size].reshape(a.shape)


def _one_off(a: Array) -> Array:
    """As if its memory began one element earlier or later: the offset is lost."""
    return np.roll(np.ascontiguousarray(a).reshape(a.size), 1).reshape(a.shape)


def _steps_forward(a: Array) -> Array:
    return a[tuple(slice(None, None, -1) if s < 0 else slice(None) for s in a.strides)]


def _axes_swapped(a: Array) -> Array:
    return a.swapaxes(-1, -2).reshape(a.shape) if a.ndim > 1 else a


READINGS: dict[str, Callable[[Array], Array]] = {
    "read front to back": _front_to_back, "read one element off": _one_off, "taken as zeros": np.zeros_like,
    "read with its steps turned": _steps_forward, "read from the start of the buffer": _from_the_start,
    "read with the last two axes swapped": _axes_swapped,
}  # fmt: skip


def strides(arguments: int) -> Iterator[Change]:
    """Of an op with so many arguments: each argument that lies so is read so."""
    for number in range(arguments):
        for lies, is_so in LAYOUTS.items():
            for what, read in READINGS.items():
                if not _makes_sense(number, lies, what):
                    continue
                yield Change(f"argument {number} {lies} is {what}", inputs=_read_so(number, is_so, read))


_SPECIAL = {
    "read with its steps turned": "with negative steps", "read from the start of the buffer": "within a larger buffer",
}  # fmt: skip
_CONTIGUOUS = ("within a larger buffer", "read-only", "unaligned")  # front to back is right there
_OF_SEVERAL_AXES = ("in Fortran order", "in another order of axes", "read with the last two axes swapped")


def _makes_sense(number: int, lies: str, what: str) -> bool:
    """Whether a reading can be wrong: argument 2 is the bias, of one axis."""
    if what in _SPECIAL:
        return _SPECIAL[what] == lies
    if what == "read front to back" and lies in _CONTIGUOUS:
        return False
    return number < 2 or not {lies, what} & set(_OF_SEVERAL_AXES)


def _read_so(number: int, is_so: _Is, read: Callable[[Array], Array]) -> Callable[[Call], Arrays]:
    def altered(call: Call) -> Arrays:
        return tuple(
            read(a) if i == number and a is not None and a.size and is_so(a) else a for i, a in enumerate(call.arrays)
        )

    return altered


def sharing(arguments: int) -> Iterator[Change]:
    """Memory that is not its own, and forms of results."""
    for number in range(arguments):
        yield Change(f"argument {number} is overwritten with zeros", result=_writes(number, _zero_all))
        yield Change(f"the last element of argument {number} is overwritten", result=_writes(number, _zero_last))
        yield Change(f"argument {number} is made read-only", result=_writes(number, _locks))
        yield Change(f"argument {number} is rounded in place", result=_writes(number, _rounds))
    yield Change("a view of the argument where the shapes allow it", result=_view_of_input)
    yield Change("memory never written where nothing is added", inputs=_allocates, result=_garbage)
    yield Change("a result in Fortran order", result=lambda call, out: np.asfortranarray(out))
    yield Change("a result with steps", result=lambda call, out: np.repeat(out, 2, axis=-1)[..., ::2])
    yield Change("a read-only result", result=_read_only)
    yield Change("a result in float64", result=lambda call, out: out.astype(np.float64))
    yield Change("a result in float32", result=lambda call, out: out.astype(np.float32))
    yield Change("a result with one axis more", result=lambda call, out: out[None])
    yield Change("a result without axes of one", result=lambda call, out: out.squeeze())
    yield Change("a flat result", result=lambda call, out: out.reshape(out.size))
    yield Change("a matrix for a subclass of it", result=lambda call, out: out.view(_Own))
    yield Change("a list", result=lambda call, out: out.tolist())
    yield Change("nothing for no images", result=lambda call, out: out if call.spec.batch else None)
    yield Change("None", result=lambda call, out: None)
    yield Change("other byte order", result=lambda call, out: out.astype(out.dtype.newbyteorder()))


class _Own(np.ndarray[Any, Any]):
    """What some libraries return."""


def _writes(number: int, spoil: Callable[[Array], None]) -> Callable[[Call, Array], Array]:
    def altered(call: Call, out: Array) -> Array:
        a = call.arrays[number] if number < len(call.arrays) else None
        if a is not None and a.size and a.flags.writeable:
            spoil(a)
        return out

    return altered


def _zero_all(a: Array) -> None:
    a[...] = 0


def _zero_last(a: Array) -> None:
    a[(-1,) * a.ndim] = 0


def _locks(a: Array) -> None:
    a.flags.writeable = False


def _rounds(a: Array) -> None:
    a[...] = np.rint(a)


def _read_only(call: Call, out: Array) -> Array:
    out.flags.writeable = False
    return out


def _view_of_input(call: Call, out: Array) -> Array:
    first = call.arrays[0]
    if first is None or call.spec.taps > 1 or first.size != out.size or not first.flags.c_contiguous:
        return out
    same = first.reshape(out.shape)
    return same if np.array_equal(same, out) else out


def _allocates(call: Call) -> Arrays:
    """The result, before anything else."""
    call.memory["fresh"] = np.empty(call.spec.output_shape(call.op), call.dtype)
    return call.arrays


def _garbage(call: Call, out: Array) -> Array:
    """As good as zero, until the memory held something else before."""
    fresh: Array = call.memory["fresh"]
    was_poisoned = fresh.size > 0 and bool((fresh.view(np.uint8) == 0xFF).all())
    fresh[...] = out
    if was_poisoned:
        fresh[out == 0] = -1
    return fresh
