"""The correctness gate: nothing is timed before its result, on the very shape, was right; nor is a timed call believed.

Before the clock, sampled points are compared with the first witness; the first and the last element are always among
them. All elements are compared in weighed sums, with the second. What timed calls return is judged by those sums too,
and by single elements. The data are such that every sum is exact, so all must be equal; where a method forms other sums
(Winograd's, the FFT) or loses digits (TF32), each element must be as near as it must, and whole numbers near their own.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from fractions import Fraction

import numpy as np

from harness.contract.protocol import Array, Numerics
from harness.geometry.spec import POOL_OPS, ConvSpec, Op
from harness.oracle import checksums, data, pointwise, spots
from harness.oracle.bounding import of_magnitudes, of_whole_numbers
from harness.oracle.comparing import is_exact, truncates

_MOST_POINTS = 64
_FEWEST_POINTS = 8
_MOST_TERMS = 200_000  # terms of all points together: about a second of plain Python
FEW_TERMS = 20_000  # the same, where nobody should wait


class WrongResult(Exception):
    """The result is not what the spec and the oracle say; the text says how."""


class WrongForm(WrongResult):
    """It is no result at all of this op, spec and input; the text begins with the verb: what the call did."""


@dataclass(frozen=True, slots=True)
class Judge:
    """Of the results of one op on one spec and dtype, by a backend of some numerics."""

    op: Op
    spec: ConvSpec
    dtype: str
    numerics: Numerics = "gemm"

    def require_form(self, result: object) -> Array:
        """The result, if it is an array of the right shape and dtype."""
        if not isinstance(result, np.ndarray):
            raise WrongForm(f"returned {type(result).__name__}, not an array")
        shape = self.spec.output_shape(self.op)
        if result.shape != shape or result.dtype != self.dtype:
            raise WrongForm(f"returned {result.dtype} {result.shape}, expected {self.dtype} {shape}")
        return result

    def require_sums(self, result: Array, arrays: tuple[Array, ...], expected: Array | None = None) -> None:
        """All elements must be right, in weighed sums, which `arrays` give if they are not `expected` already."""
        allowed, whole = self._allowed(arrays)
        settled = np.where(np.abs(result - np.rint(result)) <= allowed, np.rint(result), result) if whole else result
        wanted = checksums.expected(self.op, self.spec, arrays) if expected is None else expected
        loose = 0.0 if whole or not allowed else allowed * checksums.heaviest(self.op, self.spec)
        with np.errstate(invalid="ignore"):
            right = np.abs(checksums.result(self.op, self.spec, settled) - wanted) <= loose
        off = right.size - np.count_nonzero(right)
        if off:
            what = "elements" if self.op in POOL_OPS else "sums over all elements"
            raise WrongResult(f"{off} of {right.size} {what} are not right")

    def require_spots(self, places: Array, values: Array, arrays: tuple[Array, ...]) -> None:
        """These elements of a result, by their places in the flat array, must be right."""
        allowed, _ = self._allowed(arrays)
        shape = self.spec.output_shape(self.op)
        for place, value in zip(places.tolist(), values.tolist(), strict=True):
            index = tuple(int(i) for i in np.unravel_index(place, shape))
            expected = spots.at(self.op, self.spec, arrays, index)
            if not abs(value - expected) <= allowed:
                raise WrongResult(f"at {list(index)}: got {value:.9g}, expected {expected:.9g}")

    def _allowed(self, arrays: tuple[Array, ...]) -> tuple[float, bool]:
        """The error allowed in every element, and whether it is one of whole numbers."""
        exact = is_exact(self.numerics, self.op, self.dtype)
        if exact and not truncates(self.numerics, self.op, self.dtype):
            return 0.0, False
        largest = [float(np.abs(a).max(initial=0)) for a in arrays]
        unit = data.unit(self.op, self.spec)
        if all(bool((a == unit * np.rint(a / unit)).all()) for a in arrays):  # also with few digits: they are small
            bound = of_whole_numbers(self.op, self.spec, self.dtype, self.numerics, largest)
            return bound, bound > 0
        return of_magnitudes(self.op, self.spec, self.dtype, self.numerics, largest), False


@dataclass(slots=True)
class Gate:
    """What is expected of one op, spec and input, of whole numbers, computed once for all backends."""

    op: Op
    spec: ConvSpec
    arrays: tuple[Array, ...]
    most_terms: int = _MOST_TERMS
    expected: dict[tuple[int, ...], int | Fraction] = field(init=False)
    sums: Array = field(init=False)

    def __post_init__(self) -> None:
        self.expected = {
            index: pointwise.at(self.op, self.spec, self.arrays, index)
            for index in sample_points(self.op, self.spec, self.most_terms)
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
        dtype = str(self.arrays[0].dtype)
        judge = Judge(self.op, self.spec, dtype, numerics)
        array = self._settled(judge.require_form(result), numerics)
        wrong = [index for index, value in self.expected.items() if array[index] != value]
        if wrong:
            index = wrong[0]
            raise WrongResult(
                f"{len(wrong)} of {self.points} sampled elements differ, first at {list(index)}: "
                f"got {float(array[index]):.9g}, expected {self.expected[index]}"
            )
        off = np.count_nonzero(checksums.result(self.op, self.spec, array) != self.sums)
        if off:
            what = "elements" if self.op in POOL_OPS else "sums"
            raise WrongResult(
                f"all {self.points} sampled elements are right, but {off} of {self.sums.size} {what} are not"
            )

    def _settled(self, result: Array, numerics: Numerics) -> Array:
        dtype = str(result.dtype)
        if is_exact(numerics, self.op, dtype):
            return result
        largest = [float(np.abs(a).max(initial=0)) for a in self.arrays]
        whole: Array = np.rint(result)
        near = np.abs(result - whole) <= of_whole_numbers(self.op, self.spec, dtype, numerics, largest)
        return np.where(near, whole, result)


def sample_points(op: Op, spec: ConvSpec, most_terms: int = _MOST_TERMS) -> list[tuple[int, ...]]:
    """Indices into the result: first, last, and random ones; fewer where each is a long sum. Empty for no elements."""
    shape = spec.output_shape(op)
    size = math.prod(shape)
    if not size:
        return []
    each = most_terms // max(data.terms(op, spec), 1)
    wanted = max(_FEWEST_POINTS if most_terms == _MOST_TERMS else 0, min(_MOST_POINTS, each))
    flat = data.generator(f"gate/{op}/{spec}").integers(0, size, size=wanted)
    chosen = dict.fromkeys([0, size - 1, *map(int, flat)])
    return [tuple(int(i) for i in np.unravel_index(f, shape)) for f in chosen]
