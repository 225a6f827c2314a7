"""Which backend is the fastest: per op and backend, the mean of the ratios to the baseline, wins, the worst layer.

A ratio is time / time of the baseline, so below 1 is faster; every shown ratio says so in words.
"""

from __future__ import annotations

from collections.abc import Sequence
from statistics import geometric_mean

from msgspec import Struct

from harness.report.measured.grouping import by_op, columns_of, grouped
from harness.report.measured.load import Config
from harness.report.measured.rows import Row
from harness.report.tables.table import Kind, Table, TableCell, absent_notes, cell
from harness.results import words


class Summary(Struct, frozen=True, kw_only=True):
    """One op and backend: the geometric mean over the layers that both were measured on, None if there is none."""

    op: str
    backend: str
    baseline: str
    geomean_ratio: float | None = None
    layers: int = 0
    of_layers: int
    faster: int = 0
    same: int = 0
    slower: int = 0
    worst_layer: str = ""
    worst_ratio: float | None = None


def summaries(rows: Sequence[Row], base: str) -> list[Summary]:
    """One record per op and backend other than `base`, of those that have a column."""
    names = [name for name in columns_of(rows) if name != base]
    return [
        _summary(op, name, base, [row for row in of_op if row.cell.backend == name])
        for op, of_op in by_op(rows).items()
        for name in names
    ]


def summary_table(rows: Sequence[Row], base: str, config: Config) -> Table:
    """Op x backend: the mean in words; how many layers are faster, the same and slower; the worst layer."""
    found = summaries(rows, base)
    names = [name for name in columns_of(rows) if name != base]
    of_op = grouped(found, lambda summary: summary.op)
    shown = [[cell(op), *map(_summary_cell, of_op.get(op, []))] for op in by_op(rows)]
    notes = [
        f"Geometric mean of time / time of {base} over the layers that both were measured on together; on hover, how "
        "many layers are faster, the same (the interval of the ratio holds 1) and slower, and the worst layer.",
        *absent_notes(rows),
    ]
    header = ["op", *(f"{name} is" for name in names)]
    return Table(f"summary-{config.slug}", f"Compared with {base}", header, shown, found, notes)


def _summary(op: str, name: str, base: str, own: Sequence[Row]) -> Summary:
    both = [(row.cell.layer, row.ratio) for row in own if row.ratio]
    if not both:
        return Summary(op=op, backend=name, baseline=base, of_layers=len(own))
    worst_layer, worst = max(both, key=lambda found: found[1].value)
    return Summary(
        op=op, backend=name, baseline=base, geomean_ratio=geometric_mean(ratio.value for _, ratio in both),
        layers=len(both), of_layers=len(own), faster=sum(ratio.high < 1 for _, ratio in both),
        same=sum(ratio.low <= 1 <= ratio.high for _, ratio in both), slower=sum(ratio.low > 1 for _, ratio in both),
        worst_layer=worst_layer, worst_ratio=worst.value,
    )  # fmt: skip


def _summary_cell(summary: Summary) -> TableCell:
    ratio, worst = summary.geomean_ratio, summary.worst_ratio
    if ratio is None or worst is None:
        return TableCell(("no layer measured together",), "missing")
    text = words.compared(ratio)
    lines = (
        text,
        f"{summary.layers} of {words.plural(summary.of_layers, 'layer')}: {summary.faster} faster, "
        f"{summary.same} same, {summary.slower} slower",
        f"worst: {words.compared(worst)} on {summary.worst_layer}",
    )
    kind: Kind = "same" if text == "same" else "faster" if ratio < 1 else "slower"
    return TableCell(lines, kind, f"time ratio {words.digits(ratio)}", ratio)
