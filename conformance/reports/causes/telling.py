"""The causes of what failed, as they are told: each diagnosed op once, equal mistakes together, with what is explained.

A cause explains a failed case if a plain call on its geometry is wrong too: what needs more than that to go wrong has
another cause. Memory and the form of results are another matter, unless the call raises. Rounding, and what only a
later call shows, are not seen by plain calls on whole numbers: these explain every check of values.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Collection, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from msgspec import structs

from conformance.cases.case import Case
from conformance.checks.registration import check_of
from conformance.checks.under_test import BackendUnderTest
from conformance.diagnosis.cause import Cause
from conformance.reports.causes import planes
from conformance.reports.causes.plain_calls import PlainCalls
from conformance.reports.causes.suspects import sources, suspects
from conformance.reports.summary import failure_report
from conformance.run.engine import judge
from conformance.run.records import BackendReport, CauseReport, CheckReport, FailureReport
from conformance.run.results import CaseResult
from harness.calls.caller import Caller
from harness.contract.status import Grade, Status
from harness.contract.targets import Target
from harness.geometry.spec import Op
from harness.oracle.data import DataError
from harness.telling import named

_SECONDS = 5.0  # for the diagnosis of an op in a dtype
_BEYOND_PLAIN = ("numbers", "later call")  # kinds of causes that plain calls on whole numbers do not show
_SHOWING = ("values.exact", "values.real")  # checks that may show a cause on its plainest geometry
_OF_TWO_CALLS = "contract.repeatable"  # compares a backend with itself: wrong numbers do not fail it
_PARTNER = re.compile(r"(\w+) is at fault, not ")
Waiting = Callable[[str], AbstractContextManager[object]]


@dataclass(slots=True)
class Diagnosis:
    """Of one backend; `until` is on the monotonic clock. What the diagnosis itself does wrong goes to `faults`."""

    caller: Caller
    target: Target
    until: float = float("inf")
    waiting: Waiting = nullcontext
    faults: list[str] = field(default_factory=list)
    _plain: PlainCalls = field(init=False)

    def __post_init__(self) -> None:
        self._plain = PlainCalls(self.caller)

    def told(self, report: BackendReport) -> BackendReport:
        """The report with the causes of what failed, the plainest first."""
        native = self.caller.native
        found: list[CauseReport] = []
        for op, dtypes in suspects(report, native).items():
            with self.waiting(f"the diagnosis of {op} of {report.backend}"):
                found += self._of_op(op, dtypes)
        found = _joined(found)
        return structs.replace(report, causes=[self._with_what_it_explains(cause, report) for cause in found])

    # -- the causes of an op -------------------------------------------------------------------------------------------

    def _of_op(self, op: Op, dtypes: Sequence[str]) -> list[CauseReport]:
        """In its first dtype; another one is diagnosed by itself only where it does not fail alike."""
        found: list[CauseReport] = []
        waiting = list(dtypes)
        while waiting:
            dtype, *waiting = waiting
            causes = self._diagnosed(op, dtype)
            alike = [other for other in waiting if self._fail_alike(causes, dtype, other)]
            waiting = [other for other in waiting if other not in alike]
            found += [self._reported(cause, [dtype, *alike]) for cause in causes]
        return found

    def _diagnosed(self, op: Op, dtype: str) -> list[Cause]:
        from conformance.diagnosis.diagnose import diagnose  # all models of mistakes, which a right backend never needs

        left = min(_SECONDS, self.until - time.monotonic())
        if left <= 0:
            return []
        try:
            return diagnose(self.caller, op, dtype, seconds=left)
        except Exception as error:  # the verdict is there already, and must not be lost for it
            self.faults.append(f"the diagnosis of {op} in {dtype} failed: {named(error)}")
            return []

    def _fail_alike(self, causes: Sequence[Cause], dtype: str, other: str) -> bool:
        return bool(causes) and all(
            cause.kind not in _BEYOND_PLAIN and self._plain.is_alike(cause.op, dtype, other, cause.plainest)
            for cause in causes
        )

    def _reported(self, cause: Cause, dtypes: list[str]) -> CauseReport:
        shown = self._shown(cause)
        return CauseReport(
            op=cause.op, dtypes=dtypes, kind=cause.kind, id=cause.id, says=cause.says, why=cause.why, mend=cause.mend,
            seen=cause.seen, failing=cause.failing, passing=cause.passing, calls=cause.calls,
            plainest=str(cause.plainest),
            failure=None if shown is None else failure_report(shown, self.target, mistake=cause.says),
            planes=[] if shown is None else planes.of(shown),
        )  # fmt: skip

    def _shown(self, cause: Cause) -> CaseResult | None:
        """A case on the plainest geometry that fails, if one does."""
        subject = BackendUnderTest(self.caller)
        for check_id in _SHOWING:
            result = CaseResult(Case(check_id, cause.op, cause.dtype, cause.plainest))
            check = check_of(result.case)
            if np.dtype(cause.dtype).kind not in check.kinds or not check.fits(cause.op, cause.plainest):
                continue
            try:
                judge(subject, result)
            except DataError:
                continue
            if result.status is Status.FAIL:
                result.calls = subject.calls
                return result
        return None

    # -- what it explains ----------------------------------------------------------------------------------------------

    def _with_what_it_explains(self, cause: CauseReport, report: BackendReport) -> CauseReport:
        ops, native = [cause.op, *cause.same], self.caller.native
        groups = [group for group in report.checks if self._explains(cause, ops, group)]
        doubted = [group for group in report.checks if _is_of_partner(group, ops, native)]
        derived = dict.fromkeys(group.op for group in groups if group.op not in native)
        failure = cause.failure or _plainest_failure(groups)
        return structs.replace(
            cause, explains=[group.key for group in (*groups, *doubted)], derived=list(derived), failure=failure
        )

    def _explains(self, cause: CauseReport, ops: Sequence[Op], group: CheckReport) -> bool:
        if group.status is not Status.FAIL or group.optional or group.dtype not in cause.dtypes:
            return False
        mine = [op for op in sources(group.op, self.caller.native) if op in ops]
        of_values = group.grade is Grade.VALUES
        if not mine:
            return False
        if cause.kind in _BEYOND_PLAIN:
            return of_values
        if group.id == _OF_TWO_CALLS:
            return False
        shows = self._plain.is_wrong if of_values else self._plain.raises
        specs = [Case.parse(one.case).spec for one in group.failures if one.status is Status.FAIL]
        return bool(specs) and all(any(shows(op, group.dtype, spec) for op in mine) for spec in specs)


def _is_of_partner(group: CheckReport, ops: Sequence[Op], native: Collection[Op]) -> bool:
    """Whether a law could not judge this op, as one of `ops` on its other side is wrong."""
    if group.status is not Status.MISTRUSTED or group.optional:
        return False
    texts = [one.text for one in group.failures if one.status is Status.MISTRUSTED]
    partners: list[Any] = [_PARTNER.findall(text) for text in texts]
    return bool(texts) and all(any(source in ops for op in said for source in sources(op, native)) for said in partners)


def _plainest_failure(groups: Sequence[CheckReport]) -> FailureReport | None:
    """Of the smallest geometry."""
    found = [one for group in groups for one in group.failures if one.status is Status.FAIL]
    return min(found, key=lambda one: Case.parse(one.case).spec.macs, default=None)


def _joined(found: Sequence[CauseReport]) -> list[CauseReport]:
    """The same mistake in several ops, or told of several dtypes, is one cause, under the first op that makes it."""
    together: dict[tuple[str, str, str], CauseReport] = {}
    for one in found:
        key = (one.kind, one.id, one.says.replace(f"Your {one.op} ", "", 1))
        first = together.get(key)
        if first is None:
            together[key] = one
        elif first.op == one.op:
            together[key] = structs.replace(first, dtypes=list(dict.fromkeys([*first.dtypes, *one.dtypes])))
        else:
            same = list(dict.fromkeys([*first.same, one.op]))
            dtypes = list(dict.fromkeys([*first.dtypes, *one.dtypes]))
            together[key] = structs.replace(first, same=same, dtypes=dtypes)
    return list(together.values())
