"""Arithmetic intensity against GFLOP/s, a panel per convolution op, under the roofs measured on this machine."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from harness.report.charts import drawing
from harness.report.charts.drawing import BAD, INK, LINE, NORMAL, SMALL, SOFT, Chart, Looks
from harness.report.measured.grouping import grouped
from harness.report.tables.throughput import CONVOLUTIONS, Throughput
from harness.results import words
from harness.results.records import Ceilings

_ROOF = SOFT


def roofline_chart(
    found: Sequence[Throughput], ceilings: Ceilings, dtype: str, title: str, name: str, looks: Looks
) -> Chart | None:
    """One dot per layer and backend, at its median time; None if nothing stands under the CPU's roofs."""
    shown = [t for t in found if t.op in CONVOLUTIONS and t.rates.compute_share and not t.device]  # no work, no dot
    if not shown:
        return None
    ops = [op for op in CONVOLUTIONS if any(t.op == op for t in shown)]
    names = list(dict.fromkeys(t.backend for t in shown))
    figure = Figure(figsize=(9.5, 5.0))
    grid = figure.add_gridspec(1, len(ops), left=0.075, right=0.985, top=0.8, bottom=0.19, wspace=0.06)
    intensities = [_intensity(t) for t in shown]
    span = (min(intensities) / 2, max(intensities) * 2)
    first: Any = None
    roofs: list[Line2D] = []
    for index, op in enumerate(ops):
        axes: Any = figure.add_subplot(grid[index], sharex=first, sharey=first)
        first = first or axes
        roofs = _draw_roofs(axes, ceilings, dtype, span)
        for backend, own in grouped((t for t in shown if t.op == op), lambda t: t.backend).items():
            _draw_dots(axes, own, looks[backend])
        axes.set_title(op, fontsize=NORMAL, color=INK)
        drawing.plain(axes)
        axes.tick_params(labelsize=SMALL, labelleft=index == 0, which="both", color=SOFT)
        axes.grid(color=LINE, linewidth=0.6)
    first.set_ylabel("GFLOP/s", fontsize=NORMAL, color=SOFT)
    figure.supxlabel("arithmetic intensity: flop per byte, each input read once and each output written once",
                     y=0.085, fontsize=NORMAL, color=SOFT)  # fmt: skip
    drawing.head(figure, title, [*(drawing.key(b, looks[b]) for b in names), *roofs])
    outside = [b for b in dict.fromkeys(t.backend for t in found) if b not in names]
    lines = ["one dot per layer and backend at the median time; red ring: above its ceiling, see the table"]
    drawing.foot(figure, lines + [f"not drawn, as these roofs are the CPU's: {', '.join(outside)}"] * bool(outside))
    alt = f"{title.replace(chr(10), ', ')}. The numbers are in the throughput table."
    return drawing.chart(name, alt, figure)


def _draw_dots(axes: Any, own: Sequence[Throughput], look: drawing.Look) -> None:
    """The dots of one backend, with a ring around each that is above its ceiling."""
    above = [t for t in own if t.rates.share is not None and t.rates.share > 1]
    axes.scatter([_intensity(t) for t in own], [t.rates.gflops for t in own], s=24, color=look.colour,
                 marker=look.marker, linewidths=0, zorder=3)  # fmt: skip
    axes.scatter([_intensity(t) for t in above], [t.rates.gflops for t in above], s=110, facecolors="none",
                 edgecolors=BAD, zorder=4)  # fmt: skip


def _intensity(found: Throughput) -> float:
    """Flop per byte."""
    assert found.rates.intensity  # of what has work
    return found.rates.intensity


def _draw_roofs(axes: Any, ceilings: Ceilings, dtype: str, span: tuple[float, float]) -> list[Line2D]:
    """Draw the roofs; returns the keys of the legend."""
    flat = ceilings.matmul_gflops[dtype]
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xlim(*span)
    axes.axhline(flat, color=_ROOF, linewidth=1.2, zorder=1)
    keys = [Line2D([], [], color=_ROOF, label=f"matrix product {words.digits(flat)} GFLOP/s")]
    for name, line in (("cache", "--"), ("dram", ":")):
        slope = ceilings.copy_gbs[name]
        start = min(span[0], flat / slope)
        axes.plot([start, flat / slope], [start * slope, flat], color=_ROOF, linestyle=line, linewidth=1.2, zorder=1)
        label = f"copy in {name} {words.digits(slope)} GB/s"
        keys.append(Line2D([], [], color=_ROOF, linestyle=line, label=label))
    return keys
