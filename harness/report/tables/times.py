"""How long a call takes: layer x backend for one op."""

from __future__ import annotations

from collections.abc import Sequence

from harness.report.measured.grouping import by_spec, columns_of, derived
from harness.report.measured.load import Config
from harness.report.measured.rows import Row, tidy
from harness.report.tables.table import NEVER, Kind, Table, TableCell, absent_notes, missing_cell
from harness.results import words


def times_table(rows: Sequence[Row], op: str, base: str, config: Config) -> Table:
    """Median time of a call, and the ratio to the baseline with its interval."""
    of_op = [row for row in rows if row.cell.op == op]
    names, lowered = columns_of(of_op), derived(of_op)
    shown = []
    for spec, on_layer in by_spec(of_op).items():
        found = {row.cell.backend: row for row in on_layer}
        fastest = min((row.seconds.median for row in on_layer if row.seconds), default=None)
        label = TableCell((on_layer[0].cell.layer, spec))
        shown.append([label, *(_time_cell(found[n], found.get(base), fastest) if n in found else NEVER for n in names)])
    marks = {name: (" †" if name in lowered else "") + (" (baseline)" if name == base else "") for name in names}
    notes = [f"Median time of a call; on hover the ratio of the times to {base} with its interval. Bold: the fastest."]
    if lowered:
        notes.append("† derived: the backend has no such op of its own; the harness lowers it to im2col, col2im and a "
                     "matrix product on the backend's arrays.")  # fmt: skip
    header = ["layer", *(name + mark for name, mark in marks.items())]
    notes += absent_notes(of_op)
    return Table(f"times-{op}-{config.slug}", op, header, shown, [tidy(row) for row in of_op], notes)


def _time_cell(row: Row, base: Row | None, fastest: float | None) -> TableCell:
    if row.seconds is None:
        return missing_cell(row)
    time, low, high = (words.duration(seconds) for seconds in row.seconds)
    title = (
        f"median of {len(row.cell.samples)}, {low} to {high}; {row.cell.checked_points} elements checked; "
        f"run {row.cell.run}"
    )
    kind: Kind = "best" if row.seconds.median == fastest else ""
    return TableCell((time, *_ratio_lines(row, base)), kind, title, row.seconds.median)


def _ratio_lines(row: Row, base: Row | None) -> list[str]:
    """The ratio to the baseline in words and in numbers, or why there is none; nothing for the baseline itself."""
    if base is not None and base.cell.backend == row.cell.backend:
        return []
    if row.ratio is None:
        timed = base is not None and base.seconds
        return [f"no ratio: {'not measured together with the baseline' if timed else 'the baseline has no time'}"]
    value, low, high, _ = row.ratio
    lines = [words.judged(value, low, high), words.interval(value, low, high)]
    if base is None or base.cell.group != row.cell.group:  # else the two times shown would belie the ratio
        lines.append(f"both in run {row.cell.run}")
    return lines
