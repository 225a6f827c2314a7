"""Compares a result with what was expected, and says in one line how they differ.

Exact means equal values, NaN by position, the sign of zero free. With an allowance, each element has its own bound,
derived from how many terms were summed into it; there is no rtol anywhere.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from harness.contract.protocol import Array, Numerics
from harness.geometry.spec import Op

# Unit roundoff: half the distance from 1 to the next number.
UNIT = {"float16": 2.0**-11, "float32": 2.0**-24, "float64": 2.0**-53}
# Largest growth of the rounding error over plain summation; Winograd transforms add terms of larger size. Of the FFT it
# is that of a stage: three transforms, each off by about 7 roundings, and their products.
_GROWTH: dict[Numerics, float] = {"direct": 1.0, "gemm": 1.0, "tf32": 4.0, "winograd": 16.0, "fft": 24.0}
_TF32_UNIT = 2.0**-10  # of an operand that is truncated, not rounded, to TF32's 10 bits after the leading one
_MOST_COUNTED = 1e9  # what is more is no number that anybody reads
_MOST_DIGITS = 18  # of a float64, which 17 tell apart
_MOST_WHOLE = 1e15  # of a number that is written out
_PRODUCTS = ("conv2d", "conv2d_input_grad", "conv2d_weight_grad")
_AVERAGES = ("avg_pool2d", "avg_pool2d_grad", "avg_pool2d_exclude_padding", "avg_pool2d_exclude_padding_grad")


@dataclass(frozen=True, slots=True)
class Mismatch:
    """Where two arrays differ: how many elements, the first, and the worst by excess over its allowance.

    `error` is how far the worst is off, which two floats that are read as equal do not tell.
    """

    count: int
    size: int
    first: tuple[int, ...]
    worst: tuple[int, ...]
    got: float
    expected: float
    allowed: float
    error: float = field(default=float("nan"), compare=False)

    def __str__(self) -> str:
        got, expected = differing(self.got, self.expected)
        off = f"off by {self.error:.3g}, " if got == expected else ""  # where only a wider type holds the difference
        bound = f", {off}allowed {self.allowed:.3g}" if self.allowed else ""
        if self.allowed and np.isfinite(self.error):
            bound += f": {_times(self.error / self.allowed)} the bound"
        return (
            f"{self.count} of {self.size} elements differ, first at {list(self.first)}, "
            f"worst at {list(self.worst)}: got {got}, expected {expected}{bound}"
        )


def differing(a: float, b: float, least: int = 6) -> tuple[str, str]:
    """Two numbers with as many digits as it takes to tell them apart, at least so many.

    >>> differing(0.5, 0.25), differing(1.00000012, 1.0), differing(1.0, 1.0)
    (('0.5', '0.25'), ('1.0000001', '1'), ('1', '1'))
    >>> differing(12345678.0, 0.12345678)
    ('12345678', '0.123457')
    """
    for digits in range(least, _MOST_DIGITS):
        texts = in_digits(a, digits), in_digits(b, digits)
        if texts[0] != texts[1]:
            return texts
    return in_digits(a, least), in_digits(b, least)


def in_digits(value: float, digits: int) -> str:
    """A number with so many digits, a whole one with all that it has."""
    is_whole = abs(value) < _MOST_WHOLE and value == round(value)
    return f"{value:.0f}" if is_whole else f"{value:.{digits}g}"


def _times(share: float) -> str:
    """How many times, in few digits, and never 1 of what is more.

    >>> _times(1.0004), _times(3.14159), _times(52345.0), _times(5.2e19)
    ('1.0004 times', '3.1 times', '52,000 times', '5.2e+19 times')
    """
    if share >= _MOST_COUNTED:
        return f"{share:.2g} times"
    if share >= 100:
        return f"{float(f'{share:.2g}'):,.0f} times"
    return f"{differing(share, 1.0, 2)[0]} times"


def mixes(numerics: Numerics, op: Op) -> bool:
    """Whether elements of the result are made of sums of other elements' terms, which cancel but for rounding."""
    return numerics in ("winograd", "fft") and op in _PRODUCTS


def truncates(numerics: Numerics, op: Op, dtype: str) -> bool:
    """Whether factors lose digits before they are multiplied, and small ones all of them: TF32, of float32 alone."""
    return numerics == "tf32" and op in _PRODUCTS and dtype == "float32"


def divides(op: Op) -> bool:
    """Whether sums are divided: once, or each term before, or multiplied by the reciprocal, which all round."""
    return op in _AVERAGES


def is_exact(numerics: Numerics, op: Op, dtype: str) -> bool:
    """Whether results of small whole numbers must be equal: the others are judged by their bound, 0.5 at most."""
    return not divides(op) and (not mixes(numerics, op) or not dtype.startswith("float"))


def allowance(dtype: str, numerics: Numerics, exact: Array, absolute: Array, count: Array, op: Op = "conv2d") -> Array:
    """Error bound of every element: gamma(c*k, u) * S + u * |exact|, gamma(n, u) = n*u / (1 - n*u).

    Where the result is subnormal, half the spacing of those numbers takes the place of u * |exact|.

    k = `count`, terms summed into the element; S = `absolute`, the same sum over absolute values (Higham, 2002, ch. 3).

    TF32 touches products of float32 alone. Each operand is off by 2^-10 of itself at most, so a product by t =
    gamma(2, 2^-10); the sums are in float32, but tensor cores align and truncate (c = 4: Fasi, Higham, Mikaitis and
    Pranesh, Numerical behavior of NVIDIA tensor cores, 2021). A sum with g of products with t: g + t + g*t.
    """
    truncated = truncates(numerics, op, dtype)
    if op not in _PRODUCTS or (numerics == "tf32" and not truncated):
        numerics = "gemm"
    gamma = _gamma(_GROWTH[numerics] * count, UNIT["float32" if dtype == "float16" else dtype])
    if truncated:
        gamma += _gamma(np.array(2.0), _TF32_UNIT) * (1 + gamma)
    half_a_step = exact.dtype.type(np.finfo(dtype).smallest_subnormal) / 2
    bound: Array = gamma * absolute + np.maximum(UNIT[dtype] * np.abs(exact), half_a_step)
    return bound


def _gamma(steps: Array, unit: float) -> Array:
    """n*u / (1 - n*u): how far n roundings in a row move a number, relatively; infinite where that says nothing."""
    total = steps * unit
    grown: Array = np.where(total < 1, total / np.maximum(1 - total, UNIT["float64"]), np.inf)
    return grown


def share_used(got: Array, expected: Array, allowed: Array) -> float:
    """The largest share of its allowance that an element uses: 0.03 of it, say; above 1 it is wrong."""
    with np.errstate(divide="ignore", invalid="ignore"):
        share = np.where(got == expected, 0.0, np.abs(got.astype(expected.dtype) - expected) / allowed)
    return float(np.max(share, initial=0.0))


def mismatch(got: Array, expected: Array, allowed: Array | None = None) -> Mismatch | None:
    """None if every element of `got` is the expected one (within `allowed`), else what differs.

    Shapes must agree; NaN equals NaN. Values are compared in the wider of the two dtypes.
    """
    if got.shape != expected.shape:
        raise ValueError(f"shapes differ: got {got.shape}, expected {expected.shape}")
    both_nan = _isnan(got) & _isnan(expected)
    with np.errstate(invalid="ignore", over="ignore"):
        if allowed is None:
            bad = (got != expected) & ~both_nan
            error = np.abs(got.astype(np.float64) - expected.astype(np.float64))
            excess = error
        else:
            error = np.abs(got.astype(expected.dtype) - expected)
            excess = np.asarray(error - allowed, dtype=np.float64)
            bad = ~(error <= allowed) & ~both_nan & (got != expected)
    if not bad.any():
        return None
    excess = np.where(bad, np.nan_to_num(excess, nan=np.inf, posinf=np.inf), -np.inf)
    first = tuple(int(i) for i in np.argwhere(bad)[0])
    worst = tuple(int(i) for i in np.unravel_index(int(excess.argmax()), excess.shape))
    return Mismatch(
        int(bad.sum()), bad.size, first, worst, float(got[worst]), float(expected[worst]),
        0.0 if allowed is None else float(allowed[worst]), float(error[worst]),
    )  # fmt: skip


def _isnan(a: Array) -> Array:
    result: Array = np.isnan(a) if a.dtype.kind == "f" else np.zeros(a.shape, bool)
    return result
