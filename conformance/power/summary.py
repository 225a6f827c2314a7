"""Counts what became of faults, kind by kind and tier by tier."""

from __future__ import annotations

from collections.abc import Sequence

from conformance.cases.suite_version import SUITE_VERSION
from conformance.power.campaign import Asked, Found
from conformance.power.diagnosed import counting
from conformance.power.records import FaultReport, KindReport, PowerReport, Survivor


def report(asked: Asked, found: Found) -> PowerReport:
    """All that is published of a run."""
    rows = found.rows
    left = [row for row in rows if row.survives]
    return PowerReport(
        suite_version=SUITE_VERSION, seed=asked.seed, tier=asked.tier, planned=found.planned, faults=len(rows),
        killed=sum(row.killed_by is not None for row in rows), equivalent=sum(bool(row.equivalent) for row in rows),
        survivors=[Survivor(fault=row.fault, kind=row.kind, case=row.witness, work=row.work) for row in left],
        controls=found.controls, controls_passed=found.controls - len(found.controls_failed),
        controls_failed=found.controls_failed, seconds=round(found.seconds, 1), kinds=kinds(rows, asked.tier),
        matrix=rows, diagnosed=counting.kinds(rows),
    )  # fmt: skip


def kinds(rows: Sequence[FaultReport], tier: int) -> dict[str, KindReport]:
    """By kind, in the order in which they occur; seen by the end of a tier counts those of the tiers before."""
    found: dict[str, list[FaultReport]] = {}
    for row in rows:
        found.setdefault(row.kind, []).append(row)
    return {
        kind: KindReport(
            faults=len(several), equivalent=sum(bool(row.equivalent) for row in several), tier0=_seen(several, 0),
            tier1=_seen(several, 1) if tier >= 1 else None, tier3=_seen(several, 3) if tier >= 3 else None,
        )
        for kind, several in found.items()
    }  # fmt: skip


def _seen(rows: Sequence[FaultReport], by: int) -> int:
    return sum(row.tier is not None and row.tier <= by for row in rows)
