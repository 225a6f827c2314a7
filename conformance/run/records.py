"""What is published of a run of the suite: the objects of `harness check --json`, as typed records.

A file that was written by an older version lacks the newer fields; their defaults say that nothing is known.
"""

from __future__ import annotations

from msgspec import Struct, field

from harness.contract.status import Grade, Status, Verdict
from harness.geometry.spec import Op

SCHEMA = 1


class FailureReport(Struct, frozen=True, kw_only=True):
    """One case that failed: what is wrong, in words and as a picture, and how to see it again."""

    case: str = ""
    status: Status
    text: str = ""
    look: str = ""  # numbers, shape or exception, as far as a call shows one of these
    pattern: str = ""
    picture: list[str] = field(default_factory=list)  # rows of one plane of the result, `#` where it is wrong
    witnesses: str = ""
    repro: str = ""
    pytest: str = ""
    script: str = ""


class PlaneReport(Struct, frozen=True, kw_only=True):
    """A plane of numbers as texts; under each a mark: `#` wrong, `o` read, `-` padding, `.` nothing of these."""

    title: str
    cells: list[list[str]]
    marks: list[str]


class CauseReport(Struct, frozen=True, kw_only=True):
    """One root cause of failures: what is wrong, how we know, what to change; and what is explained by it."""

    op: Op
    dtypes: list[str]
    kind: str
    id: str = ""
    says: str
    why: str = ""
    mend: str = ""
    seen: str = ""
    same: list[Op] = field(default_factory=list)  # ops of the backend that make the same mistake
    derived: list[Op] = field(default_factory=list)  # ops that are made of them, and wrong for that reason
    failing: int = 0  # geometries that the diagnosis ran
    passing: int = 0
    calls: int = 0
    plainest: str = ""  # failing geometry
    explains: list[str] = field(default_factory=list)  # failing groups of cases, as check/op/dtype
    cases: int = 0  # failing ones among these
    failure: FailureReport | None = None  # a case that shows it, on the plainest geometry if one does
    planes: list[PlaneReport] = field(default_factory=list)  # expected, got, difference, and what is read

    @property
    def extent(self) -> str:
        """How much fails for this reason, and in which dtypes."""
        where = f"in {', '.join(self.dtypes[:-1])} and {self.dtypes[-1]}" if self.dtypes[1:] else f"in {self.dtypes[0]}"
        if not self.cases:
            return f"Seen {where}."
        if self.cases == 1:
            return f"One case fails, for this reason ({where})."
        return f"{self.cases:,} cases fail, all for this reason ({where})."


class CheckReport(Struct, frozen=True, kw_only=True):
    """All cases of one check, op and dtype."""

    id: str
    grade: Grade = Grade.VALUES
    op: Op
    dtype: str
    status: Status
    planned: int
    executed: int
    reason: str
    repro: str = ""
    diagnosis: list[str] = field(default_factory=list)
    seconds: float | None = None
    optional: bool = False
    used: float | None = None  # the largest share of an error allowance
    failures: list[FailureReport] = field(default_factory=list)

    @property
    def key(self) -> str:
        """As `CauseReport.explains` names it."""
        return f"{self.id}/{self.op}/{self.dtype}"

    @property
    def deviates(self) -> bool:
        """Whether what failed is the form of results alone."""
        return self.status is Status.FAIL and self.grade is Grade.FORM

    @property
    def shown_failures(self) -> list[FailureReport]:
        """The first failures; of a file older than `failures`, its diagnoses."""
        if self.failures:
            return self.failures
        return [
            FailureReport(status=self.status, text=text, repro="" if i else self.repro)
            for i, text in enumerate(self.diagnosis)
        ]


NO_PLAIN_GEOMETRY = "; the three of tier 0 have groups and dilation, those of tier 1 are plain ones too"


class DomainReport(Struct, frozen=True, kw_only=True):
    """What a backend does that does not do all: in words, and how well that was covered."""

    words: str
    geometries: int  # that it was judged on, of the op and dtype that has fewest
    pairs_covered: int  # of settings, such as "one group" and "stride 2", of all ops
    pairs: int  # that can be expressed in the domain

    def __str__(self) -> str:
        if not self.pairs_covered:  # nothing at all was judged
            return f"no geometry that was asked is in its domain{NO_PLAIN_GEOMETRY}"
        if not self.geometries:
            return f"on its domain: {self.words} (of some op, no geometry asked is in it; take a higher --tier)"
        covered = f"{self.pairs_covered:,} of {self.pairs:,} pairs of settings that it can express"
        return f"on its domain: {self.words} ({self.geometries:,} geometries or more; {covered})"


class BackendReport(Struct, frozen=True, kw_only=True):
    """One backend: its verdict, how many cases ended how, and every check."""

    schema: int
    backend: str
    suite_version: str
    verdict: Verdict
    reason: str
    planned: int
    executed: int
    total: int | None = None
    counts: dict[Status, int]
    grades: dict[Grade, Status] = field(default_factory=dict)  # the worst status of each
    domain: DomainReport | None = None  # None: all that was asked of every backend
    seconds: float
    tier: int | None = None
    seed: int | None = None
    isolated: bool | None = None
    shard: str = ""
    source: str = ""  # digest of the sources of the backend, or of ours
    selection: str = ""  # a digest of what was asked, but for the part: ops, dtypes, geometries, checks
    cut: str = ""
    causes: list[CauseReport] = field(default_factory=list)  # of what failed, the plainest first
    failed: list[str] = field(default_factory=list)  # the ids of all cases that failed, of the grid the first
    checks: list[CheckReport]

    def is_wrong(self, least: Grade = Grade.FORM) -> bool:
        """Whether something failed that those who ask for `least` ask for. Of an older file the verdict alone says."""
        if not self.grades:
            return self.verdict in (Verdict.FAIL, Verdict.DEVIATES)
        asked = [status for grade, status in self.grades.items() if grade.is_required(least)]
        return Status.FAIL in asked or bool(self.counts.get(Status.XPASS))

    @property
    def unexplained(self) -> list[CheckReport]:
        """The groups of cases that somebody has to look into, and that no cause explains."""
        explained = {key for cause in self.causes for key in cause.explains}
        return [group for group in self.checks if group.status.is_bad and group.key not in explained]

    @property
    def is_short(self) -> bool:
        """Whether something that was planned has no result, or too little was planned."""
        left = self.counts.get(Status.NOT_RUN) or self.counts.get(Status.MISTRUSTED)
        return self.verdict is Verdict.INCOMPLETE or (self.verdict is not Verdict.UNAVAILABLE and bool(left))
