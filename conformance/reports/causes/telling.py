"""The causes of what failed, as they are told: each diagnosed op once, equal mistakes together, with what follows."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field

import numpy as np
from msgspec import structs

from conformance.cases.case import Case
from conformance.checks.registration import check_of
from conformance.checks.under_test import BackendUnderTest
from conformance.diagnosis.about import seen_in_public
from conformance.diagnosis.cause import Cause
from conformance.diagnosis.experiment import plan
from conformance.reports.causes import planes
from conformance.reports.causes.explaining import HURRIED, LATER, Explaining, Reason, Waiting, ops_of, tag
from conformance.reports.causes.forms import DTYPE, FORM, is_of_dtype, of_form
from conformance.reports.causes.mended import MEMORY
from conformance.reports.causes.plain_calls import PlainCalls
from conformance.reports.causes.suspects import failing, sources, suspects
from conformance.reports.summary import failure_report
from conformance.run.engine import judge
from conformance.run.records import BackendReport, CauseReport, CheckReport, FailureReport
from conformance.run.results import CaseResult
from conformance.run.suite_run import close_caller
from harness.calls.caller import Caller
from harness.calls.in_child import InChild
from harness.contract.protocol import BackendUnavailable
from harness.contract.status import Status
from harness.contract.targets import RegistryError, Target
from harness.geometry.spec import ALL_OPS, Op
from harness.oracle.data import DataError
from harness.telling import named

_SECONDS = 5.0  # for the diagnosis of an op in a dtype
_SLOWER = 5.0  # times what the first call took
_PLAIN = ("values.", "law.")  # checks that look at numbers in plain calls
_BEYOND_PLAIN = ("numbers", LATER, MEMORY)  # kinds of causes that plain calls on whole numbers do not show
_SHOWING = ("values.exact", "values.real")  # checks that may show a cause on its plainest geometry
# Of what a call leaves behind: each makes several calls, and fails in a process of its own.
_OF_SEVERAL = (
    "contract.state", "contract.in_place", "contract.no_alias_previous", "contract.repeatable", "contract.many_calls",
)  # fmt: skip
_OF_INPUTS = ("values.strided", "contract.strided_inputs", "contract.inputs_untouched")


@dataclass(slots=True)
class Diagnosis:
    """Of one backend; `until` is on the monotonic clock. What the diagnosis itself does wrong goes to `faults`.

    `anew` opens the backend once more, in which nothing was called before.
    """

    caller: Caller
    target: Target
    until: float = float("inf")
    waiting: Waiting = nullcontext
    faults: list[str] = field(default_factory=list)
    anew: Callable[[], Caller] | None = None
    _plain: PlainCalls = field(init=False)
    _explaining: Explaining = field(init=False)

    def __post_init__(self) -> None:
        self._plain = PlainCalls(self.caller)
        self._explaining = Explaining(self.caller, self._plain, self.waiting)

    def told(self, report: BackendReport) -> BackendReport:
        """The report with the causes of what failed, the plainest first."""
        forms = of_form(report, self.caller.native)
        explained = self._explaining.explained(forms, report)
        bad = [group for group in failing(report) if group.key not in explained]
        plainly = suspects([group for group in bad if group.id.startswith(_PLAIN)], self.caller.native)
        found = [*_but_for_their_dtype(self._ofops_of(plainly, report.backend), forms), *forms]
        explained = self._explaining.explained(found, report) if len(found) > len(forms) else explained
        # What fails in state, threads or memory alone may be the fault of another op that the check calls.
        left = suspects([group for group in bad if group.key not in explained], self.caller.native)
        more = self._ofops_of({op: dtypes for op, dtypes in left.items() if op not in plainly}, report.backend)
        if more:
            found = sorted([*more, *found], key=lambda cause: (cause.kind == FORM, ALL_OPS.index(cause.op)))
            explained = self._explaining.explained(found, report)
        explained = {**self._of_dtypes(forms, report), **explained}
        told = [self._with_what_it_explains(cause, explained, report) for cause in _joined(found)]
        return structs.replace(report, causes=told)

    def _of_dtypes(self, forms: Sequence[CauseReport], report: BackendReport) -> dict[str, set[Reason]]:
        """Of what says no more than that results have another dtype: numbers that are rounded to it stay wrong."""
        native = self.caller.native
        found: dict[str, set[Reason]] = {}
        for group in report.checks:
            if group.status is Status.FAIL and is_of_dtype(group):
                ops = sources(group.op, native)
                found[group.key] = {
                    (op, tag(one))
                    for one in forms
                    for op in ops
                    if one.id == DTYPE and op in ops_of(one) and group.dtype in one.dtypes
                }
        return {key: reasons for key, reasons in found.items() if reasons}

    def _ofops_of(self, asked: Mapping[Op, Sequence[str]], backend: str) -> list[CauseReport]:
        found: list[CauseReport] = []
        for op, dtypes in asked.items():
            with self.waiting(f"the diagnosis of {op} of {backend}"):
                found += self._of_op(op, dtypes)
        return found

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
            with self._in_a_hurry(op, dtype):
                return diagnose(self.caller, op, dtype, seconds=left)
        except Exception as error:  # the verdict is there already, and must not be lost for it
            self.faults.append(f"the diagnosis of {op} in {dtype} failed: {named(error)}")
            return []

    def _in_a_hurry(self, op: Op, dtype: str) -> AbstractContextManager[object]:
        """A diagnosis calls small things, and one that hangs need not be waited for as long as a layer.

        The first call, which may compile, has the time that every first call has, and what it took counts. It is made
        in a new process: what the suite left in a backend that keeps something, such as NaN, is no part of its mistake.
        """
        if not isinstance(self.caller, InChild):
            return nullcontext()
        self.caller.close()
        start = time.monotonic()
        next((made for spec in plan.plain() if (made := self._plain.made(op, dtype, spec)) is not None), None)
        return self.caller.in_a_hurry(max(HURRIED, _SLOWER * (time.monotonic() - start)))

    def _fail_alike(self, causes: Sequence[Cause], dtype: str, other: str) -> bool:
        return bool(causes) and all(
            cause.kind not in _BEYOND_PLAIN and self._plain.is_alike(cause.op, dtype, other, cause.plainest)
            for cause in causes
        )

    def _reported(self, cause: Cause, dtypes: list[str]) -> CauseReport:
        shown = self._shown(cause)
        return CauseReport(
            op=cause.op, dtypes=dtypes, kind=cause.kind, id=cause.id, says=cause.says, why=cause.why, mend=cause.mend,
            seen=seen_in_public(cause.seen), failing=cause.failing, passing=cause.passing, calls=cause.calls,
            plainest=str(cause.plainest),
            failure=None if shown is None else failure_report(shown, self.target, mistake=cause.says),
            planes=[] if shown is None else planes.of(shown),
        )  # fmt: skip

    def _shown(self, cause: Cause) -> CaseResult | None:
        """A case on the plainest geometry that fails, if one does."""
        if cause.kind != LATER:
            return _first_failing(self.caller, _SHOWING, cause)
        if self.anew is None:
            return None
        try:
            caller = self.anew()
        except (BackendUnavailable, RegistryError):
            return None
        try:
            return _first_failing(caller, _OF_SEVERAL, cause)
        finally:
            close_caller(caller)

    def _with_what_it_explains(
        self, cause: CauseReport, explained: Mapping[str, set[Reason]], report: BackendReport
    ) -> CauseReport:
        ops, native = set(ops_of(cause)), self.caller.native
        reasons = {(op, tag(cause)) for op in ops}
        groups = [
            group
            for group in report.checks
            if group.dtype in cause.dtypes and reasons & explained.get(group.key, set())
        ]
        of_ops = dict.fromkeys(group.op for group in groups if group.op not in native)
        derived = [op for op in of_ops if ops.intersection(sources(op, native))]
        failure = cause.failure or _plainest_failure(groups)
        keys = [group.key for group in groups]
        cases = sum("/".join(case.split("/")[:3]) in keys for case in report.failed)
        return structs.replace(cause, explains=keys, cases=cases, derived=derived, failure=failure)


def _but_for_their_dtype(found: Sequence[CauseReport], forms: Sequence[CauseReport]) -> list[CauseReport]:
    """Without what a result in another dtype does to numbers: it is no second mistake."""
    cast = {(op, dtype) for one in forms if one.id == DTYPE for op in ops_of(one) for dtype in one.dtypes}
    return [one for one in found if one.kind != "numbers" or not cast.issuperset((one.op, d) for d in one.dtypes)]


def _first_failing(caller: Caller, checks: Sequence[str], cause: Cause) -> CaseResult | None:
    """The first of these checks that fails on the plainest geometry of the cause."""
    subject = BackendUnderTest(caller)
    for check_id in checks:
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


def _plainest_failure(groups: Sequence[CheckReport]) -> FailureReport | None:
    """Of the smallest geometry; first one of several calls, as others may need those that came before them."""
    found = [one for group in groups for one in group.failures if one.status is Status.FAIL]

    def plainness(failure: FailureReport) -> tuple[bool, int]:
        case = Case.parse(failure.case)
        return case.check not in (*_OF_SEVERAL, *_OF_INPUTS), case.spec.macs

    return min(found, key=plainness, default=None)


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
