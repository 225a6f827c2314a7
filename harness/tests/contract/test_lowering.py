"""Derived ops: equal to the oracle on geometries of which no two sizes agree, in the dtype of the inputs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from harness.contract import lowering
from harness.geometry.spec import ConvSpec, Op
from harness.oracle import by_taps, data

DERIVED: tuple[Op, ...] = ("conv2d", "conv2d_input_grad", "conv2d_weight_grad", "conv2d_bias_grad")
SPECS = {
    "all_distinct": "n2c6h11w13_f9kh3kw2_sh2sw3_pt1pb2pl3pr0_dh2dw1_g3",
    "one_group": "n3c2h6w5_f4kh3kw2",
    "depthwise": "n2c5h6w7_f5kh2kw3_g5",
    "depthwise_multiplier": "n2c3h6w5_f6kh3kw2_sh2sw1_g3",
    "one_image_one_filter": "n1c4h5w6_f1kh2kw3",
    "no_images": "n0c6h11w13_f9kh3kw2_g3",
    "pointwise": "n2c6h3w4_f4kh1kw1_g2",
}


def columns_of(spec: ConvSpec, x: Any) -> Any:
    """im2col of the oracle, in the dtype of x."""
    return by_taps.run("im2col", spec, x).astype(x.dtype)


def image_of(spec: ConvSpec, columns: Any) -> Any:
    """col2im of the oracle, in the dtype of the columns."""
    return by_taps.run("col2im", spec, columns).astype(columns.dtype)


OPS_ELSE: tuple[Op, ...] = ("im2col", "col2im", *DERIVED[1:])
OPS = lowering.derive(lambda x, spec: columns_of(spec, x), lambda columns, spec: image_of(spec, columns))


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64", "int32", "int64"])
@pytest.mark.parametrize("op", DERIVED)
@pytest.mark.parametrize("name", SPECS)
def test_a_derived_op_is_what_the_oracle_says(name: str, op: Op, dtype: str) -> None:
    spec = ConvSpec.parse(SPECS[name])
    arrays = data.exact(op, spec, dtype, name)
    got = OPS[op](*arrays, spec)
    assert (got.dtype.name, got.shape) == (dtype, spec.output_shape(op))
    np.testing.assert_array_equal(got, by_taps.run(op, spec, *arrays))


@pytest.mark.parametrize("name", SPECS)
def test_a_convolution_without_a_bias(name: str) -> None:
    spec = ConvSpec.parse(SPECS[name])
    x, w, _ = data.exact("conv2d", spec, "float32", name)
    np.testing.assert_array_equal(OPS["conv2d"](x, w, None, spec), by_taps.run("conv2d", spec, x, w, None))


@pytest.mark.parametrize("name", SPECS)
def test_a_bias_is_added_for_who_takes_none(name: str) -> None:
    spec = ConvSpec.parse(SPECS[name])
    x, w, b = data.exact("conv2d", spec, "float32", name)

    def conv2d(x: Any, w: Any, b: None, spec: ConvSpec) -> Any:
        assert b is None
        return OPS["conv2d"](x, w, None, spec)

    for given in (b, None):
        got = lowering.with_bias(conv2d)(x, w, given, spec)
        np.testing.assert_array_equal(got, by_taps.run("conv2d", spec, x, w, given))


def test_what_each_is_derived_from() -> None:
    assert lowering.NEEDS == {"conv2d": "im2col", "conv2d_input_grad": "col2im", "conv2d_weight_grad": "im2col"}
    assert tuple(OPS) == DERIVED


@pytest.mark.parametrize("op", DERIVED)
def test_nothing_else_is_called(op: Op) -> None:
    asked: list[str] = []

    def note(name: str) -> Callable[[Any, Any], Any]:
        def called(a: Any, spec: ConvSpec) -> Any:
            asked.append(name)
            return {"im2col": columns_of, "col2im": image_of}[name](spec, a)

        return called

    spec = ConvSpec.parse(SPECS["all_distinct"])
    lowering.derive(note("im2col"), note("col2im"))[op](*data.exact(op, spec, "float32", "x"), spec)
    assert asked == ([lowering.NEEDS[op]] if op in lowering.NEEDS else [])


class Frugal:
    """An array that can do what the contract asks for, and nothing else."""

    def __init__(self, values: Any) -> None:
        self._values, self.dtype = values, values.dtype

    def reshape(self, *shape: Any) -> Frugal:
        """A size of -1 would fail on no images."""
        sizes = shape[0] if isinstance(shape[0], tuple) else shape
        assert min(sizes) >= 0
        return Frugal(self._values.reshape(sizes))

    def swapaxes(self, one: int, other: int) -> Frugal:
        """As NumPy's."""
        return Frugal(self._values.swapaxes(one, other))

    def __matmul__(self, other: Frugal) -> Frugal:
        return Frugal(self._values @ other._values)

    def __add__(self, other: Frugal) -> Frugal:
        return Frugal(self._values + other._values)

    def sum(self, axis: int, *, dtype: Any) -> Frugal:
        """Over one axis: torch and others call several something else."""
        assert isinstance(axis, int)
        return Frugal(self._values.sum(axis, dtype=dtype))


@pytest.mark.parametrize("op", DERIVED)
def test_arrays_of_any_library_that_can_do_little_will_do(op: Op) -> None:
    ops = lowering.derive(
        lambda x, spec: Frugal(columns_of(spec, x._values)), lambda c, spec: Frugal(image_of(spec, c._values))
    )
    for name in ("all_distinct", "no_images"):
        spec = ConvSpec.parse(SPECS[name])
        arrays = data.exact(op, spec, "float64", name)
        got = ops[op](*map(Frugal, arrays), spec)
        np.testing.assert_array_equal(got._values, by_taps.run(op, spec, *arrays))


@pytest.mark.parametrize("name", SPECS)
def test_the_stages_of_the_convolution_give_its_result(name: str) -> None:
    spec = ConvSpec.parse(SPECS[name])
    stages = lowering.conv2d_stages(lambda x, spec: columns_of(spec, x))
    parts = stages("conv2d", spec)
    assert [part for part, _ in parts] == ["im2col", "product", "bias"]
    arrays: Any = data.exact("conv2d", spec, "float32", name)
    given = arrays
    for _, function in parts:
        given = function(*given)
    np.testing.assert_array_equal(given, by_taps.run("conv2d", spec, *arrays))
    assert all(stages(op, spec) == [] for op in OPS_ELSE)
