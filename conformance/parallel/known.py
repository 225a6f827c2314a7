"""Known failures in a run that several processes share: only all of them together know of a pattern that fails nowhere.

A process is lenient with a pattern that has cases in other parts; what it forgave is charged here, once all are heard.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from msgspec import structs

from conformance.cases.case import Case
from conformance.cases.selection import matches
from conformance.reports.summary import SHOWN, repro
from conformance.run import xfails
from conformance.run.records import BackendReport, CheckReport, FailureReport
from conformance.run.results import BackendResult
from conformance.run.xfails import KnownFailure
from harness.contract.status import Status, Verdict
from harness.contract.targets import Target


@dataclass(frozen=True, slots=True)
class Heard:
    """Of one backend, what one process knows: the patterns that failed, and listed cases that passed all the same."""

    failed: frozenset[str]
    passed: list[tuple[Case, str, frozenset[str]]]  # what is said of the case, and all patterns that mean it

    @classmethod
    def of(cls, result: BackendResult, known: Sequence[KnownFailure]) -> Heard:
        """Once its known failures are settled."""
        globs = [one.pattern for one in known if not one.is_exact]
        kept = [case_result for case_counts in result.counted for case_result in case_counts.kept]
        xfailed = [c.case for c in (*result.cases, *kept) if c.status is Status.XFAIL]
        listed = [c for c in result.cases if c.status is Status.PASS and c.known_reason and not c.optional]
        return cls(
            frozenset(glob for glob in globs if any(matches(glob, case) for case in xfailed)),
            [
                (one.case, xfails.passed_after_all(one), frozenset(g for g in globs if matches(g, one.case)))
                for one in listed
            ],
        )


class PartReport(NamedTuple):
    """One backend in one part of the run: its report, and what is heard of its known failures."""

    report: BackendReport
    heard: Heard


def charged(report: BackendReport, parts: Sequence[Heard], target: Target) -> BackendReport:
    """The report of all parts together, in which a listed case that passed is loud if its patterns fail nowhere."""
    failed = frozenset[str]().union(*(part.failed for part in parts))
    loud = [(case, text) for part in parts for case, text, patterns in part.passed if not patterns & failed]
    if not loud:
        return report
    failures: dict[tuple[str, str, str], list[FailureReport]] = defaultdict(list)
    grades = dict(report.grades)
    for case, text in loud:
        told = FailureReport(case=str(case), status=Status.XPASS, text=text, repro=repro(case, target))
        failures[case.check, case.op, case.dtype].append(told)
    for one in report.checks:
        if (one.id, one.op, one.dtype) in failures:
            grades[one.grade] = Status.worst((grades.get(one.grade, Status.PASS), Status.XPASS))
    moved = Counter({Status.XPASS: len(loud), Status.PASS: -len(loud)})
    return structs.replace(
        report,
        verdict=Verdict.FAIL,
        counts={status: count + moved[status] for status, count in report.counts.items()},
        grades=grades,
        checks=[_louder(one, failures.get((one.id, one.op, one.dtype), [])) for one in report.checks],
    )


def _louder(check: CheckReport, told: Sequence[FailureReport]) -> CheckReport:
    if not told:
        return check
    return structs.replace(
        check,
        status=Status.worst((check.status, Status.XPASS)),
        repro=check.repro or told[0].repro,
        diagnosis=[*check.diagnosis, *(f"{one.case}: {one.text}" for one in told)][:SHOWN],
        failures=[*check.failures, *told][:SHOWN],
    )
