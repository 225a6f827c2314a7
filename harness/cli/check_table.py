"""What `harness check` shows: what is wrong by cause, failures that no cause explains, last the verdicts as a table."""

from __future__ import annotations

from collections.abc import Sequence

from conformance.reports.causes import in_words
from conformance.run.again.short_ids import short
from conformance.run.records import BackendReport, CheckReport
from harness.cli import terminal
from harness.contract.status import Status, Verdict
from harness.results.words import plural

_NOT_CALLED = " was not run: "
_MEANS = {Status.MISTRUSTED: " (could not tell right from wrong)"}  # statuses that do not say it themselves
_SHOWN_GROUPS = 8  # failing groups of cases a backend; the JSON has all


def show(reports: Sequence[BackendReport], notes: Sequence[str] = ()) -> None:
    """Causes and failures of each backend, notes on what this machine cannot check, verdicts."""
    for report in reports:
        _show_causes(report)
        _show_failures(report)
    for note in notes:
        terminal.show(note)
    header = ("backend", "verdict", "executed", "cases", "time")
    terminal.table("", header, [_row(report) for report in reports], piped=in_words.COLUMNS)


def _row(report: BackendReport) -> list[str]:
    counts = ", ".join(f"{n:,} {status}{_MEANS.get(status, '')}" for status, n in report.counts.items() if n)
    used = [c.used for c in report.checks if c.used is not None and c.status is Status.PASS]
    counts += f"; rounding errors at most {max(used):.0%} of what is allowed" if used else ""
    domain = str(report.domain) if report.domain else ""
    cases = "; ".join(text for text in (counts, domain, report.reason) if text)
    executed = f"{report.executed} of {report.planned}"
    return [report.backend, report.verdict, executed, cases, f"{report.seconds:.1f} s"]


def _show_causes(report: BackendReport) -> None:
    for line in in_words.lines(report):
        terminal.show(line)
    if report.causes:
        terminal.show("")


def _show_failures(report: BackendReport) -> None:
    bad = report.unexplained
    bad.sort(key=lambda group: _NOT_CALLED in "".join(group.diagnosis[:1]))  # what was never called comes last
    if bad and report.causes:
        terminal.show(f"{report.backend}: beside that, failures that it does not explain\n")
    for group in bad[:_SHOWN_GROUPS]:
        _show_group(report, group)
    if len(bad) > _SHOWN_GROUPS:
        left = plural(len(bad) - _SHOWN_GROUPS, "more failure")
        terminal.show(f"{report.backend}: {left}; --html FILE has all\n")


def _show_group(report: BackendReport, group: CheckReport) -> None:
    """Its first failure. The short id stands where the eye looks for what to type."""
    optional = " (optional, not part of the verdict)" if group.optional else ""
    word = Verdict.DEVIATES if group.deviates else group.status
    first = next(iter(group.failures), None)
    kind = ", by an exception" if first and first.look == "exception" else ""
    case = f" {short(first.case)}" if first and first.case else ""
    terminal.show(f"{report.backend}: {word}{kind}{optional}{case} {group.diagnosis[0]}")
    for text in (first.pattern, first.witnesses) if first else ():
        if text:
            terminal.show(f"  {text}")
    terminal.show(f"  repro: {group.repro}\n")
