"""Times along one axis of a geometry: a panel an op, a line a backend, both scales logarithmic."""

from __future__ import annotations

from typing import Any

from harness.report.charts import drawing
from harness.report.charts.drawing import INK, LINE, NORMAL, SMALL, SOFT, Chart, Looks
from harness.report.scaling.sweeps import Sweep


def sweep_chart(sweep: Sweep, title: str, name: str, looks: Looks) -> Chart:
    """Median times of a call; `title` has two lines."""
    ops, backends = list(sweep.times), list(dict.fromkeys(b for of_op in sweep.times.values() for b in of_op))
    figure, panels = drawing.panels(len(ops), len(backends), below=0.6)
    for op, axes in zip(ops, panels, strict=True):
        for backend, times in sweep.times[op].items():
            look, values = looks[backend], sorted(times)
            axes.plot(values, [times[v] for v in values], color=look.colour, marker=look.marker, markersize=4,
                      linewidth=1.1, zorder=3)  # fmt: skip
        _scale(axes, op, sweep.values)
    drawing.head(figure, title, [drawing.key(backend, looks[backend]) for backend in backends])
    drawing.foot(figure, [f"median seconds of a call by {sweep.axis}; all else as in {sweep.shared}"])
    alt = f"{title.replace(chr(10), ', ')}: seconds of a call by {sweep.axis}, for each op."
    return drawing.chart(name, alt, figure)


def _scale(axes: Any, op: str, values: list[int]) -> None:
    drawing.plain(axes)
    axes.set_title(op, fontsize=NORMAL, color=INK)
    axes.set_xscale("log", base=2)
    axes.set_yscale("log")
    axes.set_ylabel("s", fontsize=SMALL, labelpad=1, color=SOFT)
    axes.set_xticks(values, [str(value) for value in values])
    axes.minorticks_off()
    axes.tick_params(labelsize=6.5)
    axes.grid(color=LINE, linewidth=0.6)
