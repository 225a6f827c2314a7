"""The inputs of one op and layer, as the parent knows them: its private copy, by which results are judged.

One set holds small whole numbers, the others fractions (`harness.oracle.dyadic`): of all every sum is exact, and of the
first every average. In the fractions a sum in lower precision shows, and in the last set, where products are sums of a
single term, also a factor that has lost digits. They change before every call.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from harness.contract.protocol import Array
from harness.geometry.spec import POOL_OPS, ConvSpec, Op
from harness.geometry.windows import why_not_pooled
from harness.oracle import data, dyadic
from harness.timing.calling.held import digest

_SETS, _FEWER_SETS = 4, 3
_LARGE = 256 * 2**20  # bytes of a set, above which there are fewer
_HANDFUL = 2  # elements of each array that are changed before a block
_MANY = 64  # elements: an array that has as many may change before a call, or the largest, if none has
_NEGATED = 8  # of so many arrays one is negated
_WIDE_BITS = {"float32": 24, "float64": 36}  # of a sum: those of float64 leave room for weighed sums in float64
_PRODUCTS = ("conv2d", "conv2d_input_grad", "conv2d_weight_grad")


class _Kind(NamedTuple):
    """The values of each argument: whole numbers up to the largest, times the unit; 0 where they are not to change."""

    largest: list[int]
    units: tuple[float, ...]


class Changes(NamedTuple):
    """Elements to change, in this order."""

    sets: Array
    arguments: Array
    places: Array
    values: Array


@dataclass(slots=True)
class InputSets:
    """The sets that a child holds, with the values that they have now."""

    op: Op
    spec: ConvSpec
    dtype: str
    kinds: list[_Kind]
    sets: list[tuple[Array, ...]]
    random: np.random.Generator = field(default_factory=np.random.default_rng)

    def copy(self) -> InputSets:
        """The same values in memory of its own."""
        return InputSets(self.op, self.spec, self.dtype, self.kinds, [tuple(a.copy() for a in s) for s in self.sets])

    @property
    def is_large(self) -> bool:
        """Whether there is little room for more."""
        return sum(a.nbytes for a in self.sets[0]) > _LARGE

    def flat(self) -> list[Array]:
        """All arrays, set after set."""
        return [a for one in self.sets for a in one]

    def digests(self, which: int) -> list[int]:
        """A checksum of each array of a set."""
        return [digest(a) for a in self.sets[which]]

    def changed(self) -> tuple[list[tuple[int, int]], Changes]:
        """Change a handful of elements of every array, and negate some arrays: what was done."""
        sizes = [math.prod(shape) for shape in self.spec.input_shapes(self.op)]
        every = [(which, argument) for which in range(len(self.sets)) for argument, n in enumerate(sizes) if n]
        negated = [pair for pair in every if self.random.integers(_NEGATED) == 0]
        every = [(which, argument) for which, argument in every if self.kinds[which].largest[argument]]
        for which, argument in negated:
            np.negative(self.sets[which][argument], out=self.sets[which][argument])
        rows = np.array(every * _HANDFUL, np.int64).reshape(-1, 2)
        changes = self._drawn(rows[:, 0], rows[:, 1])
        self.apply(changes, 0, len(rows))
        return negated, changes

    def of_calls(self, turn: int, calls: int) -> Changes:
        """One change before each of so many calls, not yet applied."""
        sets = (turn + np.arange(calls)) % len(self.sets)
        sizes = [math.prod(shape) for shape in self.spec.input_shapes(self.op)]
        arguments = np.zeros(calls, np.int64)
        for which, kind in enumerate(self.kinds):
            mine = sets == which
            able = [n if most else 0 for n, most in zip(sizes, kind.largest, strict=True)]
            if not max(able):
                return Changes(sets, arguments, np.full(calls, -1), np.zeros(calls))
            there = [number for number, n in enumerate(able) if n >= min(_MANY, max(able))]
            arguments[mine] = self.random.choice(np.array(there), int(mine.sum()))
        return self._drawn(sets, arguments)

    def unchanged(self, turn: int) -> Changes:
        """For a single call from the set of that turn, before which nothing is changed."""
        return Changes(np.array([turn % len(self.sets)]), np.zeros(1, np.int64), np.full(1, -1), np.zeros(1))

    def apply(self, changes: Changes, first: int, end: int) -> None:
        """Make the changes of these rows; of two of one element the later stays."""
        sets, arguments, places, values = (column[first:end] for column in changes)
        for which, arrays in enumerate(self.sets):
            for argument, a in enumerate(arrays):
                mine = (sets == which) & (arguments == argument) & (places >= 0)
                a.reshape(a.size)[places[mine]] = values[mine]

    def _drawn(self, sets: Array, arguments: Array) -> Changes:
        """Other values for random elements of these arrays: no element is 0, so that negated it is another."""
        sizes = np.array([math.prod(shape) for shape in self.spec.input_shapes(self.op)])
        largest = np.array([kind.largest for kind in self.kinds])[sets, arguments]
        units = np.array([kind.units for kind in self.kinds])[sets, arguments]
        values = self.random.integers(1, largest + 1) * self.random.choice(np.array([-1, 1]), len(sets)) * units
        places = self.random.integers(0, sizes[arguments])
        was = np.zeros(len(sets))
        for which, arrays in enumerate(self.sets):
            for argument, a in enumerate(arrays):
                mine = (sets == which) & (arguments == argument)
                was[mine] = a.reshape(a.size)[places[mine]]
        values[values == was] *= -1
        before: dict[int, float] = {}
        for row, key in _repeated(
            np.ravel_multi_index((sets, arguments, places), (len(self.sets), len(sizes), int(sizes.max())))
        ):
            if values[row] == before.get(key):
                values[row] *= -1
            before[key] = values[row]
        return Changes(sets, arguments, places, values)


def make(op: Op, spec: ConvSpec, dtype: str, count: int = 0) -> InputSets:
    """So many sets, or as many as there is use and room for, with values that nobody can foretell.

    Raises `DataError` where no sums are exact in the dtype or pooling is not defined, and `MemoryError`.
    """
    undefined = why_not_pooled(spec) if op in POOL_OPS else None
    if undefined is not None:
        raise data.DataError(undefined)
    shapes = spec.input_shapes(op)
    size = sum(map(math.prod, shapes)) * np.dtype(dtype).itemsize
    wanted = count or (_FEWER_SETS if size > _LARGE else _SETS)
    random = np.random.default_rng()
    most, unit = data.largest(op, spec, dtype), float(data.unit(op, spec))
    made = InputSets(op, spec, dtype, [], [], random)
    for number in range(wanted):
        kind, arrays = None, None
        if number and dtype in _WIDE_BITS:
            with suppress(data.DataError):  # sums that are too long for more than plus and minus one
                is_single = op in _PRODUCTS and number == wanted - 1
                kind, arrays = (_single if is_single else _wide)(op, spec, dtype, random)
        if kind is None or arrays is None:
            kind = _Kind([most] * len(shapes), (unit,) * len(shapes))
            arrays = tuple(_cut(shape, dtype, most, unit, random) for shape in shapes)
        made.kinds.append(kind)
        made.sets.append(arrays)
    return made


def _wide(op: Op, spec: ConvSpec, dtype: str, random: np.random.Generator) -> tuple[_Kind, tuple[Array, ...]]:
    """All digits that sums have room for."""
    shapes = spec.input_shapes(op)
    wide = dyadic.magnitudes(op, spec, dtype, int(random.integers(1, 3)), _WIDE_BITS[dtype])
    kind = _Kind([1 << (n.bit_length() - 1) for n in wide], dyadic.units(dtype, len(shapes)))  # a pool for each power
    parts = zip(shapes, kind.largest, kind.units, strict=True)
    return kind, tuple(_cut(shape, dtype, most, unit, random) for shape, most, unit in parts)


def _single(op: Op, spec: ConvSpec, dtype: str, random: np.random.Generator) -> tuple[_Kind, tuple[Array, ...]]:
    """All digits that the dtype has in one argument, one digit in the other, and in one of them mostly zeros.

    Those are not to change, or there would be second terms.
    """
    full, bits = int(random.integers(2)), _WIDE_BITS[dtype]
    arrays = dyadic.one_term(op, spec, dtype, str(random.integers(2**31)), full, bits)
    dense = full if op == "conv2d_weight_grad" else 0
    most = 2 ** (bits - 1) - 1 if dense == full else 1
    largest = [most if number == dense else 0 for number in range(len(arrays))]
    return _Kind(largest, dyadic.units(dtype, len(arrays))), arrays


def _repeated(keys: Array) -> Iterator[tuple[int, int]]:
    """The rows whose key other rows have too, in order."""
    _, inverse, counts = np.unique(keys, return_inverse=True, return_counts=True)
    for row in np.flatnonzero(counts[inverse] > 1).tolist():
        yield row, int(keys[row])


def _cut(shape: tuple[int, ...], dtype: str, most: int, unit: float, random: np.random.Generator) -> Array:
    whole = data.cut(shape, most, dtype, int(random.integers(2**31)))
    if unit != 1:
        whole *= unit
    return whole
