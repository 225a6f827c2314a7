"""What more threads bring: a row for each op, a line at what is the most that they can bring."""

from __future__ import annotations

import math
from collections.abc import Sequence

from matplotlib.figure import Figure

from harness.report.charts import drawing, strips
from harness.report.charts.drawing import LINE, SMALL, SOFT, Chart, Looks
from harness.report.charts.strips import Mark
from harness.report.scaling.threads import ThreadSpeedup


def thread_chart(found: Sequence[ThreadSpeedup], title: str, name: str, looks: Looks) -> Chart:
    """Of the largest number of threads; `found` is not empty."""
    most = max(one.threads for one in found)
    shown = [one for one in found if one.threads == most]
    ops, drawn = list(dict.fromkeys(o.op for o in shown)), list(dict.fromkeys(o.backend for o in shown))
    ideal = most / shown[0].fewer
    marks = [{o.backend: Mark(o.speedup, o.least, o.most) for o in shown if o.op == op} for op in ops]
    top = 0.6 + 0.2 * math.ceil(len(drawn) / drawing.KEYS)
    figure = Figure(figsize=(9.5, max(0.34, 0.085 * len(drawn) + 0.08) * len(ops) + top + 0.8))
    axes = drawing.axes_with_margins(figure, 0.25 + 0.078 * max(map(len, ops)), 0.2, top=top, bottom=0.8)
    strips.draw(axes, ops, marks, looks, drawn)
    axes.set_xlim(0, max(1.15 * ideal, 1.05 * max(o.most for o in shown)))
    axes.axvline(1, color=SOFT, linewidth=1, zorder=1)
    axes.axvline(ideal, color=SOFT, linewidth=1, linestyle="--", zorder=1)
    axes.grid(axis="x", color=LINE, linewidth=0.6)
    label = f"time on {shown[0].fewer} / time on {most} threads; dashed: {ideal:g}x"
    axes.set_xlabel(label, fontsize=SMALL, color=SOFT)
    drawing.head(figure, title, [drawing.key(b, looks[b]) for b in drawn])
    drawing.foot(figure, ["marker: geometric mean over the layers; line: from its least layer to its most; not paired"])
    alt = f"{title.replace(chr(10), ', ')}. The numbers are in the table of the same name."
    return drawing.chart(name, alt, figure)
