"""What a command's findings mean for a script: 1 something failed, 3 something named was not judged, else 0."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from conformance.run.records import BackendReport
from harness.contract.status import CellStatus, Grade, Verdict
from harness.results.records import Cell


def of_reports(reports: Sequence[BackendReport], named: bool, least: Grade = Grade.FORM) -> int:
    """From the reports on all backends, whether the user named them, and how much has to be right."""
    if any(report.is_wrong(least) for report in reports):
        return 1
    is_missing = named and any(report.verdict is Verdict.UNAVAILABLE for report in reports)
    return 3 if is_missing or any(report.is_short for report in reports) else 0


def of_cells(cells: Sequence[Cell], named: Collection[str]) -> int:
    """From the cells of a measurement and the names of the backends that the user named."""
    if any(cell.status.is_bad for cell in cells):
        return 1
    if not any(cell.status is CellStatus.OK for cell in cells):  # nothing was measured at all
        return 3
    return 3 if any(cell.status is CellStatus.UNAVAILABLE and cell.backend in named for cell in cells) else 0
