"""Causes that plain calls do not show: how inputs lie, what is kept between calls; and what a hanging call costs."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from msgspec import structs

from conformance.cases.case import Case
from conformance.cases.selection import Selection
from conformance.diagnosis import diagnose as engine
from conformance.diagnosis.cause import Cause
from conformance.reports import summary
from conformance.reports.causes.of_runs import diagnosed
from conformance.reports.causes.telling import Diagnosis
from conformance.run.records import BackendReport
from conformance.run.suite_run import Options, SuiteRun
from harness.calls.caller import Arrays, CallResult, Conditions
from harness.calls.in_child import InChild
from harness.contract.status import Grade, Verdict
from harness.contract.targets import resolve
from harness.geometry.spec import ConvSpec, Op
from harness.tests.helpers.cli.reports import a_report
from harness.tests.helpers.plugins import Write, called, edited
from harness.tests.helpers.suite.causes import a_cause, answering, failing
from harness.tests.helpers.suite.fakes import FakeCaller, right

_STRIDED = ConvSpec.parse("n1c1h3w3_f1kh1kw1_sh2sw2")
_DENSE = ConvSpec.parse("n1c1h3w3_f1kh1kw1")
_TWO: list[Op] = ["im2col", "col2im"]


def careless(op: Op, spec: ConvSpec, arrays: Arrays, conditions: Conditions) -> CallResult:
    """Right on plain arrays, which it changes; else it raises in Fortran order, and is wrong in others."""
    if conditions.layout == "F":
        return CallResult(error="ValueError: not C-contiguous")
    made = right(op, spec, arrays, conditions)
    if spec.stride != (1, 1) or conditions.layout != "C":
        made.result += 1
    return structs.replace(made, changed=["the bytes of argument 0"])


def told(monkeypatch: pytest.MonkeyPatch, groups: list[object], *causes: Cause) -> BackendReport:
    """The report of these groups with its causes, of a backend that is as `careless`."""
    monkeypatch.setattr(engine, "diagnose", answering(*causes))
    caller = FakeCaller(native=_TWO, answers=careless)
    return Diagnosis(caller, called("mine.py")).told(a_report(verdict=Verdict.FAIL, checks=groups))


def test_how_inputs_lie_explains_the_checks_of_just_that(monkeypatch: pytest.MonkeyPatch) -> None:
    groups = [
        failing("values.strided", _DENSE, more="/layout=F"),
        failing("contract.strided_inputs", _DENSE, more="/layout=F", grade=Grade.FORM),
        failing("contract.inputs_untouched", _DENSE, grade=Grade.SAFETY),
        failing("contract.state", _DENSE),
    ]
    misread = a_cause(kind="memory", id="memory/contiguous", says="Your im2col misreads views.", plainest=_DENSE)
    changed = a_cause(kind="memory", id="memory/changed bytes of x", says="Your im2col changes `x`.", plainest=_DENSE)
    report = told(monkeypatch, groups, misread, changed)
    every = ["values.strided/im2col/float32", "contract.strided_inputs/im2col/float32",
             "contract.inputs_untouched/im2col/float32"]  # fmt: skip
    assert [one.explains for one in report.causes] == [every, every]
    assert [group.key for group in report.unexplained] == ["contract.state/im2col/float32"]


def test_arrays_that_are_refused_by_an_exception_are_a_reason_to_diagnose(monkeypatch: pytest.MonkeyPatch) -> None:
    groups = [failing("contract.strided_inputs", _DENSE, more="/layout=F", grade=Grade.FORM)]
    cause = a_cause(kind="memory", id="memory/refused", says="Your im2col raises.", plainest=_DENSE)
    report = told(monkeypatch, groups, cause)
    assert report.unexplained == []


def test_what_calls_leave_behind_explains_wrong_results_of_all_checks_that_call(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Also those of another op, in which this one is called at the same time; but not how a result lies in memory."""
    others = f"im2col on {_DENSE}, among 4 different calls at once: 1 of 9 elements differs"
    groups = [
        failing("contract.empty_batch", _DENSE, grade=Grade.FORM, text="im2col of an empty batch is not zero"),
        failing("contract.nonfinite", _DENSE, grade=Grade.FORM, text="nan at [0] of argument 0 reaches im2col[1]"),
        failing("contract.uninitialised", _DENSE, grade=Grade.SAFETY, text="3 of 9 elements differ"),
        failing("contract.concurrent", _DENSE, op="col2im", grade=Grade.SAFETY, text=others),
        failing("contract.contiguous", _DENSE, grade=Grade.FORM, text="im2col gives a view"),
    ]
    report = told(monkeypatch, groups, a_cause(kind="later call", id="later/sum not reset", plainest=_DENSE))
    assert [group.key for group in report.unexplained] == ["contract.contiguous/im2col/float32"]


def test_failing_cases_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "diagnose", answering(a_cause(plainest=_STRIDED)))
    caller = FakeCaller(native=_TWO, answers=careless)
    exact = [f"values.exact/im2col/float32/{_STRIDED}/seed={n}" for n in range(5)]
    other = f"contract.uninitialised/im2col/float32/{_DENSE}"
    groups = [failing("values.exact", _STRIDED), failing("contract.uninitialised", _DENSE, grade=Grade.SAFETY)]
    report = structs.replace(a_report(verdict=Verdict.FAIL, checks=groups), failed=[*exact, other])
    (cause,) = Diagnosis(caller, called("mine.py")).told(report).causes
    assert cause.cases == 5


@pytest.mark.heavy
def test_a_call_that_hangs_is_not_waited_for_as_long_as_a_layer(
    write: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    write("mine.py", edited("    padded = np.pad", "    while dh > 1:\n        pass\n    padded = np.pad"))
    target, options = resolve("mine.py"), Options(Selection(dtypes=["float32"], ops=["im2col"], tier=0))
    caller = InChild(target)
    report = a_report(
        verdict=Verdict.FAIL, checks=[failing("values.exact", ConvSpec.parse("n1c1h7w7_f1kh3kw3_dh2dw2"))]
    )
    start = time.monotonic()
    try:
        (found,) = diagnosed([report], [target], [caller], options, float("inf"))
    finally:
        caller.close()
    (cause,) = found.causes
    assert "hung" in cause.says
    assert time.monotonic() - start < 10.0


_STALE = edited(
    "    (top, bottom, left, right), (oh, ow), (kh, kw) = spec.padding, spec.output_size, spec.kernel_size\n"
    "    (sh, sw), (dh, dw) = spec.stride, spec.dilation\n    padded = np.pad",
    "    (top, bottom, left, right), (oh, ow), (kh, kw) = spec.padding, spec.output_size, spec.kernel_size\n"
    "    sh, sw = KEPT.setdefault((spec.input_size, spec.output_size, spec.padding), spec.stride)\n"
    "    dh, dw = spec.dilation\n    padded = np.pad",
).replace("import numpy as np\n", "import numpy as np\n\nKEPT = {}\n")


def test_what_is_kept_is_shown_by_a_case_of_several_calls_in_a_process_of_its_own(
    monkeypatch: pytest.MonkeyPatch, write: Write, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    write("mine.py", _STALE)
    target, options = resolve("mine.py"), Options(Selection(dtypes=["float32"], ops=["im2col"]))
    with SuiteRun(options) as suite_run:
        suite_run.add(target)
        suite_run.run()
        (report,) = diagnosed(
            summary.reports(suite_run), [target], [suite_run.backends[0].caller], options, float("inf")
        )
    (cause,) = report.causes
    assert "under a key that lacks the stride" in cause.says
    assert cause.failure is not None
    case = Case.parse(cause.failure.case)
    assert case.check == "contract.state"
    with SuiteRun(Options(Selection(pattern=cause.failure.case))) as alone:
        alone.add(target)
        alone.run()
        assert alone.backends[0].result.verdict is Verdict.FAIL
