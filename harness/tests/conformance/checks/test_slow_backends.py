"""A right and slow backend is not run where it would take too long, with its prediction, and never said to hang."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pytest

from conformance.cases.case import Case
from conformance.checks import under_test
from conformance.checks.outcomes import NotRun
from conformance.checks.under_test import BackendUnderTest
from conformance.run import engine
from conformance.run.results import BackendResult, CaseResult
from harness.calls.caller import PLAIN, Arrays, CallResult, Conditions
from harness.calls.limits.pace import Pace
from harness.contract.status import Status
from harness.geometry.spec import ConvSpec, Op
from harness.tests.helpers.suite.fakes import Clock, FakeCaller

_SMALL = ConvSpec.parse("n1c1h6w6_f1kh3kw3")
_LARGE = ConvSpec.parse("n1c64h56w56_f64kh3kw3_pt1pb1pl1pr1")  # 115.6 million multiply-adds


@dataclass
class Slow(FakeCaller):
    """So many seconds a multiply-add; the first call of every geometry compiles besides."""

    rate: float = 0.0
    compiling: float = 0.0
    clock: Clock | None = None
    seen: tuple[ConvSpec, ...] = ()

    def call(self, op: Op, spec: ConvSpec, arrays: Arrays, conditions: Conditions = PLAIN) -> CallResult:
        """See `Caller`."""
        self._take(op, spec)
        return super().call(op, spec, arrays, conditions)

    def sample(self, op: Op, spec: ConvSpec, dtype: str, seed: str, points: Sequence[tuple[int, ...]]) -> CallResult:
        """See `Caller`; the numbers are nobody's concern here."""
        self._take(op, spec)
        return CallResult(result=np.zeros(len(points), dtype), shape=spec.output_shape(op))

    def _take(self, op: Op, spec: ConvSpec) -> None:
        assert self.clock is not None
        took = spec.work(op) * self.rate + self.compiling * (spec not in self.seen)
        self.seen += (spec,)
        self.clock.pass_by(took)
        self.pace.add(op, spec, "float32", took)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The clock of engine and backend."""
    made = Clock()
    monkeypatch.setattr(under_test, "time", made)
    monkeypatch.setattr(engine, "time", made)
    return made


def told(caller: Slow, spec: ConvSpec, until: float = float("inf")) -> str:
    """Why a call is not made, or nothing; and that it was asked for before."""
    subject = BackendUnderTest(caller, until=until)
    subject.begin(spec)
    subject.require("conv2d", spec, "float32")
    try:
        subject.require_time("conv2d", spec, "float32")
    except NotRun as reason:
        return str(reason)
    return ""


@pytest.mark.parametrize("compiling", [0.0, 3.0])
@pytest.mark.parametrize(
    ("rate", "longest", "said"),
    [
        (3e-8, 10.0, ""), (3e-7, 10.0, "conv2d would take about 35 s, a call may take 10 s: --deadline allows more"),
        (3e-7, 40.0, ""), (0.0, 10.0, ""),
    ],
)  # fmt: skip
def test_a_large_call_is_predicted_from_smaller_ones(
    clock: Clock, rate: float, longest: float, said: str, compiling: float
) -> None:
    """What compiles for each geometry is not slow for that."""
    caller = Slow(rate=rate, compiling=compiling, clock=clock, pace=Pace(longest))
    assert told(caller, _LARGE) == said
    assert _LARGE not in caller.seen
    assert caller.pace.patience("conv2d", _LARGE, "float32") >= 5 * rate * _LARGE.macs * 0.99
    before = len(caller.seen)
    assert (told(caller, _LARGE), len(caller.seen)) == (said, before)  # once foretold, it is not tried again


def test_a_small_call_is_predicted_from_those_before_without_any_other(clock: Clock) -> None:
    caller = Slow(clock=clock, pace=Pace(10.0))
    assert (told(caller, _SMALL), caller.seen) == ("", ())
    for _ in range(2):
        caller.pace.add("conv2d", _SMALL, "float32", 60.0)
    assert told(caller, _SMALL).startswith("conv2d would take about 60 s, a call may take 10 s")


def test_what_is_left_of_the_budget_is_the_limit_too(clock: Clock) -> None:
    caller = Slow(rate=3e-8, clock=clock, pace=Pace(10.0))
    assert told(caller, _LARGE, until=clock.now + 100) == ""
    assert told(caller, _LARGE, until=clock.now + 2) == "conv2d would take about 3.5 s, of the budget 2.0 s are left"


def test_several_calls_at_once_take_that_many_times_as_long_of_the_budget(clock: Clock) -> None:
    """But each may take what a call may."""
    for seconds, until, told in (
        (3.0, 30.0, "conv2d would take about 36 s, of the budget 30 s are left"), (3.0, 40.0, ""),
        (11.0, 9e9, "conv2d would take about 11 s, a call may take 10 s: --deadline allows more"),
    ):  # fmt: skip
        caller = Slow(clock=clock, pace=Pace(10.0))
        for _ in range(2):
            caller.pace.add("conv2d", _SMALL, "float32", seconds)
        subject = BackendUnderTest(caller)
        subject.until = clock.now + until
        case = CaseResult(Case("contract.concurrent", "conv2d", "float32", _SMALL))
        engine.judge(subject, case)
        assert (case.status is Status.NOT_RUN, case.detail if told else "") == (bool(told), told)


def test_in_a_run_it_is_not_run_with_its_prediction_and_the_rest_goes_on(clock: Clock) -> None:
    """As the budget ends: the first two calls show the pace, the third would take longer than is left."""
    caller = Slow(rate=1e-2, clock=clock, pace=Pace(1e3))
    larger = ConvSpec.parse("n9c1h6w6_f1kh3kw3")
    cases = [Case("values.exact", "conv2d", "float32", spec) for spec in (_SMALL, _SMALL, larger, _SMALL)]
    result = BackendResult("slow", True, cases=[CaseResult(case) for case in cases])
    engine.run(caller, result, budget=10.0)
    assert [one.status for one in result.cases] == [Status.PASS, Status.PASS, Status.NOT_RUN, Status.PASS]
    assert result.cases[2].detail.startswith("conv2d would take about 13 s, of the budget ")
    assert result.verdict == "incomplete"
