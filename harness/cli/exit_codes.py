"""What a command's findings mean for a script: 1 something failed, 3 something named was not judged, else 0."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from harness.contract.status import CellStatus, Verdict
from harness.results.records import Cell


def of_verdicts(verdicts: Collection[Verdict], named: bool) -> int:
    """From the verdicts on all backends, and whether the user named them."""
    if Verdict.FAIL in verdicts:
        return 1
    short = Verdict.INCOMPLETE in verdicts or (named and Verdict.UNAVAILABLE in verdicts)
    return 3 if short else 0


def of_cells(cells: Sequence[Cell], named: Collection[str]) -> int:
    """From the cells of a measurement and the names of the backends that the user named."""
    if any(cell.status.is_bad for cell in cells):
        return 1
    if not any(cell.status is CellStatus.OK for cell in cells):  # nothing was measured at all
        return 3
    return 3 if any(cell.status is CellStatus.UNAVAILABLE and cell.backend in named for cell in cells) else 0
