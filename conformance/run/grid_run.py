"""Runs the grid of tier 2 over all backends side by side: expected arrays are made once, and only where one is asked.

Every backend is asked first, many geometries in a question: most do a part, and data for what they refuse would take
nearly all of the time.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

import numpy as np

from conformance.cases.case import Case
from conformance.cases.grids import grid
from conformance.cases.shard import WHOLE, Shard
from conformance.checks.higher_tiers import grid_difference
from conformance.checks.outcomes import Failed, NotRun
from conformance.checks.under_test import BackendUnderTest
from conformance.run.again import care
from conformance.run.results import BackendResult, CaseCounts, CaseResult
from harness.calls.caller import Caller
from harness.calls.limits.threads import thread_limit
from harness.contract.adapter import NOT_IMPLEMENTED
from harness.contract.protocol import Array
from harness.contract.status import Status
from harness.geometry.spec import ConvSpec, Op
from harness.oracle import by_taps, data

_KEPT = 20  # failures kept of an op
_REPORT_EVERY = 5000  # cases
_ASKED_AHEAD = 1000  # geometries


@dataclass(slots=True)
class _OnGrid:
    """One backend on the grid, and the counts of each op and dtype."""

    subject: BackendUnderTest
    counted: dict[tuple[Op, str], CaseCounts]
    cared: care.Care = care.NONE

    def leave_out(self) -> None:
        """Count as refused what is not implemented at all, so that it is not asked for 352,836 times."""
        for (op, dtype), case_counts in self.counted.items():
            if self.subject.lacks(op, dtype):
                case_counts.refuse(NOT_IMPLEMENTED)

    def plans(self, op: Op, dtype: str) -> bool:
        """Whether anything of the op and dtype is to be run."""
        return (op, dtype) in self.counted and not self.counted[op, dtype].is_refused

    def does(self, op: Op, dtype: str, spec: ConvSpec) -> bool:
        """Whether it is to be called; what it answers instead is counted."""
        case_counts = self.counted[op, dtype]
        start = time.monotonic()
        self.subject.begin(spec)
        try:
            reason = self.subject.refusal(op, spec, dtype)
        except Failed as failure:
            self._fail(Case(grid.CHECK_ID, op, dtype, spec), str(failure))
            return False
        finally:
            case_counts.seconds += time.monotonic() - start
        if reason is not None:
            case_counts.counts[Status.UNSUPPORTED] += 1
            case_counts.refusals[reason] += 1
        return reason is None

    def step(self, op: Op, dtype: str, spec: ConvSpec, arrays: tuple[Array, ...], expected: Array) -> None:
        """Call it, and count what comes of that."""
        case_counts = self.counted[op, dtype]
        start = time.monotonic()
        case = Case(grid.CHECK_ID, op, dtype, spec)
        if deadly := self.cared.reason(case):
            self._fail(case, deadly)
            return
        self.cared.before(case)
        try:
            difference = grid_difference(self.subject, case, arrays, expected)
        except NotRun:  # neither counted nor a fault: for want of memory or of time
            return
        except Failed as failure:
            difference = str(failure)
        finally:
            case_counts.seconds += time.monotonic() - start
        if difference:
            self._fail(case, difference)
        else:
            case_counts.counts[Status.PASS] += 1

    def _fail(self, case: Case, difference: str) -> None:
        case_counts = self.counted[case.op, case.dtype]
        case_counts.counts[Status.FAIL] += 1
        if len(case_counts.kept) < _KEPT:
            native = frozenset(self.subject.backend.native)
            case_counts.kept.append(CaseResult(case, Status.FAIL, difference, calls=self.subject.calls, native=native))


def run(
    backends: Sequence[tuple[Caller, BackendResult]],
    shard: Shard = WHOLE,
    progress: Callable[[int], None] = lambda cases: None,
    budget: float = float("inf"),
    threads: int = 1,
    cared: care.Care = care.NONE,
    sweep: int = 0,
) -> None:
    """All backends over what their results plan of the grid.

    On one thread unless asked otherwise: for arrays this small, starting threads is all that is felt.
    `cared` is told of each case before it runs; `sweep`: so many geometries of the wide grid instead.
    """
    every = [_OnGrid(BackendUnderTest(caller), _planned(result), cared) for caller, result in backends]
    pairs = list(dict.fromkeys(pair for one in every for pair in one.counted))
    start, waiting, over = time.monotonic(), 0, False
    try:
        with np.errstate(all="ignore"), thread_limit(threads):
            for one in every:
                one.leave_out()
            for spec in _asked_ahead(grid.geometries(shard, sweep), pairs, every):
                if time.monotonic() - start > budget:
                    over = True
                    break
                waiting += _one(spec, pairs, every)
                if waiting >= _REPORT_EVERY:
                    progress(waiting)
                    waiting = 0
        progress(waiting)
    finally:
        for one, (_, result) in zip(every, backends, strict=True):
            for case_counts in one.counted.values():
                case_counts.settle()
            result.seconds += sum(case_counts.seconds for case_counts in one.counted.values())
            cut = max((case_counts.counts[Status.NOT_RUN] for case_counts in one.counted.values()), default=0)
            if over:
                result.cuts.append(f"{cut} geometries of the grid were cut by the budget")


def _planned(result: BackendResult) -> dict[tuple[Op, str], CaseCounts]:
    return {(c.key.op, c.key.dtype): c for c in result.counted_of(grid.CHECK_ID)}


def _asked_ahead(
    specs: Iterator[ConvSpec], pairs: Sequence[tuple[Op, str]], every: Sequence[_OnGrid]
) -> Iterator[ConvSpec]:
    """The same geometries, after every backend was told that it is going to be asked about them."""
    while some := list(islice(specs, _ASKED_AHEAD)):
        for op, dtype in pairs:
            for one in every:
                if one.plans(op, dtype):
                    one.subject.backend.ask_ahead(op, some, dtype)
        yield from some


def _one(spec: ConvSpec, pairs: Sequence[tuple[Op, str]], every: Sequence[_OnGrid]) -> int:
    """One geometry in each op and dtype, for the backends that plan it; how many cases that was."""
    text, cases = str(spec), 0
    for op, dtype in pairs:
        asked = [one for one in every if (op, dtype) in one.counted]
        cases += len(asked)
        claimed = [one for one in asked if one.plans(op, dtype) and one.does(op, dtype, spec)]
        if not claimed:
            continue
        arrays = data.pooled(op, spec, dtype, text)
        expected = by_taps.run(op, spec, *arrays)
        for one in claimed:
            one.step(op, dtype, spec, arrays, expected)
    return cases
