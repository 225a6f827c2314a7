"""After a run: the reports with the causes of what failed, by calls of the same backends."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from functools import partial

from conformance.reports.causes.explaining import Waiting
from conformance.reports.causes.suspects import failed
from conformance.reports.causes.telling import Diagnosis
from conformance.run.records import BackendReport
from conformance.run.suite_run import BackendRun, Options, close_caller, open_caller
from harness.calls.caller import Caller
from harness.contract.protocol import BackendUnavailable
from harness.contract.targets import RegistryError, Target
from harness.telling import named

_MORE = 0.1  # of a budget that the run has used up, for the diagnosis


def usable_caller(backend: BackendRun) -> Caller | None:
    """That of the run; None if calls have died, since it refuses an op after a few of these: then it is opened anew."""
    if not backend.is_isolated:
        return backend.caller
    calls = (call for one in backend.result.cases for call in one.calls)
    return None if any(call.outcome.died for call in calls) else backend.caller


def until(start: float, budget: float) -> float:
    """When the diagnosis ends, on the monotonic clock: with the budget, but it has a tenth of that in any case."""
    return max(start + budget, time.monotonic() + _MORE * budget)


def diagnosed(
    reports: Sequence[BackendReport],
    targets: Sequence[Target],
    callers: Sequence[Caller | None],
    options: Options,
    end: float,
    waiting: Waiting = nullcontext,
    say: Callable[[str], None] = lambda text: None,
) -> list[BackendReport]:
    """Each report with its causes; where there is no caller, the target is opened anew. `end`: see `until`."""
    found = []
    for report, target, caller in zip(reports, targets, callers, strict=True):
        if not failed(report):
            found.append(report)
            continue
        opened = None
        try:
            if caller is None:
                with waiting(f"{target.name} to load again"):
                    caller = opened = open_caller(target, options)
            diagnosis = Diagnosis(caller, target, end, waiting, anew=partial(open_caller, target, options))
            found.append(diagnosis.told(report))
            for fault in diagnosis.faults:
                say(f"harness: {fault}; please report it")
        except (BackendUnavailable, RegistryError) as error:
            say(f"harness: {target.name} cannot be diagnosed: {named(error)}")
            found.append(report)
        finally:
            close_caller(opened)
    return found
