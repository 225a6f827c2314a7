"""How a result differs, in which places and by how much, and how far off it may be."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.contract.protocol import Numerics
from harness.geometry.spec import OPS, Op
from harness.oracle.comparing import UNIT, Mismatch, allowance, mismatch, share_used

pytestmark = pytest.mark.filterwarnings("error")  # what is not finite is compared without a word


def test_equal_arrays_do_not_mismatch() -> None:
    a = np.array([1.0, np.nan, np.inf, 0.0])
    assert mismatch(a, np.array([1.0, np.nan, np.inf, -0.0])) is None


@pytest.mark.parametrize("wrong", [np.nan, np.inf, 2.0])
def test_a_wrong_element_is_found_with_its_place(wrong: float) -> None:
    expected = np.zeros((2, 3))
    got = expected.copy()
    got[1, 2] = wrong
    for allowed in (None, np.full((2, 3), 0.5)):
        found = mismatch(got, expected, allowed)
        assert found is not None
        assert (found.count, found.size, found.first, found.worst) == (1, 6, (1, 2), (1, 2))


def test_first_and_worst_are_told_apart() -> None:
    """The worst is that which exceeds its own allowance most, not that which is furthest off."""
    expected = np.array([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])
    got = np.array([[1.0, 2.5, 3.0], [14.0, 5.0, 3.0]])
    allowed = np.array([[0.0, 0.25, 9.0], [9.5, 0.0, 2.0]])
    found = mismatch(got, expected, allowed)
    assert found == Mismatch(3, 6, (0, 1), (1, 2), 3.0, 6.0, 2.0)
    assert (
        str(found)
        == "3 of 6 elements differ, first at [0, 1], worst at [1, 2]: got 3, expected 6, allowed 2: 1.5 times the bound"
    )
    assert mismatch(got, expected) == Mismatch(3, 6, (0, 1), (1, 0), 14.0, 4.0, 0.0)


def test_a_mismatch_of_what_must_be_exact_names_no_allowance() -> None:
    found = mismatch(np.array([1.0, 0.1234567891]), np.array([1.0, -2.0]))
    assert str(found) == "1 of 2 elements differ, first at [1], worst at [1]: got 0.123457, expected -2"


def test_numbers_are_told_with_as_many_digits_as_tell_them_apart() -> None:
    found = mismatch(np.array([1.00000012]), np.array([1.0]), np.array([6e-8]))
    assert str(found).endswith("got 1.0000001, expected 1, allowed 6e-08: 2 times the bound")
    found = mismatch(np.array([np.nextafter(0.1, 1)]), np.array([0.1]))
    assert str(found).endswith("got 0.10000000000000002, expected 0.10000000000000001")
    assert str(mismatch(np.array([12345678.0]), np.array([3.0]))).endswith("got 12345678, expected 3")


def test_what_a_wider_type_alone_tells_apart_has_the_size_of_its_error() -> None:
    """The sums that results of float64 are compared with have more digits, where the machine has such a type."""
    if np.finfo(np.longdouble).eps == np.finfo(np.float64).eps:
        pytest.skip("longdouble is float64 here")
    right = np.array([1], np.longdouble) + np.longdouble(2) ** -60
    found = mismatch(np.array([1.0]), right, np.array([np.longdouble(2) ** -61]))
    assert str(found).endswith("got 1, expected 1, off by 8.67e-19, allowed 4.34e-19: 2 times the bound")


def test_what_is_not_finite_has_no_size_in_bounds() -> None:
    found = mismatch(np.array([np.nan]), np.array([1.0]), np.array([0.5]))
    assert str(found).endswith("got nan, expected 1, allowed 0.5")


def test_as_much_as_is_allowed_is_allowed() -> None:
    expected, allowed = np.array([1.0, -1.0]), np.array([0.5, 0.25])
    assert mismatch(np.array([1.5, -1.25]), expected, allowed) is None
    found = mismatch(np.array([1.5, -1.3]), expected, allowed)
    assert found is not None
    assert (found.count, found.worst) == (1, (1,))


def test_the_worst_is_by_the_difference_and_what_is_not_finite_is_worse_than_any() -> None:
    for got, expected, worst in (
        ([-5.0, 3.0], [5.0, 1.0], 0),
        ([9.0, np.nan], [1.0, 1.0], 1),
        ([9.0, np.inf], [1.0, 1.0], 1),
        ([9.0, -np.inf, np.nan], [1.0, 1.0, 1.0], 1),  # the first of them
        ([1e308, 7.0], [-1e308, 1.0], 0),
    ):
        for allowed in (None, np.full(len(got), 0.5)):
            found = mismatch(np.array(got), np.array(expected), allowed)
            assert found is not None
            assert (found.worst, found.first, found.count) == ((worst,), (0,), len(got))


def test_nothing_that_is_not_finite_is_within_an_allowance() -> None:
    """But for what is expected just so."""
    special = np.array([np.nan, np.inf, -np.inf, 1.0])
    allowed = np.full(4, np.inf)
    assert mismatch(special, special.copy(), allowed) is None
    for wrong in (np.array([1.0, np.inf, -np.inf, 1.0]), np.array([np.nan, np.inf, -np.inf, np.nan])):
        found = mismatch(wrong, special, allowed)
        assert found is not None
        assert found.count == 1


def test_values_are_compared_in_the_wider_dtype() -> None:
    assert mismatch(np.array([0.1], np.float32), np.array([0.1])) is not None
    assert mismatch(np.array([2**53 + 1]), np.array([2**53])) is not None  # equal, as floats
    halves = np.array([60000.0], np.float16), np.array([-60000.0])
    found = mismatch(*halves, np.array([1e5]))  # their difference has no number in half precision
    assert found is not None
    assert (found.got, found.expected) == (60000.0, -60000.0)
    assert mismatch(*halves, np.array([1.3e5])) is None


@pytest.mark.parametrize(
    ("got", "expected", "allowed", "share"),
    [
        ([1.0, 2.5, 3.0], [1.0, 2.0, 4.0], [0.0, 2.0, 8.0], 0.25),
        ([1.0, 2.5, 3.0], [1.0, 2.0, 4.0], [0.0, 2.0, 2.0], 0.5),
        ([1.0], [4.0], [2.0], 1.5),
        ([1.0], [4.0], [0.0], np.inf),
        ([np.inf], [np.inf], [1.0], 0.0),
        ([], [], [], 0.0),
    ],
)
def test_the_share_of_an_allowance_is_that_of_the_element_which_uses_most(
    got: list[float], expected: list[float], allowed: list[float], share: float
) -> None:
    assert share_used(np.array(got, np.float32), np.array(expected), np.array(allowed)) == share


def test_nan_instead_of_infinity_is_a_mismatch() -> None:
    assert mismatch(np.array([np.nan]), np.array([np.inf])) is not None
    assert mismatch(np.array([np.inf]), np.array([np.nan])) is not None


def test_shapes_must_agree() -> None:
    with pytest.raises(ValueError, match="shapes differ"):
        mismatch(np.zeros(2), np.zeros(3))


@given(st.lists(st.floats(-1e3, 1e3, width=32), min_size=1, max_size=60), st.randoms(use_true_random=False))
@settings(deadline=None)
def test_the_bound_holds_for_any_order_of_summation(values: list[float], order: object) -> None:
    terms = np.array(values, dtype=np.float32)
    order.shuffle(values)  # type: ignore[attr-defined]
    got = np.float32(0)
    for v in values:
        got = np.float32(got + np.float32(v))
    exact, absolute = np.array([math.fsum(terms.tolist())]), np.array([math.fsum(np.abs(terms).tolist())])
    bound = allowance("float32", "gemm", exact, absolute, np.array([float(len(values))]))
    assert mismatch(np.array([got]), exact, bound) is None


def test_the_bound_sees_lost_precision() -> None:
    """Values kept in half precision on the way exceed the float32 bound."""
    rng = np.random.default_rng(0)
    x, w = rng.standard_normal(64), rng.standard_normal(64)
    exact, absolute = np.array([x @ w]), np.array([np.abs(x) @ np.abs(w)])
    low = np.array([x.astype(np.float16).astype(np.float64) @ w])
    bound = allowance("float32", "gemm", exact, absolute, np.array([64.0]))
    assert mismatch(low, exact, bound) is not None
    assert bound[0] < 64 * 1.01 * UNIT["float32"] * absolute[0] + UNIT["float32"] * abs(exact[0])


_HALF, _SINGLE, _DOUBLE = 2.0**-11, 2.0**-24, 2.0**-53


@pytest.mark.parametrize(
    ("dtype", "numerics", "steps", "unit", "last"),
    [
        ("float64", "direct", 5, _DOUBLE, _DOUBLE),
        ("float32", "direct", 5, _SINGLE, _SINGLE),
        ("float32", "gemm", 5, _SINGLE, _SINGLE),
        ("float16", "gemm", 5, _SINGLE, _HALF),  # sums are formed in float32 and rounded once
        ("float32", "winograd", 16 * 5, _SINGLE, _SINGLE),
        ("float64", "winograd", 16 * 5, _DOUBLE, _DOUBLE),
        ("float32", "fft", 24 * 5, _SINGLE, _SINGLE),
        ("float64", "tf32", 5, _DOUBLE, _DOUBLE),  # TF32 is a mode of float32
    ],
)
def test_the_bound_of_five_terms(dtype: str, numerics: Numerics, steps: int, unit: float, last: float) -> None:
    """gamma(steps) of the sum of absolute values, 8, and the last rounding of the result, -3."""
    found = allowance(dtype, numerics, np.array([-3.0]), np.array([8.0]), np.array([5.0]))
    assert float(found[0]) == pytest.approx(steps * unit / (1 - steps * unit) * 8 + last * 3, rel=1e-14, abs=0)


def test_the_tf32_bound_of_five_terms() -> None:
    """Every product is off by two truncations to 10 bits; the sum is that of float32, four times as rough."""
    rough, cut = 20 * _SINGLE / (1 - 20 * _SINGLE), 2 * 2.0**-10 / (1 - 2 * 2.0**-10)
    expected = (rough + cut + rough * cut) * 8 + _SINGLE * 3
    found = allowance("float32", "tf32", np.array([-3.0]), np.array([8.0]), np.array([5.0]))
    assert float(found[0]) == pytest.approx(expected, rel=1e-14, abs=0)


@pytest.mark.parametrize(("dtype", "exact", "last"), [
    ("float16", 2.0**-20, 2.0**-25), ("float16", 2.0**-14, 2.0**-25), ("float16", 2.0**-12, 2.0**-23),
    ("float32", 2.0**-140, 2.0**-150), ("float32", 2.0**-100, 2.0**-124),
    ("float64", 2.0**-1060, None), ("float64", 2.0**-900, 2.0**-953),
])  # fmt: skip
def test_a_subnormal_result_may_be_off_by_half_its_spacing(dtype: str, exact: float, last: float | None) -> None:
    nothing, wide = np.zeros(1), np.array([exact], np.longdouble if dtype == "float64" else np.float64)
    found = allowance(dtype, "gemm", wide, nothing, nothing)[0]
    assert found == (np.longdouble(2.0) ** -1075 if last is None else last)


def test_each_element_has_a_bound_of_its_own() -> None:
    exact, absolute, count = np.array([1.0, -2.0]), np.array([4.0, 2.0]), np.array([3.0, 7.0])
    found = allowance("float64", "gemm", exact, absolute, count)
    assert found.tolist() == pytest.approx([13 * _DOUBLE, 16 * _DOUBLE], rel=1e-14, abs=0)


def test_sums_of_too_many_terms_have_no_bound() -> None:
    nothing, one = np.zeros(3), np.ones(3)
    found = allowance("float32", "gemm", nothing, one, np.array([2.0**24 - 1, 2.0**24, 2.0**25]))
    assert found.tolist() == [2.0**24 - 1, np.inf, np.inf]


def _tf32(exact: float, absolute: float, count: int, op: Op = "conv2d") -> float:
    """The bound of one element of a TF32 backend."""
    given = np.array([[exact], [absolute], [count]], dtype=float)
    return float(allowance("float32", "tf32", given[0], given[1], given[2], op)[0])


def test_the_tf32_bound_admits_the_worst_product_of_truncated_operands() -> None:
    """An operand just below 1 + 2^-10 is cut to 1; rounding alone (2^-11) would not reach that far."""
    operand = 1 + 2.0**-10 - UNIT["float32"] * 2
    assert float(np.float32(operand)) == operand
    error = operand**2 - 1
    assert 0.99 * _tf32(operand**2, operand**2, 1) < error <= _tf32(operand**2, operand**2, 1)


def test_the_tf32_bound_of_long_sums_is_finite_and_small() -> None:
    for count in (2048, 5000):
        assert _tf32(0, 1, count) < 0.01


def test_the_tf32_bound_is_that_of_float32_where_nothing_is_multiplied() -> None:
    values = (np.array([1.0]), np.array([2.0]), np.array([9.0]))
    plain = allowance("float32", "gemm", *values)
    multiplied = {op for op in OPS if allowance("float32", "tf32", *values, op) > 100 * plain}
    assert multiplied == {"conv2d", "conv2d_input_grad", "conv2d_weight_grad"}
    assert all(allowance("float32", "tf32", *values, op) == plain for op in OPS if op not in multiplied)
    assert allowance("float64", "tf32", *values) == allowance("float64", "gemm", *values)
