"""Ratios to the baseline as dots, their intervals as whiskers, and a letter for what is missing: a row per layer."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter

from harness.contract.status import CellStatus
from harness.report.charts import drawing
from harness.report.charts.drawing import NORMAL, SMALL, Chart, Look
from harness.report.measured.grouping import by_backend, by_spec, derived, unavailable
from harness.report.measured.rows import PairedRatio, Row
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


def ratio_charts(rows: Sequence[Row], base: str, title: str, name: str) -> list[Chart]:
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
        return [_chart(rows, base, title, name, span)]
    return [
        _chart(part, base, title.replace("\n", f", part {i} of {len(parts)}\n", 1), f"{name}-{i}", span)
        for i, part in enumerate(parts, start=1)
    ]


def _chart(rows: Sequence[Row], base: str, title: str, name: str, span: _Span) -> Chart:
    layers = by_spec(rows)
    gone = [b for b in unavailable(rows) if b != base]
    drawn = [b for b in by_backend(rows) if b != base and b not in gone]
    looks, lowered = drawing.looks(by_backend(rows)), derived(rows)
    names = [found[0].cell.layer for found in layers.values()]
    labels = [label if len(label) < 50 else f"{label[:48]}…" for label in names]
    row_height = max(0.3, 0.13 * len(drawn) + 0.06)  # inches
    top = 0.6 + 0.2 * math.ceil(len(drawn) / drawing.KEYS)
    figure = Figure(figsize=(9.5, row_height * len(layers) + top + 1.2))
    left, right = 0.3 + 0.072 * max(map(len, labels)), 0.25 + 0.16 * len(drawn)
    axes = drawing.axes_with_margins(figure, left, right, top=top, bottom=1.2)
    letters: dict[str, None] = {}
    for y, on_layer in enumerate(layers.values()):
        if y % 2:
            axes.axhspan(y - 0.5, y + 0.5, color="#f3f3f3", zorder=0)
        letters |= dict.fromkeys(_draw_layer(axes, y, {row.cell.backend: row for row in on_layer}, drawn, looks))
    _scale(axes, labels, base, span)
    drawing.head(figure, title, [drawing.key(b + (" †" if b in lowered else ""), looks[b]) for b in drawn])
    drawing.foot(figure, _foot(rows, letters, gone, bool(lowered & set(drawn))))
    alt = f"{title.replace(chr(10), ', ')}: ratio of the times per layer. The numbers are in the table of the same op."
    return Chart(name, alt, drawing.png(figure))


def _draw_layer(
    axes: Any, y: int, found: Mapping[str, Row], drawn: Sequence[str], looks: Mapping[str, Look]
) -> Iterable[str]:
    """Draw one row of the chart; yields the letters that stand for a ratio."""
    for index, backend in enumerate(drawn):
        row = found.get(backend)
        if row is not None and row.ratio:
            _draw_whisker(axes, row.ratio, y + (index - (len(drawn) - 1) / 2) * 0.84 / len(drawn), looks[backend])
            continue
        letter = _NEVER if row is None else row.cell.status.marker or _NO_PAIR
        axes.text(1 + (0.12 + 0.16 * index) / drawing.inches(axes), y, letter, color=looks[backend].colour,
                  fontsize=NORMAL, transform=axes.get_yaxis_transform(), va="center", ha="center",
                  weight="bold")  # fmt: skip
        yield letter


def _draw_whisker(axes: Any, ratio: PairedRatio, y: float, look: Look) -> None:
    ends = [ratio.low, ratio.high]
    axes.plot(ends, [y, y], color=look.colour, linewidth=1.4, marker="|", markersize=6, solid_capstyle="butt")
    axes.plot([ratio.value], [y], color=look.colour, marker=look.marker, markersize=5, zorder=3)


def _scale(axes: Any, layers: Sequence[str], base: str, span: _Span) -> None:
    """Names of the layers, and powers of two below, as many as there is room for."""
    axes.set_xscale("log", base=2)
    axes.set_xlim(*span)
    axes.set_ylim(len(layers) - 0.5, -0.5)
    axes.set_yticks(range(len(layers)), layers, fontsize=SMALL, parse_math=False)
    axes.axvline(1, color="#333333", linewidth=1.2, zorder=1)
    powers = range(math.ceil(math.log2(span.low)), math.floor(math.log2(span.high)) + 1)
    every = max(1, math.ceil(len(powers) / 9))
    axes.set_xticks([2.0**p for p in powers if p % every == 0])
    axes.xaxis.set_major_formatter(FuncFormatter(lambda ratio, _: _tick(ratio)))
    axes.xaxis.set_minor_formatter(FuncFormatter(lambda ratio, _: ""))
    axes.tick_params(axis="x", labelsize=SMALL)
    axes.grid(axis="x", color="#dddddd", linewidth=0.6)
    axes.set_axisbelow(True)
    text = f"time / time of {base}    (left of the line: faster than {base}; right: slower)"
    axes.set_xlabel(text, fontsize=NORMAL, parse_math=False)


def _tick(ratio: float) -> str:
    return "same" if ratio == 1 else f"{max(ratio, 1 / ratio):g}x\n{'faster' if ratio < 1 else 'slower'}"


def _foot(rows: Sequence[Row], letters: Iterable[str], gone: Sequence[str], lowered: bool) -> list[str]:
    pairs = {row.ratio.pairs for row in rows if row.ratio}
    n = f"{min(pairs, default=0)}" + (f" to {max(pairs)}" if len(pairs) > 1 else "")
    lines = [f"n = {n} pairs; dot: median of the paired ratios; whisker: 95 % sign-test interval "
             "(fewer than 6 pairs: smallest to largest)"]  # fmt: skip
    signs = [f"{letter} = {_LETTERS[letter]}" for letter in letters]
    if signs:
        lines.append(f"no ratio (right margin, in the backend's colour): {', '.join(signs)}")
    if lowered or gone:
        parts = ["† derived: completed by the harness"] if lowered else []
        lines.append("; ".join([*parts, *([f"unavailable here: {', '.join(gone)}"] if gone else [])]))
    return lines
