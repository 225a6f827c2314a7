"""Outcomes as JSON (the `check` schema) and as a repro line that can be pasted into a shell."""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Sequence
from typing import Any

from conformance import SUITE_VERSION
from conformance.case import Case
from conformance.engine import Outcome, Planned, diagnoses

SCHEMA = 1
_WORST_FIRST = ("fail", "xpass", "mistrusted", "not_run", "xfail", "pass", "unsupported")


def to_json(outcome: Outcome, target: str) -> dict[str, Any]:
    """One backend's object of `harness check --json`; `target` is the backend as the user typed it."""
    return {
        "schema": SCHEMA,
        "backend": outcome.backend,
        "suite_version": SUITE_VERSION,
        "verdict": outcome.verdict,
        "reason": outcome.unavailable or "; ".join(outcome.omissions()),
        "planned": outcome.planned,
        "executed": outcome.executed,
        "counts": outcome.counts,
        "seconds": round(outcome.seconds, 3),
        "checks": [_group(key, cases, target) for key, cases in outcome.groups()],
    }


def repro(case: Case, target: str) -> str:
    """The command that runs just this case again."""
    return f"harness check {shlex.quote(target)} --check {shlex.quote(str(case))}"


def worst(cases: Sequence[Planned]) -> Planned:
    """The case that a group is judged by."""
    return min(cases, key=lambda planned: _WORST_FIRST.index(planned.status))


def _group(key: tuple[str, str, str], cases: Sequence[Planned], target: str) -> dict[str, Any]:
    check, op, dtype = key
    shown, counts = worst(cases), Counter(planned.status for planned in cases)
    refusals = Counter(planned.detail for planned in cases if planned.status == "unsupported")
    return {
        "id": check,
        "op": op,
        "dtype": dtype,
        "status": shown.status,
        "planned": len(cases) - counts["unsupported"],
        "executed": len(cases) - counts["unsupported"] - counts["not_run"],
        "reason": "; ".join(f"{n} cases refused: {reason}" for reason, n in refusals.items()),
        "repro": repro(shown.case, target) if shown.status in ("fail", "mistrusted") else "",
        "diagnosis": diagnoses(cases),
    }
