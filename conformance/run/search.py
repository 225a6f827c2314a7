"""Runs tier 3: Hypothesis looks for a geometry, dtype and memory layout that fails, and shrinks what it finds.

What is kept of a failure is its case id: it holds geometry, layout and seed, so it runs again without Hypothesis.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import seed as seeded
from hypothesis.errors import FlakyFailure

from conformance.cases import strategies
from conformance.cases.case import RANDOM, Case
from conformance.checks.under_test import BackendUnderTest
from conformance.run.engine import judge
from conformance.run.results import BackendResult, CaseCounts, CaseResult
from harness.calls.caller import Caller
from harness.contract.status import Status
from harness.oracle.data import DataError


class _Found(Exception):
    """What Hypothesis is shown of a failed case."""


def run(
    caller: Caller,
    result: BackendResult,
    seed: int = 0,
    progress: Callable[[int], None] = lambda cases: None,
    budget: float = float("inf"),
) -> None:
    """Search for each op and dtype that the result plans, in turn. `seed` decides all that is drawn."""
    counted = result.counted_of(RANDOM)
    start, subject = time.monotonic(), BackendUnderTest(caller)
    for number, case_counts in enumerate(counted):
        end = start + budget * (number + 1) / len(counted)  # an equal share of the time for each
        try:
            _search(subject, case_counts, seed, end, progress)
        finally:
            case_counts.settle()
    result.seconds += time.monotonic() - start
    cut = sum(case_counts.counts[Status.NOT_RUN] for case_counts in counted)
    if cut:
        result.cuts.append(f"{cut} random cases were cut by the budget")


def _search(
    subject: BackendUnderTest, case_counts: CaseCounts, seed: int, end: float, progress: Callable[[int], None]
) -> None:
    case_counts.counts.clear()
    last: dict[str, CaseResult] = {}

    @seeded(seed)
    @settings(
        max_examples=case_counts.planned, deadline=None, database=None, suppress_health_check=list(HealthCheck),
        phases=[Phase.generate, Phase.shrink], report_multiple_bugs=False, print_blob=False,
    )  # fmt: skip
    @given(strategies.cases([case_counts.key.op], [case_counts.key.dtype]))
    def look(case: Case) -> None:
        found = "failed" in last
        if time.monotonic() > end and not found:
            return
        case_result = _judged(subject, case)
        if not found:
            case_counts.counts[case_result.status] += 1
            case_counts.seconds += case_result.seconds
            if case_result.status is Status.UNSUPPORTED:
                case_counts.refusals[case_result.detail] += 1
            progress(1)
        if case_result.status is Status.FAIL:
            case_result.calls = subject.calls
            last["failed"] = case_result
            raise _Found

    try:
        look()
    except (_Found, FlakyFailure):
        case_counts.kept.append(last["failed"])  # what it shrank to, or the last of a backend that is not repeatable
        case_counts.planned = case_counts.counts.total()  # a search ends where it finds something


def _judged(subject: BackendUnderTest, case: Case) -> CaseResult:
    case_result = CaseResult(case)
    try:
        judge(subject, case_result)
    except DataError as too_long:  # sums too long for whole numbers of a narrow dtype
        case_result.status, case_result.detail = Status.UNSUPPORTED, str(too_long)
    return case_result
