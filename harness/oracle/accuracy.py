"""How accurate a result of real numbers is: its error at sampled points, in units of a bound.

The first witness computes on whole numbers, and every float is one times a power of two: so the exact result is known,
without rounding, whatever the dtype. To compare backends, the unit is the bound of a plain sum for all of them: TF32 or
Winograd's method may exceed it, and are wrong only beyond the bound of their own numerics.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from fractions import Fraction

import numpy as np

from harness.contract.protocol import Array, Numerics, dtype_name
from harness.geometry.spec import POOL_OPS, ConvSpec, Op
from harness.oracle import bounding, data, pointwise
from harness.oracle.comparing import allowance, divides, mixes
from harness.oracle.gate import sample_points

_FINEST = {"float16": 24, "float32": 149, "float64": 1074}  # the smallest number above 0 is 2^-this
_MOST_TERMS = 50_000  # of all points together: about a second, as every point is summed three times


@dataclass(frozen=True, slots=True)
class _Scaled:
    """An argument times 2^`bits`, which is a whole number: one element at a time, or its magnitude."""

    array: Array
    bits: int
    magnitude: bool = False

    def __getitem__(self, index: int | tuple[int, ...], /) -> int:
        """The element."""
        numerator, denominator = float(self.array[index]).as_integer_ratio()
        value = numerator << (self.bits - (denominator.bit_length() - 1))
        return abs(value) if self.magnitude else value


class _Ones:
    """An argument that counts the terms of a sum."""

    def __getitem__(self, index: int | tuple[int, ...], /) -> int:
        """1."""
        return 1


@dataclass(slots=True)
class Accuracy:
    """The exact result of one op on real numbers at sampled points, computed once for all backends.

    `arrays` are floats, all of one dtype; the bias of conv2d may be None. Raises `ValueError` for whole numbers.
    """

    op: Op
    spec: ConvSpec
    arrays: Sequence[Array | None]
    most_terms: int = _MOST_TERMS
    points: list[tuple[int, ...]] = field(init=False)
    exact: list[Fraction] = field(init=False)
    _absolute: list[Fraction] = field(init=False)  # the same sums of magnitudes
    _terms: list[int] = field(init=False)

    def __post_init__(self) -> None:
        dtype = self._dtype
        if dtype not in _FINEST:
            raise ValueError(f"only floats have an error, got {dtype}")
        one = _FINEST[dtype]
        bits = [one, one, 2 * one][: len(self.arrays)]  # of a bias, as of a product
        in_sums = 1 if self.op in POOL_OPS else len(self.arrays)  # x of max_pool2d_grad only says where dy goes
        scale = 2 ** (one * min(in_sums, 2))

        def scaled(magnitude: bool) -> list[_Scaled | None]:
            return [
                None if a is None else _Scaled(a, b, magnitude and n < in_sums)
                for n, (a, b) in enumerate(zip(self.arrays, bits, strict=True))
            ]

        signed, absolute = scaled(False), scaled(True)
        ones: list[pointwise.Elements | None] = [
            None if a is None else _Ones() if n < in_sums else a for n, a in enumerate(signed)
        ]
        self.points = sample_points(self.op, self.spec)[: self._most()]
        self.exact = [Fraction(pointwise.at(self.op, self.spec, signed, p), scale) for p in self.points]
        self._absolute = [Fraction(pointwise.at(self.op, self.spec, absolute, p), scale) for p in self.points]
        self._terms = [self._count(ones, p) for p in self.points]
        if self.op == "max_pool2d":  # no sum, but one of the pixels
            self._absolute = [abs(value) for value in self.exact]

    def error_in_bounds(self, result: Array, numerics: Numerics = "gemm") -> float:
        """The largest error of a sampled element over the bound of these numerics; infinite where one is not finite.

        The shape and dtype of the result must be right.
        """
        worst = 0.0
        for point, exact, allowed in zip(self.points, self.exact, self.allowed(numerics), strict=True):
            got = float(result[point])
            if not math.isfinite(got):
                return math.inf
            error = abs(Fraction(got) - exact)
            if error:
                worst = max(worst, float(error) / float(allowed) if allowed else math.inf)
        return worst

    def allowed(self, numerics: Numerics) -> Array:
        """The error allowed at each point: that of `bounding.allowed`, for Winograd's method with the most terms."""
        op, spec = self.op, self.spec
        exact = np.array([float(value) for value in self.exact], np.longdouble)
        absolute = np.array([float(value) for value in self._absolute], np.longdouble)
        count = np.array(self._terms, float)
        if mixes(numerics, op) and self.points:
            planes = np.broadcast_to(bounding.of_planes(op, spec, numerics, self.arrays), spec.output_shape(op))
            absolute = np.array([planes[point] for point in self.points], np.longdouble)
            bias = op == "conv2d" and self.arrays[2] is not None
            count = np.array(data.terms(op, spec) + bias) if numerics == "winograd" else bounding.steps(op, spec)
        return allowance(self._dtype, numerics, exact, absolute, count, op)

    def _count(self, ones: Sequence[pointwise.Elements | None], point: tuple[int, ...]) -> int:
        """How many terms are summed; to divide counts as one more."""
        if not divides(self.op):
            return int(pointwise.at(self.op, self.spec, ones, point))
        by_taps: Op = "avg_pool2d_grad" if self.op.endswith("_grad") else "avg_pool2d"
        return int(pointwise.at(by_taps, self.spec, ones, point) * self.spec.taps) + 1

    @property
    def _dtype(self) -> str:
        return dtype_name(next(a.dtype for a in self.arrays if a is not None))

    def _most(self) -> int:
        """How many points: the first and the last at least."""
        return max(2, self.most_terms // max(data.terms(self.op, self.spec), 1))
