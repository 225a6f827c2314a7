"""What became of a plan: cases, counts and the verdict, which cannot be green by omission."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

from conformance.cases.case import Case
from conformance.cases.specs import DISTINCT
from conformance.checks.outcomes import RecordedCall
from conformance.checks.registration import grade_of
from conformance.domain.elsewhere import Elsewhere
from conformance.domain.part import FEWEST, Part
from harness.contract.protocol import Numerics
from harness.contract.status import Grade, Status, Verdict
from harness.geometry.spec import ALL_OPS, ConvSpec, Op

_REASONS = 2  # why cases were not run, of a backend in one line


class CheckKey(NamedTuple):
    """What cases are put together by, in reports and under pytest."""

    check_id: str
    op: Op
    dtype: str

    def __str__(self) -> str:
        return "/".join(self)


@dataclass(slots=True)
class CaseResult:
    """One case of the plan and what became of it; `detail` is the reason or the diagnosis."""

    case: Case
    status: Status = Status.NOT_RUN
    detail: str = ""
    optional: bool = False  # reported, never part of the verdict
    own_grade: Grade | None = None  # of what is wrong, where that is another than what the check judges
    wrong_numbers: str = ""  # what is wrong with numbers that the check did not look at
    known_reason: str = ""  # why it is known to fail, if it is
    seconds: float = 0.0
    used: float | None = None  # share of the error allowance
    calls: list[RecordedCall] = field(default_factory=list)  # kept for the first failures of a check, op and dtype
    numerics: Numerics = "gemm"  # of the backend: the algorithm class that its error bound is for
    takes_bias: bool = True  # whether the backend's own conv2d does
    native: frozenset[Op] = frozenset(ALL_OPS)  # the ops that the backend has itself

    @property
    def key(self) -> CheckKey:
        """Check, op and dtype."""
        return CheckKey(self.case.check, self.case.op, self.case.dtype)

    @property
    def grade(self) -> Grade:
        """Of what is wrong, if it failed; else what the check judges."""
        return self.own_grade or grade_of(self.case.check)

    def forget(self) -> None:
        """Be as planned again; what the plan decided, without running it, stays."""
        if self.seconds:
            self.status, self.detail, self.seconds, self.used, self.calls = Status.NOT_RUN, "", 0.0, None, []
            self.own_grade, self.wrong_numbers = None, ""


@dataclass(slots=True)
class CaseCounts:
    """Cases too many to keep one by one: how many were planned, what became of them, and those that failed."""

    key: CheckKey
    planned: int  # the refused ones included
    counts: Counter[Status] = field(default_factory=Counter)
    refusals: Counter[str] = field(default_factory=Counter)
    kept: list[CaseResult] = field(default_factory=list)
    seconds: float = 0.0

    @classmethod
    def of(cls, key: CheckKey, planned: int) -> CaseCounts:
        """As planned: nothing was run."""
        return cls(key, planned, Counter({Status.NOT_RUN: planned}))

    def settle(self) -> None:
        """What was planned and has no result was not run."""
        self.counts[Status.NOT_RUN] = 0
        self.counts[Status.NOT_RUN] = self.planned - self.counts.total()

    def refuse(self, reason: str) -> None:
        """All of it is refused."""
        self.counts, self.refusals = Counter({Status.UNSUPPORTED: self.planned}), Counter({reason: self.planned})

    @property
    def is_refused(self) -> bool:
        """Whether nothing of it is to be run."""
        return self.counts[Status.UNSUPPORTED] == self.planned

    def forget(self) -> None:
        """Be as planned again."""
        self.counts, self.refusals, self.kept, self.seconds = Counter(), Counter(), [], 0.0
        self.settle()


@dataclass(slots=True)
class CheckResult:
    """All cases of one check, op and dtype."""

    key: CheckKey
    cases: list[CaseResult] = field(default_factory=list)
    counts: Counter[Status] = field(default_factory=Counter)
    refusals: Counter[str] = field(default_factory=Counter)
    seconds: float = 0.0

    @property
    def optional(self) -> bool:
        """Whether it is left out of the verdict."""
        return any(case_result.optional for case_result in self.cases)

    @property
    def grade(self) -> Grade:
        """What the check judges; form, if nothing else is wrong in any of its cases."""
        wrong = {case_result.grade for case_result in self.cases if case_result.status is Status.FAIL}
        return Grade.FORM if wrong == {Grade.FORM} else grade_of(self.key.check_id)

    @property
    def status(self) -> Status:
        """The worst that occurs."""
        return Status.worst(status for status, count in self.counts.items() if count) if self.total else Status.NOT_RUN

    @property
    def total(self) -> int:
        """All cases, those that the backend refuses included."""
        return self.counts.total()

    @property
    def planned(self) -> int:
        """Cases to execute: all but those that the backend refuses."""
        return self.total - self.counts[Status.UNSUPPORTED]

    @property
    def executed(self) -> int:
        """Cases that ran to a result."""
        return self.planned - self.counts[Status.NOT_RUN]


def _geometries(count: int) -> str:
    return "1 geometry" if count == 1 else f"{count} geometries"


@dataclass(slots=True)
class BackendResult:
    """The plan of one backend, with results, and how long it took in seconds."""

    backend: str
    narrowed: bool
    cases: list[CaseResult] = field(default_factory=list)
    counted: list[CaseCounts] = field(default_factory=list)  # of the higher tiers
    seconds: float = 0.0
    unavailable: str = ""
    cuts: list[str] = field(default_factory=list)  # what the budget or the user cut off
    stale: list[str] = field(default_factory=list)  # known failures that match nothing
    notes: list[str] = field(default_factory=list)  # what is not part of the plan on this machine, and why
    parts: dict[tuple[Op, str], Part] = field(default_factory=dict)  # of ops that are not done as a whole
    elsewhere: Elsewhere = field(default_factory=Elsewhere)  # what the other parts of the run have
    is_empty_part: bool = False  # of more parts than there are cases: what it lacks, others have

    @property
    def counts(self) -> dict[Status, int]:
        """How many cases ended in each status, the optional ones left out."""
        found = Counter(case_result.status for case_result in self.cases if not case_result.optional)
        for case_counts in self.counted:
            found.update(case_counts.counts)
        return {status: found[status] for status in Status.counted()}

    @property
    def failed(self) -> list[str]:
        """The ids of the cases that failed, or passed although they are known to fail; of the grid the first ones."""
        kept = [case_result for case_counts in self.counted for case_result in case_counts.kept]
        return [str(one.case) for one in (*self.cases, *kept) if one.status in (Status.FAIL, Status.XPASS)]

    def counted_of(self, check_id: str) -> list[CaseCounts]:
        """What is planned of a check whose cases are counted and not kept."""
        return [case_counts for case_counts in self.counted if case_counts.key.check_id == check_id]

    @property
    def total(self) -> int:
        """All cases, those that the backend refuses included."""
        return sum(self.counts.values())

    @property
    def planned(self) -> int:
        """Cases to execute: all but those that the backend refuses."""
        return self.total - self.counts[Status.UNSUPPORTED]

    @property
    def executed(self) -> int:
        """Cases that ran to a result."""
        return self.planned - self.counts[Status.NOT_RUN]

    @property
    def grades(self) -> dict[Grade, Status]:
        """The worst status of the cases of each grade that has any, the optional ones left out."""
        found: dict[Grade, set[Status]] = {grade: set() for grade in Grade}
        for case_result in self.cases:
            if not case_result.optional:
                found[case_result.grade].add(case_result.status)
        for case_counts in self.counted:
            found[grade_of(case_counts.key.check_id)] |= {status for status, n in case_counts.counts.items() if n}
        return {grade: Status.worst(statuses) for grade, statuses in found.items() if statuses}

    def charge_numbers(self) -> None:
        """No call goes uncompared: wrong numbers that only a check of something else has met fail its case.

        Where a check of values fails, that says it, and better.
        """
        said = {
            (one.case.op, one.case.dtype)
            for one in self.cases
            if one.status in (Status.FAIL, Status.XFAIL) and one.grade is Grade.VALUES
        }
        for one in self.cases:
            if one.status is Status.PASS and one.wrong_numbers and (one.case.op, one.case.dtype) not in said:
                one.status, one.detail, one.own_grade = Status.FAIL, one.wrong_numbers, Grade.VALUES

    @property
    def asks_optional(self) -> bool:
        """Whether an optional check was asked for by name."""
        return any(case_result.optional for case_result in self.cases)

    @property
    def verdict(self) -> Verdict:
        """fail if any number or any use of memory is wrong, deviates if the form of results alone is.

        pass only if all that had to run did, and enough of the contract is claimed.
        """
        if self.unavailable:
            return Verdict.UNAVAILABLE
        counts, grades = self.counts, self.grades
        if counts[Status.XPASS] or Status.FAIL in (grades.get(Grade.VALUES), grades.get(Grade.SAFETY)):
            return Verdict.FAIL
        if counts[Status.FAIL]:
            return Verdict.DEVIATES
        others = self.is_empty_part or any(self.elsewhere.claimed.values())
        nothing = not self.planned and not self.asks_optional and not others
        short = counts[Status.NOT_RUN] or counts[Status.MISTRUSTED] or nothing or self.stale
        return Verdict.INCOMPLETE if short or self.omissions() else Verdict.PASS

    def omissions(self) -> list[str]:
        """What a pass needs and this run lacks; a plan that the user narrowed is judged by itself.

        What another part of the run has counts as judged: where it is not, that part says so.
        """
        if self.narrowed:
            return []
        ran = (Status.PASS, Status.FAIL, Status.XFAIL, Status.XPASS)
        seen: dict[tuple[Op, str], set[ConvSpec]] = defaultdict(set)
        for key, specs in self.elsewhere.claimed.items():
            if specs:
                seen[key] |= specs
        for one in self.cases:
            if one.status is not Status.UNSUPPORTED:
                seen[one.case.op, one.case.dtype] |= {one.case.spec} if one.status in ran else set()
        narrow = [
            f"{op} in {dtype} is claimed for {_geometries(part.known)} that we know of, {FEWEST} are needed"
            for (op, dtype), part in self.parts.items()
            if not part.choice.specs
        ]
        if not seen:
            return narrow or ["nothing is claimed"]
        if not any(dtype in ("float32", "float64") for _, dtype in seen):
            return ["neither float32 nor float64 is claimed"]
        return narrow + [
            f"{op} in {dtype} was judged on {_geometries(len(specs))}, {FEWEST} are needed"
            for (op, dtype), specs in sorted(seen.items())
            if len(specs) < FEWEST and not specs.intersection(DISTINCT)
        ]

    @property
    def reason(self) -> str:
        """Why it is unavailable or incomplete, as far as counts do not say it."""
        if self.unavailable:
            return self.unavailable
        waiting = (c for c in self.cases if c.status is Status.NOT_RUN and not c.optional)
        not_run = dict.fromkeys(case_result.detail for case_result in waiting if case_result.detail)
        if self.is_empty_part and not self.total:
            return "this part has no case, others have"
        deviating = [f"not as asked: {', '.join(self._deviations())}"] if self.verdict is Verdict.DEVIATES else []
        return "; ".join(
            [*deviating, *(self.cuts or self.omissions()), *list(not_run)[:_REASONS], *self.stale, *self.notes]
        )

    def _deviations(self) -> list[str]:
        """The checks of the verdict that failed."""
        bad = (group for group in self.groups() if group.status is Status.FAIL and not group.optional)
        return list(dict.fromkeys(group.key.check_id for group in bad))

    def interrupted(self) -> None:
        """The user has ended the run: say so, if anything is left."""
        if self.counts[Status.NOT_RUN]:
            self.cuts.append("the run was interrupted")

    def stopped(self) -> None:
        """The run has ended at a failure, of this backend or of another: say so, if anything is left."""
        if left := self.counts[Status.NOT_RUN]:
            self.cuts.append(f"the run ended at the first failure, {left} of {self.planned} cases were not run")

    def only(self, key: CheckKey) -> BackendResult:
        """The same cases and counts, not copies, of one check, op and dtype alone."""
        cases = [case_result for case_result in self.cases if case_result.key == key]
        counted = [case_counts for case_counts in self.counted if case_counts.key == key]
        return BackendResult(self.backend, True, cases, counted)

    def groups(self) -> Iterable[CheckResult]:
        """Cases by check, op and dtype, in the order of the plan."""
        table: dict[CheckKey, CheckResult] = {}
        for case_result in self.cases:
            group = table.setdefault(case_result.key, CheckResult(case_result.key))
            group.cases.append(case_result)
            group.counts[case_result.status] += 1
            group.seconds += case_result.seconds
            if case_result.status is Status.UNSUPPORTED:
                group.refusals[case_result.detail] += 1
        for case_counts in self.counted:
            group = table.setdefault(case_counts.key, CheckResult(case_counts.key))
            group.cases += case_counts.kept
            group.counts.update(case_counts.counts)
            group.refusals.update(case_counts.refusals)
            group.seconds += case_counts.seconds
        return table.values()
