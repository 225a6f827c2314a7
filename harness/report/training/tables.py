"""A training run in numbers: every backend with its verdict, and the published claims about an epoch."""

from __future__ import annotations

import msgspec

from harness.contract.status import Verdict
from harness.report.tables.table import Kind, Table, TableCell, cell
from harness.results import words
from harness.results.training.records import TrainedBackend, TrainReport

_KINDS: dict[Verdict, Kind] = {Verdict.FAIL: "fail", Verdict.INCOMPLETE: "missing", Verdict.UNAVAILABLE: "missing"}


class TrainedRow(msgspec.Struct, frozen=True, kw_only=True):
    """What the CSV has of a backend."""

    backend: str
    verdict: str
    reason: str
    wrong_on_purpose: bool
    accuracy: float | None
    share: float | None
    diverges_at: int | None
    epoch_seconds: float | None


def training_table(report: TrainReport) -> Table:
    """A row for each backend, those that are wrong on purpose last."""
    pairs = [(one, False) for one in report.backends] + [(one, True) for one in report.wrong_on_purpose]
    notes = [
        f"{report.network}, {report.images:,} images, {words.plural(report.epochs, 'epoch')}, seed {report.seed}, "
        "float64, the same weights and batches for all.",
        "Difference: the largest of all steps from the loss of the oracle, in units of the bound; above 1: diverged.",
    ]
    if report.partial:
        notes.append("The run was interrupted.")
    header = ["backend", "verdict", "accuracy", "difference / bound", "an epoch takes"]
    return Table(
        "training", "Training", header, [_shown(*pair) for pair in pairs], [_record(*pair) for pair in pairs], notes
    )


def times_table(report: TrainReport) -> Table:
    """The claims beside what was measured; the times of an epoch are the records."""
    shown = [
        [
            TableCell((one.claim, one.source)),
            cell(f"{one.fast} over {one.slow}"),
            cell("not measured", "missing") if one.measured is None else cell(f"{words.digits(one.measured)}x"),
            cell(_judged(one.claimed, one.measured)),
        ]
        for one in report.claims
    ]  # fmt: skip
    notes = [
        f"{one.backend}: {words.duration(one.seconds)} for 60,000 images of 28x28"
        + (f", predicted from steps of {one.batch} images" if one.predicted else f", from steps of {one.batch}")
        for one in report.times
    ]  # fmt: skip
    header = ["claim", "compared here", "measured here", "verdict"]
    return Table(
        "training-times", "An epoch of MNIST's size, and what is claimed of it", header, shown, report.times, notes
    )


def _judged(claimed: float, measured: float | None) -> str:
    return "not tested" if measured is None else "holds" if measured >= claimed else "does not hold"


def _shown(one: TrainedBackend, wrong: bool) -> list[TableCell]:
    said = one.verdict.value if not one.reason else one.reason
    name = f"{one.backend} (wrong on purpose)" if wrong else one.backend
    return [
        cell(name),
        TableCell((said,), _KINDS.get(one.verdict, "")),
        cell("" if one.accuracy is None else f"{100 * one.accuracy:.1f} %"),
        cell("" if one.share is None else f"{one.share:.2g}"),
        cell("" if one.epoch_seconds is None else words.duration(one.epoch_seconds)),
    ]  # fmt: skip


def _record(one: TrainedBackend, wrong: bool) -> TrainedRow:
    return TrainedRow(
        backend=one.backend, verdict=one.verdict.value, reason=one.reason, wrong_on_purpose=wrong,
        accuracy=one.accuracy, share=one.share, diverges_at=one.diverges_at, epoch_seconds=one.epoch_seconds,
    )  # fmt: skip
