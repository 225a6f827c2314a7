"""From failures to causes: who is diagnosed, in which dtypes, and what each cause explains of a real run."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest
from msgspec import structs

from conformance.cases.selection import Selection
from conformance.cases.specs import DISTINCT
from conformance.diagnosis import diagnose as engine
from conformance.diagnosis.cause import Cause
from conformance.reports import summary
from conformance.reports.causes import explaining
from conformance.reports.causes.of_runs import diagnosed, until, usable_caller
from conformance.reports.causes.telling import Diagnosis
from conformance.run.records import BackendReport
from conformance.run.suite_run import BackendRun, Options, SuiteRun
from harness.calls.caller import Arrays, CallResult, Conditions
from harness.contract.status import Grade, Status, Verdict
from harness.contract.targets import resolve
from harness.geometry.spec import ConvSpec, Op
from harness.tests.helpers.cli.reports import a_report
from harness.tests.helpers.plugins import GOOD, Write, called, edited
from harness.tests.helpers.suite.causes import a_cause, answering, failing
from harness.tests.helpers.suite.fakes import FakeCaller, right

_STRIDED = ConvSpec.parse("n1c1h3w3_f1kh1kw1_sh2sw2")
_DENSE = ConvSpec.parse("n1c1h3w3_f1kh1kw1")
_RESTLESS = ConvSpec.parse("n1c1h3w4_f1kh1kw1")
_COUNT = itertools.count(1)
_TWO: list[Op] = ["im2col", "col2im"]


def wrong(op: Op, spec: ConvSpec, arrays: Arrays, conditions: Conditions) -> CallResult:
    """One too large where the stride is not 1, and in odd memory; never twice the same on the geometry for that."""
    made = right(op, spec, arrays, conditions)
    if spec.stride != (1, 1) or conditions.layout != "C":
        made.result += 1
    if spec == _RESTLESS:
        made.result += next(_COUNT)
    return made


def im2col_wrong(op: Op, spec: ConvSpec, arrays: Arrays, conditions: Conditions) -> CallResult:
    """The same of im2col alone."""
    return (wrong if op == "im2col" else right)(op, spec, arrays, conditions)


def halved(op: Op, spec: ConvSpec, arrays: Arrays, conditions: Conditions) -> CallResult:
    """Rounded to half precision, which small whole numbers do not show."""
    made = right(op, spec, arrays, conditions)
    made.result = made.result.astype(np.float16).astype(made.result.dtype)
    return made


def told(
    monkeypatch: pytest.MonkeyPatch, groups: list[object], *causes: Cause, caller: FakeCaller | None = None
) -> BackendReport:
    """The report of these groups with its causes, of a backend that is wrong as `wrong` says."""
    monkeypatch.setattr(engine, "diagnose", answering(*causes))
    caller = caller or FakeCaller(native=_TWO, answers=wrong)
    return Diagnosis(caller, called("mine.py")).told(a_report(verdict=Verdict.FAIL, checks=groups))


def test_a_cause_explains_what_passes_once_plain_calls_are_put_right(monkeypatch: pytest.MonkeyPatch) -> None:
    groups = [
        failing("values.exact", _STRIDED),
        failing("law.linear", _STRIDED),
        failing("values.strided", _DENSE, more="/layout=F"),  # is wrong in odd memory
        failing("contract.repeatable", _RESTLESS),
        failing("contract.uninitialised", _STRIDED, grade=Grade.SAFETY),  # judges numbers too
        failing("values.exact", _STRIDED, dtype="float64"),
        failing("values.exact", _STRIDED, op="conv2d"),
        failing("values.exact", _STRIDED, op="col2im"),
    ]
    report = told(monkeypatch, groups, a_cause(plainest=_STRIDED))
    (cause,) = report.causes
    assert cause.explains == [
        "values.exact/im2col/float32", "law.linear/im2col/float32", "contract.uninitialised/im2col/float32",
        "values.exact/im2col/float64", "values.exact/conv2d/float32",
    ]  # fmt: skip
    assert (cause.dtypes, cause.derived) == (["float32", "float64"], ["conv2d"])
    assert [group.key for group in report.unexplained] == [
        "values.strided/im2col/float32", "contract.repeatable/im2col/float32", "values.exact/col2im/float32",
    ]  # fmt: skip


def test_the_mistake_is_shown_on_the_plainest_geometry(monkeypatch: pytest.MonkeyPatch) -> None:
    (cause,) = told(monkeypatch, [failing("values.exact", _STRIDED)], a_cause(plainest=_STRIDED)).causes
    assert cause.failure is not None
    assert cause.failure.case == f"values.exact/im2col/float32/{_STRIDED}"
    assert cause.failure.repro == f"harness check mine.py --check {cause.failure.case}"
    assert cause.failure.script.startswith("# Your im2col ignores the stride.\n")
    assert [plane.title.partition(",")[0] for plane in cause.planes] == ["expected", "got", "got - expected", "x"]


def test_where_the_plainest_geometry_passes_the_smallest_case_of_the_run_stands_for_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    large = ConvSpec.parse("n9c9h9w9_f9kh2kw2_sh2sw2")
    groups = [failing("values.exact", large), failing("law.linear", _STRIDED)]
    (cause,) = told(monkeypatch, groups, a_cause(plainest=_DENSE)).causes
    assert cause.failure is not None
    assert (cause.failure.case, cause.planes) == (f"law.linear/im2col/float32/{_STRIDED}", [])


def test_a_later_call_explains_the_checks_of_values(monkeypatch: pytest.MonkeyPatch) -> None:
    groups = [failing("values.real", _DENSE), failing("contract.repeatable", _DENSE),
              failing("contract.uninitialised", _DENSE, grade=Grade.SAFETY)]  # fmt: skip
    (cause,) = told(monkeypatch, groups, a_cause(kind="later call", plainest=_DENSE)).causes
    assert cause.explains == ["values.real/im2col/float32", "contract.repeatable/im2col/float32"]


def test_rounding_explains_what_is_rounded(monkeypatch: pytest.MonkeyPatch) -> None:
    groups = [failing("values.real", _DENSE), failing("values.exact", _DENSE)]
    caller = FakeCaller(native=_TWO, answers=halved)
    report = told(monkeypatch, groups, a_cause(kind="numbers", plainest=_DENSE), caller=caller)
    assert report.causes[0].explains == ["values.real/im2col/float32"]


def test_too_many_failures_are_judged_by_their_geometry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(explaining, "_AGAIN_SECONDS", -1.0)
    groups = [
        failing("values.exact", _STRIDED), failing("values.strided", _DENSE, more="/layout=F"),
        failing("contract.uninitialised", _STRIDED, grade=Grade.SAFETY), failing("values.exact", _STRIDED, op="conv2d"),
    ]  # fmt: skip
    (cause,) = told(monkeypatch, groups, a_cause(plainest=_STRIDED)).causes
    assert cause.explains == ["values.exact/im2col/float32", "values.exact/conv2d/float32"]


def test_an_exception_explains_whatever_needs_a_result(monkeypatch: pytest.MonkeyPatch) -> None:
    def raising(op: Op, spec: ConvSpec, arrays: Arrays, conditions: Conditions) -> CallResult:
        return CallResult(error="IndexError: 5") if spec == _STRIDED else right(op, spec, arrays, conditions)

    groups = [failing("values.exact", _STRIDED), failing("contract.no_alias_input", _STRIDED, grade=Grade.SAFETY),
              failing("contract.type", _DENSE, grade=Grade.FORM)]  # fmt: skip
    caller = FakeCaller(native=_TWO, answers=raising)
    (cause,) = told(monkeypatch, groups, a_cause(kind="crash", plainest=_STRIDED), caller=caller).causes
    assert cause.explains == ["values.exact/im2col/float32", "contract.no_alias_input/im2col/float32"]


def test_a_law_that_doubts_an_op_for_its_partner_is_explained_by_the_partner(monkeypatch: pytest.MonkeyPatch) -> None:
    text = "<im2col(x), c> = 1 but <x, col2im(c)> = 2; {} is at fault, not col2im: 3 of 4 elements differ"
    groups = [
        failing("values.exact", _STRIDED),
        failing("law.adjoint", _STRIDED, op="col2im", status=Status.MISTRUSTED, text=text.format("im2col")),
        failing("law.divisor", _DENSE, op="col2im", status=Status.MISTRUSTED, text="both are zero"),
    ]
    caller = FakeCaller(native=_TWO, answers=im2col_wrong)
    report = told(monkeypatch, groups, a_cause(plainest=_STRIDED), caller=caller)
    assert report.causes[0].explains == ["values.exact/im2col/float32", "law.adjoint/col2im/float32"]
    assert [group.key for group in report.unexplained] == ["law.divisor/col2im/float32"]


# -- dtypes and ops ----------------------------------------------------------------------------------------------------


def test_a_dtype_that_fails_otherwise_is_diagnosed_by_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    def two_more(op: Op, spec: ConvSpec, arrays: Arrays, conditions: Conditions) -> CallResult:
        made = right(op, spec, arrays, conditions)
        made.result += {"f4": 1, "f8": 1, "i4": 2}.get(made.result.dtype.str[1:], 0)
        return made

    asked: list[tuple[Op, str]] = []
    causes = [a_cause(plainest=_STRIDED), a_cause(dtype="int32", says="Your im2col adds 2.", plainest=_STRIDED)]
    monkeypatch.setattr(engine, "diagnose", answering(*causes, asked=asked))
    groups = [failing("values.exact", _STRIDED, dtype=dtype) for dtype in ("int32", "float64", "float32")]
    caller = FakeCaller(native=_TWO, answers=two_more, refuses=lambda op, spec, dtype: None)
    report = Diagnosis(caller, called("mine.py")).told(a_report(checks=groups))
    assert asked == [("im2col", "float32"), ("im2col", "int32")]
    assert [(one.says, one.dtypes) for one in report.causes] == [
        ("Your im2col ignores the stride.", ["float32", "float64"]), ("Your im2col adds 2.", ["int32"]),
    ]  # fmt: skip


def test_the_same_mistake_in_two_ops_is_one_cause(monkeypatch: pytest.MonkeyPatch) -> None:
    groups = [failing("values.exact", _STRIDED, op=op) for op in ("col2im", "im2col", "conv2d_input_grad")]
    (cause,) = told(
        monkeypatch, groups, a_cause("col2im", plainest=_STRIDED), a_cause("im2col", plainest=_STRIDED)
    ).causes
    assert (cause.op, cause.same, cause.derived) == ("im2col", ["col2im"], ["conv2d_input_grad"])
    assert len(cause.explains) == 3


def test_an_op_that_fails_for_another_one_alone_is_not_diagnosed(monkeypatch: pytest.MonkeyPatch) -> None:
    """contract.concurrent asks other ops too."""

    def always(op: Op, spec: ConvSpec, arrays: Arrays, conditions: Conditions) -> CallResult:
        made = right(op, spec, arrays, conditions)
        made.result += op == "im2col"
        return made

    asked: list[tuple[Op, str]] = []
    monkeypatch.setattr(engine, "diagnose", answering(a_cause(plainest=_STRIDED), asked=asked))
    groups = [failing("values.exact", _STRIDED), failing("contract.concurrent", DISTINCT[0], op="col2im")]
    caller = FakeCaller(native=_TWO, answers=always)
    report = Diagnosis(caller, called("mine.py")).told(a_report(checks=groups))
    assert asked == [("im2col", "float32")]
    assert report.unexplained == []
    asked.clear()
    Diagnosis(caller, called("mine.py")).told(a_report(checks=groups[1:]))
    assert asked == [("col2im", "float32")]


def test_other_mistakes_are_other_causes_im2col_first(monkeypatch: pytest.MonkeyPatch) -> None:
    groups = [failing("values.exact", _STRIDED, op=op) for op in ("col2im", "im2col")]
    other = a_cause("col2im", id="folding/overwrites", says="Your col2im overwrites.", plainest=_STRIDED)
    report = told(monkeypatch, groups, other, a_cause(plainest=_STRIDED))
    assert [cause.op for cause in report.causes] == ["im2col", "col2im"]


def test_a_fault_of_the_diagnosis_is_told_and_costs_no_verdict(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*arguments: object, **options: object) -> list[Cause]:
        raise KeyError("lost")

    monkeypatch.setattr(engine, "diagnose", broken)
    report, said = a_report(checks=[failing("values.exact", _STRIDED)]), list[str]()
    found = diagnosed(
        [report], [called("mine.py")], [FakeCaller(native=_TWO)], Options(), float("inf"), say=said.append
    )
    assert found == [report]
    assert said == ["harness: the diagnosis of im2col in float32 failed: KeyError: 'lost'; please report it"]


def test_without_time_nothing_is_diagnosed(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[Op, str]] = []
    monkeypatch.setattr(engine, "diagnose", answering(asked=asked))
    Diagnosis(FakeCaller(native=_TWO), called("mine.py"), until=0.0).told(
        a_report(checks=[failing("values.exact", _STRIDED)])
    )
    assert asked == []
    assert until(0.0, float("inf")) == float("inf")


# -- a run of the suite ------------------------------------------------------------------------------------------------


def test_a_run_is_diagnosed_by_the_same_calls_or_by_a_child_of_its_own(
    monkeypatch: pytest.MonkeyPatch, write: Write, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    write("mine.py", edited("] += taps[", "] = taps["))
    overlapping = ConvSpec.parse("n1c1h3w3_f1kh2kw2")
    cause = a_cause("col2im", says="Your col2im overwrites.", plainest=overlapping)
    monkeypatch.setattr(engine, "diagnose", answering(cause))
    target = resolve("mine.py")
    options = Options(Selection(dtypes=["float32"], tier=0))
    with SuiteRun(options) as suite_run:
        suite_run.add(target)
        suite_run.run()
        (backend,) = suite_run.backends
        reports = summary.reports(suite_run)
        assert usable_caller(backend) is backend.caller
        here = diagnosed(reports, [target], [usable_caller(backend)], options, float("inf"))
    anew = diagnosed(reports, [target], [None], options, float("inf"))
    for (report,) in (here, anew):
        (found,) = report.causes
        assert found.derived == ["conv2d_input_grad"]
        assert report.unexplained == []
        assert found.failure is not None
        assert found.failure.picture == ["...", ".#.", "..."] or "#" in "".join(found.failure.picture)


def test_what_is_right_is_not_opened_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    reports = [a_report(), a_report(verdict=Verdict.UNAVAILABLE)]
    targets = [called("nothing.py"), called("nowhere.py")]
    assert diagnosed(reports, targets, [None, None], Options(), float("inf")) == reports


def test_a_backend_that_cannot_be_opened_again_keeps_its_report(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    report, said = a_report(checks=[failing("values.exact", _STRIDED)]), list[str]()
    found = diagnosed([report], [called("gone.py")], [None], Options(), float("inf"), say=said.append)
    assert found == [report]
    assert said[0].startswith("harness: gone.py cannot be diagnosed: RegistryError: ")


def test_a_caller_whose_calls_died_is_not_used_again(
    write: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After a few of these it answers without calling."""
    monkeypatch.chdir(tmp_path)
    write("mine.py", GOOD.replace("def im2col(x, spec):\n", "def im2col(x, spec):\n    import os\n    os._exit(1)\n"))
    with SuiteRun(Options(Selection(ops=["im2col"], dtypes=["float32"], tier=0))) as suite_run:
        suite_run.add(resolve("mine.py"))
        suite_run.run()
        assert usable_caller(suite_run.backends[0]) is None
    assert usable_caller(BackendRun(called("x"), suite_run.backends[0].result, FakeCaller())) is not None


def test_causes_are_kept_in_json() -> None:
    report = structs.replace(a_report(), causes=[])
    assert '"causes": []' in summary.as_text([report], lines=False)
