"""The inputs of one op and layer, as the parent knows them: its private copy, by which results are judged.

Some sets hold small whole numbers, one holds fractions whose digits fill the dtype (`harness.oracle.dyadic`): of both
every sum is exact, and in the second a sum in lower precision shows. They change before every call.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from harness.contract.protocol import Array
from harness.geometry.spec import ConvSpec, Op
from harness.oracle import data, dyadic
from harness.timing.calling.held import digest

_SETS, _FEWER_SETS = 4, 3
_LARGE = 256 * 2**20  # bytes of a set, above which there are fewer
_HANDFUL = 2  # elements of each array that are changed before a block
_MANY = 64  # elements: an array that has as many may change before a call, or the largest, if none has
_NEGATED = 8  # of so many arrays one is negated
_WIDE_BITS = {"float32": 24, "float64": 36}  # of a sum: those of float64 leave room for weighed sums in float64


class _Kind(NamedTuple):
    """The values of each argument: whole numbers up to the largest, times the unit."""

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
        there = [number for number, size in enumerate(sizes) if size >= min(_MANY, max(sizes))]
        if not max(sizes):
            return Changes(sets, np.zeros(calls, np.int64), np.full(calls, -1), np.zeros(calls))
        return self._drawn(sets, self.random.choice(np.array(there), calls))

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

    Raises `DataError` where no sums are exact in the dtype, and `MemoryError`.
    """
    shapes = spec.input_shapes(op)
    size = sum(map(math.prod, shapes)) * np.dtype(dtype).itemsize
    wanted = count or (_FEWER_SETS if size > _LARGE else _SETS)
    random = np.random.default_rng()
    most = data.largest(op, spec, dtype)
    kinds = [_Kind([most] * len(shapes), (1.0,) * len(shapes))] * wanted
    if wanted > 1 and dtype in _WIDE_BITS:
        with suppress(data.DataError):  # sums that are too long for more than plus and minus one
            wide = dyadic.magnitudes(op, spec, dtype, int(random.integers(3)), _WIDE_BITS[dtype])
            powers = [1 << (n.bit_length() - 1) for n in wide]  # few, as there is a pool of numbers for each
            kinds[-1] = _Kind(powers, dyadic.units(dtype, len(shapes)))
    sets = [tuple(_made(shape, dtype, kind, n, random) for n, shape in enumerate(shapes)) for kind in kinds]
    return InputSets(op, spec, dtype, kinds, sets, random)


def _repeated(keys: Array) -> Iterator[tuple[int, int]]:
    """The rows whose key other rows have too, in order."""
    _, inverse, counts = np.unique(keys, return_inverse=True, return_counts=True)
    for row in np.flatnonzero(counts[inverse] > 1).tolist():
        yield row, int(keys[row])


def _made(shape: tuple[int, ...], dtype: str, kind: _Kind, argument: int, random: np.random.Generator) -> Array:
    whole = data.cut(shape, kind.largest[argument], dtype, int(random.integers(2**31)))
    if kind.units[argument] != 1:
        whole *= kind.units[argument]
    return whole
