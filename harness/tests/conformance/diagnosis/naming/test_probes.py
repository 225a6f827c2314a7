"""What is done to numbers is told apart: rounded, cut, clipped, dropped; inputs, results or sums."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from conformance.diagnosis.cause import Cause
from conformance.diagnosis.diagnose import diagnose
from conformance.power.fault import Fault, Implementation, load
from conformance.power.kinds import numbers
from conformance.power.right.ops import Change
from conformance.power.where.conditions import Condition, On
from harness.contract.protocol import Array
from harness.geometry.spec import ConvSpec, Op
from harness.oracle import by_taps
from harness.tests.helpers.planted.faults import Planted, planted

Make = Callable[[Array], Array]


class _Numbers(Planted):
    """What is made of arguments, and of the result."""

    def __init__(self, inputs: Make | None = None, result: Make | None = None, sums: type | None = None) -> None:
        super().__init__("conv2d", lambda spec: False)
        self.inputs, self.result, self.sums = inputs, result, sums

    def run(self, op: Op, spec: ConvSpec, *arrays: Array | None) -> Array:
        dtype = next(a.dtype for a in arrays if a is not None)
        with np.errstate(all="ignore"):
            given = arrays if self.inputs is None else [None if a is None else self.inputs(a) for a in arrays]
            out = by_taps.run(op, spec, *given, accumulate=self.sums or np.float64)
            return (out if self.result is None else self.result(out)).astype(dtype)


def _told(backend: _Numbers, op: Op = "conv2d", dtype: str = "float64") -> Cause | None:
    causes = diagnose(planted(backend), op, dtype, seconds=60.0)
    return causes[0] if causes else None


def _half(a: Array) -> Array:
    return a.astype(np.float16).astype(a.dtype)


def _single(a: Array) -> Array:
    return a.astype(np.float32).astype(a.dtype)


def _nothing_small(a: Array) -> Array:
    return np.where(np.abs(a) < 1e-6, 0, a)


@pytest.mark.parametrize(
    ("backend", "words"),
    [
        (_Numbers(inputs=_half), "rounds the inputs to half precision"),
        (_Numbers(result=_half), "rounds the results to half precision"),
        (_Numbers(inputs=_single), "rounds the inputs to single precision"),
        (_Numbers(result=_single), "rounds the results to single precision"),
        (_Numbers(result=np.trunc), "cuts the results to whole numbers"),
        (_Numbers(result=lambda a: np.round(a, 3)), "rounds the results to 3 decimals"),
        (_Numbers(inputs=_nothing_small), "takes 0 for numbers below 1e-06"),
        (_Numbers(sums=np.float32), "forms its sums in single precision"),
    ],
)  # fmt: skip
def test_what_is_done_to_numbers_is_told(backend: _Numbers, words: str) -> None:
    cause = _told(backend)
    assert cause is not None
    assert words in cause.says
    assert cause.kind == "numbers"
    assert cause.mend


@pytest.mark.parametrize("op", ["im2col", "col2im", "conv2d_input_grad", "conv2d_weight_grad", "conv2d_bias_grad"])
def test_in_every_op(op: Op) -> None:
    cause = _told(_Numbers(result=_half), op)
    assert cause is not None
    assert "to half precision" in cause.says


def test_nan_and_infinities_come_through_or_it_is_said() -> None:
    cause = _told(_Numbers(inputs=lambda a: np.where(np.isnan(a), 0, a)), "im2col")
    assert cause is not None
    assert "takes 0 for NaN" in cause.says


def test_right_numbers_have_no_cause() -> None:
    assert _told(_Numbers()) is None
    assert _told(_Numbers(), "conv2d", "float32") is None
    assert _told(_Numbers(), "col2im", "int32") is None


def test_a_bias_that_is_not_given_is_asked_about() -> None:
    class One(Planted):
        def run(self, op: Op, spec: ConvSpec, *arrays: Array | None) -> Array:
            if op == "conv2d" and arrays[2] is None:
                arrays = (*arrays[:2], np.ones(spec.b_shape))
            return np.asarray(super().run(op, spec, *arrays))

    (cause,) = diagnose(planted(One("conv2d", lambda spec: False)), "conv2d", "float64", seconds=60.0)
    assert "adds a bias of 1 where none is given" in cause.says


def test_a_crash_without_images_does_not_hide_a_missing_bias() -> None:
    class One(Planted):
        def run(self, op: Op, spec: ConvSpec, *arrays: Array | None) -> Array:
            if not spec.batch:
                raise ValueError("no images")
            if op == "conv2d" and arrays[2] is None:
                arrays = (*arrays[:2], np.ones(spec.b_shape))
            return np.asarray(super().run(op, spec, *arrays))

    bias, crash = diagnose(planted(One("conv2d", lambda spec: False)), "conv2d", "float64", seconds=60.0)
    assert "adds a bias of 1 where none is given" in bias.says
    assert "if and only if N == 0" in crash.says


_NARROW: dict[str, Change] = {
    change.what: change for change in numbers.PRECISION
    if change.what in ("sums in float16", "inputs rounded to float16", "the result rounded to float16")
}  # fmt: skip


@pytest.mark.parametrize("where", [On("N", ">", 1), pytest.param(On("SW", "<", 3), marks=pytest.mark.slow)])
@pytest.mark.parametrize("what", _NARROW)
def test_what_is_done_to_numbers_somewhere_is_not_told_of_all(what: str, where: On) -> None:
    """Each argument is looked at on a geometry of its own, one of which may have one image and the other several."""
    fault = Fault("precision.where", "conv2d", _NARROW[what], Condition((where,)))
    causes = diagnose(load(Implementation(fault)), "conv2d", "float32", seconds=60.0)
    assert [cause for cause in causes if cause.kind == "numbers"] == []


def test_numbers_cut_to_few_bits_are_named_where_every_result_is_wrong() -> None:
    cut = next(change for change in numbers.PRECISION if change.what == "inputs rounded to bfloat16")
    (cause,) = diagnose(load(Implementation(Fault("precision", "im2col", cut))), "im2col", "float64", seconds=60.0)
    assert (cause.kind, cause.id) == ("name", "number/results bfloat16, cut")
