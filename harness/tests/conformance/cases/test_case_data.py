"""What a case is compared with: more digits than its dtype has, a bound of its op and algorithm, no array shared."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
import pytest

from conformance.cases.case import Case
from conformance.cases.data import case_data
from harness.contract.protocol import Numerics
from harness.geometry.spec import OPS, ConvSpec, Op

_SPEC = ConvSpec.parse("n2c4h6w7_f6kh3kw2_pt1pb0pl0pr2_g2")
_PRODUCTS = {"conv2d", "conv2d_input_grad", "conv2d_weight_grad"}
# Whose bound is wider than that of plain sums: of an algorithm, an op and a dtype.
WIDER: dict[Numerics, dict[str, set[str]]] = {
    "direct": {"float16": set(), "float32": set(), "float64": set()},
    "tf32": {"float16": set(), "float32": _PRODUCTS, "float64": set()},
    "winograd": {"float16": _PRODUCTS, "float32": _PRODUCTS, "float64": _PRODUCTS},
    "fft": {"float16": _PRODUCTS, "float32": _PRODUCTS, "float64": _PRODUCTS},
}


def a_case(op: Op, dtype: str = "float32", **more: Any) -> Case:
    """On the one geometry."""
    return Case("values.real", op, dtype, _SPEC, **more)


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
@pytest.mark.parametrize("numerics", WIDER)
def test_a_bound_is_wider_where_the_algorithm_loses_more(numerics: Numerics, dtype: str) -> None:
    """TF32 rounds the factors of a product, the others transform them: a sum has none."""
    wider, not_narrower = set(), set()
    for op in OPS:
        (_, plain), (_, allowed) = (case_data.real_expected(a_case(op, dtype), name) for name in ("gemm", numerics))
        wider |= {op} if (allowed > plain).any() else set()
        not_narrower |= {op} if (allowed >= plain).all() else set()
    assert wider == WIDER[numerics][dtype]
    assert not_narrower == set(OPS)


@pytest.mark.parametrize(("dtype", "digits"), [("float32", 2.0**-48), ("float64", 2.0**-60)])
def test_what_is_expected_has_more_digits_than_the_dtype(dtype: str, digits: float) -> None:
    case = a_case("conv2d_bias_grad", dtype)
    (dy,) = case_data.real_inputs(case)
    expected, _ = case_data.real_expected(case, "gemm")
    assert dy is not None
    for f in range(_SPEC.out_channels):
        terms = [Fraction(*float(term).as_integer_ratio()) for term in dy[:, f].ravel()]
        got = Fraction(*expected[f].as_integer_ratio())
        assert abs(got - sum(terms)) <= Fraction(digits) * sum(map(abs, terms))


@pytest.mark.parametrize("inputs", [case_data.exact_inputs, case_data.real_inputs])
def test_inputs_are_anyones_to_spoil(inputs: Any) -> None:
    case = a_case("conv2d")
    before = [a.tobytes() for a in inputs(case)]
    for a in inputs(case):
        a[...] = 0
    assert [a.tobytes() for a in inputs(case)] == before


def test_what_is_expected_is_nobodys_to_spoil() -> None:
    case = a_case("conv2d_input_grad")
    kept = [case_data.exact_expected(case), *case_data.real_expected(case, "gemm")]
    assert [a.flags.writeable for a in kept] == [False, False, False]


@pytest.mark.parametrize("inputs", [case_data.exact_inputs, case_data.real_inputs])
@pytest.mark.parametrize("op", OPS)
def test_only_a_convolution_has_a_bias_to_leave_out(op: Op, inputs: Any) -> None:
    given, without = inputs(a_case(op)), inputs(a_case(op, bias=False))
    assert [a.shape for a in given] == list(_SPEC.input_shapes(op))
    assert [a is None for a in without] == [op == "conv2d" and k == 2 for k in range(len(given))]


@pytest.mark.parametrize("expected", [case_data.exact_expected, lambda case: case_data.real_expected(case, "gemm")[0]])
def test_a_bias_that_is_left_out_is_in_no_result(expected: Any) -> None:
    (*_, b) = (case_data.exact_inputs if expected is case_data.exact_expected else case_data.real_inputs)(
        a_case("conv2d", "float64", seed=3)
    )
    assert b is not None
    alone = expected(a_case("conv2d", "float64", seed=3, bias=False))
    assert alone.shape == _SPEC.y_shape
    assert not np.array_equal(expected(a_case("conv2d", "float64", seed=3)), alone)


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64", "int32", "int64"])
def test_inputs_are_of_the_dtype_and_not_zero(dtype: str) -> None:
    for a in case_data.exact_inputs(a_case("conv2d_weight_grad", dtype)):
        assert a is not None
        assert str(a.dtype) == dtype
        assert a.all()
        assert (a < 0).any() and (a > 0).any()  # noqa: PT018
