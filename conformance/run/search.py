"""Runs tier 3: Hypothesis looks for a geometry, dtype and memory layout that fails, and shrinks what it finds.

What is kept of a failure is its case id: it holds geometry, layout and seed, so it runs again without Hypothesis.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import seed as seeded
from hypothesis.errors import FlakyFailure

from conformance.cases import strategies
from conformance.cases.case import RANDOM, Case
from conformance.cases.selection import Selection
from conformance.checks.under_test import BackendUnderTest
from conformance.run.again import care
from conformance.run.engine import judge
from conformance.run.results import BackendResult, CaseCounts, CaseResult
from harness.calls.caller import Caller
from harness.calls.memory_layouts import MEMORY_LAYOUTS
from harness.contract.adapter import NOT_IMPLEMENTED
from harness.contract.status import Status
from harness.oracle.data import DataError

_AGAIN = 1_000_003  # between the seeds of one search and of its continuation
_NEXT_PART = 7_368_787  # between the seeds of two parts of a run
Progress = Callable[[int], None]


class _Found(Exception):
    """What Hypothesis is shown of a failed case."""


class _TimeIsUp(BaseException):
    """Ends Hypothesis at once: an `Exception` is a failure to it, which it shrinks, a return a case that passed."""


def seed_of(selection: Selection) -> int:
    """The user's seed in the first part of a run; every other part draws other cases."""
    return selection.seed + (selection.shard.index - 1) * _NEXT_PART


def run(
    caller: Caller,
    result: BackendResult,
    seed: int = 0,
    progress: Progress = lambda cases: None,
    budget: float = float("inf"),
    cared: care.Care = care.NONE,
) -> None:
    """Search for each op and dtype that the result plans, in turn. `seed` decides all that is drawn.

    Each has an equal share of the time; what some leave, those that it was too short for have after all.
    """
    start = time.monotonic()
    subject = BackendUnderTest(caller, until=start + budget)
    searches = [_Search(subject, case_counts, progress, cared) for case_counts in result.counted_of(RANDOM)]
    try:
        waiting = [one for one in searches if not one.is_left_out()]
        while waiting and time.monotonic() - start <= budget:
            short = []
            for number, one in enumerate(waiting):
                left = max(start + budget - time.monotonic(), 0.0)
                if not one.go_on(seed, time.monotonic() + left / (len(waiting) - number)):
                    short.append(one)
            seed, waiting = seed + _AGAIN, short
    finally:
        for one in searches:
            one.case_counts.settle()
    result.seconds += time.monotonic() - start
    cut = sum(one.case_counts.counts[Status.NOT_RUN] for one in searches)
    if cut:
        result.cuts.append(f"{cut} random cases were cut by the budget")


@dataclass(slots=True)
class _Search:
    """Of one op and dtype. Half of the cases, and the first ones, lie in C order.

    Otherwise a backend that is wrong wherever inputs lie oddly would never be searched for a wrong geometry.
    """

    subject: BackendUnderTest
    case_counts: CaseCounts
    progress: Progress
    cared: care.Care = care.NONE
    _left: dict[tuple[str, ...], int] = field(init=False)  # cases, by the memory layouts of their inputs
    _failed: CaseResult | None = None  # what it shrank to, or the last of a backend that is not repeatable

    def __post_init__(self) -> None:
        planned = self.case_counts.planned
        self._left = {MEMORY_LAYOUTS[:1]: planned - planned // 2, MEMORY_LAYOUTS[1:]: planned // 2}
        self.case_counts.counts.clear()

    def is_left_out(self) -> bool:
        """Whether the backend does not have the op at all: then no geometry is drawn for it, and all are refused."""
        if not self.subject.lacks(self.case_counts.key.op, self.case_counts.key.dtype):
            return False
        self.case_counts.refuse(NOT_IMPLEMENTED)
        self.progress(self.case_counts.planned)
        return True

    def go_on(self, seed: int, end: float) -> bool:
        """Try what is left, until something fails; whether the time sufficed for all of it."""
        for layouts, count in self._left.items():
            if count and self._failed is None:
                try:
                    self._try(seed, end, layouts)
                except _TimeIsUp:
                    if self._failed is None:
                        return False
        if self._failed is not None:
            self.case_counts.kept.append(self._failed)
            self.case_counts.planned = self.case_counts.counts.total()  # a search ends where it finds something
        return True

    def _try(self, seed: int, end: float, layouts: tuple[str, ...]) -> None:
        """Raises `_TimeIsUp`, while it generates or while it shrinks."""
        key = self.case_counts.key

        @seeded(seed)
        @settings(
            max_examples=self._left[layouts], deadline=None, database=None, suppress_health_check=list(HealthCheck),
            phases=[Phase.generate, Phase.shrink], report_multiple_bugs=False, print_blob=False,
        )  # fmt: skip
        @given(strategies.cases([key.op], [key.dtype], layouts))
        def look(case: Case) -> None:
            if time.monotonic() > end:
                raise _TimeIsUp
            if deadly := self.cared.reason(case):  # nothing near it is tried, as it might end this process as well
                self._failed = CaseResult(case, Status.FAIL, deadly)
                self._left[layouts] -= 1
                self._count(self._failed)
                raise _TimeIsUp
            self.cared.before(case)
            case_result = _judged(self.subject, case)
            if self._failed is None:
                self._left[layouts] -= 1
                self._count(case_result)
            if case_result.status is Status.FAIL:
                case_result.calls = self.subject.calls
                self._failed = case_result
                raise _Found

        with suppress(_Found, FlakyFailure):
            look()

    def _count(self, case_result: CaseResult) -> None:
        self.case_counts.counts[case_result.status] += 1
        self.case_counts.seconds += case_result.seconds
        if case_result.status is Status.UNSUPPORTED:
            self.case_counts.refusals[case_result.detail] += 1
        self.progress(1)


def _judged(subject: BackendUnderTest, case: Case) -> CaseResult:
    case_result = CaseResult(case)
    try:
        judge(subject, case_result)
    except DataError as too_long:  # sums too long for whole numbers of a narrow dtype
        case_result.status, case_result.detail = Status.UNSUPPORTED, str(too_long)
    return case_result
