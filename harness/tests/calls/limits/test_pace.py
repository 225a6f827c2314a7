"""The pace of a backend: what earlier calls say of the next, and how long it is waited for."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from harness.calls import child
from harness.calls.caller import CallFacts
from harness.calls.in_child import InChild
from harness.calls.limits.pace import LONGEST, Pace
from harness.contract.targets import Target
from harness.geometry.spec import ConvSpec
from harness.tests.helpers.children.calls import calls_of

_SMALL, _LARGE = ConvSpec.parse("n1c1h6w6_f1kh3kw3"), ConvSpec.parse("n10c1h6w6_f1kh3kw3")  # ten times the work


def paced(*calls: float) -> Pace:
    """After calls on the small geometry that took so long."""
    pace = Pace()
    for seconds in calls:
        pace.add("conv2d", _SMALL, "float32", seconds)
    return pace


@pytest.mark.parametrize(
    ("calls", "predicted"),
    [
        ((), 0), ((3.0,), 0), ((0.04, 0.04), 0),  # nothing is known; the first may compile; a short call is overhead
        ((3.0, 0.5), 5.0), ((3.0, 0.5, 2.0), 5.0), ((3.0, 2.0, 0.5), 5.0),  # a busy machine makes it slower
        ((3.0, 0.04, 0.5), 5.0),
    ],
)  # fmt: skip
def test_ten_times_the_work_takes_ten_times_as_long(calls: tuple[float, ...], predicted: float) -> None:
    pace = paced(*calls)
    assert pace.predicted("conv2d", _LARGE, "float32") == pytest.approx(predicted)
    assert pace.predicted("conv2d", _SMALL, "float32") == pytest.approx(predicted / 10)
    assert pace.patience("conv2d", _LARGE, "float32") == pytest.approx(5 * predicted)


def test_of_what_is_far_larger_nothing_is_predicted_but_it_is_waited_for() -> None:
    """Who loops over planes takes as long for many channels as for large ones, of far more work."""
    pace, far = paced(1.0, 1.0), replace(_LARGE, batch=2 * _LARGE.batch)
    assert pace.predicted("conv2d", far, "float32") == 0
    assert pace.patience("conv2d", far, "float32") == pytest.approx(100)
    for _ in range(2):
        pace.add("conv2d", _LARGE, "float32", 20.0)
    assert pace.predicted("conv2d", far, "float32") == pytest.approx(20)


def test_ops_and_dtypes_have_a_pace_of_their_own() -> None:
    pace = paced(1.0, 1.0)
    assert pace.predicted("conv2d", _LARGE, "float64") == 0
    assert pace.predicted("conv2d_input_grad", _LARGE, "float32") == 0


def test_another_geometry_is_a_first_call_again() -> None:
    """It may compile as well."""
    pace = paced(3.0)
    pace.add("conv2d", _LARGE, "float32", 3.0)
    assert pace.predicted("conv2d", _LARGE, "float32") == 0


def test_what_is_foretold_of_a_geometry_is_believed() -> None:
    pace = paced(1.0, 1.0)
    assert not pace.is_foretold("conv2d", _LARGE, "float32")
    pace.foretell("conv2d", _LARGE, "float32", 2.0)
    assert pace.is_foretold("conv2d", _LARGE, "float32")
    assert (pace.predicted("conv2d", _LARGE, "float32"), pace.predicted("conv2d", _SMALL, "float32")) == (2.0, 1.0)
    assert (pace.longest, LONGEST) == (100.0, 100.0)


# -- in a child ------------------------------------------------------------------------------------------------------

_LARGER = ConvSpec.parse("n1c2h9w9_f3kh2kw2")
_X = [np.ones(_SMALL.x_shape, np.float32)]


def opened(monkeypatch: pytest.MonkeyPatch) -> tuple[InChild, list[float]]:
    """A backend whose child answers every call, and the deadlines that it was given; the usual one is 2 s."""
    deadlines: list[float] = []

    def answered(self: InChild, message: Any, answers: Any, deadline: float, arrays: Any = ()) -> Any:
        deadlines.append(deadline)
        count = len(message.calls) if isinstance(message, child.Several) else 1
        yield child.Results([CallFacts() for _ in range(count)]), [None] * count

    monkeypatch.setattr(InChild, "_start", lambda self: child.Opened("mine", "gemm", "kept", True, {}, []))
    monkeypatch.setattr(InChild, "_answered", answered)
    return InChild(Target("./mine.py", "mine", "./mine.py"), 2.0), deadlines


def test_a_slow_call_is_waited_for_several_times_as_long_as_was_predicted(monkeypatch: pytest.MonkeyPatch) -> None:
    """Never less than usual; of another dtype nothing is known."""
    backend, deadlines = opened(monkeypatch)
    backend.pace.foretell("im2col", _SMALL, "float32", 1.5)
    for _ in range(2):
        backend.call("im2col", _SMALL, _X)
    backend.together(calls_of("im2col", _SMALL, [_X, _X]))
    for _ in range(2):
        backend.call("im2col", _SMALL, [_X[0].astype(np.float64)])
    assert deadlines == [7.5, 7.5, 15, 6, 2]  # of float64 the first may have to compile
    assert backend.pace.longest == 2


def test_in_a_hurry_only_the_first_call_of_an_op_may_compile(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever calls hundreds of small geometries does not wait for each."""
    backend, deadlines = opened(monkeypatch)
    with backend.in_a_hurry(1.0):
        for spec in (_SMALL, _LARGER):
            backend.call("im2col", spec, _X)
    backend.call("im2col", _LARGER, [_X[0].astype(np.float64)])
    assert deadlines == [3, 1, 6]


def test_the_calls_of_a_child_set_its_pace(monkeypatch: pytest.MonkeyPatch) -> None:
    backend, _ = opened(monkeypatch)
    clock = iter([0.0, 30.0, 100.0, 101.0])
    monkeypatch.setattr(time, "monotonic", lambda: next(clock))
    backend.call("im2col", _SMALL, _X)
    assert backend.pace.predicted("im2col", _SMALL, "float32") == 0
    backend.call("im2col", _SMALL, _X)
    assert backend.pace.predicted("im2col", _SMALL, "float32") == pytest.approx(1.0)
