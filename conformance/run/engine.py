"""Runs one case, and a plan: case after case, whatever the backend does, the most telling first if time is short."""

from __future__ import annotations

import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence

import numpy as np

from conformance.cases import room
from conformance.checks.outcomes import Failed, Mistrusted, NotRun, Refused
from conformance.checks.registration import check_of
from conformance.checks.under_test import BackendUnderTest
from conformance.run.again import care
from conformance.run.plan import in_tier_0
from conformance.run.results import BackendResult, CaseResult, CheckKey
from conformance.run.short_domain import ShortDomain
from harness.calls.caller import Caller
from harness.contract.status import Status
from harness.oracle.data import DataError
from harness.telling import one_line

KEPT = 3  # failures of a check, op and dtype that are explained
_IF_KNOWN = {Status.FAIL: Status.XFAIL, Status.PASS: Status.XPASS}


def run(
    caller: Caller,
    result: BackendResult,
    progress: Callable[[CaseResult], None] = lambda case_result: None,
    budget: float = float("inf"),
    standing: bool | None = None,
    cared: care.Care = care.NONE,
) -> BackendResult:
    """Execute the plan's cases in place. An interruption, or the end of the budget (seconds), leaves the rest not run.

    `standing` restricts it to the checks with geometries of their own, or to those of the higher tiers.
    `cared` is told of each case before it runs.
    """
    start = time.monotonic()
    subject = BackendUnderTest(caller, until=start + budget)
    explained: Counter[CheckKey] = Counter()
    waiting = [
        case_result
        for case_result in result.cases
        if case_result.status is Status.NOT_RUN and standing in (None, check_of(case_result.case).standing)
    ]
    domain = ShortDomain(result)
    try:
        for done, case_result in enumerate(waiting if budget == float("inf") else telling_first(waiting)):
            if domain.leaves_out(case_result):
                progress(case_result)
                continue
            if time.monotonic() - start > budget:
                result.cuts.append(f"{len(waiting) - done} of {len(waiting)} cases were cut by the budget")
                break
            cared.before(case_result.case)
            try:
                judge(subject, case_result)
            except DataError as too_long:
                case_result.detail = f"nothing exact can be asked: {too_long}"
            needs_explaining = case_result.status in (Status.FAIL, Status.MISTRUSTED) or bool(case_result.wrong_numbers)
            if needs_explaining and explained[case_result.key] < KEPT:
                explained[case_result.key] += 1
                case_result.calls = subject.calls
            progress(case_result)
    finally:
        domain.close()
        result.seconds += time.monotonic() - start
    return result


def telling_first(cases: Sequence[CaseResult]) -> Iterable[CaseResult]:
    """Tier 0, then one case of every group in turn: a run that is cut off has seen something of everything."""
    groups: dict[CheckKey, list[CaseResult]] = defaultdict(list)
    for case_result in cases:
        if not in_tier_0(case_result.case):
            groups[case_result.key].append(case_result)
    yield from (case_result for case_result in cases if in_tier_0(case_result.case))
    for turn in range(max(map(len, groups.values()), default=0)):
        yield from (group[turn] for group in groups.values() if turn < len(group))


def judge(subject: BackendUnderTest, case_result: CaseResult) -> None:
    """Run one case. NumPy's floating-point warnings are silent: non-finite data is on purpose.

    Raises `DataError` if the sums are too long for whole numbers of the dtype.
    """
    subject.begin(case_result.case.spec)
    start = time.monotonic()
    with np.errstate(all="ignore"):
        case_result.status, case_result.detail = _asked(subject, case_result)
        if case_result.status is Status.PASS:
            case_result.wrong_numbers = subject.wrong_numbers()
    case_result.numerics, case_result.takes_bias = subject.backend.numerics, subject.backend.takes_bias
    case_result.native = frozenset(subject.backend.native)
    case_result.seconds, case_result.used = time.monotonic() - start, subject.used
    if case_result.known_reason:
        case_result.status = _IF_KNOWN.get(case_result.status, case_result.status)


def _asked(subject: BackendUnderTest, case_result: CaseResult) -> tuple[Status, str]:
    case = case_result.case
    shortage = room.shortage(case)
    if shortage:
        return Status.NOT_RUN, shortage
    check = check_of(case)
    try:
        for op in (case.op, *check.needs):
            reason = subject.refusal(op, case.spec, case.dtype)
            if reason is not None:
                return Status.UNSUPPORTED, reason
        check.run(subject, case)
    except Failed as failure:
        case_result.own_grade = failure.grade
        return Status.FAIL, str(failure)
    except Mistrusted as doubt:
        return Status.MISTRUSTED, str(doubt)
    except Refused as refusal:
        return Status.UNSUPPORTED, str(refusal)
    except NotRun as reason:
        return Status.NOT_RUN, str(reason)
    except MemoryError as error:  # the oracle's, not the backend's: that one is caught where it is called
        return Status.NOT_RUN, f"there was not enough memory to judge it: {one_line(error)}"
    return Status.PASS, ""
