"""The figure that the page begins with: every backend against the baseline, a row for each op."""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import geometric_mean

from matplotlib.figure import Figure

from harness.report.charts import drawing, strips
from harness.report.charts.drawing import Chart, Looks
from harness.report.charts.strips import Mark
from harness.report.measured.grouping import by_backend, by_op
from harness.report.measured.rows import Row


def overview_chart(rows: Sequence[Row], base: str, title: str, name: str, looks: Looks) -> Chart | None:
    """Geometric mean of the ratios of each op and backend, and the range of its layers; None if there is no ratio."""
    found = {
        op: {b: [row.ratio.value for row in own if row.ratio] for b, own in by_backend(of_op).items() if b != base}
        for op, of_op in by_op(rows).items()
    }
    drawn = list(dict.fromkeys(b for of_op in found.values() for b, ratios in of_op.items() if ratios))
    if not drawn:
        return None
    marks = [{b: Mark(geometric_mean(r), min(r), max(r)) for b, r in of_op.items() if r} for of_op in found.values()]
    low = min(mark.low for strip in marks for mark in strip.values())
    high = max(mark.high for strip in marks for mark in strip.values())
    top = 0.6 + 0.2 * math.ceil(len(drawn) / drawing.KEYS)
    row_height = max(0.34, 0.085 * len(drawn) + 0.08)  # inches
    figure = Figure(figsize=(7.6, row_height * len(marks) + top + 0.85))
    left = 0.25 + 0.078 * max(map(len, found))
    axes = drawing.axes_with_margins(figure, left, 0.2, top=top, bottom=0.85)
    strips.draw(axes, list(found), marks, looks, drawn)
    strips.ratio_axis(axes, min(low / 1.2, 0.7), max(high * 1.2, 1.43), base)
    drawing.head(figure, title, [drawing.key(b, looks[b]) for b in drawn])
    drawing.foot(figure, ["marker: geometric mean over the layers timed together with "
                          f"{base}; line: from its best layer to its worst"])  # fmt: skip
    alt = f"{title.replace(chr(10), ', ')}: geometric means for each op and backend. The numbers are in the table."
    return drawing.chart(name, alt, figure)
