"""The error of real results at sampled points: exact values, bounds equal to those of whole arrays, planted errors."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest

from harness.calls.caller import PLAIN
from harness.contract.protocol import Array, Numerics
from harness.geometry.spec import ALL_OPS, POOL_OPS, ConvSpec, Op
from harness.oracle import bounding, by_taps, data
from harness.oracle.accuracy import Accuracy
from harness.oracle.comparing import divides
from harness.tests.helpers.suite.transforming import by_fft, by_winograd

_SPECS = [
    ConvSpec.parse("n2c4h9w8_f6kh3kw3_pt1pb1pl1pr1"),
    ConvSpec.parse("n1c6h20w17_f4kh3kw2_sh2sw3_pt1pb2pl3pr0_dh2dw1_g2"),
]
_POOLED = [_SPECS[0], ConvSpec.parse("n1c6h20w17_f4kh3kw2_sh2sw3_pt1pb2pl1pr0_dh2dw1_g2")]  # no window in padding alone
_PRODUCTS: tuple[Op, ...] = ("conv2d", "conv2d_input_grad", "conv2d_weight_grad")


def real(op: Op, spec: ConvSpec, dtype: str) -> tuple[Array, ...]:
    """Arguments of the op."""
    return data.real(op, spec, dtype, "accuracy")


def exact(op: Op, spec: ConvSpec, arrays: tuple[Array, ...]) -> Array:
    """The result in more digits than float64 has."""
    return by_taps.run(op, spec, *arrays, accumulate=np.longdouble)


@pytest.mark.parametrize("number", [0, 1])
@pytest.mark.parametrize("op", ALL_OPS)
def test_the_exact_values_are_those_of_the_second_witness(op: Op, number: int) -> None:
    spec = (_POOLED if op in POOL_OPS else _SPECS)[number]
    arrays = real(op, spec, "float32")
    found, whole = Accuracy(op, spec, arrays), exact(op, spec, arrays)
    assert len(found.points) >= min(8, whole.size // 2)
    values = [float(whole[point]) for point in found.points]
    assert [float(value) for value in found.exact] == (pytest.approx(values, rel=1e-15) if divides(op) else values)


def test_no_digit_is_lost_where_floats_would_lose_all() -> None:
    spec = ConvSpec.parse("n1c3h1w1_f1kh1kw1")
    x = np.array([1e300, 1.0, -1e300]).reshape(spec.x_shape)
    found = Accuracy("conv2d", spec, (x, np.ones(spec.w_shape), np.array([2.0**-1074])))
    assert found.exact == [1 + Fraction(1, 2**1074)]
    x[0, 1] = math.pi
    assert Accuracy("conv2d", spec, (x, np.ones(spec.w_shape), None)).exact == [Fraction(math.pi)]


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
@pytest.mark.parametrize("numerics", ["gemm", "tf32", "fft", "winograd"])
def test_the_bounds_are_those_of_whole_arrays(numerics: Numerics, dtype: str) -> None:
    """Of Winograd's method, where a window lies inside: there are most terms."""
    for op in ALL_OPS:
        for spec in _POOLED if op in POOL_OPS else _SPECS:
            arrays = real(op, spec, dtype)
            found, whole = Accuracy(op, spec, arrays), exact(op, spec, arrays)
            allowed = bounding.allowed(op, spec, dtype, numerics, whole, arrays)
            wanted = [float(allowed[point]) for point in found.points]
            got = [float(bound) for bound in found.allowed(numerics)]
            if numerics == "winograd" and op in _PRODUCTS:
                assert all(0.999 * wanted[i] <= got[i] <= 2.001 * wanted[i] for i in range(len(got)))
            else:
                assert got == pytest.approx(wanted, rel=1e-6)


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
@pytest.mark.parametrize("op", ALL_OPS)
def test_a_correctly_rounded_result_is_below_1(op: Op, dtype: str) -> None:
    arrays = real(op, _SPECS[0], dtype)
    rounded = exact(op, _SPECS[0], arrays).astype(dtype)
    error = Accuracy(op, _SPECS[0], arrays).error_in_bounds(rounded)
    assert (error == 0) if op in ("im2col", "max_pool2d") else (0 < error < 1)


def test_one_error_at_a_sampled_point_shows_in_its_own_size() -> None:
    arrays = real("conv2d", _SPECS[0], "float64")
    found, result = Accuracy("conv2d", _SPECS[0], arrays), exact("conv2d", _SPECS[0], arrays).astype(float)
    place = len(found.points) // 2
    result[found.points[place]] += 7 * found.allowed("gemm")[place]
    assert found.error_in_bounds(result) == pytest.approx(7, abs=1)
    result[found.points[place]] = np.nan
    assert found.error_in_bounds(result) == math.inf


def test_lost_precision_shows() -> None:
    """Inputs rounded to float16."""
    for op in _PRODUCTS:
        arrays = real(op, _SPECS[0], "float32")
        found = Accuracy(op, _SPECS[0], arrays)
        plain = found.error_in_bounds(exact(op, _SPECS[0], arrays).astype(np.float32))
        coarse = exact(op, _SPECS[0], tuple(a.astype(np.float16).astype(np.float32) for a in arrays))
        assert found.error_in_bounds(coarse.astype(np.float32)) > 1 > plain


def test_other_methods_are_right_within_their_own_bound() -> None:
    methods: list[tuple[Numerics, object]] = [("fft", by_fft), ("winograd", by_winograd)]
    for numerics, answers in methods:
        for op in _PRODUCTS:
            arrays = real(op, _SPECS[0], "float32")
            result = answers(op, _SPECS[0], arrays, PLAIN).result  # type: ignore[operator]
            assert 0 < Accuracy(op, _SPECS[0], arrays).error_in_bounds(result, numerics) < 1


def test_long_sums_have_fewer_points_but_the_first_and_the_last() -> None:
    spec = ConvSpec.parse("n1c1h200w200_f2kh1kw1")
    found = Accuracy("conv2d_bias_grad", spec, [np.ones(spec.y_shape, np.float32)])
    assert found.points == [(0,), (1,)]
    assert [float(value) for value in found.exact] == [40_000.0, 40_000.0]


def test_no_images_have_no_error() -> None:
    spec = ConvSpec.parse("n0c2h6w6_f4kh3kw3")
    arrays = real("conv2d", spec, "float32")
    for numerics in ("gemm", "winograd"):
        found: Numerics = "gemm" if numerics == "gemm" else "winograd"
        assert Accuracy("conv2d", spec, arrays).error_in_bounds(np.zeros(spec.y_shape, np.float32), found) == 0


def test_whole_numbers_have_no_error() -> None:
    spec = _SPECS[0]
    with pytest.raises(ValueError, match="only floats have an error, got int32"):
        Accuracy("im2col", spec, [np.ones(spec.x_shape, np.int32)])
