"""Bounds by the method: what is right stays within them, whole numbers settle, and nothing that is wrong does."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from harness.calls.caller import PLAIN, Arrays, CallResult, Conditions
from harness.contract.protocol import Numerics
from harness.geometry.spec import POOL_OPS, ConvSpec, Op
from harness.geometry.windows import why_not_pooled
from harness.oracle import bounding, by_taps, data
from harness.oracle.comparing import share_used
from harness.oracle.gate import Gate, WrongResult
from harness.tests.helpers.faults import faulty, pools
from harness.tests.helpers.suite.transforming import by_fft, by_winograd

_PRODUCTS: tuple[Op, ...] = ("conv2d", "conv2d_input_grad", "conv2d_weight_grad")
_SPEC = ConvSpec.parse("n2c4h9w8_f6kh3kw3_pt1pb1pl1pr1")
_SPECS = [
    _SPEC, ConvSpec.parse("n1c6h20w17_f4kh3kw2_sh2sw3_pt1pb2pl3pr0_dh2dw1_g2"), ConvSpec.parse("n1c1h40w40_f1kh1kw1"),
    ConvSpec.parse("n2c2h1w2_f2kh3kw3_sh1sw2_pt2pb2pl4pr4"), ConvSpec.parse("n1c64h14w14_f8kh3kw3_pt1pb1pl1pr1"),
]  # fmt: skip
Answer = Callable[[Op, ConvSpec, Arrays, Conditions], CallResult]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(("answers", "numerics"), [(by_fft, "fft"), (by_winograd, "winograd")])
def test_a_right_result_is_within_the_bound_and_uses_some_of_it(
    answers: Answer, numerics: Numerics, dtype: str
) -> None:
    """On dense data, and on a single one among zeros: where the result is zero, a transform gives noise."""
    used = []
    for spec in _SPECS:
        for op in _PRODUCTS:
            dense = data.real(op, spec, dtype, "bound")
            single = [np.zeros_like(a) if a.ndim == 4 and k == 0 else a for k, a in enumerate(dense)]
            single[0].flat[single[0].size // 2] = 1000
            if op == "conv2d":
                single[2] = np.zeros_like(single[2])
            for arrays in (dense, tuple(single)):
                exact = by_taps.run(op, spec, *arrays, accumulate=np.longdouble)
                allowed = bounding.allowed(op, spec, dtype, numerics, exact, arrays)
                used.append(share_used(answers(op, spec, arrays, PLAIN).result, exact, allowed))
    assert 1e-4 < max(used) < 1


def test_half_precision_is_seen() -> None:
    """Inputs rounded to float16: what a bound must still tell from rounding in float32."""
    for op in _PRODUCTS:
        arrays = data.real(op, _SPEC, "float32", "bound")
        exact = by_taps.run(op, _SPEC, *arrays)
        coarse = by_taps.run(op, _SPEC, *(a.astype(np.float16).astype(np.float32) for a in arrays)).astype(np.float32)
        methods: tuple[Numerics, ...] = ("winograd", "fft")
        for numerics in methods:
            allowed = bounding.allowed(op, _SPEC, "float32", numerics, exact, arrays)
            if (op, numerics) != ("conv2d_weight_grad", "winograd"):  # 16 times 144 terms: too much for that
                assert share_used(coarse, exact, allowed) > 1, (op, numerics)


def near(op: Op = "conv2d", dtype: str = "float32", off: float = 1e-5, by: float = 1.0) -> Any:
    """Arguments whose numbers are multiplied by `by`, the exact result, and one that is off."""
    arrays = tuple((a * by).astype(dtype) for a in data.exact(op, _SPEC, dtype, "bound"))
    exact = by_taps.run(op, _SPEC, *arrays).astype(dtype)
    return arrays, exact, (exact + off).astype(dtype)


@pytest.mark.parametrize("numerics", ["winograd", "fft"])
@pytest.mark.parametrize("op", _PRODUCTS)
def test_what_is_near_settles_and_what_is_not_stays(op: Op, numerics: Numerics) -> None:
    arrays, exact, off = near(op)
    assert not np.array_equal(off, exact)
    assert np.array_equal(bounding.settled(op, _SPEC, numerics, arrays, off), exact)
    off.flat[3] = exact.flat[3] + 0.75
    off.flat[4] = np.nan
    settled = bounding.settled(op, _SPEC, numerics, arrays, off)
    assert list(np.flatnonzero(settled != exact)) == [3, 4]
    assert settled.flat[3] == off.flat[3]
    assert settled.dtype == np.float32


def test_only_whole_numbers_of_the_right_form_in_inexact_methods_settle() -> None:
    arrays, _, off = near()
    assert bounding.settled("conv2d", _SPEC, "gemm", arrays, off) is off
    assert bounding.settled("conv2d", _SPEC, "tf32", arrays, off) is off
    cut, wide = off[:, :1], off.astype(np.float64)
    assert bounding.settled("conv2d", _SPEC, "fft", arrays, cut) is cut
    assert bounding.settled("conv2d", _SPEC, "fft", arrays, wide) is wide
    halves, _, off = near(by=0.5)
    assert bounding.settled("conv2d", _SPEC, "fft", halves, off) is off
    infinite = (np.full_like(arrays[0], np.inf), *arrays[1:])
    assert bounding.settled("conv2d", _SPEC, "fft", infinite, off) is off
    numbers, _, off = near("col2im")
    assert bounding.settled("col2im", _SPEC, "fft", numbers, off) is off
    whole, _, one_more = near(dtype="int32", off=1)
    assert bounding.settled("conv2d", _SPEC, "fft", whole, one_more) is one_more


def test_half_is_the_most_for_whole_numbers() -> None:
    """Of long sums the bound alone would let a neighbour pass."""
    spec = ConvSpec.parse("n1c4096h3w3_f1kh3kw3")
    arrays = data.exact("conv2d", spec, "float32", "long")
    exact = by_taps.run("conv2d", spec, *arrays).astype(np.float32)
    assert bounding.allowed("conv2d", spec, "float32", "winograd", exact, arrays).min() > 1
    assert bounding.settled("conv2d", spec, "winograd", arrays, exact + 1) == exact + 1
    assert bounding.of_whole_numbers("conv2d", spec, "float32", "winograd", [8, 8]) == 0.5


@pytest.mark.parametrize("numerics", ["winograd", "fft"])
@pytest.mark.parametrize("op", _PRODUCTS)
def test_the_one_bound_of_all_elements_is_no_less_than_that_of_each(op: Op, numerics: Numerics) -> None:
    """And not half of all there is on a small geometry."""
    arrays, exact, _ = near(op, "float64")
    each = bounding.allowed(op, _SPEC, "float64", numerics, exact, arrays)
    one = bounding.of_whole_numbers(op, _SPEC, "float64", numerics, [float(np.abs(a).max()) for a in arrays])
    assert each.max() <= one < 1e-6
    assert bounding.of_whole_numbers(op, _SPEC, "float64", "gemm", [8, 8]) == 0
    assert bounding.of_whole_numbers("im2col", _SPEC, "float64", numerics, [8]) == 0


@pytest.mark.parametrize("op", _PRODUCTS)
def test_the_gate_judges_an_inexact_method_by_its_bound(op: Op) -> None:
    arrays, exact, off = near(op)
    gate = Gate(op, _SPEC, arrays)
    gate.check(off, "fft")
    gate.check(exact, "fft")
    with pytest.raises(WrongResult):
        gate.check(off)
    for wrong in (exact + 1, off + 0.4):
        with pytest.raises(WrongResult, match="sampled elements differ"):
            gate.check(wrong.astype(np.float32), "fft")
    for place in np.random.default_rng(0).permutation(exact.size)[:50]:
        wrong = off.copy()
        wrong.flat[place] += 1
        with pytest.raises(WrongResult):
            gate.check(wrong, "winograd")


# -- averages, which are divided -----------------------------------------------------------------------------------

_AVERAGES: tuple[Op, ...] = (
    "avg_pool2d", "avg_pool2d_grad", "avg_pool2d_exclude_padding", "avg_pool2d_exclude_padding_grad",
)  # fmt: skip


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
@pytest.mark.parametrize("op", _AVERAGES)
def test_averages_by_the_reciprocal_are_right_and_in_half_the_digits_wrong(op: Op, dtype: str) -> None:
    """Of real numbers: what is divided last, first, or multiplied by the reciprocal uses some of the bound."""
    backend, used = faulty.load(pools.Multiplying), []
    for spec in [spec for spec in _SPECS if not why_not_pooled(spec)]:
        arrays = data.real(op, spec, dtype, "bound")
        exact = by_taps.run(op, spec, *arrays, accumulate=np.longdouble)
        allowed = bounding.allowed(op, spec, dtype, "gemm", exact, arrays)
        used.append(share_used(exact.astype(dtype), exact, allowed))
        if dtype != "float16":  # whose sums are to be formed in float32
            used.append(share_used(backend.call(op, spec, arrays).result, exact, allowed))
            coarse = (exact * (1 + 2.0**-15 if dtype == "float32" else 1 + 2.0**-30)).astype(dtype)
            assert share_used(coarse, exact, allowed) > 1
    assert 1e-3 < max(used) < 1


@pytest.mark.parametrize("op", _AVERAGES)
def test_averages_of_whole_numbers_settle(op: Op) -> None:
    arrays, exact, off = near(op, off=1e-4)
    assert not np.array_equal(off, exact)
    assert np.array_equal(bounding.settled(op, _SPEC, "gemm", arrays, off), exact)
    assert np.array_equal(bounding.as_settled(op, _SPEC, *arrays), exact)
    off.flat[3] += 1
    assert list(np.flatnonzero(bounding.settled(op, _SPEC, "gemm", arrays, off) != exact)) == [3]


def test_an_average_that_is_no_whole_number_settles_to_the_dtype() -> None:
    x = np.arange(np.prod(_SPEC.x_shape), dtype=np.float32).reshape(_SPEC.x_shape)
    rounded = bounding.as_settled("avg_pool2d", _SPEC, x)
    assert rounded.dtype == np.float32
    assert not np.array_equal(rounded, np.rint(rounded))
    other = np.nextafter(rounded, np.float32(np.inf))
    assert np.array_equal(bounding.settled("avg_pool2d", _SPEC, "gemm", (x,), other), rounded)
    assert bounding.as_settled("im2col", _SPEC, x).dtype == np.float64


@pytest.mark.parametrize("op", POOL_OPS)
def test_the_bound_of_magnitudes_holds_for_every_element_of_pooling(op: Op) -> None:
    for spec in [spec for spec in _SPECS if not why_not_pooled(spec)]:
        arrays = data.real(op, spec, "float32", "bound")
        exact = by_taps.run(op, spec, *arrays, accumulate=np.longdouble)
        largest = [float(np.abs(a).max()) for a in arrays]
        most = bounding.of_magnitudes(op, spec, "float32", "gemm", largest)
        assert bounding.allowed(op, spec, "float32", "gemm", exact, arrays).max() <= most * 1.001
        assert bounding.of_whole_numbers(op, spec, "float32", "gemm", largest) == (
            min(most, 0.5) if op in _AVERAGES else 0
        )
