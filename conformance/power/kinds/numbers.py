"""Numbers themselves: cheap precision of sums, inputs and results, and data that is not taken as it is."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from conformance.power.right.ops import Arrays, Call, Change
from harness.contract.protocol import Array

Make = Callable[[Array], Array]


def _results(make: Make) -> Callable[[Call, Array], Array]:
    return lambda call, out: make(out).astype(out.dtype)


def _arguments(make: Make, number: int | None = None) -> Callable[[Call], Arrays]:
    """All arguments, or one of them."""

    def altered(call: Call) -> Arrays:
        with np.errstate(all="ignore"):
            return tuple(
                a if a is None or number not in (None, i) else make(a).astype(a.dtype)
                for i, a in enumerate(call.arrays)
            )

    return altered


def _floats(make: Make) -> Make:
    return lambda a: make(a) if a.dtype.kind == "f" else a


def _digits(bits: int) -> Make:
    """So many bits after the leading one are kept."""

    def cut(a: Array) -> Array:
        fraction, exponent = np.frexp(a.astype(np.float64))
        return np.ldexp(np.trunc(fraction * 2.0 ** (bits + 1)) / 2.0 ** (bits + 1), exponent)

    return _floats(cut)


def _flushed(a: Array) -> Array:
    return np.where(np.abs(a) < np.finfo(a.dtype).smallest_normal, 0, a)


PRECISION = (
    Change("sums in float16", sums="float16"), Change("sums in float32", sums="float32"),
    Change("sums in int32", sums="int32"), Change("sums in int16", sums="int16"),
    Change("inputs rounded to float16", inputs=_arguments(_floats(lambda a: a.astype(np.float16)))),
    Change("inputs rounded to float32", inputs=_arguments(_floats(lambda a: a.astype(np.float32)))),
    Change("inputs rounded to bfloat16", inputs=_arguments(_digits(7))),
    Change("inputs rounded to TF32", inputs=_arguments(_digits(10))),
    Change("the result truncated to whole numbers", result=_results(np.trunc)),
    Change("the result rounded to whole numbers", result=_results(np.rint)),
    Change("the result rounded to three decimals", result=_results(lambda a: np.round(a, 3))),
    Change("the result rounded to eight decimals", result=_results(
        _floats(lambda a: np.round(a.astype(np.float64), 8)))),
    Change("the result rounded to float16", result=_results(_floats(lambda a: a.astype(np.float16)))),
    Change("the result rounded to float32", result=_results(_floats(lambda a: a.astype(np.float32)))),
    Change("whole numbers through float32", result=_results(lambda a: a.astype(np.float32))),
    Change("whole numbers through float64", inputs=_arguments(lambda a: a.astype(np.float64))),
    Change("subnormal inputs flushed", inputs=_arguments(_floats(_flushed))),
    Change("results below 1e-3 dropped", result=_results(lambda a: np.where(np.abs(a) < 1e-3, 0, a))),
    Change("results below 1e-6 dropped", result=_results(lambda a: np.where(np.abs(a) < 1e-6, 0, a))),
    Change("inputs below 1e-4 dropped", inputs=_arguments(lambda a: np.where(np.abs(a) < 1e-4, 0, a))),
)  # fmt: skip

DATA = (
    Change("NaN taken as 0", inputs=_arguments(_floats(lambda a: np.where(np.isnan(a), 0, a)))),
    Change("infinities taken as large numbers", inputs=_arguments(_floats(
        lambda a: np.where(np.isinf(a), 1e4 * np.sign(a), a)))),
    Change("infinities taken as 0", inputs=_arguments(_floats(lambda a: np.where(np.isinf(a), 0, a)))),
    Change("-Inf taken as Inf", inputs=_arguments(_floats(lambda a: np.where(np.isinf(a), np.abs(a), a)))),
    Change("NaN results as 0", result=_results(_floats(lambda a: np.where(np.isnan(a), 0, a)))),
    Change("-0 results as 0", result=_results(lambda a: a + 0)),
    Change("the sign lost", inputs=_arguments(np.abs, 0)),
    Change("the sign of the result lost", result=_results(np.abs)),
    Change("negative inputs taken as 0", inputs=_arguments(lambda a: np.maximum(a, 0), 0)),
    Change("negative results taken as 0", result=_results(lambda a: np.maximum(a, 0))),
    Change("inputs clipped at 100", inputs=_arguments(lambda a: np.clip(a, -100, 100))),
    Change("inputs clipped at 1000", inputs=_arguments(lambda a: np.clip(a, -1000, 1000))),
    Change("results clipped at 127", result=_results(lambda a: np.clip(a, -128, 127))),
    Change("results clipped at 32767", result=_results(lambda a: np.clip(a, -32768, 32767))),
    Change("results clipped at 65504", result=_results(lambda a: np.clip(a, -65504, 65504))),
    Change("inputs of 5 taken as 4", inputs=_arguments(lambda a: np.where(a == 5, 4, a), 0)),
    Change("the second argument clipped at 6", inputs=_arguments(lambda a: np.clip(a, -6, 6), 1)),
    Change("the second argument negated where below -7", inputs=_arguments(lambda a: np.where(a < -7, -a, a), 1)),
)  # fmt: skip
