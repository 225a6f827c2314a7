"""Runs one case, and a plan: case after case, whatever the backend does, the most telling first if time is short."""

from __future__ import annotations

import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence

import numpy as np

from conformance.checks.outcomes import Failed, Mistrusted, NotRun, Refused
from conformance.checks.registration import check_of
from conformance.checks.under_test import BackendUnderTest
from conformance.checks.values import DOMAIN
from conformance.run import memory
from conformance.run.plan import in_tier_0
from conformance.run.results import BackendResult, CaseResult, CheckKey
from harness.calls.caller import Caller
from harness.contract.status import Status
from harness.oracle.data import DataError
from harness.telling import one_line

_FIRST = 40  # geometries of a domain that are judged in any case
_LONG = 0.2  # seconds for a geometry, of which plain loops in Python need a tenth
KEPT = 3  # failures of a check, op and dtype that are explained
_IF_KNOWN = {Status.FAIL: Status.XFAIL, Status.PASS: Status.XPASS}


def run(
    caller: Caller,
    result: BackendResult,
    progress: Callable[[CaseResult], None] = lambda case_result: None,
    budget: float = float("inf"),
    standing: bool | None = None,
) -> BackendResult:
    """Execute the plan's cases in place. An interruption, or the end of the budget (seconds), leaves the rest not run.

    `standing` restricts it to the checks with geometries of their own, or to those of the higher tiers.
    """
    start = time.monotonic()
    subject = BackendUnderTest(caller, until=start + budget)
    explained: Counter[CheckKey] = Counter()
    waiting = [
        case_result
        for case_result in result.cases
        if case_result.status is Status.NOT_RUN and standing in (None, check_of(case_result.case).standing)
    ]
    domain = _Domain(result)
    try:
        for done, case_result in enumerate(waiting if budget == float("inf") else telling_first(waiting)):
            if domain.leaves_out(case_result):
                progress(case_result)
                continue
            if time.monotonic() - start > budget:
                result.cuts.append(f"{len(waiting) - done} of {len(waiting)} cases were cut by the budget")
                break
            try:
                judge(subject, case_result)
            except DataError as too_long:
                case_result.detail = f"nothing exact can be asked: {too_long}"
            needs_explaining = case_result.status in (Status.FAIL, Status.MISTRUSTED) or case_result.wrong_numbers
            if needs_explaining and explained[case_result.key] < KEPT:
                explained[case_result.key] += 1
                case_result.calls = subject.calls
            progress(case_result)
    finally:
        domain.close()
        result.seconds += time.monotonic() - start
    return result


class _Domain:
    """Cuts the list of geometries short for a library that needs long for each: most compile for each anew.

    The list has the most telling ones first, and the first 40 see 94 % of what all see.
    """

    def __init__(self, result: BackendResult) -> None:
        self._result = result
        self._out: dict[CheckKey, list[CaseResult]] = defaultdict(list)
        self._judged: dict[CheckKey, list[CaseResult]] = defaultdict(list)

    def leaves_out(self, case_result: CaseResult) -> bool:
        """Whether the case is not to be run, as the first ones of its op and dtype took too long."""
        key = case_result.key
        if key.check_id != DOMAIN:
            return False
        judged = self._judged[key]
        if len(judged) >= _FIRST and sum(one.seconds for one in judged[:_FIRST]) > _FIRST * _LONG:
            self._out[key].append(case_result)
            return True
        judged.append(case_result)
        return False

    def close(self) -> None:
        """Take what was left out off the plan, and say so."""
        left_out = {id(one) for several in self._out.values() for one in several}
        self._result.cases = [one for one in self._result.cases if id(one) not in left_out]
        for key, several in self._out.items():
            each = sum(one.seconds for one in self._judged[key][:_FIRST]) / _FIRST
            count = len(self._judged[key])
            self._result.notes.append(
                f"{key}: {count} of {count + len(several)} geometries, as each takes {each:.2g} s; "
                "a library that compiles for each?"
            )


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
    case_result.numerics = subject.backend.numerics
    case_result.seconds, case_result.used = time.monotonic() - start, subject.used
    if case_result.known_reason:
        case_result.status = _IF_KNOWN.get(case_result.status, case_result.status)


def _asked(subject: BackendUnderTest, case_result: CaseResult) -> tuple[Status, str]:
    case = case_result.case
    shortage = memory.shortage(case)
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
