"""What the user asked for: ops, dtypes, geometries, a pattern of checks or case ids, a tier, a part."""

from __future__ import annotations

import fnmatch
import hashlib
import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from conformance.cases.case import Case
from conformance.cases.shard import WHOLE, Shard
from harness.geometry.spec import OPS, POOL_OPS, ConvSpec, Op

TIERS = range(5)
DEFAULT_TIER = 1


@dataclass(frozen=True, slots=True)
class Selection:
    """What the user asked for; empty means everything."""

    ops: Sequence[Op] = ()
    dtypes: Sequence[str] = ()
    specs: Sequence[ConvSpec] = ()
    pattern: str = ""  # of check ids or of case ids
    seed: int = 0
    tier: int = DEFAULT_TIER
    shard: Shard = WHOLE
    suite: str = ""  # an older suite version, whose checks alone are planned
    cases: Sequence[Case] = ()  # only these
    sweep: int = 0  # so many geometries of the wide grid in tier 2, instead of the grid

    @property
    def narrowed(self) -> bool:
        """Whether the plan is less than the whole suite. The first shard holds all of tier 0, so it is judged whole."""
        return bool(self.ops or self.dtypes or self.specs or self.pattern or self.cases or self.shard.index > 1)

    @property
    def digest(self) -> str:
        """The same for all parts of one run, and another one for anything else that was asked."""
        asked = (
            tuple(self.ops), tuple(self.dtypes), tuple(map(str, self.specs)), self.pattern, self.seed, self.tier,
            self.suite, tuple(map(str, self.cases)), self.sweep,
        )  # fmt: skip
        return hashlib.sha256(repr(asked).encode("utf-8", "backslashreplace")).hexdigest()[:12]

    def means(self, check_id: str) -> bool:
        """Whether a check without geometries of its own is asked for."""
        return not self.pattern or self.names(check_id)

    def names(self, check_id: str) -> bool:
        """Whether the pattern is there, and asks for the check by name."""
        return bool(self.pattern) and fnmatch.fnmatchcase(check_id, self.pattern.split("/", maxsplit=1)[0])

    def may_mean(self, check_id: str) -> bool:
        """Whether the pattern can match a case of the check, by what it says before its first wildcard."""
        beginning = re.split(r"[*?[]", self.pattern, maxsplit=1)[0]
        cases = f"{check_id}/"
        return cases.startswith(beginning) or beginning.startswith(cases)

    def agrees(self, case: Case) -> bool:
        """Whether a case that was given by its id is among what else was asked for."""
        return (
            (not self.ops or case.op in self.ops)
            and (not self.dtypes or case.dtype in self.dtypes)
            and (not self.specs or case.spec in self.specs)
        )


EVERYTHING = Selection()
_FIRST_WITH_POOLING = "2026.14"


def asked_ops(selection: Selection, native: Collection[Op]) -> tuple[Op, ...]:
    """The ops that a run asks for: those named; else the six of everybody, and pooling where a backend has its own.

    Suites before 2026.14 know no pooling.
    """
    if selection.ops:
        return tuple(selection.ops)
    pools = () if "" < selection.suite < _FIRST_WITH_POOLING else POOL_OPS
    return (*OPS, *(op for op in pools if op in native))


def matches(pattern: str, case: Case) -> bool:
    """Whether a pattern means the case: by its check or by its whole id, exactly or as a glob."""
    text = str(case)
    return pattern in ("", text) or fnmatch.fnmatchcase(case.check, pattern) or fnmatch.fnmatchcase(text, pattern)
