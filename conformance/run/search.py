"""Tier 3: Hypothesis looks for a geometry, dtype and memory layout that fails, and shrinks what it finds.

What is kept of a failure is its case id: it holds geometry, layout and seed, so it runs again without Hypothesis.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import seed as seeded
from hypothesis.errors import FlakyFailure

from conformance.cases import case_data
from conformance.cases.case import Case
from conformance.cases.strategies import cases
from conformance.checks.registration import asks
from conformance.checks.under_test import BackendUnderTest, Failed
from conformance.run.judge import judge
from conformance.run.outcome import BackendResult, CaseCounts, CaseResult
from harness.calls.caller import Caller, Conditions
from harness.calls.memory_layouts import representable
from harness.geometry.spec import OPS, Op
from harness.oracle import by_taps
from harness.oracle.comparing import mismatch, share_used
from harness.oracle.data import DataError

CHECK = "values.random"
EXAMPLES = 1000  # of an op and dtype


@asks(CHECK, ())
def on_random_geometries(subject: BackendUnderTest, case: Case) -> None:
    """Whole numbers in the case's memory layout, exact; real numbers too where the dtype has them, within the bound."""
    arrays = [None if a is None else representable(a, case.layout) for a in case_data.exact_inputs(case)]
    got = subject.run(case.op, case.spec, *arrays, conditions=Conditions(layout=case.layout))
    difference = mismatch(got, by_taps.run(case.op, case.spec, *arrays))
    if difference:
        raise Failed(f"on {case.layout} inputs: {difference}" if case.layout != "C" else str(difference))
    if case.dtype.startswith("float"):
        expected, allowed = case_data.real_expected(case, subject.backend.numerics)
        got = subject.run(case.op, case.spec, *case_data.real_inputs(case))
        subject.used = share_used(got, expected, allowed)
        difference = mismatch(got, expected, allowed)
        if difference:
            raise Failed(f"on real numbers: {difference}")


class _Found(Exception):
    """What Hypothesis is shown of a failed case."""


def plan(outcome: BackendResult, ops: Sequence[Op], dtypes: Sequence[str], examples: int = EXAMPLES) -> None:
    """Put the search into a plan: one tally for each op and dtype."""
    for op in ops or OPS:
        for dtype in dtypes:
            tally = CaseCounts((CHECK, op, dtype), examples)
            tally.settle()
            outcome.tallies.append(tally)


def run(
    backend: Caller,
    outcome: BackendResult,
    seed: int = 0,
    progress: Callable[[int], None] = lambda cases: None,
    budget: float = float("inf"),
) -> None:
    """Search for each op and dtype that the outcome plans, in turn. `seed` decides all that is drawn."""
    tallies = [tally for tally in outcome.tallies if tally.key[0] == CHECK]
    start, subject = time.monotonic(), BackendUnderTest(backend)
    for number, tally in enumerate(tallies):
        end = start + budget * (number + 1) / len(tallies)  # an equal share of the time for each
        try:
            _search(subject, tally, seed, end, progress)
        finally:
            tally.settle()
    outcome.seconds += time.monotonic() - start
    cut = sum(tally.counts["not_run"] for tally in tallies)
    if cut:
        outcome.cuts.append(f"{cut} random cases were cut by the budget")


def _search(
    subject: BackendUnderTest, tally: CaseCounts, seed: int, end: float, progress: Callable[[int], None]
) -> None:
    _, op, dtype = tally.key
    tally.counts.clear()
    last: dict[str, CaseResult] = {}

    @seeded(seed)
    @settings(
        max_examples=tally.planned, deadline=None, database=None, suppress_health_check=list(HealthCheck),
        phases=[Phase.generate, Phase.shrink], report_multiple_bugs=False, print_blob=False,
    )  # fmt: skip
    @given(cases(CHECK, [op], [dtype]))
    def look(case: Case) -> None:
        found = "failed" in last
        if time.monotonic() > end and not found:
            return
        planned = _try(subject, case)
        if not found:
            tally.counts[planned.status] += 1
            tally.seconds += planned.seconds
            if planned.status == "unsupported":
                tally.refusals[planned.detail] += 1
            progress(1)
        if planned.status == "fail":
            planned.calls = subject.calls
            last["failed"] = planned
            raise _Found

    try:
        look()
    except (_Found, FlakyFailure):
        tally.kept.append(last["failed"])  # the one that it shrank to, or the last of a backend that is not repeatable
        tally.planned = tally.counts.total()  # a search ends where it finds something


def _try(subject: BackendUnderTest, case: Case) -> CaseResult:
    planned = CaseResult(case)
    try:
        reason = subject.backend.unsupported(case.op, case.spec, case.dtype)
    except (Exception, SystemExit) as error:
        planned.status, planned.detail = "fail", f"unsupported raised {type(error).__name__}: {error}"
        return planned
    if reason is not None:
        planned.status, planned.detail = "unsupported", reason
        return planned
    try:
        judge(subject, planned)
    except DataError as reason_:  # sums too long for whole numbers of a narrow dtype
        planned.status, planned.detail = "unsupported", str(reason_)
    return planned
