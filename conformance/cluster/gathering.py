"""The reports of all batches of a backend, as one: complete, or `incomplete` with what is missing and why."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from msgspec import structs

from conformance.cases.selection import Selection
from conformance.cases.suite_version import SUITE_VERSION
from conformance.cluster.batches import Batch
from conformance.parallel import known
from conformance.parallel.known import PartReport
from conformance.reports.merging import merge
from conformance.run.records import SCHEMA, BackendReport
from harness.contract.status import Status, Verdict
from harness.contract.targets import Target


def joined(
    target: Target, selection: Selection, done: Sequence[tuple[Batch, PartReport]], missing: Sequence[Batch], cut: str
) -> BackendReport:
    """One report. `missing` have no result that is believed; `cut` says why, or what else keeps a run from a pass."""
    parts = [part for _, part in sorted(done, key=lambda one: _place(one[0]))]
    if not parts:
        return _nothing(target, selection, missing, cut)
    whole = merge([part.report for part in parts])
    whole = structs.replace(whole, tier=selection.tier, shard=selection.shard.label)
    if not missing and selection.shard.count == 1:
        whole = known.charged(whole, [part.heard for part in parts], target)
    if not missing and not cut:
        return whole
    left = sum(batch.expected.total for batch in missing)
    counts = Counter(whole.counts)
    counts[Status.NOT_RUN] += left
    return structs.replace(
        whole,
        counts={status: counts[status] for status in Status.counted()},
        planned=whole.planned + left,
        total=(whole.total or 0) + left,
        verdict=Verdict.worst((whole.verdict, Verdict.INCOMPLETE)),
        cut="; ".join(filter(None, (whole.cut, cut))),
        reason="; ".join(filter(None, (whole.reason, cut))),
    )


def unavailable(target: Target, selection: Selection, reasons: dict[str, str]) -> BackendReport:
    """The report of a backend that no worker has."""
    texts = dict.fromkeys(reasons.values())
    said = "; ".join(texts) if len(texts) == 1 else "; ".join(f"{name}: {text}" for name, text in reasons.items())
    return structs.replace(_nothing(target, selection, [], said), verdict=Verdict.UNAVAILABLE)


def _place(batch: Batch) -> tuple[int, int]:
    """Parts before single cases, and the first part first: it holds what is said of the whole."""
    return len(batch.selection.cases), batch.selection.shard.index


def _nothing(target: Target, selection: Selection, missing: Sequence[Batch], reason: str) -> BackendReport:
    left = sum(batch.expected.total for batch in missing)
    counts = dict.fromkeys(Status.counted(), 0) | {Status.NOT_RUN: left}
    return BackendReport(
        schema=SCHEMA, backend=target.name, suite_version=SUITE_VERSION, verdict=Verdict.INCOMPLETE, reason=reason,
        planned=left, executed=0, total=left, counts=counts, seconds=0.0, tier=selection.tier, seed=selection.seed,
        shard=selection.shard.label, cut=reason, checks=[],
    )  # fmt: skip
