"""Data that fill the digits of a dtype: every sum is exact in it, and what rounds on the way is wrong."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from conformance.domain.part import whole
from harness.contract.protocol import DTYPES, Array
from harness.geometry.spec import OPS, POOL_OPS, ConvSpec, Op
from harness.geometry.windows import why_not_pooled
from harness.oracle import by_taps, data, dyadic
from harness.oracle.comparing import divides

_SOME = whole().specs[::29]
_SUMS = {"float16": np.float32, "float32": np.float32, "float64": np.float64, "int32": np.int32, "int64": np.int64}


def exactly(op: Op, spec: ConvSpec, arrays: tuple[Array, ...]) -> Array:
    """With more digits than any dtype has."""
    wide: Any = np.int64 if arrays[0].dtype.kind == "i" else np.longdouble
    return by_taps.run(op, spec, *arrays, accumulate=wide)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("op", OPS)
def test_every_sum_is_exact_in_the_dtype(op: Op, dtype: str) -> None:
    for spec in _SOME:
        arrays = dyadic.wide(op, spec, dtype, f"{spec}")
        exact = exactly(op, spec, arrays)
        got = by_taps.run(op, spec, *arrays, accumulate=_SUMS[dtype])
        assert np.array_equal(got.astype(exact.dtype), exact), spec
        assert [a.shape for a in arrays] == list(spec.input_shapes(op))
        assert {str(a.dtype) for a in arrays} == {dtype}
        assert all(a.all() for a in arrays)
        assert np.isfinite(exact.astype(dtype)).all() if dtype.startswith("float") else True


@pytest.mark.parametrize(("dtype", "cheaper"), [("float32", "float16"), ("float64", "float32"), ("int32", "float32"),
                                                ("int64", "float64")])  # fmt: skip
@pytest.mark.parametrize("op", OPS)
def test_a_sum_with_fewer_digits_is_wrong(op: Op, dtype: str, cheaper: str) -> None:
    """Also one that is rounded to whole numbers, in floats. Sums of very many terms may be short by chance."""
    specs = [spec for spec in _SOME if spec.macs > 50]
    shown = 0
    for spec in specs:
        arrays = dyadic.wide(op, spec, dtype, f"{spec}")
        exact = exactly(op, spec, arrays)
        with np.errstate(over="ignore", invalid="ignore"):
            cheap = by_taps.run(op, spec, *[a.astype(cheaper) for a in arrays], accumulate=cheaper)
            shown += not np.array_equal(cheap.astype(np.longdouble), exact.astype(np.longdouble))
        if dtype.startswith("float"):
            assert not np.array_equal(np.rint(exact), exact), spec
    assert shown >= 0.7 * len(specs) > 5


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("op", "full"), [("im2col", 0), ("col2im", 0), ("conv2d", 0), ("conv2d", 1),
                                          ("conv2d_input_grad", 0), ("conv2d_input_grad", 1), ("conv2d_weight_grad", 0),
                                          ("conv2d_weight_grad", 1), ("conv2d_bias_grad", 0)])  # fmt: skip
def test_one_term_a_sum_has_all_digits_of_one_argument(op: Op, full: int, dtype: str) -> None:
    for spec in _SOME:
        arrays = dyadic.one_term(op, spec, dtype, f"{spec}", full)
        assert by_taps.run(op, spec, *[a != 0 for a in arrays]).max() <= 1, spec
        got = by_taps.run(op, spec, *arrays, accumulate=_SUMS[dtype])
        assert np.array_equal(got.astype(np.longdouble), exactly(op, spec, arrays).astype(np.longdouble)), spec
        shown = arrays[full][arrays[full] != 0]
        if shown.size > 20:
            factor = 2.0 ** (3 if full and dtype.startswith("float") else 2) if dtype.startswith("float") else 1
            factor = {"float16": 2.0**9}.get(dtype, factor)
            bits = data.SIGNIFICAND_BITS[dtype]
            assert np.abs(shown.astype(np.longdouble) * factor).max() > 2.0 ** (bits - 3)


def test_data_depend_on_the_seed_and_on_nothing_else() -> None:
    spec = _SOME[3]
    first, again, other = (dyadic.wide("conv2d", spec, "float64", seed) for seed in ("a", "a", "b"))
    assert all(np.array_equal(a, b) for a, b in zip(first, again, strict=True))
    assert not any(np.array_equal(a, b) for a, b in zip(first, other, strict=True))


def test_sums_too_long_to_be_exact_are_no_data() -> None:
    spec = ConvSpec.of(batch=1, in_channels=2**20, input_size=4, out_channels=1, kernel_size=4)
    with pytest.raises(data.DataError, match=r"^sums of 16777216 terms are not exact in float32$"):
        dyadic.wide("conv2d", spec, "float32", "a")


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
@pytest.mark.parametrize("op", POOL_OPS)
def test_pooling_fills_the_digits(op: Op, dtype: str) -> None:
    """Sums are exact before they are divided; x of a maximum, which nothing is added to, has all digits."""
    for spec in [one for one in _SOME if not why_not_pooled(one)]:
        arrays = dyadic.wide(op, spec, dtype, f"{spec}")
        if not divides(op):
            exact = exactly(op, spec, arrays)
            assert np.array_equal(by_taps.run(op, spec, *arrays, accumulate=_SUMS[dtype]).astype(exact.dtype), exact)
        if op.startswith("max") and arrays[-1].size > 50:
            scale = {"float16": 2.0**9}.get(dtype, 8.0 if len(arrays) > 1 else 4.0)
            assert np.abs(arrays[-1].astype(np.longdouble) * scale).max() > 2.0 ** (data.SIGNIFICAND_BITS[dtype] - 3)
        counted: Op = "avg_pool2d_grad" if op.endswith("_grad") else "avg_pool2d"
        for full in range(len(arrays)) if op != "max_pool2d" else ():
            marked = dyadic.one_term(op, spec, dtype, f"{spec}", full)[0] != 0
            assert 0 < by_taps.run(counted, spec, marked).max() * spec.taps < 1.5, spec  # no sum has a second term
