"""What only a later call shows: what is kept under a key that lacks something, data kept, sums not reset."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from conformance.diagnosis.cause import Cause
from conformance.diagnosis.diagnose import diagnose
from conformance.power.fault import Fault, Implementation, load
from conformance.power.kinds import parameters, state
from conformance.power.right.ops import Change
from conformance.power.where.conditions import Condition, On
from harness.contract.protocol import Array
from harness.geometry.spec import ConvSpec, Op
from harness.tests.helpers.planted.faults import Planted, planted
from harness.tests.helpers.planted.written import Written, as_it_is

_SWAPPED = "height swapped with width"


def _of(change: Change, op: Op = "conv2d") -> Cause | None:
    causes = diagnose(load(Implementation(Fault("state", op, change))), op, "float64", seconds=60.0)
    return causes[0] if causes else None


def _change(what: str) -> Change:
    return next(change for change in (*state.caches(), *state.calls()) if change.what == what)


@pytest.mark.parametrize(
    ("lacks", "words"),
    [("the vertical stride", "the stride in the height"), ("the top padding", "the top padding"),
     ("dilation", "the dilation"), ("the kernel", "the kernel"), ("the batch", "the number of images")],
)  # fmt: skip
def test_a_key_that_lacks_something_is_told_with_what_it_lacks(lacks: str, words: str) -> None:
    cause = _of(_change(f"a cache, its key without {lacks}"))
    assert cause is not None
    assert cause.kind == "later call"
    assert cause.says.endswith(f"under a key that lacks {words}.")
    assert "spec" in cause.mend


def test_what_is_kept_of_the_geometry_before_alone_is_told_apart() -> None:
    cause = _of(_change("the last geometry alone is kept, its key without strides"))
    assert cause is not None
    assert "keeps what it made for the geometry before" in cause.says


@pytest.mark.parametrize(
    ("what", "words"),
    [("results cached by shapes", "the first call of a geometry again"),
     ("results cached by shapes and the first element", "same first element"),
     ("results cached by the sum of the data", "same sum"),
     ("the second argument kept by its shape", "uses `w` of an earlier call"),
     ("sums begin where the last call ended", "does not set its sums to 0"),
     ("the result of the call before", "the result of the call before"),
     ("one buffer for all results of a shape", "memory that its next call writes into")],
)  # fmt: skip
def test_what_is_kept_of_data_is_told(what: str, words: str) -> None:
    cause = _of(_change(what))
    assert cause is not None
    assert cause.kind == "later call"
    assert words in cause.says


def test_every_fifth_call_wrong_is_counted() -> None:
    class Fifth(Planted):
        calls = 0

        def run(self, op: Op, spec: ConvSpec, *arrays: Array | None) -> Any:
            self.calls += 1
            result = super().run(op, spec, *arrays)
            return np.asarray(result + 1) if self.calls % 5 == 0 else result

    (cause,) = diagnose(planted(Fifth("im2col", lambda spec: False)), "im2col", "float64", seconds=60.0)
    assert (cause.kind, cause.says) == ("later call", "Your im2col is wrong at every fifth call.")
    assert isinstance(cause.plainest, ConvSpec)


def test_a_sum_over_the_calls_of_all_geometries_is_told() -> None:
    """No call but the very first is right, whatever it is of."""
    kept: dict[int, Array] = {}

    class Gradient(Planted):
        def run(self, op: Op, spec: ConvSpec, *arrays: Array | None) -> Any:
            kept[spec.out_channels] = kept.get(spec.out_channels, 0) + super().run(op, spec, *arrays)
            return kept[spec.out_channels]

    op: Op = "conv2d_bias_grad"
    (cause,) = diagnose(planted(Gradient(op, lambda spec: False)), op, "float64", seconds=60.0)
    assert (cause.kind, cause.id) == ("later call", "later/sum not reset")


def test_a_key_of_sizes_that_do_not_tell_the_stride_is_told_with_what_it_lacks() -> None:
    """Of tables of places, kept under the sizes of what they read and make."""
    kept: dict[Any, tuple[int, int]] = {}

    class Table(Planted):
        def run(self, op: Op, spec: ConvSpec, *arrays: Array | None) -> Any:
            key = (spec.in_channels, spec.kernel_size, spec.dilation, spec.output_size)
            result = super().run(op, spec, *arrays)
            return result if kept.setdefault(key, spec.stride) == spec.stride else -result

    (cause,) = diagnose(planted(Table("im2col", lambda spec: False)), "im2col", "float64", seconds=60.0)
    assert cause.kind == "later call"
    assert cause.says.endswith("under a key that lacks the stride.")


def test_what_is_kept_and_fits_so_badly_that_it_raises_is_told_once() -> None:
    """A layer that expects the image of its first call: no later one of another size has a result at all."""
    kept: dict[Any, tuple[int, int]] = {}

    class Layer(Planted):
        def run(self, op: Op, spec: ConvSpec, *arrays: Array | None) -> Any:
            key = (spec.out_channels, spec.kernel_size, spec.padding, spec.stride)
            if kept.setdefault(key, spec.input_size) != spec.input_size:
                raise ValueError("cannot reshape")
            return super().run(op, spec, *arrays)

    (cause,) = diagnose(planted(Layer("conv2d", lambda spec: False)), "conv2d", "float64", seconds=60.0)
    assert cause.kind == "later call"
    assert cause.says.endswith("under a key that lacks the size of the image.")


def test_what_every_second_geometry_shows_is_no_cache() -> None:
    """Wrong by itself where the image is no square and C is odd: of two in a row the second, at first sight."""
    swapped = next(change for change in parameters.changes("conv2d_weight_grad") if change.what == _SWAPPED)
    fault = Fault("parameter", "conv2d_weight_grad", swapped, Condition((On("K", "not %", 8),)))
    causes = diagnose(load(Implementation(fault)), "conv2d_weight_grad", "float64", seconds=60.0)
    assert causes
    assert "later call" not in [cause.kind for cause in causes]


def test_what_is_right_on_every_call_has_no_cause() -> None:
    assert diagnose(planted(Planted("conv2d", lambda spec: False)), "conv2d", "float64", seconds=60.0) == []


@pytest.mark.parametrize(
    ("key", "words"),
    [
        (lambda s: (s.input_size, s.output_size, s.kernel_size, s.padding, s.dilation), "the stride"),
        (lambda s: (s.input_size, s.output_size, s.kernel_size, s.stride, s.dilation),
         "the top padding and the left padding"),
        (lambda s: (s.padded_size, s.kernel_size, s.stride, s.dilation),
         "where the image lies in its padded height and where the image lies in its padded width"),
    ],
)  # fmt: skip
def test_sizes_in_a_key_do_not_hide_what_it_lacks(key: Callable[[ConvSpec], object], words: str) -> None:
    kept: dict[object, tuple[int, int, int]] = {}

    def rule(spec: ConvSpec, axis: int) -> tuple[int, int, int]:
        return kept.setdefault((key(spec), axis), as_it_is(spec, axis))

    (cause,) = diagnose(planted(Written(rule)), "im2col", "float64", seconds=60.0)
    assert cause.says == f"Your im2col keeps something of earlier calls under a key that lacks {words}."
