"""What `harness bench` and `harness compare` share: a plan of what was asked, without backends that are wrong."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from conformance.run.plan import Selection
from conformance.run.suite_run import Options
from harness.cli.commands.check import check_here
from harness.timing.plan import Plan


def without_wrong_ones(plan: Plan) -> Plan:
    """The plan with every backend barred that is not built in and fails tier 0, in a child; each with what failed."""
    barred = {}
    for target in plan.backends:
        if not target.is_builtin:
            selection = Selection(ops=plan.ops, dtypes=plan.dtypes, tier=0)
            ((found,), _) = check_here(Options(selection), [target], True, ())
            failed: Sequence[str] = [c["diagnosis"][0] for c in found["checks"] if c["status"] == "fail"]
            if failed:
                barred[target.name] = f"not timed, it fails tier 0 of the conformance suite: {failed[0]}"
    return replace(plan, barred=barred)
