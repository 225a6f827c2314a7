"""What explicit columns cost in memory by the geometry, and what calls were measured to take at their peak."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from msgspec import Struct

from harness.geometry.spec import ConvSpec
from harness.report.measured.grouping import columns_of, grouped
from harness.report.measured.load import Config
from harness.report.measured.rows import Row
from harness.report.tables.table import Table, TableCell, cell
from harness.results import words


class ColumnsMemory(Struct, frozen=True, kw_only=True):
    """One layer: bytes of x + w + y, and of the explicit columns that im2col would add."""

    layer: str
    spec: str
    x_w_y_bytes: int
    columns_bytes: int
    factor: float | None  # columns / (x + w + y); None where there are no bytes


class MeasuredMemory(Struct, frozen=True, kw_only=True):
    """One op, layer and backend: bytes at the peak of a call, beside those of the explicit columns.

    `factor` is the larger of the two peaks / the columns.
    """

    op: str
    layer: str
    spec: str
    backend: str
    columns_bytes: int
    peak_bytes: int | None
    resident_bytes: int | None
    factor: float | None


def columns_memory(layer: str, spec: str, dtype: str) -> ColumnsMemory:
    """The bytes of one geometry, given as text."""
    sizes = ConvSpec.parse(spec)
    arrays = sum(map(math.prod, (sizes.x_shape, sizes.w_shape, sizes.y_shape))) * np.dtype(dtype).itemsize
    columns = sizes.columns_bytes(dtype)
    factor = columns / arrays if arrays else None
    return ColumnsMemory(layer=layer, spec=spec, x_w_y_bytes=arrays, columns_bytes=columns, factor=factor)


def memory_table(rows: Sequence[Row], config: Config) -> Table:
    """Per layer: bytes of x + w + y against the explicit columns."""
    layers = dict.fromkeys((row.cell.layer, row.cell.spec) for row in rows)
    found = [columns_memory(layer, spec, config.dtype) for layer, spec in layers]
    shown = [
        [TableCell((m.layer, m.spec)), cell(words.size(m.x_w_y_bytes), "", m.x_w_y_bytes),
         cell(words.size(m.columns_bytes), "", m.columns_bytes),
         cell("" if m.factor is None else f"{words.digits(m.factor)}x", "", m.factor)]
        for m in found
    ]  # fmt: skip
    notes = ["Computed from the geometry, not measured: what a method that stores all columns at once allocates."]
    header = ["layer", "x + w + y", "columns", "columns / (x + w + y)"]
    return Table(f"memory-{config.slug}", "Memory of the explicit columns", header, shown, found, notes)


def measured_memory(row: Row) -> MeasuredMemory | None:
    """What was measured of a cell; None if nothing was."""
    found, columns = row.cell, ConvSpec.parse(row.cell.spec).columns_bytes(row.cell.dtype)
    seen = [count for count in (found.peak_bytes, found.resident_bytes) if count is not None]
    if not seen:
        return None
    return MeasuredMemory(
        op=found.op, layer=found.layer, spec=found.spec, backend=found.backend, columns_bytes=columns,
        peak_bytes=found.peak_bytes, resident_bytes=found.resident_bytes,
        factor=max(seen) / columns if columns else None,
    )  # fmt: skip


def measured_memory_table(rows: Sequence[Row], config: Config) -> Table:
    """Op and layer x backend: the peak of a call beside the columns. No rows where nothing was measured."""
    found = {(m.op, m.layer, m.backend): m for m in map(measured_memory, rows) if m}
    names = [name for name in columns_of(rows) if any(m.backend == name for m in found.values())]
    shown = []
    for (op, layer), line in grouped(found.values(), lambda m: (m.op, m.layer)).items():
        columns = line[0].columns_bytes
        taken = [_measured_cell(found.get((op, layer, name))) for name in names]
        shown.append([cell(op), TableCell((layer, line[0].spec)), cell(words.size(columns), "", columns), *taken])
    notes = [
        "The peak of one call: the larger of what NumPy allocates and of what the process holds. Its result counts, "
        "and what the backend keeps between calls, such as index arrays; its inputs do not.",
    ]
    header = ["op", "layer", "columns", *names]
    return Table(
        f"measured-memory-{config.slug}", "Memory of a call, measured", header, shown, [*found.values()], notes
    )


def _measured_cell(found: MeasuredMemory | None) -> TableCell:
    if found is None:
        return TableCell(("not measured",), "missing")
    peak, resident = found.peak_bytes, found.resident_bytes
    most = max(count for count in (peak, resident) if count is not None)
    lines = [words.size(most)] if found.factor is None else [words.size(most), f"{words.digits(found.factor)}x columns"]
    return TableCell(tuple(lines), "", f"allocated {_said(peak)}, resident {_said(resident)}", most)


def _said(count: int | None) -> str:
    return "not seen" if count is None else words.size(count)
