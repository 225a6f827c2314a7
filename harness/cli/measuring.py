"""What `harness bench` and `harness compare` share: a plan of what was asked, without backends that are wrong."""

from __future__ import annotations

from dataclasses import replace

from conformance.cases.selection import Selection
from conformance.run.records import BackendReport
from conformance.run.suite_run import Options
from harness.cli.suite_progress import run_here
from harness.contract.status import Status
from harness.timing.plan import Plan


def without_wrong_ones(plan: Plan, named: bool = True) -> Plan:
    """The plan with every backend barred that is not built in and does not pass tier 0, in a child; each with why.

    Raises `RegistryError` if one was named and is none, `KeyboardInterrupt` if the user interrupts: what was not
    checked is not timed.
    """
    barred = {}
    for target in plan.backends:
        if not target.is_builtin:
            selection = Selection(ops=plan.ops, dtypes=plan.dtypes, tier=0)
            ((report,), interrupted) = run_here(Options(selection), [target], named)
            if interrupted:
                raise KeyboardInterrupt
            why = _why_barred(report)
            if why:
                barred[target.name] = f"not timed, {why}"
    return replace(plan, barred=barred)


def _why_barred(report: BackendReport) -> str:
    """What speaks against timing a backend; nothing if all that it claims was executed and is right."""
    failed = [found.diagnosis[0] for found in report.checks if found.status is Status.FAIL]
    if failed:
        return f"it fails tier 0 of the conformance suite: {failed[0]}"
    if report.executed < report.planned:
        return f"only {report.executed} of {report.planned} cases of tier 0 were executed"
    return ""
