"""What `harness bench` and `harness compare` share: a plan of what was asked, without backends that are wrong."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from conformance.cases.selection import Selection
from conformance.run.records import BackendReport
from conformance.run.suite_run import Options
from harness.calls.in_child import Program
from harness.calls.worker import environment
from harness.cli import terminal
from harness.cli.suite_progress import run_here
from harness.contract.status import Grade, Status
from harness.results.records import BackendFacts
from harness.timing.judging.children import PROGRAM
from harness.timing.plan import Plan

_TIER = 1


def without_wrong_ones(plan: Plan, named: bool = True) -> Plan:
    """The plan with every backend barred that is not built in and whose numbers fail tier 1; each with why.

    All its ops are asked, not only those that will be timed, in the dtypes that will be, in a child that is started as
    for timing. What deviates in form alone is timed, and said. Raises `RegistryError` if one was named and is none,
    `KeyboardInterrupt` if the user interrupts: what was not checked is not timed.
    """
    barred = {}
    program = Program(PROGRAM, environment(plan.threads, plan.allocator))
    for target in plan.backends:
        if not target.is_builtin:
            selection = Selection(dtypes=plan.dtypes, tier=_TIER)
            ((report,), interrupted) = run_here(Options(selection, program=program), [target], named)
            if interrupted:
                raise KeyboardInterrupt
            why = _why_barred(report)
            if why:
                barred[target.name] = f"not timed, {why}"
            elif deviations := _failures(report, Grade.FORM):
                terminal.say(f"{target.name} deviates in form, and is timed: {deviations[0]}")
    return replace(plan, barred=barred)


def say_unnamed_libraries(records: Iterable[object]) -> None:
    """Say once of each backend what its process has loaded that it does not name: its time may be that library's."""
    newest = {record.backend: record for record in records if isinstance(record, BackendFacts)}
    for facts in newest.values():
        if facts.unnamed_libraries:
            found = ", ".join(facts.unnamed_libraries)
            terminal.say(f"the process of {facts.backend} has loaded {found}, which {facts.backend} does not name")


def _why_barred(report: BackendReport) -> str:
    """What speaks against timing a backend; nothing if all that it claims was executed and its numbers are right."""
    for grade in (Grade.VALUES, Grade.SAFETY):
        failed = _failures(report, grade)
        if failed:
            return f"it fails tier {_TIER} of the conformance suite: {failed[0]}"
    if report.executed < report.planned:
        return f"only {report.executed} of {report.planned} cases of tier {_TIER} were executed"
    return ""


def _failures(report: BackendReport, grade: Grade) -> list[str]:
    """The first diagnosis of each check of a grade that failed."""
    return [one.diagnosis[0] for one in report.checks if one.status is Status.FAIL and one.grade is grade]
