"""What `harness bench` shows: the time, rate and ratio of every cell, then geometric means over layers."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median

from harness.cli import terminal
from harness.contract.status import CellStatus
from harness.geometry.spec import ConvSpec
from harness.results import ratios, words
from harness.results.rates import rates
from harness.results.records import Cell, ComparisonRow

_PRODUCTS = ("conv2d", "conv2d_input_grad", "conv2d_weight_grad")  # the others move more bytes than they compute
_MOST = 60  # characters of a reason; the run file has all of it


def show(cells: Sequence[Cell], conditions: str) -> None:
    """Two tables on stdout, and a line on backends that are unavailable throughout. Nothing without a time."""
    timed = [cell.backend for cell in cells if cell.status is CellStatus.OK]
    if not timed:
        return
    base = ratios.baseline(list(dict.fromkeys(timed)))
    others = [name for name in dict.fromkeys(cell.backend for cell in cells) if name != base]
    rows = ratios.rows(cells, [base, *others])
    against = {(row.op, row.dtype, row.shape, row.b): row for row in rows}
    gone = _unavailable(cells)
    newest = {(cell.group, cell.op, cell.dtype, cell.layer, cell.backend): cell for cell in cells}
    lines = [
        _line(cell, base, against.get((cell.op, cell.dtype, cell.layer, cell.backend)))
        for cell in newest.values()
        if cell.backend not in gone
    ]
    terminal.table(conditions, ("layer", "op", "dtype", "backend", "time", "rate", f"against {base}"), lines)
    if gone:
        terminal.show(f"unavailable: {', '.join(gone)}")
    means = [mean for mean in ratios.geomeans(rows) if mean.ratio]
    if means:
        terminal.show("")
        told = [[m.op, m.dtype, m.b, words.in_words(1 / m.ratio), str(m.layers)] for m in means if m.ratio]
        terminal.table("geometric means", ("op", "dtype", "backend", f"against {base}", "layers"), told)


def _line(cell: Cell, base: str, row: ComparisonRow | None) -> list[str | terminal.Styled]:
    where: list[str | terminal.Styled] = [cell.layer, cell.op, cell.dtype, cell.backend]
    if cell.status is not CellStatus.OK or not cell.samples:
        reason = cell.reason if len(cell.reason) <= _MOST else f"{cell.reason[: _MOST - 1]}…"
        return [*where, terminal.Styled(cell.status.value, cell.status.colour), "", reason]
    seconds = median(cell.samples)
    found = rates(cell.op, ConvSpec.parse(cell.spec), cell.dtype, seconds, None)
    rate = f"{words.digits(found.gflops)} GFLOP/s" if cell.op in _PRODUCTS else f"{words.digits(found.gbs)} GB/s"
    return [*where, words.duration(seconds), rate, "baseline" if cell.backend == base else _said(row)]


def _said(row: ComparisonRow | None) -> str | terminal.Styled:
    """Of the backend, whose time stands below in the ratio of the row; empty where the baseline has no time."""
    if row is None or row.ratio is None or row.low is None or row.high is None or row.verdict is None:
        return ""
    turned = row.verdict.turned
    interval = words.interval(1 / row.ratio, 1 / row.high, 1 / row.low)
    return terminal.Styled(f"{words.verdict(turned, 1 / row.ratio)}, {interval}", turned.colour)


def _unavailable(cells: Sequence[Cell]) -> list[str]:
    """The backends that are so in every cell."""
    available = {cell.backend for cell in cells if cell.status is not CellStatus.UNAVAILABLE}
    return [name for name in dict.fromkeys(cell.backend for cell in cells) if name not in available]
