"""One cell as the tables see it: the record, its time, and its ratio to the baseline.

`TidyRow` is its form in the CSV files and in the JSON of the page: their columns are its fields.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from msgspec import Struct

from harness.contract.status import CellStatus
from harness.results.intervals import Interval
from harness.results.records import Cell


class PairedRatio(NamedTuple):
    """Time / time of the baseline: the median of `pairs` ratios and its interval. Below 1 is faster."""

    value: float
    low: float
    high: float
    pairs: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A cell with its median time in seconds, None if it has none, and its ratio, None if it cannot be paired."""

    cell: Cell
    dirty: bool = False
    seconds: Interval | None = None
    ratio: PairedRatio | None = None


class TidyRow(Struct, frozen=True, kw_only=True):
    """One cell in base units, without its samples; None where there is nothing."""

    op: str
    layer: str
    spec: str
    backend: str
    native: bool
    status: CellStatus
    reason: str
    predicted_seconds: float | None
    n: int
    seconds: float | None
    seconds_low: float | None
    seconds_high: float | None
    ratio: float | None
    ratio_low: float | None
    ratio_high: float | None
    pairs: int
    run: str
    commit: str
    dirty: bool
    checked_points: int
    repetitions: int


def tidy(row: Row) -> TidyRow:
    """The row as it is written to files."""
    cell, took, ratio = row.cell, row.seconds, row.ratio
    return TidyRow(
        op=cell.op, layer=cell.layer, spec=cell.spec, backend=cell.backend, native=cell.native, status=cell.status,
        reason=cell.reason, predicted_seconds=cell.predicted_seconds, n=len(cell.samples) if took else 0,
        seconds=took.median if took else None, seconds_low=took.low if took else None,
        seconds_high=took.high if took else None, ratio=ratio.value if ratio else None,
        ratio_low=ratio.low if ratio else None, ratio_high=ratio.high if ratio else None,
        pairs=ratio.pairs if ratio else 0, run=cell.run, commit=cell.commit, dirty=row.dirty,
        checked_points=cell.checked_points, repetitions=cell.repetitions,
    )  # fmt: skip
