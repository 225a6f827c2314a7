"""What of the failures a cause explains.

A failed case is explained if it passes once the numbers that plain calls give wrongly are put right (`mended`). What
only a later call shows no plain call has: such a cause explains every check of its op that failed by a result.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass

from conformance.cases.case import Case
from conformance.checks.under_test import BackendUnderTest
from conformance.diagnosis.cause import CHANGED
from conformance.reports.causes.forms import DTYPE, FORM, is_told
from conformance.reports.causes.mended import MEMORY, NUMBERS, Mended
from conformance.reports.causes.plain_calls import PlainCalls
from conformance.reports.causes.suspects import sources
from conformance.run.engine import judge
from conformance.run.records import BackendReport, CauseReport, CheckReport
from conformance.run.results import CaseResult
from harness.calls.caller import Caller
from harness.calls.in_child import InChild
from harness.contract.status import Grade, Status
from harness.geometry.spec import ALL_OPS, Op
from harness.oracle.data import DataError

LATER = "later call"
HURRIED = 4.0  # seconds that a call may take which asks about a cause
HUNG = "hung: "  # how a call that hung is said to have ended

_AGAIN_SECONDS = 15.0  # for failed cases that are run again
_WRONG_CALL = re.compile(
    r" (raised|returned shape) | elements? differ| is not zero| (previous|earlier) result"
    r"|^(nan|inf|-inf) at .* (reaches|does not reach) "
)
# An op that is to blame, as checks say it.
_PARTNER = re.compile(r"(\w+) (?:is at fault, not|returned shape|raised|on \S+, among) ")
Waiting = Callable[[str], AbstractContextManager[object]]
Reason = tuple[Op, str]  # the op of the backend that makes a mistake, and its tag: see `tag`


@dataclass(slots=True)
class Explaining:
    """Of one backend."""

    caller: Caller
    plain: PlainCalls
    waiting: Waiting = nullcontext

    def explained(self, causes: Sequence[CauseReport], report: BackendReport) -> dict[str, set[Reason]]:
        """Of each failed or doubted group of cases, the mistakes that are the reason, by the backend's own ops."""
        if not causes:
            return {}
        native = self.caller.native
        cast = _pairs([one for one in causes if one.id == DTYPE], FORM)
        plain = [one for one in causes if one.kind not in (FORM, LATER, MEMORY)]
        known, placed = {pair for one in plain for pair in _pairs([one], one.kind)}, _pairs(causes, MEMORY)
        changing = _pairs([one for one in causes if one.id.startswith(CHANGED)], MEMORY)
        mended = Mended(
            self.caller,
            lambda op, dtype: any((one, dtype) in known for one in sources(op, native)),
            lambda op, dtype: any((one, dtype) in cast for one in sources(op, native)),
            lambda op, dtype: any((one, dtype) in placed for one in sources(op, native)),
            lambda op, dtype: any((one, dtype) in changing for one in sources(op, native)),
        )
        with self.waiting(f"failed cases of {report.backend}, called again"), self._hurried(causes):
            is_needed = bool(known or cast or placed)
            return self._with_reasons(causes, report, mended if is_needed else None)

    def _with_reasons(
        self, causes: Sequence[CauseReport], report: BackendReport, mended: Mended | None
    ) -> dict[str, set[Reason]]:
        native = self.caller.native
        end, found = time.monotonic() + _AGAIN_SECONDS, dict[str, set[Reason]]()
        for group in report.checks:
            if group.optional or group.status not in (Status.FAIL, Status.MISTRUSTED):
                continue
            made_of = sources(group.op, native)
            made_of = (*made_of, *(op for partner in _at_fault(group) for op in sources(partner, native)))
            reasons = {(op, tag(one)) for op in made_of for one in causes if _tells(one, op, group)}
            if mended is not None:
                again = self._reasons if time.monotonic() < end else self._likely_reasons
                reasons |= again(group, mended)
            if reasons:
                found[group.key] = reasons
        return found

    def _reasons(self, group: CheckReport, mended: Mended) -> set[Reason]:
        """By running its failures again with the known mistakes put right: these, if all of them pass."""
        mended.touched.clear()
        subject = BackendUnderTest(mended)
        for failure in group.failures:
            result = CaseResult(Case.parse(failure.case))
            try:
                judge(subject, result)
            except DataError:
                return set()
            if result.status is not Status.PASS or result.wrong_numbers:
                return set()
        native = self.caller.native
        return {(source, what) for op, what in mended.touched for source in sources(op, native)}

    def _likely_reasons(self, group: CheckReport, mended: Mended) -> set[Reason]:
        """Where too much failed to be run again: by plain calls on the same geometries, of what judges numbers."""
        if group.grade is not Grade.VALUES or group.status is not Status.FAIL:
            return set()
        specs = [Case.parse(failure.case).spec for failure in group.failures]
        made_of = [op for op in sources(group.op, self.caller.native) if mended.is_known(op, group.dtype)]
        is_wrong = self.plain.is_wrong
        return {(op, NUMBERS) for op in made_of if all(is_wrong(op, group.dtype, spec) for spec in specs)}

    def _hurried(self, causes: Sequence[CauseReport]) -> AbstractContextManager[object]:
        """What is known to hang is not waited for once more as long as a layer."""
        hangs = isinstance(self.caller, InChild) and any(f" {HUNG}" in one.says for one in causes)
        return self.caller.in_a_hurry(HURRIED) if hangs and isinstance(self.caller, InChild) else nullcontext()


def tag(cause: CauseReport) -> str:
    """What tells causes of one op apart: those that are put right together have one."""
    if cause.kind == MEMORY:
        return MEMORY
    return cause.id if cause.kind == LATER or (cause.kind == FORM and cause.id != DTYPE) else NUMBERS


def _tells(cause: CauseReport, op: Op, group: CheckReport) -> bool:
    """Whether the cause is one of that op that no call that is put right shows, and the check looks at just that."""
    if op not in ops_of(cause) or group.dtype not in cause.dtypes:
        return False
    return _failed_by_results(group) if cause.kind == LATER else is_told(group, cause.id)


def _at_fault(group: CheckReport) -> list[Op]:
    """Other ops that the failures blame: partners in a law, and what was called at the same time."""
    said = [_PARTNER.search(one.text) for one in group.failures]
    return [op for op in ALL_OPS if op != group.op and any(one is not None and one[1] == op for one in said)]


def _failed_by_results(group: CheckReport) -> bool:
    """By its numbers, or by an exception or a shape that a right call does not give."""
    return group.grade is Grade.VALUES or (
        bool(group.failures) and all(_WRONG_CALL.search(one.text) for one in group.failures)
    )


def _pairs(causes: Sequence[CauseReport], kind: str) -> set[tuple[Op, str]]:
    """The ops and dtypes of the causes of that kind."""
    return {(op, dtype) for one in causes if one.kind == kind for op in ops_of(one) for dtype in one.dtypes}


def ops_of(cause: CauseReport) -> list[Op]:
    return [cause.op, *cause.same]
