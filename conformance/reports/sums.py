"""Whether the numbers of a report add up: what wrote it, and whoever had it in hands since, may be wrong."""

from __future__ import annotations

from conformance.run.records import BackendReport
from harness.contract.status import Status, Verdict


def why_not(report: BackendReport) -> str:
    """What does not add up, in words; empty if everything does."""
    counts = {status: report.counts.get(status, 0) for status in Status.counted()}
    if min(counts.values()) < 0 or report.seconds < 0:
        return "its numbers do not add up: one is negative"
    if report.verdict is Verdict.UNAVAILABLE:
        return ""
    groups = [group for group in report.checks if not group.optional]
    found = sum(counts.values())
    sums = (
        ("cases", report.total, found),
        ("planned", report.planned, found - counts[Status.UNSUPPORTED]),
        ("executed", report.executed, report.planned - counts[Status.NOT_RUN]),
        ("planned by check", sum(group.planned for group in groups), report.planned),
        ("executed by check", sum(group.executed for group in groups), report.executed),
    )
    for what, one, other in sums:
        if one != other:
            return f"its numbers do not add up: {what}, {one} against {other}"
    bad = counts[Status.FAIL] + counts[Status.XPASS]
    if (report.verdict in (Verdict.FAIL, Verdict.DEVIATES)) is not (bad > 0):
        return f"its verdict is {report.verdict}, with {bad} failing cases"
    if report.verdict is Verdict.PASS and report.executed < report.planned:
        return f"its verdict is pass, with {report.executed} of {report.planned} cases executed"
    return ""
