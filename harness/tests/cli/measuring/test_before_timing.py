"""Before the clock: whoever is not ours has right numbers in tier 1 of the suite, in a child, or is not timed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from conformance.run.records import BackendReport, CheckReport
from conformance.run.suite_run import Options
from harness.calls.in_child import Program
from harness.calls.worker import environment
from harness.cli import measuring
from harness.contract.status import Grade, Status, Verdict
from harness.contract.targets import RegistryError, Target, resolve_all
from harness.geometry.layers import read_layers
from harness.tests.helpers.plugins import GOOD, Write
from harness.timing.plan import Plan


def a_check(status: Status, *diagnosis: str, grade: Grade = Grade.VALUES) -> CheckReport:
    """One check of the suite."""
    return CheckReport(
        id="values.exact", op="im2col", dtype="float32", status=status, planned=3, executed=3, reason="",
        diagnosis=list(diagnosis), grade=grade,
    )  # fmt: skip


def a_report(*checks: CheckReport, planned: int = 9, executed: int = 9) -> BackendReport:
    """What the suite says of a backend."""
    return BackendReport(
        schema=1, backend="mine", suite_version="1", verdict=Verdict.PASS, reason="", planned=planned,
        executed=executed, counts={}, seconds=0.5, checks=list(checks),
    )  # fmt: skip


class Suite:
    """Stands in for running the suite: gives these reports in turn, and remembers what it was asked."""

    def __init__(self, *reports: BackendReport, interrupted: bool = False) -> None:
        self.reports, self.interrupted = list(reports), interrupted
        self.asked: list[tuple[Options, list[str], bool]] = []

    def __call__(self, options: Options, asked: Sequence[Target], named: bool, *more: Any) -> Any:
        self.asked.append((options, [target.name for target in asked], named))
        return [self.reports.pop(0)], self.interrupted


@pytest.fixture
def plan(write: Write) -> Plan:
    """Two plug-ins and one of ours in between."""
    mine, yours = write("mine.py", GOOD), write("yours.py", GOOD)
    asked = resolve_all([str(mine), "numpy_fancy", str(yours)])
    return Plan("quick", read_layers("quick"), asked, ["im2col", "conv2d"], ["float64", "int32"])


_WRONG = a_report(a_check(Status.PASS), a_check(Status.FAIL, "off by one", "more"), a_check(Status.FAIL, "and off"))


def test_what_is_not_ours_and_wrong_is_barred(plan: Plan, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the first diagnosis; nothing else of the plan is changed."""
    suite = Suite(a_report(a_check(Status.PASS), a_check(Status.UNSUPPORTED)), _WRONG)
    monkeypatch.setattr(measuring, "run_here", suite)
    found = measuring.without_wrong_ones(plan)
    assert found.barred == {"yours": "not timed, it fails tier 1 of the conformance suite: off by one"}
    assert (found.record(), found.backends) == (plan.record(), plan.backends)
    assert [names for _, names, _ in suite.asked] == [["mine"], ["yours"]]


def test_the_suite_is_asked_for_all_ops_in_the_dtypes_that_will_be_timed(
    plan: Plan, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In children that are started as for timing: the same program, and the same variables."""
    suite = Suite(a_report(), a_report())
    monkeypatch.setattr(measuring, "run_here", suite)
    assert measuring.without_wrong_ones(plan).barred == {}
    for options, _, named in suite.asked:
        assert (options.selection.ops, options.selection.dtypes) == ((), ["float64", "int32"])
        assert (options.selection.tier, options.isolate, named) == (1, True, True)
        assert options.program == Program("harness.timing.calling.child", environment(plan.threads, plan.allocator))


def test_who_deviates_in_form_alone_is_timed_and_that_is_said(
    plan: Plan, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    form = a_report(a_check(Status.FAIL, "it is not contiguous", grade=Grade.FORM))
    unsafe = a_report(a_check(Status.FAIL, "not contiguous", grade=Grade.FORM),
                      a_check(Status.FAIL, "it writes to its input", grade=Grade.SAFETY))  # fmt: skip
    monkeypatch.setattr(measuring, "run_here", Suite(form, unsafe))
    assert measuring.without_wrong_ones(plan).barred == {
        "yours": "not timed, it fails tier 1 of the conformance suite: it writes to its input"
    }
    assert "mine deviates in form, and is timed: it is not contiguous" in capsys.readouterr().err


def test_what_was_not_judged_in_full_is_barred(plan: Plan, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(measuring, "run_here", Suite(a_report(planned=9, executed=8), _WRONG))
    assert measuring.without_wrong_ones(plan).barred == {
        "mine": "not timed, only 8 of 9 cases of tier 1 were executed",
        "yours": "not timed, it fails tier 1 of the conformance suite: off by one",
    }


def test_ctrl_c_before_the_clock_ends_it_all(plan: Plan, monkeypatch: pytest.MonkeyPatch) -> None:
    """Though all that was executed until then is right."""
    suite = Suite(a_report(), interrupted=True)
    monkeypatch.setattr(measuring, "run_here", suite)
    with pytest.raises(KeyboardInterrupt):
        measuring.without_wrong_ones(plan)
    assert len(suite.asked) == 1


def test_only_a_backend_that_was_named_must_be_one(write: Write) -> None:
    """Truly: a file that cannot be imported."""
    broken = Plan("quick", read_layers("quick"), resolve_all([str(write("broken.py", "raise KeyError('lost')"))]))
    assert measuring.without_wrong_ones(broken, named=False).barred == {}
    with pytest.raises(RegistryError, match="lost"):
        measuring.without_wrong_ones(broken)
