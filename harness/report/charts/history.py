"""The history over commits: a panel an op, a line a backend, the mean time on a scale of powers of ten."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from harness.geometry.spec import ALL_OPS
from harness.report.charts import drawing
from harness.report.charts.drawing import INK, LINE, NORMAL, SMALL, SOFT, Chart, Looks
from harness.results import words
from harness.results.history import Point, Series

_MOST_LABELS = 6  # of commits below a panel


def history_chart(series: Sequence[Series], title: str, name: str, looks: Looks) -> Chart | None:
    """Geometric means over the layers that all commits of a backend have; None without any. `title` has two lines.

    Commits stand in the order in which they were made, at equal distances. The series are of one dtype.
    """
    if not series:
        return None
    ops = [op for op in ALL_OPS if any(one.op == op for one in series)]
    points = {point.commit: point for one in series for point in one.points}
    commits = sorted(points.values(), key=lambda point: (point.made, point.commit))
    places = {point.commit: place for place, point in enumerate(commits)}
    backends = list(dict.fromkeys(one.backend for one in series))
    figure, panels = drawing.panels(len(ops), len(backends), below=0.75)
    for index, (op, axes) in enumerate(zip(ops, panels, strict=True)):
        for one in series:
            if one.op == op:
                _draw(axes, one, places, looks[one.backend])
        _scale(axes, op, commits, labelled=index + drawing.PANELS >= len(ops))
    drawing.head(figure, title, [drawing.key(backend, looks[backend]) for backend in backends])
    layers = sorted({len(one.layers) for one in series})
    count = words.plural(layers[0], "layer") if len(layers) == 1 else f"{layers[0]} to {layers[-1]} layers"
    told = f"geometric mean of a call over the layers that all commits of a backend have ({count}); as asv recorded it"
    drawing.foot(figure, [told])
    alt = f"{title.replace(chr(10), ', ')}: seconds of a call at {words.plural(len(commits), 'commit')}, for each op."
    return drawing.chart(name, alt, figure)


def _draw(axes: Any, one: Series, places: dict[str, int], look: drawing.Look) -> None:
    xs, ys = [places[point.commit] for point in one.points], [point.seconds for point in one.points]
    axes.plot(xs, ys, color=look.colour, marker=look.marker, markersize=4, linewidth=1.1, zorder=3)


def _scale(axes: Any, op: str, commits: Sequence[Point], labelled: bool) -> None:
    drawing.plain(axes)
    axes.set_title(op, fontsize=NORMAL, color=INK)
    axes.set_yscale("log")
    axes.set_ylabel("s", fontsize=SMALL, labelpad=1, color=SOFT)
    axes.set_xlim(-0.5, len(commits) - 0.5)
    step = math.ceil(len(commits) / _MOST_LABELS)
    shown = range(len(commits) - 1, -1, -step)  # the newest has its label
    texts = [f"{commits[place].commit[:7]}\n{commits[place].made:%y-%m-%d}" for place in shown]
    axes.set_xticks(list(shown), texts if labelled else [""] * len(texts))
    axes.tick_params(labelsize=6.5)
    axes.grid(color=LINE, linewidth=0.6)
