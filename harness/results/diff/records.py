"""The document of `harness diff --json`."""

from __future__ import annotations

from msgspec import Struct, field

SCHEMA = 1


class Judgement(Struct, frozen=True, kw_only=True):
    """A status that changed: of a check, op and dtype, or of a measured layer; None where there is none."""

    backend: str
    check: str = ""  # empty: of a measurement
    op: str = ""
    dtype: str = ""
    shape: str = ""
    spec: str = ""
    before: str | None
    after: str | None
    reason: str = ""
    repro: str = ""

    @property
    def where(self) -> str:
        """What it is about, in one line."""
        return " ".join(filter(None, (self.backend, self.check, self.op, self.dtype, self.shape)))


class TimeChange(Struct, frozen=True, kw_only=True):
    """A time that changed, or may have: ratio = time after / time before, with an interval that counts both noises.

    Where another backend was timed in the same pairs, the ratio is that of the two ratios to it: drift of the machine
    between the two documents divides out.
    """

    backend: str
    against: str = ""  # the other backend; empty: there was none
    op: str
    dtype: str
    shape: str
    spec: str
    before: float  # seconds
    after: float
    ratio: float
    low: float
    high: float
    reason: str = ""  # why it is unclear


class Diff(Struct, frozen=True, kw_only=True):
    """All that changed. `missing` had a status before and has none now; `notes` say what could not be compared."""

    schema: int = SCHEMA
    before: str = ""
    after: str = ""
    newly_failing: list[Judgement] = field(default_factory=list)
    newly_passing: list[Judgement] = field(default_factory=list)
    newly_refused: list[Judgement] = field(default_factory=list)
    missing: list[Judgement] = field(default_factory=list)
    slower: list[TimeChange] = field(default_factory=list)
    faster: list[TimeChange] = field(default_factory=list)
    unclear: list[TimeChange] = field(default_factory=list)
    floor: float | None = None  # as a fraction: a smaller change of a time counts for none; None: no times
    times_refused: str = ""  # why times were not compared
    notes: list[str] = field(default_factory=list)
