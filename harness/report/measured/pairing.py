"""Ratios of backends that were measured together: sample i meets sample i of the same group and process."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from harness.contract.status import CellStatus
from harness.report.measured.load import Data
from harness.report.measured.rows import PairedRatio, Row
from harness.results.paired import log_ratios, paired


def with_ratios(rows: Iterable[Row], data: Data, baseline: str) -> list[Row]:
    """The rows with `ratio` = time / time of `baseline`; None without a group that both are in."""
    return [replace(row, ratio=_ratio(row, data, baseline)) for row in rows]


def speedups(rows: Iterable[Row]) -> list[float]:
    """How many times faster than the baseline, of each row that has a ratio."""
    return [1 / row.ratio.value for row in rows if row.ratio]


def _ratio(row: Row, data: Data, baseline: str) -> PairedRatio | None:
    if row.cell.status is not CellStatus.OK:
        return None
    mine = data.samples.get((row.cell.group, row.cell.backend), {})
    theirs = data.samples.get((row.cell.group, baseline), {})
    found = paired(log_ratios(mine[n], theirs[n]) for n in sorted(mine.keys() & theirs.keys()))
    return PairedRatio(found.ratio, found.low, found.high, found.pairs) if found else None
