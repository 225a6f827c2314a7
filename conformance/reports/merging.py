"""Puts the reports of the parts of a run together, of several processes or machines, and compares two of one part."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from msgspec import structs

from conformance.reports.summary import SHOWN
from conformance.run.records import BackendReport, CauseReport, CheckReport
from harness.contract.status import Grade, Status, Verdict

_NOT_JUDGED = (Status.NOT_RUN, Status.MISTRUSTED)


def merge(parts: Sequence[BackendReport]) -> BackendReport:
    """One report of those that the shards of a run gave for a backend; the first holds all of tier 0."""
    checks: dict[tuple[str, str, str], CheckReport] = {}
    for check_report in (check_report for part in parts for check_report in part.checks):
        key = (check_report.id, check_report.op, check_report.dtype)
        checks[key] = _joined(checks[key], check_report) if key in checks else check_report
    return structs.replace(
        parts[0],
        counts={status: sum(part.counts.get(status, 0) for part in parts) for status in Status.counted()},
        planned=sum(part.planned for part in parts),
        executed=sum(part.executed for part in parts),
        total=sum(part.total or 0 for part in parts),
        seconds=round(max(part.seconds for part in parts), 3),
        reason=_once(part.reason for part in _with_cases(parts)),
        cut=_once(part.cut for part in parts),
        grades=_worst_grades(parts),
        verdict=Verdict.worst(part.verdict for part in _with_cases(parts)),
        failed=list(dict.fromkeys(case_id for part in parts for case_id in part.failed)),
        checks=list(checks.values()),
        causes=_causes(parts),
    )


def _causes(parts: Sequence[BackendReport]) -> list[CauseReport]:
    """Those of all parts; one that several name is one, and explains what it explains in each."""
    found: dict[tuple[str, str, str, str], CauseReport] = {}
    for cause in (cause for part in parts for cause in part.causes):
        key = (cause.op, cause.kind, cause.id, cause.says)
        one = found.setdefault(key, cause)
        if one is not cause:
            found[key] = structs.replace(
                one,
                cases=one.cases + cause.cases,
                failing=one.failing + cause.failing,
                passing=one.passing + cause.passing,
                calls=one.calls + cause.calls,
                dtypes=list(dict.fromkeys((*one.dtypes, *cause.dtypes))),
                same=list(dict.fromkeys((*one.same, *cause.same))),
                derived=list(dict.fromkeys((*one.derived, *cause.derived))),
                explains=list(dict.fromkeys((*one.explains, *cause.explains))),
            )
    return list(found.values())


def _worst_grades(parts: Sequence[BackendReport]) -> dict[Grade, Status]:
    found = {grade: [part.grades[grade] for part in parts if grade in part.grades] for grade in Grade}
    return {grade: Status.worst(statuses) for grade, statuses in found.items() if statuses}


def _with_cases(parts: Sequence[BackendReport]) -> Sequence[BackendReport]:
    """The parts that say something: one to which no case fell says nothing of the whole."""
    return [part for part in parts if part.total or part.verdict is Verdict.UNAVAILABLE] or parts


def _joined(a: CheckReport, b: CheckReport) -> CheckReport:
    worst = a if Status.worst((a.status, b.status)) is a.status else b
    return structs.replace(
        a,
        status=worst.status,
        repro=worst.repro,
        planned=a.planned + b.planned,
        executed=a.executed + b.executed,
        seconds=(a.seconds or 0.0) + (b.seconds or 0.0),
        reason=_once((a.reason, b.reason)),
        diagnosis=(a.diagnosis + b.diagnosis)[:SHOWN],
        failures=(a.failures + b.failures)[:SHOWN],
        used=max((used for used in (a.used, b.used) if used is not None), default=None),
    )


def _once(texts: Iterable[str]) -> str:
    return "; ".join(dict.fromkeys(text for text in texts if text))


def disagreements(one: BackendReport, other: BackendReport) -> list[str]:
    """What two reports of the same batch say differently: `check/op/dtype: STATUS against STATUS`, the first first.

    What one of the machines had no room or time for is no difference.
    """
    theirs = {group.key: group for group in other.checks}
    found = [text for group in one.checks for text in _difference(group, theirs.pop(group.key, None))]
    found += [f"{key}: not there against {group.status}" for key, group in theirs.items()]
    if one.counts != other.counts and not found and not (_is_short(one) or _is_short(other)):
        found.append("they count cases differently")
    if set(one.failed) != set(other.failed) and not found and not (_is_short(one) or _is_short(other)):
        found.append(f"{min(set(one.failed) ^ set(other.failed))}: fails on one of them")
    return found


def _difference(one: CheckReport, other: CheckReport | None) -> Iterator[str]:
    if other is None:
        yield f"{one.key}: {one.status} against not there"
    elif one.status is not other.status and not {one.status, other.status}.intersection(_NOT_JUDGED):
        yield f"{one.key}: {one.status} against {other.status}"


def _is_short(report: BackendReport) -> bool:
    return any(report.counts.get(status) for status in _NOT_JUDGED)


def failures(report: BackendReport) -> int:
    """Cases of the verdict that are bad."""
    return report.counts.get(Status.FAIL, 0) + report.counts.get(Status.XPASS, 0)
