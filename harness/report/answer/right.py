"""Which backends may be called the fastest: those that nothing says is wrong."""

from __future__ import annotations

from collections.abc import Iterable

from harness.contract.status import CellStatus, Verdict
from harness.report.measured.load import Data
from harness.report.measured.rows import Row
from harness.report.standing import spoken

# A cell without a time for one of these says nothing against the other cells of its backend.
HARMLESS = (
    CellStatus.OK, CellStatus.OVER_BUDGET, CellStatus.NO_MEMORY, CellStatus.UNAVAILABLE, CellStatus.UNSUPPORTED,
)  # fmt: skip


def barred(rows: Iterable[Row], data: Data) -> dict[tuple[str, str], str]:
    """By op and backend, why it is never called the fastest: its times may be those of work that it does not do."""
    found: dict[tuple[str, str], str] = {}
    for cell in (row.cell for row in rows):
        if data.verdict(cell.backend) is Verdict.FAIL:
            found[cell.op, cell.backend] = "it fails the conformance suite"
        elif cell.status not in HARMLESS:
            found.setdefault((cell.op, cell.backend), f"{spoken(cell.status)} on {cell.layer}")
    return found
