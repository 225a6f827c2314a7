"""What `harness bench` and `harness compare` share: a plan of what was asked, without backends that are wrong."""

from __future__ import annotations

from dataclasses import replace

from conformance.cases.selection import Selection
from conformance.run.suite_run import Options
from harness.cli.suite_progress import run_here
from harness.contract.status import Status
from harness.timing.plan import Plan


def without_wrong_ones(plan: Plan) -> Plan:
    """The plan with every backend barred that is not built in and fails tier 0, in a child; each with what failed."""
    barred = {}
    for target in plan.backends:
        if not target.is_builtin:
            selection = Selection(ops=plan.ops, dtypes=plan.dtypes, tier=0)
            ((report,), _) = run_here(Options(selection), [target], named=True)
            failed = [found.diagnosis[0] for found in report.checks if found.status is Status.FAIL]
            if failed:
                barred[target.name] = f"not timed, it fails tier 0 of the conformance suite: {failed[0]}"
    return replace(plan, barred=barred)
