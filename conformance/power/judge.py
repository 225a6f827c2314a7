"""One fault through the suite, in this process, up to the first failure: which check saw it, and on which case."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

from conformance.cases.case import RANDOM
from conformance.cases.selection import Selection
from conformance.checks.outcomes import RecordedCall
from conformance.diagnosis import mistakes, where
from conformance.power.fault import Fault, Implementation, load
from conformance.power.right.ops import NOTHING
from conformance.run import engine
from conformance.run.plan import in_tier_0, plan, plan_random
from conformance.run.results import BackendResult, CaseResult
from harness.calls.caller import Caller
from harness.contract.status import Status
from harness.geometry.spec import Op

SEARCH = 3  # the tier of random search


@dataclass(frozen=True, slots=True)
class Seen:
    """What saw a fault; `diagnosed` is the mistake that the suite named, empty if none."""

    check: str
    case: str
    tier: int
    diagnosed: str = ""


class _Stop(Exception):
    """The first failure. Raised out of the engine, which keeps what is finished."""

    def __init__(self, failed: CaseResult) -> None:
        super().__init__(str(failed.case))
        self.failed = failed


def first_to_see(fault: Fault, tier: int = 1) -> Seen | None:
    """The first case of the fault's op that fails; None if all pass."""
    caller = load(Implementation(fault))
    failed = first_failure(caller, _planned(fault.op, fault.dtypes, min(tier, 1)))
    if failed is None and tier >= SEARCH:
        return _searched(caller, fault)
    if failed is None:
        return None
    return Seen(failed.case.check, str(failed.case), 0 if in_tier_0(failed.case) else 1, _diagnosed(failed.calls))


def first_failure(caller: Caller, cases: Sequence[CaseResult]) -> CaseResult | None:
    """Run the cases in their order, until one fails."""
    result = BackendResult(caller.name, narrowed=True, cases=[replace(one, calls=[]) for one in cases])
    refused = next((one for one in result.cases if one.status is Status.FAIL), None)  # asking raised
    if refused is not None:
        return refused
    try:
        engine.run(caller, result, _stop_at_a_failure)
    except _Stop as stop:
        return stop.failed
    result.charge_numbers()
    return next((one for one in result.cases if one.status is Status.FAIL), None)


def _stop_at_a_failure(case_result: CaseResult) -> None:
    if case_result.status is Status.FAIL:
        raise _Stop(case_result)


@lru_cache(maxsize=64)
def _planned(op: Op, dtypes: tuple[str, ...], tier: int) -> tuple[CaseResult, ...]:
    """What is asked of a backend that does all: the same for each fault of an op, as none refuses a geometry."""
    claims = Implementation(Fault("", op, NOTHING, dtypes=dtypes))
    return tuple(plan(load(claims), Selection(ops=(op,), dtypes=dtypes, tier=tier)).cases)


def _searched(caller: Caller, fault: Fault) -> Seen | None:
    """Tier 3: Hypothesis, which ends where it finds something."""
    from conformance.run import search  # Hypothesis, which no other tier needs

    result = BackendResult(caller.name, narrowed=True)
    for dtype in fault.dtypes:
        plan_random(result, [fault.op], [dtype])
    search.run(caller, result)
    found = next((kept for counted in result.counted_of(RANDOM) for kept in counted.kept), None)
    return None if found is None else Seen(RANDOM, str(found.case), SEARCH, _diagnosed(found.calls))


def _diagnosed(calls: Sequence[RecordedCall]) -> str:
    """The mistake that the suite names for a failure, as it would to a user; nothing if it names none."""
    for call in calls:
        if where.wrong(call) is not None:
            return mistakes.likely(call)
    return ""
