"""What explicit columns cost in memory, computed from the geometry: nothing of it is measured."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from msgspec import Struct

from harness.geometry.spec import ConvSpec
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
