"""A row a line, a marker a backend along a logarithmic axis: the shape that several charts share."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from matplotlib.ticker import FuncFormatter, NullLocator

from harness.report.charts.drawing import INK, LINE, NORMAL, SHADE, SMALL, SOFT, Looks


class Mark(NamedTuple):
    """Where a marker stands, and the ends of the line through it."""

    value: float
    low: float
    high: float


Strip = Mapping[str, Mark]  # by backend: one row


def draw(axes: Any, labels: Sequence[str], strips: Sequence[Strip], looks: Looks, order: Sequence[str]) -> None:
    """Draw the rows from the top down; the backends of a row stand a little above each other, in `order`."""
    for y, strip in enumerate(strips):
        if y % 2:
            axes.axhspan(y - 0.5, y + 0.5, color=SHADE, zorder=0, linewidth=0)
        for index, name in enumerate(order):
            if name in strip:
                mark, height = strip[name], y + offset(index, len(order))
                if mark.low < mark.high:
                    axes.plot([mark.low, mark.high], [height] * 2, color=looks[name].colour, linewidth=1.2,
                              solid_capstyle="butt", zorder=2)  # fmt: skip
                axes.plot([mark.value], [height], color=looks[name].colour, marker=looks[name].marker, markersize=5.5,
                          linestyle="", zorder=3)  # fmt: skip
    axes.set_ylim(len(labels) - 0.5, -0.5)
    axes.set_yticks(range(len(labels)), labels, fontsize=NORMAL, parse_math=False)
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)


def offset(index: int, count: int) -> float:
    """How far below the middle of its row a backend is drawn."""
    return (index - (count - 1) / 2) * 0.84 / count


def ratio_axis(axes: Any, low: float, high: float, base: str) -> None:
    """A time against that of `base` in powers of two, as many as there is room for; a line where both are equal."""
    axes.set_xscale("log", base=2)
    axes.set_xlim(low, high)
    axes.axvline(1, color=INK, linewidth=1, zorder=1)
    powers = range(math.ceil(math.log2(low)), math.floor(math.log2(high)) + 1)
    every = max(1, math.ceil(len(powers) / 9))
    _ticks(axes, [2.0**power for power in powers if power % every == 0], ratio_tick)
    axes.set_xlabel(f"time / time of {base}", fontsize=SMALL, color=SOFT, parse_math=False)


def decades(axes: Any, low: float, high: float, said: Callable[[float], str], label: str) -> None:
    """Powers of ten in words."""
    axes.set_xscale("log")
    axes.set_xlim(low, high)
    powers = range(math.ceil(math.log10(low)), math.floor(math.log10(high)) + 1)
    _ticks(axes, [10.0**power for power in powers if power % max(1, math.ceil(len(powers) / 7)) == 0], said)
    axes.set_xlabel(label, fontsize=SMALL, color=SOFT, parse_math=False)


def ratio_tick(ratio: float) -> str:
    """A ratio in words, on two lines."""
    return "same" if ratio == 1 else f"{max(ratio, 1 / ratio):g}x\n{'faster' if ratio < 1 else 'slower'}"


def _ticks(axes: Any, values: Sequence[float], said: Callable[[float], str]) -> None:
    axes.set_xticks(values)
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: said(value)))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.grid(axis="x", color=LINE, linewidth=0.6)
