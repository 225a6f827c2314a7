"""Counts what the diagnosis said of faults, kind by kind."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from statistics import median

from conformance.power.records import Diagnosed, DiagnosedKind, FaultReport

UNCONDITIONAL, CONDITIONAL, ALL = "unconditional", "conditional", "all"


def kinds(rows: Sequence[FaultReport]) -> dict[str, DiagnosedKind]:
    """By kind, in the order in which they occur, then of those without a condition, of those with one, and of all.

    Only what the diagnosis saw. Empty if it was not asked.
    """
    found: dict[str, list[Diagnosed]] = {}
    for row in rows:
        if row.diagnosis is not None:
            found.setdefault(row.kind, []).append(row.diagnosis)
    every = [one for several in found.values() for one in several]
    found[UNCONDITIONAL] = [one for one in every if one.always]
    found[CONDITIONAL] = [one for one in every if not one.always]
    found[ALL] = every
    return {kind: _counted(several) for kind, several in found.items() if several}


def _counted(several: Sequence[Diagnosed]) -> DiagnosedKind:
    blind = [one.blind for one in several if one.known]
    times = [one.seconds for one in several]
    return DiagnosedKind(
        seen=len(several), right=_number(one.truth == "right" for one in several),
        wrong=_number(one.truth == "wrong" for one in several),
        silent=_number(one.truth == "silent" for one in several),
        exact=_number(one.condition == "exact" for one in several),
        off=_number(one.condition == "off" for one in several), blind=len(blind),
        blind_right=_number(truth == "right" for truth in blind),
        blind_wrong=_number(truth == "wrong" for truth in blind), median=round(median(times), 2), worst=max(times),
    )  # fmt: skip


def _number(true: Iterable[bool]) -> int:
    return sum(true)
