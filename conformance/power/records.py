"""What is published of the suite's power: the object of `harness faults --json`, as typed records."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct, field

from harness.geometry.spec import Op

SCHEMA = 1

Truth = Literal["right", "wrong", "silent"]  # of a name; silent if there is none
Stated = Literal["", "exact", "off"]  # of a condition; nothing if there is none


class Diagnosed(Struct, frozen=True, kw_only=True):
    """What the diagnosis says of a fault first, and what that is worth on geometries that it did not look at."""

    kind: str  # of the cause: name, condition, shape, crash, numbers, later call, memory, located
    id: str  # of the model
    says: str
    why: str
    truth: Truth
    condition: Stated
    always: bool  # whether the fault has no condition
    seconds: float
    calls: int
    known: int  # models that are the fault's own
    blind: str  # the truth of what is said if these are not known; nothing if there are none
    blind_says: str


class FaultReport(Struct, frozen=True, kw_only=True):
    """One fault: which check saw it first, in which tier, on which case; or a case that would, or why none would."""

    fault: str
    kind: str
    op: Op
    killed_by: str | None = None  # a check
    tier: int | None = None
    case: str = ""
    diagnosed_as: str | None = None
    diagnosis: Diagnosed | None = None  # only if it was asked for
    equivalent: str = ""  # why nothing is wrong with it, as far as could be found
    witness: str = ""  # the smallest case that was found to show what the suite does not see
    work: int = 0  # multiply-adds of that

    @property
    def survives(self) -> bool:
        """Whether the suite misses it."""
        return self.killed_by is None and not self.equivalent


class DiagnosedKind(Struct, frozen=True, kw_only=True):
    """Of faults of one kind: of how many the diagnosis saw something, and what its first sentence was worth."""

    seen: int
    right: int  # named, and the name gives what the fault gives
    wrong: int  # named, and it does not
    silent: int  # no name
    exact: int  # conditions that hold where the fault shows, and nowhere else that it could
    off: int
    blind: int  # diagnosed again without the models that are the fault's own
    blind_right: int
    blind_wrong: int
    median: float  # seconds
    worst: float


class KindReport(Struct, frozen=True, kw_only=True):
    """Of one kind: how many faults, how many of them are none, and how many were seen by the end of a tier."""

    faults: int
    equivalent: int
    tier0: int
    tier1: int | None  # None: that tier was not run
    tier3: int | None


class Survivor(Struct, frozen=True, kw_only=True):
    """A fault that the suite misses, and the smallest case that would see it."""

    fault: str
    kind: str
    case: str
    work: int


class PowerReport(Struct, frozen=True, kw_only=True):
    """A whole run of `harness faults`."""

    schema: int = SCHEMA
    suite_version: str
    seed: int
    tier: int
    planned: int
    faults: int  # that were judged
    killed: int
    equivalent: int
    survivors: list[Survivor]
    controls: int
    controls_passed: int
    controls_failed: list[str]
    seconds: float
    kinds: dict[str, KindReport]
    matrix: list[FaultReport] = field(default_factory=list)
    diagnosed: dict[str, DiagnosedKind] = field(default_factory=dict)  # by kind, then of all; only if it was asked for
