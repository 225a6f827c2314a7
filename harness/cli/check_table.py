"""What `harness check` shows: verdicts as a table, then the first failures with their repro lines."""

from __future__ import annotations

from collections.abc import Sequence

from conformance.run.records import BackendReport
from harness.cli import terminal
from harness.contract.status import Status, Verdict

_NOT_CALLED = " was not run: "
_SHOWN_GROUPS = 8  # failing groups of cases a backend; the JSON has all


def show(reports: Sequence[BackendReport], notes: Sequence[str] = ()) -> None:
    """Verdicts, notes on what this machine cannot check, failures."""
    header = ("backend", "verdict", "executed", "cases", "time")
    terminal.table("", header, [_row(report) for report in reports])
    for note in notes:
        terminal.show(note)
    for report in reports:
        _show_failures(report)


def _row(report: BackendReport) -> list[str]:
    counts = ", ".join(f"{n:,} {status}" for status, n in report.counts.items() if n)
    used = [c.used for c in report.checks if c.used is not None and c.status is Status.PASS]
    counts += f"; at most {max(used):.0%} of an error allowance used" if used else ""
    domain = str(report.domain) if report.domain else ""
    cases = "; ".join(text for text in (counts, domain, report.reason) if text)
    executed = f"{report.executed} of {report.planned}"
    return [report.backend, report.verdict, executed, cases, f"{report.seconds:.1f} s"]


def _show_failures(report: BackendReport) -> None:
    bad = [check_report for check_report in report.checks if check_report.status.is_bad]
    bad.sort(key=lambda check_report: _NOT_CALLED in check_report.diagnosis[0])  # what was never called comes last
    for check_report in bad[:_SHOWN_GROUPS]:
        optional = " (optional, not part of the verdict)" if check_report.optional else ""
        word = Verdict.DEVIATES if check_report.deviates else check_report.status
        terminal.show(f"\n{report.backend}: {word}{optional} {check_report.diagnosis[0]}")
        for failure in check_report.failures[:1]:
            for text in (failure.pattern, failure.witnesses):
                if text:
                    terminal.show(f"  {text}")
        terminal.show(f"  repro: {check_report.repro}")
    if len(bad) > _SHOWN_GROUPS:
        terminal.show(
            f"\n{report.backend}: {len(bad) - _SHOWN_GROUPS} more groups of cases failed; --html FILE has all"
        )
