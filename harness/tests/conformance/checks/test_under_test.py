"""The backend under test: each thing that can go wrong in a call has its own sentence, and every call is kept."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest

from conformance.checks.outcomes import Failed, NotRun, RecordedCall
from conformance.checks.under_test import BackendUnderTest
from harness.calls.caller import PLAIN, Arrays, CallResult, Conditions, OneCall
from harness.calls.limits.pace import Pace
from harness.contract.protocol import ArgumentError, Array
from harness.geometry.spec import ConvSpec, Op
from harness.tests.helpers.children.calls import calls_of
from harness.tests.helpers.faults.faulty import Right, load, result
from harness.tests.helpers.suite.asked import asked

_SPEC = ConvSpec.parse("n2c3h6w7_f4kh3kw2")
_X = np.arange(252, dtype=np.float32).reshape(_SPEC.x_shape)


class Answers:
    """A caller that gives whatever it is told to."""

    name, numerics = "answers", "gemm"

    def __init__(self, *given: CallResult) -> None:
        self.given, self.asked, self.pace = list(given), list[Conditions](), Pace()

    def unsupported(self, op: Op, spec: ConvSpec, dtype: str) -> str | None:
        """See `Caller`."""
        return None

    def ask_ahead(self, op: Op, specs: Sequence[ConvSpec], dtype: str) -> None:
        """See `Caller`. Nothing is remembered."""

    def call(self, op: Op, spec: ConvSpec, arrays: Arrays, conditions: Conditions = PLAIN) -> CallResult:
        """See `Caller`."""
        self.asked.append(conditions)
        return self.given.pop(0)

    def each(self, calls: Sequence[OneCall]) -> list[CallResult]:
        """See `Caller`."""
        return self.given

    def together(self, calls: Sequence[OneCall], times: int = 1) -> list[CallResult]:
        """See `Caller`."""
        return self.given

    def repeat(self, calls: Sequence[OneCall], times: int) -> list[CallResult]:
        """See `Caller`."""
        return self.given

    def sample(self, op: Op, spec: ConvSpec, dtype: str, seed: str, points: Sequence[tuple[int, ...]]) -> CallResult:
        """See `Caller`."""
        return self.given.pop(0)


def subject(*given: CallResult) -> BackendUnderTest:
    """A backend under test that gives these results."""
    return asked(Answers(*given), _SPEC)  # type: ignore[arg-type]


def said(call: Callable[[], Any], kind: type[Exception] = Failed) -> str:
    """The text of what a call raises."""
    with pytest.raises(kind) as caught:
        call()
    return str(caught.value)


def columns(dtype: str = "float32", shape: tuple[int, ...] = _SPEC.columns_shape) -> CallResult:
    """A result of im2col, of the right form unless it is asked for otherwise."""
    return CallResult(result=np.zeros(shape, dtype), shape=shape)


RAISED = CallResult(error="ValueError: no room (mine.py, line 3)")
DIED = CallResult(error="ended its process: SIGSEGV", died=True)
OUT_OF_MEMORY = CallResult(error="MemoryError: 3 GiB")
FORMS = {
    "raised": (RAISED, "im2col raised ValueError: no room (mine.py, line 3)"),
    "died": (DIED, "im2col ended its process: SIGSEGV"),
    "nothing": (CallResult(kind="builtins.NoneType"), "im2col returned NoneType, not an array"),
    "shape": (columns(shape=(2, 18, 23)), "im2col returned shape (2, 18, 23), the spec asks for (2, 18, 24)"),
    "dtype": (columns("int32"), "im2col returned dtype int32 for float32 input"),
}


@pytest.mark.parametrize("name", FORMS)
def test_each_fault_of_a_call_has_its_sentence(name: str) -> None:
    outcome, text = FORMS[name]
    assert said(lambda: subject(outcome).run("im2col", _SPEC, _X)) == text
    assert said(lambda: subject(columns(), outcome).together(calls_of("im2col", _SPEC, [[_X], [_X]]))) == text


def test_one_that_raises_and_one_that_dies_are_seen_in_an_observation_too() -> None:
    assert said(lambda: subject(RAISED).observe("im2col", _SPEC, _X)) == FORMS["raised"][1]
    assert said(lambda: subject(DIED).observe("im2col", _SPEC, _X)) == FORMS["died"][1]
    odd = CallResult(kind="builtins.list")
    assert subject(odd).observe("im2col", _SPEC, _X) is odd


def test_the_dtype_is_that_of_the_arrays_that_are_there() -> None:
    w, dy = np.zeros(_SPEC.w_shape, np.float64), np.zeros(_SPEC.y_shape, np.float64)
    dx = CallResult(result=np.zeros(_SPEC.x_shape, np.float64))
    assert subject(dx).run("conv2d_input_grad", _SPEC, dy, w).dtype == np.float64


def test_a_call_of_ours_that_does_not_fit_is_ours_to_mend() -> None:
    with pytest.raises(ArgumentError):
        subject(columns()).observe("im2col", _SPEC, _X[:1])
    with pytest.raises(ArgumentError):
        subject(columns()).run("im2col", _SPEC, _X.astype(np.float16).view(np.uint16))


SAMPLES = {
    "raised": (RAISED, Failed, FORMS["raised"][1]),
    "died": (DIED, Failed, FORMS["died"][1]),
    "memory": (OUT_OF_MEMORY, NotRun, "im2col ran out of memory: MemoryError: 3 GiB"),
    "nothing": (CallResult(kind="builtins.NoneType"), Failed, FORMS["nothing"][1]),
    "shape": (CallResult(result=np.zeros(3, "f4"), shape=(2, 18, 23)), Failed, FORMS["shape"][1]),
    "dtype": (CallResult(result=np.zeros(3, "i4"), shape=_SPEC.columns_shape), Failed, FORMS["dtype"][1]),
}


@pytest.mark.parametrize("name", SAMPLES)
def test_each_fault_of_a_sampled_call_has_its_sentence(name: str) -> None:
    outcome, kind, text = SAMPLES[name]
    points = [(0, 0, 0), (0, 0, 1), (1, 17, 23)]
    assert said(lambda: subject(outcome).sample("im2col", _SPEC, "float32", "x", points), kind) == text


def test_a_sampled_call_gives_its_elements() -> None:
    given = CallResult(result=np.array([5, 6], np.float32), shape=_SPEC.columns_shape)
    got = subject(given).sample("im2col", _SPEC, "float32", "x", [(0, 0, 0), (1, 0, 0)])
    assert got.tolist() == [5, 6]


def test_memory_lost_in_an_ordinary_call_is_the_backends_fault() -> None:
    assert said(lambda: subject(OUT_OF_MEMORY).run("im2col", _SPEC, _X)) == "im2col raised MemoryError: 3 GiB"


def test_an_attempt_gives_what_was_raised_and_a_death_is_a_failure() -> None:
    assert subject(RAISED).attempt("im2col", _SPEC, None) == RAISED.error
    assert subject(columns()).attempt("im2col", _SPEC, _X[:1]) == ""
    assert said(lambda: subject(DIED).attempt("im2col", _SPEC, None)) == FORMS["died"][1]


def test_every_call_is_kept_until_the_next_case_begins() -> None:
    tested = subject(columns(), RAISED, columns(), columns())
    tested.run("im2col", _SPEC, _X, conditions=Conditions(layout="F", threads=2))
    tested.attempt("im2col", _SPEC, None)
    tested.observe("im2col", _SPEC, _X, conditions=Conditions(poisoned=True))
    kept = [(call.op, call.spec, call.outcome.error, call.conditions) for call in tested.calls]
    assert kept == [
        ("im2col", _SPEC, "", Conditions(layout="F", threads=2)),
        ("im2col", _SPEC, RAISED.error, PLAIN),
        ("im2col", _SPEC, "", Conditions(poisoned=True)),
    ]
    assert tested.calls[0].arrays[0] is _X
    assert tested.calls[1].arrays == (None,)
    tested.used = 0.5
    tested.begin()
    assert tested.calls == []
    assert tested.used is None


def test_the_conditions_reach_the_caller() -> None:
    tested, asked = subject(columns(), columns()), Conditions(layout="step2", threads=3, poisoned=True)
    tested.run("im2col", _SPEC, _X, conditions=asked)
    tested.observe("im2col", _SPEC, _X)
    assert tested.backend.asked == [asked, PLAIN]  # type: ignore[attr-defined]


def test_the_arrays_that_are_kept_are_those_that_the_layout_can_hold() -> None:
    """Of a broadcast array the first image is all that the backend was given."""
    tested = asked(load(Right), _SPEC)
    tested.run("im2col", _SPEC, _X, conditions=Conditions(layout="broadcast"))
    (kept,) = tested.calls[0].arrays
    assert isinstance(kept, np.ndarray)
    assert np.array_equal(kept, np.stack([_X[0], _X[0]]))


def test_calls_at_once_are_kept_up_to_the_one_that_failed() -> None:
    tested = subject(columns(), columns("int32"), columns())
    with pytest.raises(Failed):
        tested.together(calls_of("im2col", _SPEC, [[_X], [_X + 1], [_X + 2]]))
    assert [call.arrays[0].flat[0] for call in tested.calls if call.arrays[0] is not None] == [0, 1]


def test_only_calls_that_fit_are_valid() -> None:
    """Some checks give wrong arrays on purpose, and a diagnosis must leave those alone."""

    def call(*arrays: Array | None) -> RecordedCall:
        return RecordedCall("conv2d", _SPEC, arrays, columns())

    x, w, b = np.zeros(_SPEC.x_shape), np.zeros(_SPEC.w_shape), np.zeros(_SPEC.b_shape)
    assert call(x, w, b).is_valid
    assert call(x, w, None).is_valid
    assert not call(None, None, None).is_valid
    assert not call(x, w, b[1:]).is_valid
    assert not call(x, w.astype(np.float32), b).is_valid


def test_together_gives_the_results_in_the_order_of_the_arguments() -> None:
    tested = asked(load(result(lambda op, spec, out, arrays: out)), _SPEC)
    got = tested.together(calls_of("im2col", _SPEC, [[_X], [_X * 2], [_X * 3]]))
    assert [float(np.max(a)) for a in got] == [251, 502, 753]
