"""Cases that end the process that runs them: who is told of a case before it runs, and which are not run again."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from conformance.cases.case import Case
from conformance.run.results import BackendResult
from harness.contract.status import Status


@dataclass(frozen=True, slots=True)
class Care:
    """`before` is told of every case; `deadly` has the ids of those that are not run, each with the reason."""

    before: Callable[[Case], None] = lambda case: None
    deadly: Mapping[str, str] = field(default_factory=dict)

    def reason(self, case: Case) -> str:
        """Why the case is not to be run; empty of all others."""
        return self.deadly.get(str(case), "") if self.deadly else ""

    def mark(self, result: BackendResult) -> None:
        """Those of the plan have failed, or were known to."""
        for case_result in result.cases if self.deadly else ():
            reason = self.reason(case_result.case)
            if reason and case_result.status is Status.NOT_RUN:
                case_result.status = Status.XFAIL if case_result.known_reason else Status.FAIL
                case_result.detail = reason


NONE = Care()
