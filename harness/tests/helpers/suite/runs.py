"""Runs of backends that are open already, and what they are asked."""

from __future__ import annotations

from typing import Any

from conformance.cases.selection import Selection
from conformance.run.suite_run import Options, SuiteRun
from harness.contract.targets import Target
from harness.tests.helpers.suite.fakes import FakeCaller


def of(tier: int = 1, **selection: Any) -> Selection:
    """A selection of im2col in float32."""
    return Selection(**{"ops": ["im2col"], "dtypes": ["float32"], "tier": tier, **selection})


def a_run(*callers: FakeCaller, options: Options | None = None) -> SuiteRun:
    """A run of backends that are open already."""
    made = SuiteRun(options or Options(of()))
    for caller in callers:
        made.add_open(Target(f"{caller.name}.py", caller.name, f"{caller.name}.py"), caller)
    return made
