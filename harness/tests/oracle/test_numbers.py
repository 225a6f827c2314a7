"""Data, comparison, error bounds and statistics."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.geometry.spec import OPS, ConvSpec, Op
from harness.oracle import by_taps, data
from harness.oracle.comparing import UNIT, allowance, mismatch
from harness.results import intervals

_SPEC = ConvSpec.parse("n2c6h9w10_f6kh4kw2_sh2sw3_pt1pb2pl0pr1_dh1dw2_g2")


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64", "int32", "int64"])
@pytest.mark.parametrize("op", OPS)
def test_exact_data_cannot_round(op: Op, dtype: str) -> None:
    """The largest sum of absolute values is a whole number that the dtype holds, so every partial sum is exact."""
    arrays = data.exact(op, _SPEC, dtype, "seed")
    assert all(a.dtype == dtype and (a != 0).all() for a in arrays)
    assert float(by_taps.absolute(op, _SPEC, *arrays).max()) <= 2 ** data.SIGNIFICAND_BITS[dtype]


def test_sums_too_long_to_be_exact_are_refused() -> None:
    with pytest.raises(data.DataError, match="not exact in float16"):
        data.exact("conv2d", ConvSpec.parse("n1c300h3w3_f1kh3kw3"), "float16", "seed")


def test_data_depends_on_the_seed_alone() -> None:
    first, again, other = (data.exact("conv2d", _SPEC, "float32", s) for s in ("a", "a", "b"))
    assert all(np.array_equal(p, q) for p, q in zip(first, again, strict=True))
    assert not np.array_equal(first[0], other[0])
    assert data.generator("values.exact").integers(1000) == 939  # crc32, the same on every machine


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


def test_worst_is_by_excess_over_its_own_allowance() -> None:
    found = mismatch(np.array([10.0, 1.0]), np.zeros(2), np.array([9.5, 0.0]))
    assert found is not None
    assert (found.first, found.worst) == ((0,), (1,))


def test_nan_instead_of_infinity_is_a_mismatch() -> None:
    assert mismatch(np.array([np.nan]), np.array([np.inf])) is not None
    assert mismatch(np.array([np.inf]), np.array([np.nan])) is not None


def test_shapes_must_agree() -> None:
    with pytest.raises(ValueError, match="shapes differ"):
        mismatch(np.zeros(2), np.zeros(3))


@given(st.lists(st.floats(-1e3, 1e3, width=32), min_size=1, max_size=60), st.randoms(use_true_random=False))
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


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([3.0], (3.0, 3.0, 3.0)),
        ([1.0, 2.0], (1.5, 1.0, 2.0)),
        ([1.0, 2.0, 3.0, 4.0, 5.0, 6.0], (3.5, 1.0, 6.0)),
        (list(range(1, 10)), (5, 2, 8)),
        (list(range(1, 22)), (11, 6, 16)),
    ],
)
def test_median_interval_ranks(values: list[float], expected: tuple[float, float, float]) -> None:
    """Ranks of the sign test at 95 %: 2 and 8 of 9, 6 and 16 of 21 (any table of the binomial)."""
    assert intervals.median_interval(values) == expected
