"""Results become reports: every number is that of its group, and every command can be pasted into a shell."""

from __future__ import annotations

import json
import shlex
from collections import Counter
from dataclasses import replace

import msgspec
import numpy as np
import pytest

from conformance.cases.case import Case
from conformance.cases.selection import Selection
from conformance.cases.shard import Shard
from conformance.checks.outcomes import RecordedCall
from conformance.diagnosis import explain
from conformance.diagnosis.explain import Explanation
from conformance.reports import summary
from conformance.run.records import BackendReport
from conformance.run.results import BackendResult, CaseCounts, CaseResult, CheckKey
from conformance.run.suite_run import BackendRun, Options, SuiteRun
from harness.calls.caller import CallResult
from harness.contract.status import Status, Verdict
from harness.contract.targets import Target
from harness.geometry.spec import ConvSpec
from harness.tests.helpers.suite import samples

_SPECS = [ConvSpec.parse(f"n{n}c1h2w3_f1kh1kw1") for n in (1, 2, 3, 4, 5)]
_TARGET = Target("my file.py", "mine", "my file.py")
_COMMAND = "harness check 'my file.py' --check"


def one(status: Status, number: int = 1, detail: str = "", check: str = "values.exact", **more: object) -> CaseResult:
    """A case of im2col in float32, by the number of its images."""
    case = Case(check, "im2col", "float32", _SPECS[number - 1])
    return CaseResult(case, status, detail, **more)  # type: ignore[arg-type]


def reported(*cases: CaseResult, **more: object) -> BackendReport:
    """The report of these cases."""
    result = BackendResult("mine", True, list(cases))
    for name, value in more.items():
        setattr(result, name, value)
    return summary.backend_report(BackendRun(_TARGET, result))


def test_a_backend_has_its_counts_seconds_cuts_and_reason() -> None:
    cases = [one(Status.PASS, 1), one(Status.FAIL, 2), one(Status.NOT_RUN, 3, "slow"), one(Status.UNSUPPORTED, 4)]
    report = reported(*cases, seconds=12.34567, cuts=["first cut", "second cut"])
    assert (report.schema, report.backend, report.suite_version) == (1, "mine", "2026.15")
    assert (report.verdict, report.reason) == (Verdict.FAIL, "first cut; second cut; slow")
    assert (report.planned, report.executed, report.total) == (3, 2, 4)
    assert report.counts == {
        Status.PASS: 1, Status.FAIL: 1, Status.UNSUPPORTED: 1, Status.XFAIL: 0, Status.XPASS: 0, Status.MISTRUSTED: 0,
        Status.NOT_RUN: 1,
    }  # fmt: skip
    assert (report.seconds, report.cut, report.isolated) == (12.346, "first cut; second cut", False)


def test_the_selection_is_told() -> None:
    backend = BackendRun(_TARGET, BackendResult("mine", True))
    report = summary.backend_report(backend, Selection(tier=3, seed=9, shard=Shard(2, 5)))
    assert (report.tier, report.seed, report.shard) == (3, 9, "2/5")
    report = summary.backend_report(backend)
    assert (report.tier, report.seed, report.shard) == (1, 0, "")


def test_every_backend_has_a_report_in_the_order_given(monkeypatch: pytest.MonkeyPatch) -> None:
    made = SuiteRun(Options(Selection(tier=2, seed=5)))
    for name in ("b", "a"):
        made.backends.append(BackendRun(replace(_TARGET, name=name), BackendResult(name, True, [one(Status.FAIL)])))
    monkeypatch.setattr(
        explain, "explain", lambda failed, target, libraries, mistake: Explanation(f"{target.name} of {libraries[0]}")
    )
    found = summary.reports(made, ["scipy"])
    assert [(report.backend, report.tier, report.seed) for report in found] == [("b", 2, 5), ("a", 2, 5)]
    assert [report.checks[0].failures[0].pattern for report in found] == ["b of scipy", "a of scipy"]


def test_a_group_has_its_own_numbers() -> None:
    cases = [
        one(Status.PASS, 1, seconds=0.25, used=0.125), one(Status.PASS, 2, seconds=0.50004, used=0.5),
        one(Status.PASS, 3, seconds=1.0, used=0.25), one(Status.UNSUPPORTED, 4, "groups"),
        one(Status.UNSUPPORTED, 5, "stride"), one(Status.NOT_RUN, 4), one(Status.UNSUPPORTED, 3, "groups"),
        one(Status.PASS, 1, check="law.x", optional=True, seconds=8.0),
    ]  # fmt: skip
    group, law = reported(*cases).checks
    assert (group.id, group.op, group.dtype, group.optional) == ("values.exact", "im2col", "float32", False)
    assert (group.status, group.planned, group.executed) == (Status.NOT_RUN, 4, 3)
    assert (group.seconds, group.used) == (1.75, 0.5)
    assert group.reason == "2 cases refused: groups; 1 cases refused: stride"
    assert (group.repro, group.diagnosis, group.failures) == ("", [], [])
    assert (law.id, law.optional, law.seconds, law.used, law.reason) == ("law.x", True, 8.0, None, "")


def test_three_cases_of_a_group_are_told_the_worst_first() -> None:
    cases = [
        one(Status.XFAIL, 1, "known", known_reason="ours"), one(Status.MISTRUSTED, 2, "doubt"),
        one(Status.FAIL, 3, "wrong"), one(Status.PASS, 1), one(Status.XPASS, 4, "passes"), one(Status.FAIL, 5, "bad"),
    ]  # fmt: skip
    (group,) = reported(*cases).checks
    told = [(failure.status, failure.case, failure.text) for failure in group.failures]
    assert told == [
        (Status.FAIL, str(cases[2].case), "wrong"), (Status.FAIL, str(cases[5].case), "bad"),
        (Status.XPASS, str(cases[4].case), "passes"),
    ]  # fmt: skip
    assert group.diagnosis == [f"{case}: {text}" for _, case, text in told]
    assert group.repro == f"{_COMMAND} {cases[2].case}"


def test_what_is_known_to_fail_is_told_with_its_reason_and_is_no_diagnosis() -> None:
    (group,) = reported(one(Status.XFAIL, 1, "off by one", known_reason="half sums")).checks
    assert [failure.text for failure in group.failures] == ["off by one (known: half sums)"]
    assert (group.diagnosis, group.repro) == ([], "")


def test_what_was_not_run_is_told_if_there_is_a_reason() -> None:
    (group,) = reported(one(Status.NOT_RUN, 1), one(Status.NOT_RUN, 2, "slow")).checks
    assert [(failure.case, failure.text) for failure in group.failures] == [(str(one(Status.PASS, 2).case), "slow")]
    assert (group.diagnosis, group.repro) == ([f"{one(Status.PASS, 2).case}: slow"], "")


@pytest.mark.parametrize("status", [Status.FAIL, Status.XPASS, Status.MISTRUSTED])
def test_a_bad_group_has_the_command_of_its_worst_case(status: Status) -> None:
    (group,) = reported(one(Status.PASS, 1), one(status, 2)).checks
    assert group.repro == f"{_COMMAND} {one(status, 2).case}"


def test_a_group_without_any_case_kept_has_no_command() -> None:
    key = CheckKey("values.grid", "im2col", "float32")
    counted = [CaseCounts(key, 3, Counter({Status.FAIL: 3}))]
    (group,) = reported(counted=counted).checks
    assert (group.status, group.repro, group.planned) == (Status.FAIL, "", 3)


def test_commands_survive_a_shell() -> None:
    case = Case.parse("values.random/im2col/float32/n1c1h2w3_f1kh1kw1/layout=F/seed=3")
    target = Target("it's here/my file.py:A", "mine", "")
    repro, line = summary.repro(case, target), summary.pytest_line(case, target)
    assert shlex.split(repro) == ["harness", "check", target.text, "--check", str(case)]
    assert shlex.split(line) == [
        "pytest", "--pyargs", "conformance", "--backend", target.text, "--check", str(case)
    ]  # fmt: skip


def test_a_failure_is_explained_and_only_the_first_asks_libraries(monkeypatch: pytest.MonkeyPatch) -> None:
    def told(failed: CaseResult, target: Target, libraries: list[str], mistake: str) -> Explanation:
        name = f"{failed.case.spec.batch}"
        return Explanation(f"pattern {name}", [name], f"asked {' '.join(libraries)}", f"script for {target.text}")

    monkeypatch.setattr(explain, "explain", told)
    result = BackendResult("mine", True, [one(Status.FAIL, 2, "wrong"), one(Status.FAIL, 3, "wrong")])
    (group,) = summary.backend_report(BackendRun(_TARGET, result), libraries=["scipy", "jax"]).checks
    first, second = group.failures
    assert (first.pattern, first.picture, first.witnesses, first.script) == (
        "pattern 2", ["2"], "asked scipy jax", "script for my file.py",
    )  # fmt: skip
    assert (second.pattern, second.picture, second.witnesses) == ("pattern 3", ["3"], "asked ")
    case = str(one(Status.FAIL, 2).case)
    assert first.repro == f"{_COMMAND} {case}"
    assert first.pytest == f"pytest --pyargs conformance --backend 'my file.py' --check {case}"


def test_a_failure_whose_calls_were_kept_is_really_explained() -> None:
    spec = _SPECS[1]
    x = np.arange(12, dtype=np.float32).reshape(spec.x_shape)
    made = x.reshape(spec.columns_shape).copy()
    made[1] = 0
    failed = one(Status.FAIL, 2, "wrong", calls=[RecordedCall("im2col", spec, (x,), CallResult(result=made))])
    (group,) = reported(failed).checks
    assert group.failures[0].pattern.startswith("only the last image; this is exactly what you get when only the first")
    assert group.failures[0].picture == ["######"]


# -- the JSON --------------------------------------------------------------------------------------------------------


def test_json_is_a_list_that_reads_back() -> None:
    found = samples.all_four()
    text = summary.as_text(found, lines=False)
    assert msgspec.json.decode(text, type=list[BackendReport]) == found
    assert text.startswith('[\n {\n  "schema": 1,\n')
    assert text.endswith("]\n")


def test_json_lines_are_a_backend_then_its_checks() -> None:
    rows = [json.loads(line) for line in summary.as_text([samples.right(), samples.absent()], lines=True).splitlines()]
    assert [(row["kind"], row["backend"]) for row in rows] == [
        ("backend", "right"), ("check", "right"), ("check", "right"), ("check", "right"), ("backend", "absent"),
    ]  # fmt: skip
    assert "checks" not in rows[0]
    assert (rows[0]["planned"], rows[0]["verdict"], rows[0]["counts"]["pass"]) == (14, "pass", 14)
    assert [(row["id"], row["op"], row["planned"], row["reason"]) for row in rows[1:4]] == [
        ("values.exact", "im2col", 8, ""), ("values.exact", "col2im", 6, "1 cases refused: odd"),
        ("law.adjoint", "im2col", 0, "2 cases refused: odd"),
    ]  # fmt: skip
