"""Results as reports (the `check` JSON), with repros that can be pasted into a shell."""

from __future__ import annotations

import json
import shlex
from collections.abc import Sequence

import msgspec

from conformance.cases.case import Case
from conformance.cases.selection import EVERYTHING, Selection
from conformance.cases.suite_version import SUITE_VERSION
from conformance.diagnosis import explain
from conformance.reports import domain
from conformance.run.records import SCHEMA, BackendReport, CheckReport, FailureReport
from conformance.run.results import CaseResult, CheckResult
from conformance.run.suite_run import BackendRun, SuiteRun
from harness.contract.status import Status
from harness.contract.targets import Target

SHOWN = 3  # failures of a check, op and dtype


def reports(suite_run: SuiteRun, libraries: Sequence[str] = ()) -> list[BackendReport]:
    """One report a backend, in the order given, of what is finished.

    `libraries` are asked about the first failure of each check, op and dtype: who is the odd one out.
    """
    return [backend_report(backend, suite_run.options.selection, libraries) for backend in suite_run.backends]


def backend_report(
    backend: BackendRun, selection: Selection = EVERYTHING, libraries: Sequence[str] = ()
) -> BackendReport:
    """The report of one backend."""
    result = backend.result
    return BackendReport(
        schema=SCHEMA,
        backend=result.backend,
        suite_version=SUITE_VERSION,
        verdict=result.verdict,
        reason=result.reason,
        planned=result.planned,
        executed=result.executed,
        total=result.total,
        counts=result.counts,
        grades=result.grades,
        domain=domain.report(result),
        seconds=round(result.seconds, 3),
        tier=selection.tier,
        seed=selection.seed,
        isolated=backend.is_isolated,
        shard=selection.shard.label,
        cut="; ".join(result.cuts),
        failed=result.failed,
        checks=[_check_report(group, backend.target, libraries) for group in result.groups()],
    )


def as_text(found: Sequence[BackendReport], lines: bool) -> str:
    """The reports as a JSON list, or as JSON lines: one check, op and dtype a line, with its backend and verdict."""
    if not lines:
        return json.dumps(msgspec.to_builtins(found), indent=1) + "\n"
    rows = []
    for report in found:
        whole = msgspec.to_builtins(report)
        checks = whole.pop("checks")
        rows += [{"kind": "backend", **whole}]
        rows += [{"kind": "check", "backend": report.backend, **one} for one in checks]
    return "".join(json.dumps(row) + "\n" for row in rows)


def repro(case: Case, target: Target) -> str:
    """The command that runs just this case again."""
    return f"harness check {shlex.quote(target.text)} --check {shlex.quote(str(case))}"


def pytest_line(case: Case, target: Target) -> str:
    """The same under pytest."""
    return f"pytest --pyargs conformance --backend {shlex.quote(target.text)} --check {shlex.quote(str(case))}"


def _check_report(group: CheckResult, target: Target, libraries: Sequence[str]) -> CheckReport:
    status = group.status
    noteworthy = [case_result for case_result in group.cases if _is_noteworthy(case_result)]
    shown = sorted(noteworthy, key=lambda case_result: list(Status).index(case_result.status))[:SHOWN]
    used = [case_result.used for case_result in group.cases if case_result.used is not None]
    return CheckReport(
        id=group.key.check_id,
        grade=group.grade,
        op=group.key.op,
        dtype=group.key.dtype,
        status=status,
        planned=group.planned,
        executed=group.executed,
        reason="; ".join(f"{n} cases refused: {reason}" for reason, n in group.refusals.items()),
        repro=repro(shown[0].case, target) if shown and status.is_bad else "",
        diagnosis=[f"{one.case}: {one.detail}" for one in shown if one.status is not Status.XFAIL],
        seconds=round(group.seconds, 4),
        optional=group.optional,
        used=max(used, default=None),
        failures=[failure_report(one, target, () if k else libraries) for k, one in enumerate(shown)],
    )


def _is_noteworthy(case_result: CaseResult) -> bool:
    """Whether a report tells of the case itself; of what was not run, where there is a reason."""
    status = case_result.status
    return status.is_bad or status is Status.XFAIL or (status is Status.NOT_RUN and bool(case_result.detail))


def failure_report(
    case_result: CaseResult, target: Target, libraries: Sequence[str] = (), mistake: str = ""
) -> FailureReport:
    """What is told of a case; a script names the `mistake` first, if it is known."""
    told = explain.explain(case_result, target, libraries, mistake)
    known = f" (known: {case_result.known_reason})" if case_result.status is Status.XFAIL else ""
    return FailureReport(
        case=str(case_result.case),
        status=case_result.status,
        text=case_result.detail + known,
        look=told.look,
        pattern=told.pattern,
        picture=told.picture,
        witnesses=told.witnesses,
        repro=repro(case_result.case, target),
        pytest=pytest_line(case_result.case, target),
        script=told.script,
    )
