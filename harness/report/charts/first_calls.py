"""What the first call costs, and after how many calls it has paid off: a row for each op, two panels."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from matplotlib.figure import Figure

from harness.report.charts import drawing, strips
from harness.report.charts.drawing import Chart, Looks
from harness.report.charts.strips import Mark
from harness.report.tables.first_calls import FirstCall
from harness.results import words


def first_call_chart(found: Sequence[FirstCall], base: str, title: str, name: str, looks: Looks) -> Chart | None:
    """Seconds on the left; calls to break even on the right, if somebody has something to pay back."""
    if not found:
        return None
    ops, drawn = list(dict.fromkeys(c.op for c in found)), list(dict.fromkeys(c.backend for c in found))
    pays = [c for c in found if c.break_even_calls and math.isfinite(c.break_even_calls)]
    top = 0.6 + 0.2 * math.ceil(len(drawn) / drawing.KEYS)
    left, width = 0.25 + 0.078 * max(map(len, ops)), 9.5
    figure = Figure(figsize=(width, max(0.34, 0.085 * len(drawn) + 0.08) * len(ops) + top + 0.75))
    middle = left + (width - left) * 0.54
    panels = [({(c.op, c.backend): c.first_seconds for c in found}, left, 0.2, "first call in the process")]
    if pays:
        panels[0] = (*panels[0][:2], width - middle + 0.25, panels[0][3])
        calls = {(c.op, c.backend): c.break_even_calls or 1.0 for c in pays}
        panels.append((calls, middle, 0.2, f"calls until the total is below that of {base}"))
    for index, (values, begin, end, label) in enumerate(panels):
        axes = drawing.axes_with_margins(figure, begin, end, top=top, bottom=0.75)
        strips.draw(axes, ops if index == 0 else [""] * len(ops), [_strip(values, op) for op in ops], looks, drawn)
        low, high = min(values.values()), max(values.values())
        said = _seconds if index == 0 else _calls
        strips.decades(axes, low / 1.6, high * 1.6, said, label)
    drawing.head(figure, title, [drawing.key(b, looks[b]) for b in drawn])
    without = "who is not on the right is ahead at once or never: see the table" if pays else ""
    drawing.foot(figure, [without])
    alt = f"{title.replace(chr(10), ', ')}. The numbers are in the table of the same name."
    return drawing.chart(name, alt, figure)


def _strip(values: Mapping[tuple[str, str], float], op: str) -> dict[str, Mark]:
    return {name: Mark(value, value, value) for (of, name), value in values.items() if of == op}


def _seconds(value: float) -> str:
    return words.duration(value, 1)


def _calls(value: float) -> str:
    return f"{value:,.0f}"
