"""Ratios to the baseline as dots, their intervals as whiskers, and a letter for what is missing: a row per layer."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from matplotlib.figure import Figure

from harness.contract.status import CellStatus
from harness.report.charts import drawing, strips
from harness.report.charts.drawing import SMALL, SOFT, Chart, Looks
from harness.report.charts.strips import Mark
from harness.report.measured.grouping import by_backend, by_spec, derived, unavailable
from harness.report.measured.rows import Row
from harness.report.standing import spoken

_MOST_LAYERS = 32
_NEVER, _NO_PAIR = "?", "n"
_LETTERS = {
    **{status.marker: spoken(status) for status in CellStatus if status is not CellStatus.OK},
    _NEVER: "not tried", _NO_PAIR: "no time of the baseline in the same measurement",
}  # fmt: skip


class _Span(NamedTuple):
    """Of the ratios that an axis shows."""

    low: float
    high: float


def ratio_charts(rows: Sequence[Row], base: str, title: str, name: str, looks: Looks) -> list[Chart]:
    """One chart for every `_MOST_LAYERS` layers, with the same time axis; a colour per backend.

    The rows are those of one op; one of them at least has a ratio. `title` has two lines.
    """
    layers = list(by_spec(rows).values())
    starts = range(0, len(layers), _MOST_LAYERS)
    parts = [[row for on_layer in layers[start : start + _MOST_LAYERS] for row in on_layer] for start in starts]
    ratios = [row.ratio for row in rows if row.ratio]
    low, high = min(ratio.low for ratio in ratios), max(ratio.high for ratio in ratios)
    span = _Span(min(low / 1.2, 0.7), max(high * 1.2, 1.43))
    if len(parts) == 1:
        return [_chart(rows, base, title, name, span, looks)]
    return [
        _chart(part, base, title.replace("\n", f", part {i} of {len(parts)}\n", 1), f"{name}-{i}", span, looks)
        for i, part in enumerate(parts, start=1)
    ]


def _chart(rows: Sequence[Row], base: str, title: str, name: str, span: _Span, looks: Looks) -> Chart:
    layers = by_spec(rows)
    gone = [b for b in unavailable(rows) if b != base]
    drawn = [b for b in by_backend(rows) if b != base and b not in gone]
    lowered = derived(rows)
    names = [found[0].cell.layer for found in layers.values()]
    labels = [label if len(label) < 50 else f"{label[:48]}…" for label in names]
    row_height = max(0.28, 0.06 * len(drawn) + 0.06)  # inches
    top = 0.6 + 0.2 * math.ceil(len(drawn) / drawing.KEYS)
    figure = Figure(figsize=(9.5, row_height * len(layers) + top + 1.2))
    left, right = 0.3 + 0.072 * max(map(len, labels)), 0.25 + 0.16 * len(drawn)
    axes = drawing.axes_with_margins(figure, left, right, top=top, bottom=1.2)
    strips.draw(axes, labels, [_strip(on_layer, drawn) for on_layer in layers.values()], looks, drawn)
    letters: dict[str, None] = {}
    for y, on_layer in enumerate(layers.values()):
        letters |= dict.fromkeys(_letters(axes, y, {row.cell.backend: row for row in on_layer}, drawn))
    for index, backend in enumerate(drawn if letters else ()):
        axes.plot([_column(axes, index)], [-0.75], color=looks[backend].colour, marker=looks[backend].marker,
                  markersize=4, clip_on=False, transform=axes.get_yaxis_transform())  # fmt: skip
    strips.ratio_axis(axes, span.low, span.high, base)
    drawing.head(figure, title, [drawing.key(b + (" †" if b in lowered else ""), looks[b]) for b in drawn])
    drawing.foot(figure, _foot(rows, letters, gone, bool(lowered & set(drawn))))
    alt = f"{title.replace(chr(10), ', ')}: ratio of the times per layer. The numbers are in the table of the same op."
    return drawing.chart(name, alt, figure)


def _strip(on_layer: Sequence[Row], drawn: Sequence[str]) -> dict[str, Mark]:
    """The ratios of one layer as they are drawn."""
    return {r.cell.backend: Mark(*r.ratio[:3]) for r in on_layer if r.ratio and r.cell.backend in drawn}


def _letters(axes: Any, y: int, found: Mapping[str, Row], drawn: Sequence[str]) -> Iterable[str]:
    """Write what stands for a ratio in the right margin, in the column of its backend; yields the letters."""
    for index, backend in enumerate(drawn):
        row = found.get(backend)
        if row is None or not row.ratio:
            letter = _NEVER if row is None else row.cell.status.marker or _NO_PAIR
            axes.text(_column(axes, index), y, letter, color=SOFT, fontsize=SMALL, ha="center", va="center",
                      transform=axes.get_yaxis_transform())  # fmt: skip
            yield letter


def _column(axes: Any, index: int) -> float:
    """Where a backend's letters stand, in widths of the axes."""
    return 1 + (0.12 + 0.16 * index) / drawing.inches(axes)


def _foot(rows: Sequence[Row], letters: Iterable[str], gone: Sequence[str], lowered: bool) -> list[str]:
    pairs = {row.ratio.pairs for row in rows if row.ratio}
    n = f"{min(pairs, default=0)}" + (f" to {max(pairs)}" if len(pairs) > 1 else "")
    lines = [f"n = {n} pairs; dot: median of the paired ratios; whisker: 95 % sign-test interval "
             "(fewer than 6 pairs: smallest to largest)"]  # fmt: skip
    signs = [f"{letter} = {_LETTERS[letter]}" for letter in letters]
    if signs:
        lines.append(f"no ratio (right margin, below the backend's marker): {', '.join(signs)}")
    if lowered or gone:
        parts = ["† derived: completed by the harness"] if lowered else []
        lines.append("; ".join([*parts, *([f"unavailable here: {', '.join(gone)}"] if gone else [])]))
    return lines
