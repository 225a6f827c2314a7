"""The search of tier 3: how many cases it tries, when it stops, what it keeps, and what it says of the rest."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any
from unittest import SkipTest

import numpy as np
import pytest

from conformance.cases import strategies
from conformance.cases.case import RANDOM, Case
from conformance.checks.outcomes import Failed, Mistrusted
from conformance.checks.under_test import BackendUnderTest
from conformance.run import engine, search
from conformance.run.plan import plan_random
from conformance.run.results import BackendResult, CheckKey
from harness.contract.adapter import NOT_IMPLEMENTED
from harness.contract.status import Status
from harness.geometry.spec import ConvSpec, Op
from harness.oracle.data import DataError
from harness.tests.helpers.suite.fakes import Clock, FakeCaller
from harness.tests.helpers.suite.scripted import asked_instead

Question = Callable[[BackendUnderTest, Case], None]


def planned(*counts: int) -> BackendResult:
    """A search for im2col in float32, float64, ... of so many cases each."""
    result = BackendResult("fake", True)
    for count, dtype in zip(counts, ("float32", "float64", "int32"), strict=False):
        plan_random(result, ["im2col"], [dtype], count)
    return result


def asking(question: Question, result: BackendResult, caller: FakeCaller | None = None, **how: object) -> BackendResult:
    """Run the search with another question in place of the real one. Hypothesis may skip a test, which hides it."""
    with asked_instead(RANDOM, question):
        try:
            search.run(caller or FakeCaller(), result, **how)  # type: ignore[arg-type]
        except (SkipTest, pytest.skip.Exception) as skipped:
            pytest.fail(f"nothing was searched: {skipped}")
    return result


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The clock of search and engine."""
    made = Clock()
    monkeypatch.setattr(search, "time", made)
    monkeypatch.setattr(engine, "time", made)
    return made


def test_a_right_backend_is_asked_as_often_as_planned() -> None:
    told: list[int] = []
    result = asking(lambda subject, case: None, planned(7, 3), progress=told.append)
    assert [one.counts for one in result.counted] == [
        {Status.PASS: 7, Status.NOT_RUN: 0}, {Status.PASS: 3, Status.NOT_RUN: 0}
    ]  # fmt: skip
    assert told == [1] * 10
    assert (result.cuts, result.executed, result.planned) == ([], 10, 10)


def test_only_its_own_counts_are_touched() -> None:
    result = planned(2)
    other = result.counted[0].of(CheckKey("values.grid", "im2col", "float32"), 5)
    result.counted.insert(0, other)
    asking(lambda subject, case: None, result)
    assert other.counts == {Status.NOT_RUN: 5}
    assert result.counted_of(RANDOM) == result.counted[1:]


def test_cases_are_of_the_op_and_dtype_of_their_group() -> None:
    seen: set[tuple[str, Op, str]] = set()
    result = BackendResult("fake", True)
    plan_random(result, ["conv2d", "col2im"], ["float32", "float64"], 4)
    asking(lambda subject, case: seen.add((case.check, case.op, case.dtype)), result)
    assert seen == {
        ("values.random", "conv2d", "float32"), ("values.random", "conv2d", "float64"),
        ("values.random", "col2im", "float32"), ("values.random", "col2im", "float64"),
    }  # fmt: skip


def _groups_fail(subject: BackendUnderTest, case: Case) -> None:
    if case.spec.groups > 1:
        raise Failed(f"{case.spec.groups} groups")


def test_a_search_ends_where_it_finds_something() -> None:
    """The failure counts once; the cases tried while it shrinks, and those that it no longer tries, do not."""
    asked: list[Case] = []

    def groups_fail(subject: BackendUnderTest, case: Case) -> None:
        asked.append(case)
        subject.run("im2col", case.spec, np.ones(case.spec.x_shape, case.dtype))
        _groups_fail(subject, case)

    told: list[int] = []
    result = asking(groups_fail, planned(50, 40), progress=told.append)
    first, second = result.counted
    before = next(k for k, case in enumerate(asked) if case.spec.groups > 1)
    assert first.counts == {Status.PASS: before, Status.FAIL: 1, Status.NOT_RUN: 0}
    assert second.counts[Status.FAIL] == 1  # the next group is searched as well
    assert len(told) == first.counts.total() + second.counts.total() < len(asked)
    assert (first.planned, result.verdict, result.cuts) == (before + 1, "fail", [])
    for one in result.counted:
        (kept,) = one.kept
        assert (kept.status, kept.detail) == (Status.FAIL, "2 groups")
        assert kept.case.spec == ConvSpec.parse("n1c2h1w1_f2kh1kw1_g2")
        assert [call.spec for call in kept.calls] == [kept.case.spec]


def test_a_backend_that_fails_now_and_then_has_its_last_failure_kept() -> None:
    """What cannot be repeated cannot shrink; it is a failure nonetheless."""
    turns: Iterator[bool] = iter([False, True] + [False] * 10_000)

    def once(subject: BackendUnderTest, case: Case) -> None:
        if next(turns):
            raise Failed("this once")

    result = asking(once, planned(30))
    (one,) = result.counted
    assert one.counts == {Status.PASS: 1, Status.FAIL: 1, Status.NOT_RUN: 0}
    assert [kept.detail for kept in one.kept] == ["this once"]


def test_mistrusted_cases_do_not_end_the_search() -> None:
    def doubt(subject: BackendUnderTest, case: Case) -> None:
        if case.spec.batch != 1:
            raise Mistrusted("cannot tell")

    (one,) = asking(doubt, planned(20)).counted
    assert one.counts[Status.MISTRUSTED] + one.counts[Status.PASS] == 20
    assert 0 < one.counts[Status.MISTRUSTED] < 20
    assert one.kept == []


def test_refusals_are_counted_by_their_reasons_and_not_called() -> None:
    def images(op: Op, spec: ConvSpec, dtype: str) -> str | None:
        return {1: "one", 2: None, 3: "three"}[spec.batch]

    called: list[int] = []
    result = asking(lambda subject, case: called.append(case.spec.batch), planned(40), FakeCaller(refuses=images))
    (one,) = result.counted
    refused = one.counts[Status.UNSUPPORTED]
    assert set(one.refusals) == {"one", "three"}
    assert one.refusals["one"] + one.refusals["three"] == refused
    assert (one.counts[Status.PASS], len(called)) == (40 - refused, 40 - refused)
    assert set(called) == {2}
    assert (result.planned, result.executed, result.total) == (40 - refused, 40 - refused, 40)


def test_numbers_that_a_dtype_cannot_hold_are_refused_by_us() -> None:
    def too_long(subject: BackendUnderTest, case: Case) -> None:
        raise DataError("sums of 70,000 terms")

    (one,) = asking(too_long, planned(3)).counted
    assert (one.counts[Status.UNSUPPORTED], one.refusals) == (3, {"sums of 70,000 terms": 3})


@pytest.mark.parametrize(("error", "name"), [(ValueError("odd"), "ValueError"), (SystemExit("odd"), "SystemExit")])
def test_a_backend_that_raises_when_asked_has_failed(error: BaseException, name: str) -> None:
    def raises(op: Op, spec: ConvSpec, dtype: str) -> str | None:
        raise error

    called: list[Case] = []
    (one,) = asking(lambda subject, case: called.append(case), planned(9), FakeCaller(refuses=raises)).counted
    assert one.counts == {Status.FAIL: 1, Status.NOT_RUN: 0}
    assert ([kept.detail for kept in one.kept], called) == ([f"unsupported('im2col', ..) raised {name}: odd"], [])


def test_a_budget_is_shared_alike_and_what_is_left_was_not_run(clock: Clock) -> None:
    """One second a case, 8 seconds in all for two groups: each tries 5 cases, the second until the end of the whole."""
    result = asking(lambda subject, case: clock.pass_by(1.0), planned(9, 7), budget=8.0)
    assert [one.counts for one in result.counted] == [
        {Status.PASS: 5, Status.NOT_RUN: 4}, {Status.PASS: 4, Status.NOT_RUN: 3}
    ]  # fmt: skip
    assert result.cuts == ["7 random cases were cut by the budget"]
    assert [one.seconds for one in result.counted] == [5.0, 4.0]
    assert (result.seconds, result.verdict) == (9.0, "incomplete")


def test_time_that_one_group_leaves_is_the_next_ones(clock: Clock) -> None:
    result = asking(lambda subject, case: clock.pass_by(1.0), planned(1, 9), budget=8.0)
    assert [one.counts[Status.PASS] for one in result.counted] == [1, 8]


def test_time_that_a_later_group_leaves_is_that_of_those_before(clock: Clock) -> None:
    """The first is cut after four seconds, the second needs one; the first then goes on, with other geometries."""
    seen: list[str] = []

    def a_second(subject: BackendUnderTest, case: Case) -> None:
        seen.append(str(case))
        clock.pass_by(1.0)

    result = asking(a_second, planned(7, 1), budget=8.0)
    assert [one.counts for one in result.counted] == [
        {Status.PASS: 7, Status.NOT_RUN: 0},
        {Status.PASS: 1, Status.NOT_RUN: 0},
    ]
    assert (result.cuts, len(set(seen)) > 5) == ([], True)


@pytest.mark.parametrize("budget", [5.0, 1e3])
def test_the_time_is_asked_while_geometries_are_drawn(
    clock: Clock, budget: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Drawing a thousand geometries for nothing took minutes after the budget was gone."""
    drawn: list[str] = []
    geometry = strategies._spec

    def a_tenth(*how: Any) -> ConvSpec:
        drawn.append("")
        clock.pass_by(0.125)
        return geometry(*how)

    monkeypatch.setattr(strategies, "_spec", a_tenth)
    asking(lambda subject, case: None, planned(100, 100), budget=budget)
    assert (clock.now - 1000.0 <= budget + 2.0) is True
    assert (len(drawn) >= 200) is (budget > 5.0)


def _slow_and_wrong(clock: Clock) -> Question:
    def ask(subject: BackendUnderTest, case: Case) -> None:
        clock.pass_by(100.0)
        if case.spec.groups > 2:
            raise Failed("groups")

    return ask


def test_a_failure_shrinks_as_long_as_there_is_time(clock: Clock) -> None:
    (one,) = asking(_slow_and_wrong(clock), planned(500), budget=1e6).counted
    assert one.kept[0].case.spec == ConvSpec.parse("n1c3h1w1_f3kh1kw1_g3")
    assert one.counts[Status.FAIL] == 1


def test_a_failure_that_had_no_time_to_shrink_is_kept_as_it_is(clock: Clock) -> None:
    (one,) = asking(_slow_and_wrong(clock), planned(500), budget=1000.0).counted
    assert clock.now <= 1000.0 + 1000.0 + 100.0
    assert (one.counts[Status.FAIL], one.kept[0].detail, one.kept[0].case.spec.groups > 2) == (1, "groups", True)
    assert one.planned == one.counts.total()


def test_inputs_in_c_order_come_first() -> None:
    """A backend that is wrong wherever inputs lie oddly is searched for a wrong geometry all the same."""
    seen: list[str] = []

    def odd(subject: BackendUnderTest, case: Case) -> None:
        seen.append(case.layout)
        if case.layout != "C":
            raise Failed(case.layout)

    (one,) = asking(odd, planned(21)).counted
    assert (seen[:11], seen[11] == "C") == (["C"] * 11, False)
    assert one.counts == {Status.PASS: 11, Status.FAIL: 1, Status.NOT_RUN: 0}


def test_for_an_op_that_a_backend_does_not_have_nothing_is_drawn() -> None:
    called: list[Case] = []
    told: list[int] = []
    nothing = FakeCaller(refuses=lambda op, spec, dtype: NOT_IMPLEMENTED)
    (one,) = asking(lambda subject, case: called.append(case), planned(30), nothing, progress=told.append).counted
    assert one.counts == {Status.UNSUPPORTED: 30, Status.NOT_RUN: 0}
    assert (one.refusals, called, len(nothing.asked), told) == ({NOT_IMPLEMENTED: 30}, [], 1, [30])


def test_seconds_of_an_earlier_stage_stay(clock: Clock) -> None:
    result = planned(2)
    result.seconds = 30.0
    asking(lambda subject, case: clock.pass_by(0.5), result)
    assert (result.seconds, result.counted[0].seconds) == (31.0, 1.0)


def test_an_interruption_leaves_the_rest_not_run() -> None:
    turns = iter(range(100))

    def third(subject: BackendUnderTest, case: Case) -> None:
        if next(turns) == 2:
            raise KeyboardInterrupt

    result = planned(9, 5)
    with pytest.raises(KeyboardInterrupt):
        asking(third, result)
    assert [one.counts[Status.NOT_RUN] for one in result.counted] == [7, 5]
    assert (result.executed, result.verdict) == (2, "incomplete")


def test_the_seed_decides_what_is_drawn() -> None:
    def drawn(**seed: Any) -> list[str]:
        seen: list[str] = []
        asking(lambda subject, case: seen.append(str(case)), planned(30), **seed)
        return seen

    assert drawn(seed=1) == drawn(seed=1) != drawn(seed=2)
    assert drawn() == drawn(seed=0) != drawn(seed=1)
    assert len(set(drawn(seed=1))) > 20


def test_a_slow_case_is_no_failure_of_the_search() -> None:
    """Hypothesis would end one that takes more than 200 ms."""
    (one,) = asking(lambda subject, case: time.sleep(0.25), planned(1)).counted
    assert (one.counts[Status.PASS], one.kept) == (1, [])
