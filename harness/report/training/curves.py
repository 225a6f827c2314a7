"""Losses of a training run over its steps, and beside them how much of the bound each backend uses.

On the left the curves of right backends lie on each other, as they should; the right side tells them apart.
"""

from __future__ import annotations

import io
import math
from collections.abc import Callable, Mapping, Sequence
from statistics import fmean
from typing import Any

import matplotlib as mpl
from matplotlib.figure import Figure

from harness.report.charts import drawing
from harness.report.charts.drawing import BAD, INK, LINE, NORMAL, SMALL, SOFT, Chart, Look
from harness.results import words
from harness.results.training.records import TrainedBackend, TrainReport

NAME = "training"
_LEAST = 1e-6  # share of the bound, below which nobody cares
_DASHES = ("--", ":")
_POINTS = 100  # of a curve, at most


def training_chart(report: TrainReport) -> Chart | None:
    """For the page; None if nothing was trained."""
    figure = _figure(report)
    if figure is None:
        return None
    alt = f"{_title(report)}: the loss of every step, and its difference from the oracle in units of the bound."
    return drawing.chart(NAME, alt, figure)


def picture(report: TrainReport, suffix: str) -> bytes:
    """A file of its own, for the suffix .png or .svg; it is empty if nothing was trained."""
    figure = _figure(report) or Figure(figsize=(9.5, 4.2))
    if suffix == ".png":
        return drawing.png(figure)
    buffer = io.BytesIO()
    with mpl.rc_context({"svg.hashsalt": "im2col-harness"}):
        figure.savefig(buffer, format="svg", metadata={"Date": None}, facecolor="white")
    return buffer.getvalue()


def _figure(report: TrainReport) -> Figure | None:
    right = [one for one in report.backends if one.losses]
    wrong = [one for one in report.wrong_on_purpose if one.losses]
    if not right and not wrong:
        return None
    looks: dict[str, Look] = drawing.looks(one.backend for one in right)
    rows = math.ceil((len(right) + len(wrong)) / drawing.KEYS)
    top = 0.55 + 0.2 * rows
    figure = Figure(figsize=(9.5, 3.6 + top))
    height = figure.get_figheight()
    grid = figure.add_gridspec(1, 2, left=0.075, right=0.985, top=1 - (top + 0.25) / height, bottom=0.72 / height,
                               wspace=0.22)  # fmt: skip
    losses: Any = figure.add_subplot(grid[0])
    shares: Any = figure.add_subplot(grid[1])
    for one in right:
        _draw(losses, shares, one, report, looks[one.backend].colour, "-")
    for one, dashes in zip(wrong, _DASHES, strict=False):
        _draw(losses, shares, one, report, BAD, dashes)
    shares.axhline(1.0, color=INK, linewidth=1.0)
    _scale(losses, "loss of a step")
    _scale(shares, "difference from the oracle / bound")
    drawing.head(figure, f"{_title(report)}\n{report.machine.name}", _keys(right, wrong, looks))
    notes = ["red: wrong on purpose"] if wrong else []
    notes += ["on the right, what is above the line at 1 has left the bound"]
    if (length := _block(report)) > 1:
        notes += [f"a point is {length} steps: their mean on the left, the largest on the right"]
    drawing.foot(figure, ["; ".join(notes)])
    return figure


def _title(report: TrainReport) -> str:
    epochs = words.plural(report.epochs, "epoch")
    return f"Training {report.network} on {report.images:,} images, {epochs}, on every backend"


def _keys(right: Sequence[TrainedBackend], wrong: Sequence[TrainedBackend], looks: Mapping[str, Look]) -> list[Any]:
    from matplotlib.lines import Line2D

    found = [Line2D([], [], color=looks[one.backend].colour, label=one.backend) for one in right]
    pairs = zip(wrong, _DASHES, strict=False)
    return [*found, *(Line2D([], [], color=BAD, linestyle=dashes, label=one.backend) for one, dashes in pairs)]


def _draw(losses: Any, shares: Any, one: TrainedBackend, report: TrainReport, colour: str, dashes: str) -> None:
    known = [math.nan if loss is None else loss for loss in one.losses]
    length = _block(report)
    losses.plot(*_in_blocks(known, length, fmean), color=colour, linestyle=dashes, linewidth=1.1)
    used = [
        max(abs(loss - oracle) / most, _LEAST)
        for loss, oracle, most in zip(known, report.oracle, report.allowed, strict=False)
    ]
    shares.plot(*_in_blocks(used, length, max), color=colour, linestyle=dashes, linewidth=1.1)


def _block(report: TrainReport) -> int:
    """How many steps make a point of a curve."""
    return math.ceil(len(report.oracle) / _POINTS)


def _in_blocks(
    values: Sequence[float], length: int, of_block: Callable[[Sequence[float]], float]
) -> tuple[list[int], list[float]]:
    """The last step of every block, and one number for it."""
    starts = range(0, len(values), length)
    return [min(start + length, len(values)) for start in starts], [
        of_block(values[start : start + length]) for start in starts
    ]


def _scale(axes: Any, title: str) -> None:
    drawing.plain(axes)
    axes.set_title(title, fontsize=NORMAL, color=INK)
    axes.set_yscale("log")
    axes.set_xlabel("step", fontsize=SMALL, labelpad=1, color=SOFT)
    axes.grid(color=LINE, linewidth=0.6)
