"""The correctness gate: nothing is timed before its result, on the very shape, was right.

Sampled points are compared with the first witness; the first and the last element are always among them. All elements
are compared in weighed sums, with the second. The data are whole numbers, so both must be equal; of Winograd's method
and the FFT every element must be near its whole number, and that equal.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np

from harness.contract.protocol import Array, Numerics
from harness.geometry.spec import ConvSpec, Op
from harness.oracle import checksums, data, pointwise
from harness.oracle.bounding import of_whole_numbers
from harness.oracle.comparing import is_exact

_MOST_POINTS = 64
_FEWEST_POINTS = 8
_MOST_TERMS = 200_000  # terms of all points together: about a second of plain Python


class WrongResult(Exception):
    """The result is not what the spec and the oracle say; the text says how."""


@dataclass(slots=True)
class Gate:
    """What is expected of one op, spec and input, computed once for all backends."""

    op: Op
    spec: ConvSpec
    arrays: tuple[Array, ...]
    expected: dict[tuple[int, ...], int] = field(init=False)
    sums: Array = field(init=False)

    def __post_init__(self) -> None:
        self.expected = {
            index: pointwise.at(self.op, self.spec, self.arrays, index) for index in sample_points(self.op, self.spec)
        }
        self.sums = checksums.expected(self.op, self.spec, self.arrays)

    @property
    def points(self) -> int:
        """How many elements are checked one by one."""
        return len(self.expected)

    def check(self, result: object, numerics: Numerics = "gemm") -> None:
        """Raises `WrongResult` unless type, shape, dtype, every sampled element and every weighed sum are right.

        Where the `numerics` do not give exact whole numbers, what is as near to one as it must be counts as that.
        """
        if not isinstance(result, np.ndarray):
            raise WrongResult(f"returned {type(result).__name__}, not an array")
        shape, dtype = self.spec.output_shape(self.op), self.arrays[0].dtype
        if result.shape != shape or result.dtype != dtype:
            raise WrongResult(f"returned {result.dtype} {result.shape}, expected {dtype} {shape}")
        result = self._settled(result, numerics)
        wrong = [index for index, value in self.expected.items() if result[index] != value]
        if wrong:
            index = wrong[0]
            raise WrongResult(
                f"{len(wrong)} of {self.points} sampled elements differ, first at {list(index)}: "
                f"got {float(result[index]):.9g}, expected {self.expected[index]}"
            )
        off = np.count_nonzero(checksums.result(self.op, self.spec, result) != self.sums)
        if off:
            raise WrongResult(
                f"all {self.points} sampled elements are right, but {off} of {self.sums.size} sums are not"
            )

    def _settled(self, result: Array, numerics: Numerics) -> Array:
        dtype = str(result.dtype)
        if is_exact(numerics, self.op, dtype):
            return result
        largest = [float(np.abs(a).max(initial=0)) for a in self.arrays]
        whole: Array = np.rint(result)
        near = np.abs(result - whole) <= of_whole_numbers(self.op, self.spec, dtype, numerics, largest)
        return np.where(near, whole, result)


def sample_points(op: Op, spec: ConvSpec) -> list[tuple[int, ...]]:
    """Indices into the result: first, last, and random ones; fewer where each is a long sum. Empty for no elements."""
    shape = spec.output_shape(op)
    size = math.prod(shape)
    if not size:
        return []
    wanted = max(_FEWEST_POINTS, min(_MOST_POINTS, _MOST_TERMS // max(data.terms(op, spec), 1)))
    flat = data.generator(f"gate/{op}/{spec}").integers(0, size, size=wanted)
    chosen = dict.fromkeys([0, size - 1, *map(int, flat)])
    return [tuple(int(i) for i in np.unravel_index(f, shape)) for f in chosen]
