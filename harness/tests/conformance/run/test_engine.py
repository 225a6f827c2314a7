"""One case after the other: what each raised becomes its status, and order, budget, counts and times are kept."""

from __future__ import annotations

import warnings
from dataclasses import replace

import numpy as np
import pytest

from conformance.cases import room
from conformance.cases.case import Case
from conformance.cases.specs import TIER0
from conformance.checks.outcomes import Failed, Mistrusted, NotRun, Refused
from conformance.checks.under_test import BackendUnderTest
from conformance.run import engine
from conformance.run.results import BackendResult, CaseResult
from harness.contract.status import Status
from harness.geometry.spec import ConvSpec, Op
from harness.oracle.data import DataError
from harness.tests.helpers.suite.fakes import Clock, FakeCaller
from harness.tests.helpers.suite.scripted import Answer, Script, a_check, only

_SPECS = [ConvSpec.parse(f"n{n}c1h2w2_f1kh1kw1") for n in (1, 2, 3, 4, 5)]
_TIER_0 = ConvSpec.parse(TIER0["distinct_wide"])


def case(check: str, number: int, op: Op = "im2col", dtype: str = "float32") -> Case:
    """The case of a check on one of the five geometries, by the number of its images."""
    return Case(check, op, dtype, _SPECS[number - 1])


def waiting(*cases: Case) -> BackendResult:
    """A plan of these cases."""
    return BackendResult("fake", True, [CaseResult(one) for one in cases])


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The engine's clock."""
    made = Clock()
    monkeypatch.setattr(engine, "time", made)
    return made


def test_what_a_case_raises_is_its_status_and_its_text() -> None:
    cases = [case("a.x", number) for number in (1, 2, 3, 4, 5)]
    raised = [Failed("is wrong"), Mistrusted("cannot tell"), Refused("no partner"), NotRun("takes too long")]
    script = Script({str(one): error for one, error in zip(cases, raised, strict=False)})
    with only(a_check("a.x", _SPECS, script)):
        result = engine.run(FakeCaller(), waiting(*cases))
    assert [(one.status, one.detail) for one in result.cases] == [
        (Status.FAIL, "is wrong"), (Status.MISTRUSTED, "cannot tell"), (Status.UNSUPPORTED, "no partner"),
        (Status.NOT_RUN, "takes too long"), (Status.PASS, ""),
    ]  # fmt: skip
    assert script.asked == [str(one) for one in cases]


def test_what_the_plan_has_decided_is_not_asked_again() -> None:
    result = waiting(*[case("a.x", number) for number in (1, 2, 3)])
    result.cases[0].status, result.cases[0].detail = Status.UNSUPPORTED, "refused"
    result.cases[2].status, result.cases[2].detail = Status.FAIL, "unsupported raised"
    script = Script()
    with only(a_check("a.x", _SPECS, script)):
        engine.run(FakeCaller(), result)
    assert script.asked == [str(case("a.x", 2))]
    assert [(one.status, one.detail) for one in result.cases] == [
        (Status.UNSUPPORTED, "refused"), (Status.PASS, ""), (Status.FAIL, "unsupported raised"),
    ]  # fmt: skip


def test_what_this_machine_cannot_judge_was_not_run(monkeypatch: pytest.MonkeyPatch) -> None:
    """Too little memory, known before any array is made or met by the oracle, and sums too long for whole numbers."""
    cases = [case("a.x", number) for number in (1, 2, 3, 4)]
    short = {cases[1]: "it needs 9 GiB of 8 GiB free memory"}
    monkeypatch.setattr(room, "shortage", lambda one: short.get(one, ""))
    script = Script({str(cases[2]): MemoryError("Unable to\nallocate"), str(cases[3]): DataError("sums of 2^25")})
    with only(a_check("a.x", _SPECS, script)):
        result = engine.run(FakeCaller(), waiting(*cases))
    assert [(one.status, one.detail) for one in result.cases] == [
        (Status.PASS, ""), (Status.NOT_RUN, "it needs 9 GiB of 8 GiB free memory"),
        (Status.NOT_RUN, "there was not enough memory to judge it: Unable to allocate"),
        (Status.NOT_RUN, "nothing exact can be asked: sums of 2^25"),
    ]  # fmt: skip
    assert script.asked == [str(one) for one in (cases[0], cases[2], cases[3])]


def test_a_fault_of_ours_is_no_verdict_on_the_backend() -> None:
    broken = Script({str(case("a.x", 1)): ZeroDivisionError("in the check itself")})
    with only(a_check("a.x", _SPECS, broken)), pytest.raises(ZeroDivisionError):
        engine.run(FakeCaller(), waiting(case("a.x", 1)))


def test_each_case_has_its_own_seconds_allowance_and_numerics(clock: Clock) -> None:
    def takes(seconds: float, used: float | None) -> Answer:
        def answer(subject: BackendUnderTest, one: Case) -> None:
            clock.pass_by(seconds)
            if used is not None:
                subject.used = used

        return answer

    cases = [case("a.x", number) for number in (1, 2, 3)]
    script = Script({
        str(cases[0]): takes(1.5, 0.75), str(cases[1]): takes(0.25, None), str(cases[2]): takes(4.0, 0.125)
    })  # fmt: skip
    with only(a_check("a.x", _SPECS, script)):
        result = engine.run(FakeCaller(numerics="winograd"), waiting(*cases))
    assert [(one.seconds, one.used) for one in result.cases] == [(1.5, 0.75), (0.25, None), (4.0, 0.125)]
    assert {one.numerics for one in result.cases} == {"winograd"}
    assert result.seconds == 5.75


def test_seconds_of_an_earlier_stage_stay(clock: Clock) -> None:
    result = waiting(case("a.x", 1))
    result.seconds = 40.0
    with only(a_check("a.x", _SPECS, lambda subject, one: clock.pass_by(2.0))):
        engine.run(FakeCaller(), result)
    assert result.seconds == 42.0


def _one_call(subject: BackendUnderTest, one: Case) -> None:
    subject.run("im2col", one.spec, np.ones(one.spec.x_shape, one.dtype))


def _call_and(error: Exception) -> Answer:
    def answer(subject: BackendUnderTest, one: Case) -> None:
        _one_call(subject, one)
        raise error

    return answer


def test_the_first_three_of_each_group_are_kept_to_be_explained() -> None:
    """Failed and mistrusted ones, with the calls of that case alone."""
    first = [case("a.x", number) for number in (1, 2, 3, 4, 5)]
    second = [case("a.y", number) for number in (1, 2, 3, 4)]
    other = [case("a.x", 5, dtype="float64")]
    script = Script({
        **{str(one): _call_and(Failed("wrong")) for one in first[1:] + other},
        **{str(one): _call_and(Mistrusted("doubt")) for one in second},
        str(first[0]): _one_call,
    })  # fmt: skip
    with only(a_check("a.x", _SPECS, script), a_check("a.y", _SPECS, script)):
        result = engine.run(FakeCaller(), waiting(*first, *second, *other))
    kept = [[call.spec for call in one.calls] for one in result.cases]
    specs = _SPECS
    assert kept == [
        [], [specs[1]], [specs[2]], [specs[3]], [], [specs[0]], [specs[1]], [specs[2]], [], [specs[4]]
    ]  # fmt: skip


def test_what_is_known_to_fail_is_no_failure_and_a_pass_is_loud() -> None:
    cases = [case("a.x", number) for number in (1, 2, 3, 4)]
    script = Script({
        str(cases[0]): _call_and(Failed("wrong")), str(cases[2]): Mistrusted("doubt"), str(cases[3]): Refused("no"),
    })  # fmt: skip
    result = waiting(*cases)
    for one in result.cases:
        one.known_reason = "a bug of ours"
    with only(a_check("a.x", _SPECS, script)):
        engine.run(FakeCaller(), result)
    found = [one.status for one in result.cases]
    assert found == [Status.XFAIL, Status.XPASS, Status.MISTRUSTED, Status.UNSUPPORTED]
    assert [one.calls for one in result.cases] == [[], [], [], []]


def test_progress_is_told_of_every_case_once_it_has_its_status() -> None:
    cases = [case("a.x", number) for number in (1, 2)]
    told: list[tuple[str, Status]] = []
    with only(a_check("a.x", _SPECS, Script({str(cases[0]): Failed("wrong")}))):
        engine.run(FakeCaller(), waiting(*cases), lambda one: told.append((str(one.case), one.status)))
    assert told == [(str(cases[0]), Status.FAIL), (str(cases[1]), Status.PASS)]


def test_an_interruption_keeps_what_is_finished(clock: Clock) -> None:
    cases = [case("a.x", number) for number in (1, 2, 3)]
    script = Script({
        str(cases[0]): lambda subject, one: clock.pass_by(3.0), str(cases[1]): KeyboardInterrupt(),
    })  # fmt: skip
    result = waiting(*cases)
    with only(a_check("a.x", _SPECS, script)), pytest.raises(KeyboardInterrupt):
        engine.run(FakeCaller(), result)
    assert [one.status for one in result.cases] == [Status.PASS, Status.NOT_RUN, Status.NOT_RUN]
    assert (result.seconds, result.executed, result.planned) == (3.0, 1, 3)


@pytest.mark.parametrize(
    ("standing", "asked"), [(True, ["a.standing"]), (False, ["a.higher"]), (None, ["a.standing", "a.higher"])]
)
def test_a_stage_runs_its_own_checks_alone(standing: bool | None, asked: list[str]) -> None:
    script = Script()
    result = waiting(case("a.standing", 1), case("a.higher", 2))
    with only(a_check("a.standing", _SPECS, script), a_check("a.higher", (), script)):
        engine.run(FakeCaller(), result, standing=standing)
    assert [Case.parse(text).check for text in script.asked] == asked


def test_a_budget_ends_the_run_and_says_what_it_cut(clock: Clock) -> None:
    """A case begins as long as no more than the budget has gone; one second each, two of five are cut."""
    cases = [case("a.x", number) for number in (1, 2, 3, 4, 5)]
    script = Script()

    def a_second(subject: BackendUnderTest, one: Case) -> None:
        script(subject, one)
        clock.pass_by(1.0)

    with only(a_check("a.x", _SPECS, a_second)):
        result = engine.run(FakeCaller(), waiting(*cases), budget=2.0)
    assert script.asked == [str(one) for one in cases[:3]]
    assert result.cuts == ["2 of 5 cases were cut by the budget"]
    assert [one.status for one in result.cases] == [Status.PASS] * 3 + [Status.NOT_RUN] * 2
    assert result.seconds == 3.0


def test_a_budget_that_suffices_cuts_nothing(clock: Clock) -> None:
    with only(a_check("a.x", _SPECS, lambda subject, one: clock.pass_by(1.0))):
        result = engine.run(FakeCaller(), waiting(case("a.x", 1), case("a.x", 2)), budget=1.0)
    assert (result.cuts, result.executed) == ([], 2)


def _in_turn() -> tuple[list[Case], list[Case]]:
    """A plan of unequal groups, and the order of a run with a budget: tier 0, then the groups in turn."""
    x = [case("a.x", number) for number in (1, 2, 3)]
    y, wide = [case("a.y", 4)], [case("a.x", number, dtype="float64") for number in (4, 5)]
    zero = Case("values.exact", "col2im", "float32", _TIER_0)
    late = Case("a.x", "im2col", "float32", _TIER_0)  # a geometry of tier 0 alone does not make it one
    return [*x, late, *y, *wide, zero], [zero, x[0], y[0], wide[0], x[1], wide[1], x[2], late]


def test_with_a_budget_the_most_telling_come_first() -> None:
    plan, order = _in_turn()
    results = [CaseResult(one) for one in plan]
    assert [one.case for one in engine.telling_first(results)] == order
    assert list(engine.telling_first([])) == []
    script = Script()
    checks = [a_check(id, _SPECS, script) for id in ("a.x", "a.y", "values.exact")]
    with only(*checks):
        engine.run(FakeCaller(), waiting(*plan), budget=1e9)
    assert script.asked == [str(one) for one in order]


def test_without_a_budget_the_plan_is_the_order() -> None:
    plan, _ = _in_turn()
    script = Script()
    with only(*[a_check(id, _SPECS, script) for id in ("a.x", "a.y", "values.exact")]):
        engine.run(FakeCaller(), waiting(*plan))
    assert script.asked == [str(one) for one in plan]


def test_numpy_does_not_warn_of_what_is_on_purpose() -> None:
    def divide(subject: BackendUnderTest, one: Case) -> None:
        assert np.isnan(np.zeros(1) / np.zeros(1)).all()
        assert np.isinf(np.full(1, 1e300) * 1e300).all()

    with only(a_check("a.x", _SPECS, divide)), warnings.catch_warnings():
        warnings.simplefilter("error")
        result = engine.run(FakeCaller(), waiting(case("a.x", 1)))
    assert result.cases[0].status is Status.PASS


def test_the_check_of_the_op_is_asked() -> None:
    """Several checks of one id judge different ops."""
    one, two = Script(), Script()
    with only(a_check("a.x", _SPECS, one, ops=["im2col"]), a_check("a.x", _SPECS, two, ops=["col2im"])):
        engine.run(FakeCaller(), waiting(case("a.x", 1, "col2im"), case("a.x", 2)))
    assert (one.asked, two.asked) == ([str(case("a.x", 2))], [str(case("a.x", 1, "col2im"))])


def test_a_result_is_changed_in_place_and_given_back() -> None:
    result = waiting(case("a.x", 1))
    with only(replace(a_check("a.x", _SPECS), optional=True)):
        assert engine.run(FakeCaller(), result) is result
