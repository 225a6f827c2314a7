"""Runs a plan: one case after the other, whatever the backend does, the most telling first if time is short."""

from __future__ import annotations

import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence

from conformance.cases.case import SelectionError
from conformance.checks.registration import check_of
from conformance.checks.under_test import BackendUnderTest
from conformance.run.judge import judge
from conformance.run.outcome import BackendResult, CaseResult, Key
from conformance.run.plan import Selection, claimed_dtypes, in_tier_0, plan
from harness.calls.caller import Caller

__all__ = ["BackendResult", "CaseResult", "Selection", "SelectionError", "claimed_dtypes", "judge", "plan", "run"]

KEPT = 3  # failures of a group that are explained

Progress = Callable[[CaseResult], None]


def run(
    backend: Caller,
    outcome: BackendResult,
    progress: Progress = lambda planned: None,
    budget: float = float("inf"),
    standing: bool | None = None,
) -> BackendResult:
    """Execute the plan's cases in place. An interruption, or the end of the budget (seconds), leaves the rest not run.

    `standing` restricts it to the checks with geometries of their own, or to those of the higher tiers.
    """
    subject, start = BackendUnderTest(backend), time.monotonic()
    explained: Counter[Key] = Counter()
    waiting = [
        planned
        for planned in outcome.cases
        if planned.status == "not_run" and standing in (None, check_of(planned.case).standing)
    ]
    try:
        for done, planned in enumerate(waiting if budget == float("inf") else telling_first(waiting)):
            if time.monotonic() - start > budget:
                outcome.cuts.append(f"{len(waiting) - done} of {len(waiting)} cases were cut by the budget")
                break
            judge(subject, planned)
            if planned.status in ("fail", "mistrusted") and explained[planned.key] < KEPT:
                explained[planned.key] += 1
                planned.calls = subject.calls
            progress(planned)
    finally:
        outcome.seconds += time.monotonic() - start
    return outcome


def telling_first(cases: Sequence[CaseResult]) -> Iterable[CaseResult]:
    """Tier 0, then one case of every group in turn: a run that is cut off has seen something of everything."""
    groups: dict[Key, list[CaseResult]] = defaultdict(list)
    for planned in cases:
        if not in_tier_0(planned.case):
            groups[planned.key].append(planned)
    yield from (planned for planned in cases if in_tier_0(planned.case))
    for turn in range(max(map(len, groups.values()), default=0)):
        yield from (group[turn] for group in groups.values() if turn < len(group))
