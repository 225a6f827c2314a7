"""What a command's findings mean for a script: 1 something failed, 3 something named was not judged, else 0."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

from harness.contract.status import CellStatus
from harness.results.records import Cell


def of_verdicts(verdicts: Iterable[tuple[str, bool]]) -> int:
    """From (verdict, whether the backend was named) of every backend."""
    found = list(verdicts)
    if any(verdict == "fail" for verdict, _ in found):
        return 1
    short = any(verdict == "incomplete" or (verdict == "unavailable" and named) for verdict, named in found)
    return 3 if short else 0


def of_cells(cells: Sequence[Cell], named: Collection[str]) -> int:
    """From the cells of a measurement and the names of the backends that the user named."""
    if any(cell.status.is_bad for cell in cells):
        return 1
    if not any(cell.status is CellStatus.OK for cell in cells):  # nothing was measured at all
        return 3
    return 3 if any(cell.status is CellStatus.UNAVAILABLE and cell.backend in named for cell in cells) else 0
