"""How accurate the backends are: the error of real numbers against the exact result, in one unit for all of them."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from harness.report.measured.grouping import by_op, columns_of
from harness.report.measured.load import Config
from harness.report.measured.rows import Row
from harness.report.tables.table import Table, TableCell, absent_notes, cell
from harness.results import words


class CellError(Struct, frozen=True, kw_only=True):
    """One op, layer and backend: the largest error of a sampled element over the bound of a plain sum."""

    op: str
    layer: str
    spec: str
    backend: str
    error_in_bounds: float


def errors(rows: Sequence[Row]) -> list[CellError]:
    """One record per cell whose error is known."""
    return [
        CellError(op=c.op, layer=c.layer, spec=c.spec, backend=c.backend, error_in_bounds=c.error_in_bounds)
        for c in (row.cell for row in rows)
        if c.error_in_bounds is not None
    ]


def accuracy_table(rows: Sequence[Row], config: Config) -> Table:
    """Op x backend: the largest error over the layers. No rows where none is known."""
    found = errors(rows)
    names = [name for name in columns_of(rows) if any(error.backend == name for error in found)]
    shown = []
    for op in by_op(rows):
        line = [[error for error in found if (error.op, error.backend) == (op, name)] for name in names]
        if any(line):
            shown.append([cell(op), *map(_worst, line)])
    notes = [
        "The largest error of a sampled element over the layers, against the exact result, in units of the bound of a "
        "plain sum in that dtype. Methods with bounds of their own (TF32, Winograd) may exceed 1 and be right.",
        *absent_notes(rows),
    ]
    return Table(f"accuracy-{config.slug}", "Accuracy", ["op", *names], shown, found, notes)


def _worst(found: Sequence[CellError]) -> TableCell:
    if not found:
        return TableCell(("not measured",), "missing")
    worst = max(found, key=lambda error: error.error_in_bounds)
    title = f"on {worst.layer}; the largest of {words.plural(len(found), 'layer')}"
    return TableCell((words.digits(worst.error_in_bounds),), "", title, worst.error_in_bounds)
