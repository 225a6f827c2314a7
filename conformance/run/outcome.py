"""What became of a plan: cases, tallies, counts and the verdict, which cannot be green by omission."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Literal

from conformance.cases.case import Case
from conformance.cases.specs import DISTINCT
from conformance.checks.under_test import RecordedCall
from harness.contract.protocol import Numerics
from harness.geometry.spec import Op

Status = Literal["pass", "fail", "unsupported", "xfail", "xpass", "mistrusted", "not_run"]
STATUSES: tuple[Status, ...] = ("pass", "fail", "unsupported", "xfail", "xpass", "mistrusted", "not_run")
Verdict = Literal["pass", "fail", "incomplete", "unavailable"]
Key = tuple[str, Op, str]  # check, op, dtype
_REASONS = 2  # why cases were not run, of a backend in one line


@dataclass(slots=True)
class CaseResult:
    """One case of the plan and what became of it; `detail` is the reason or the diagnosis."""

    case: Case
    status: Status = "not_run"
    detail: str = ""
    optional: bool = False  # reported, never part of the verdict
    expected: str = ""  # the reason of an exclusion: why it is known to fail
    seconds: float = 0.0
    used: float | None = None  # share of the error allowance
    calls: list[RecordedCall] = field(
        default_factory=list
    )  # what it called, kept for the first failures of a group only
    numerics: Numerics = "gemm"  # of the backend: the algorithm class that its error bound is for

    @property
    def key(self) -> Key:
        """The group it belongs to."""
        return self.case.check, self.case.op, self.case.dtype


@dataclass(slots=True)
class CaseCounts:
    """Cases too many to keep one by one: how many were planned, what became of them, and those that failed."""

    key: Key
    planned: int  # the refused ones included
    counts: Counter[Status] = field(default_factory=Counter)
    refusals: Counter[str] = field(default_factory=Counter)
    kept: list[CaseResult] = field(default_factory=list)
    seconds: float = 0.0

    def settle(self) -> None:
        """What was planned and has no result was not run."""
        self.counts["not_run"] = 0
        self.counts["not_run"] = self.planned - self.counts.total()


@dataclass(slots=True)
class CheckResult:
    """All cases of one check, op and dtype."""

    key: Key
    cases: list[CaseResult] = field(default_factory=list)
    counts: Counter[Status] = field(default_factory=Counter)
    refusals: Counter[str] = field(default_factory=Counter)
    seconds: float = 0.0

    @property
    def optional(self) -> bool:
        """Whether it is left out of the verdict."""
        return any(planned.optional for planned in self.cases)


@dataclass(slots=True)
class BackendResult:
    """The plan of one backend, with results, and how long it took in seconds."""

    backend: str
    narrowed: bool
    cases: list[CaseResult] = field(default_factory=list)
    tallies: list[CaseCounts] = field(default_factory=list)
    seconds: float = 0.0
    unavailable: str = ""
    cuts: list[str] = field(default_factory=list)  # what the budget cut off
    stale: list[str] = field(default_factory=list)  # exclusions that match nothing
    notes: list[str] = field(default_factory=list)  # what is not part of the plan on this machine, and why

    @property
    def counts(self) -> dict[Status, int]:
        """How many cases ended in each status, the optional ones left out."""
        found = Counter(planned.status for planned in self.cases if not planned.optional)
        for tally in self.tallies:
            found.update(tally.counts)
        return {status: found[status] for status in STATUSES}

    @property
    def total(self) -> int:
        """All cases, those that the backend refuses included."""
        return sum(self.counts.values())

    @property
    def planned(self) -> int:
        """Cases to execute: all but those that the backend refuses."""
        return self.total - self.counts["unsupported"]

    @property
    def executed(self) -> int:
        """Cases that ran to a result."""
        return self.planned - self.counts["not_run"]

    @property
    def verdict(self) -> Verdict:
        """fail if any case failed; pass only if all that had to run did, and enough of the contract is claimed."""
        if self.unavailable:
            return "unavailable"
        counts = self.counts
        if counts["fail"] or counts["xpass"]:
            return "fail"
        asked_optional = any(planned.optional for planned in self.cases)
        nothing = not self.planned and not asked_optional
        short = counts["not_run"] or counts["mistrusted"] or nothing or self.stale
        return "incomplete" if short or self.omissions() else "pass"

    def omissions(self) -> list[str]:
        """What a pass needs and this run lacks; a plan that the user narrowed is judged by itself."""
        if self.narrowed:
            return []
        ran = ("pass", "fail", "xfail", "xpass")
        executed = {(p.case.op, p.case.dtype) for p in self.cases if p.case.spec in DISTINCT and p.status in ran}
        claimed = {(p.case.op, p.case.dtype) for p in self.cases if p.status != "unsupported"}
        compulsory: set[tuple[Op, str]] = {("im2col", "float32"), ("col2im", "float32")}
        return [
            f"no discriminating case of {op} in {dtype} was executed"
            for op, dtype in sorted((claimed | compulsory) - executed)
        ]

    @property
    def reason(self) -> str:
        """Why it is unavailable or incomplete, as far as counts do not say it."""
        if self.unavailable:
            return self.unavailable
        not_run = dict.fromkeys(p.detail for p in self.cases if p.status == "not_run" and p.detail and not p.optional)
        return "; ".join([*(self.cuts or self.omissions()), *list(not_run)[:_REASONS], *self.stale, *self.notes])

    def groups(self) -> Iterable[CheckResult]:
        """Cases by check, op and dtype, in the order of the plan."""
        table: dict[Key, CheckResult] = {}
        for planned in self.cases:
            group = table.setdefault(planned.key, CheckResult(planned.key))
            group.cases.append(planned)
            group.counts[planned.status] += 1
            group.seconds += planned.seconds
            if planned.status == "unsupported":
                group.refusals[planned.detail] += 1
        for tally in self.tallies:
            group = table.setdefault(tally.key, CheckResult(tally.key))
            group.cases += tally.kept
            group.counts.update(tally.counts)
            group.refusals.update(tally.refusals)
            group.seconds += tally.seconds
        return table.values()
