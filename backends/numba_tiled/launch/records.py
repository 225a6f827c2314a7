"""Records as one array of whole numbers: how a plan goes from Python to a compiled function.

Numba looks at every number that a call is given; a plan has some thirty, which takes longer than a small layer. So they
are written into an array once for a spec, and the compiled function makes the record again:

    Plan(rows=Axis(size=7, phases=np.array([0, 1])), copied=True)        packed, and read by `record(Plan, numbers)`:

    7   4   2   1   0   1
    |   |---|   |   |---|
    |   |       |   the array
    |   |       copied
    |   where the array begins, and how long it is
    size
"""

from __future__ import annotations

from collections.abc import Iterator
from operator import index
from typing import Any, get_type_hints

import numpy as np
from numba import types
from numba.extending import intrinsic
from numba.np import arrayobj

from backends.numba_tiled.simd.emit import Value, int_of

_ARRAY = types.Array(types.int64, 1, "C")
_OF = {int: types.int64, bool: types.boolean, np.ndarray: _ARRAY}


def packed(values: tuple[Any, ...]) -> np.ndarray:
    """A record whose fields are annotated as `int`, `bool`, `np.ndarray` (of int64) or as another such record.

    Raises `TypeError` where a value is something else: what is read would be other numbers.
    """
    leaves = list(_leaves(values))
    head, tail = [], []
    place = len(leaves) + sum(isinstance(leaf, np.ndarray) for leaf in leaves)
    for leaf in leaves:
        if isinstance(leaf, np.ndarray):
            head += [place, leaf.size]
            tail.append(leaf.ravel())
            place += leaf.size
        else:
            head.append(index(leaf))
    return np.concatenate((np.array(head, np.int64), *tail))


def _leaves(values: tuple[Any, ...]) -> Iterator[Any]:
    """What a record holds, from first to last, in place of the records in it what they hold."""
    for (name, wanted), value in zip(get_type_hints(type(values)).items(), values, strict=True):
        if wanted is np.ndarray:
            fits = isinstance(value, np.ndarray) and value.dtype == np.int64
        else:
            fits = not isinstance(value, np.ndarray) if wanted in _OF else type(value) is wanted
        if not fits:
            raise TypeError(f"{name} of {type(values).__name__} is to be {wanted.__name__}, got {value!r}")
        if wanted in _OF:
            yield value
        else:
            yield from _leaves(value)


@intrinsic
def record(typing: Any, kind: Any, numbers: Any) -> Any:
    """The record of a kind (a NamedTuple with annotations) that `numbers` holds, which must outlive it."""
    made = _type_of(kind.instance_class)

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Value:
        base = context.make_array(numbers)(context, builder, arguments[1]).data
        return _Reader(context, builder, base).read(made)

    return made(kind, numbers), generate


def _type_of(kind: type) -> types.NamedTuple:
    """Numba's type of a record, from its annotations."""
    hints = get_type_hints(kind)
    return types.NamedTuple([_OF.get(hint) or _type_of(hint) for hint in hints.values()], kind)


class _Reader:
    """Emits loads of numbers from first to last."""

    def __init__(self, context: Any, builder: Any, base: Value) -> None:
        self.context, self.builder, self.base, self.place = context, builder, base, 0

    def read(self, wanted: Any) -> Value:
        """The next value of a type: of a record, all of it."""
        if isinstance(wanted, types.NamedTuple):
            return self.context.make_tuple(self.builder, wanted, [self.read(part) for part in wanted.types])
        if wanted == _ARRAY:
            return self._array()
        number = self._number()
        return self.builder.trunc(number, self.context.get_value_type(wanted)) if wanted == types.boolean else number

    def _number(self) -> Value:
        at = self.builder.gep(self.base, [int_of(self.place)])
        self.place += 1
        return self.builder.load(at)

    def _array(self) -> Value:
        """An array that nobody counts references to: its numbers lie among the others."""
        start, size = self._number(), self._number()
        array = arrayobj.make_array(_ARRAY)(self.context, self.builder)
        arrayobj.populate_array(
            array, data=self.builder.gep(self.base, [start]), shape=[size], strides=[int_of(8)], itemsize=int_of(8),
            meminfo=None,
        )  # fmt: skip
        return array._getvalue()
