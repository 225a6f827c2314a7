"""The figures, as PNG bytes: ratios per layer with their intervals, and the roofline.

Everything is drawn on `Figure` objects; `pyplot`, whose global state leaks between figures, is never imported.
"""

from __future__ import annotations

import io
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter
from PIL import Image

from harness.contract import registry
from harness.report import words
from harness.report.comparisons import derived
from harness.report.measures import CONVOLUTIONS, records
from harness.report.tables import unavailable
from harness.results.run_files import Record

# Okabe and Ito's colours that show on white, then Tol's for backends that we do not know.
_COLOURS = ("#000000", "#0072B2", "#CC79A7", "#E69F00", "#009E73", "#D55E00", "#56B4E9")
_MORE_COLOURS = ("#332288", "#999933", "#882255", "#44AA99", "#7F7F7F")
_MARKERS = "osD^vPX*<>ph"
_ROOF = "#555555"
_SMALL, _NORMAL, _LARGE = 8, 9, 11  # pt
_MOST_BYTES = 200_000
_MOST_LAYERS = 32
_KEYS = 5  # in a row of the legend
_LETTERS = {"over_budget": "b", "unsupported": "u", "unavailable": "a", "fail": "F", "crashed": "C", "hung": "H"}
_LETTER_WORDS = {"b": "over budget", "u": "unsupported", "a": "unavailable", "F": "wrong result", "C": "crashed",
                 "H": "hung", "?": "not tried", "n": "no time of the baseline in the same measurement"}  # fmt: skip


@dataclass(frozen=True)
class Picture:
    """A PNG with its file name (no suffix) and what it shows in words."""

    name: str
    alt: str
    png: bytes


def looks(backends: Sequence[str]) -> dict[str, tuple[str, str]]:
    """(colour, marker) of each backend: registered ones by place in the registry, then the others by name."""
    registered = registry.names()
    others = sorted(set(backends) - set(registered))
    found, palette = {}, _COLOURS + _MORE_COLOURS
    for index, name in enumerate([*registered, *others]):
        again, colour = divmod(index, len(palette))
        found[name] = palette[colour], _MARKERS[(index + again) % len(_MARKERS)]  # a colour that returns has another
    return found


def ratios(cells: pd.DataFrame, base: str, title: str, name: str) -> list[Picture]:
    """Dots and whiskers of the paired ratios: a row per layer, a colour per backend, what is missing as a letter.

    One picture for every `_MOST_LAYERS` layers, with the same time axis.
    """
    specs = list(dict.fromkeys(cells["spec"]))
    starts = range(0, len(specs), _MOST_LAYERS)
    pages = [cells[cells.spec.isin(specs[start : start + _MOST_LAYERS])] for start in starts]
    limits = (min(cells["ratio_low"].min() / 1.2, 0.7), max(cells["ratio_high"].max() * 1.2, 1.43))
    if len(pages) == 1:
        return [_ratios(cells, base, title, name, limits)]
    return [
        _ratios(page, base, title.replace("\n", f", part {i} of {len(pages)}\n", 1), f"{name}-{i}", limits)
        for i, page in enumerate(pages, start=1)
    ]


def _ratios(cells: pd.DataFrame, base: str, title: str, name: str, limits: tuple[float, float]) -> Picture:
    layers = dict(zip(cells["spec"], cells["layer"], strict=True))
    gone = [b for b in unavailable(cells) if b != base]
    drawn = [str(b) for b in dict.fromkeys(cells["backend"]) if b != base and b not in gone]
    style, lowered = looks(list(cells["backend"])), derived(cells)
    labels = [label if len(label) < 50 else f"{label[:48]}…" for label in layers.values()]
    row_height = max(0.3, 0.13 * len(drawn) + 0.06)  # inches
    top = 0.6 + 0.2 * math.ceil(len(drawn) / _KEYS)
    figure = Figure(figsize=(9.5, row_height * len(layers) + top + 1.2))
    axes = _axes(figure, 0.3 + 0.072 * max(map(len, labels)), 0.25 + 0.16 * len(drawn), top=top, bottom=1.2)
    found = {(r["spec"], r["backend"]): r for r in records(cells)}
    letters: dict[str, None] = {}
    for row, spec in enumerate(layers):
        if row % 2:
            axes.axhspan(row - 0.5, row + 0.5, color="#f3f3f3", zorder=0)
        for index, backend in enumerate(drawn):
            record = found.get((spec, backend))
            if record is not None and record["pairs"]:
                _whisker(axes, record, row + (index - (len(drawn) - 1) / 2) * 0.84 / len(drawn), style[backend])
                continue
            letter = _letter(record)
            letters[letter] = None
            axes.text(1 + (0.12 + 0.16 * index) / _inches(axes), row, letter, color=style[backend][0], fontsize=_NORMAL,
                      transform=axes.get_yaxis_transform(), va="center", ha="center", weight="bold")  # fmt: skip
    _ratio_axes(axes, labels, base, limits)
    _head(figure, title, [_key(b + (" †" if b in lowered else ""), style[b]) for b in drawn])
    _foot(figure, _ratio_foot(cells, letters, gone, bool(lowered & set(drawn))))
    alt = f"{title.replace(chr(10), ', ')}: ratio of the times per layer. The numbers are in the table of the same op."
    return Picture(name, alt, _png(figure))


def _whisker(axes: Any, record: Record, y: float, style: tuple[str, str]) -> None:
    ends, (colour, marker) = [record["ratio_low"], record["ratio_high"]], style
    axes.plot(ends, [y, y], color=colour, linewidth=1.4, marker="|", markersize=6, solid_capstyle="butt")
    axes.plot([record["ratio"]], [y], color=colour, marker=marker, markersize=5, zorder=3)


def _letter(record: Record | None) -> str:
    return "?" if record is None else _LETTERS.get(record["status"], "n")


def _ratio_axes(axes: Any, layers: Sequence[str], base: str, limits: tuple[float, float]) -> None:
    axes.set_xscale("log", base=2)
    low, high = limits
    axes.set_xlim(low, high)
    axes.set_ylim(len(layers) - 0.5, -0.5)
    axes.set_yticks(range(len(layers)), layers, fontsize=_SMALL)
    axes.axvline(1, color="#333333", linewidth=1.2, zorder=1)
    powers = range(math.ceil(math.log2(low)), math.floor(math.log2(high)) + 1)
    every = max(1, math.ceil(len(powers) / 9))
    axes.set_xticks([2.0**p for p in powers if p % every == 0])
    axes.xaxis.set_major_formatter(FuncFormatter(lambda ratio, _: _tick(ratio)))
    axes.xaxis.set_minor_formatter(FuncFormatter(lambda ratio, _: ""))
    axes.tick_params(axis="x", labelsize=_SMALL)
    axes.grid(axis="x", color="#dddddd", linewidth=0.6)
    axes.set_axisbelow(True)
    axes.set_xlabel(f"time / time of {base}    (left of the line: faster than {base}; right: slower)", fontsize=_NORMAL)


def _tick(ratio: float) -> str:
    return "same" if ratio == 1 else f"{max(ratio, 1 / ratio):g}x\n{'faster' if ratio < 1 else 'slower'}"


def _ratio_foot(cells: pd.DataFrame, letters: dict[str, None], gone: Sequence[str], lowered: bool) -> list[str]:
    pairs = cells.loc[cells.pairs > 0, "pairs"]
    n = f"{pairs.min()}" + (f" to {pairs.max()}" if pairs.nunique() > 1 else "")
    lines = [f"n = {n} pairs; dot: median of the paired ratios; whisker: 95 % sign-test interval "
             "(fewer than 6 pairs: smallest to largest)"]  # fmt: skip
    signs = [f"{letter} = {_LETTER_WORDS[letter]}" for letter in letters]
    if signs:
        lines.append(f"no ratio (right margin, in the backend's colour): {', '.join(signs)}")
    if lowered or gone:
        parts = ["† derived: completed by the harness"] if lowered else []
        lines.append("; ".join([*parts, *([f"unavailable here: {', '.join(gone)}"] if gone else [])]))
    return lines


def roofline(rates: pd.DataFrame, ceilings: Record, dtype: str, title: str, name: str) -> Picture:
    """Arithmetic intensity against GFLOP/s, a panel per convolution op, under the roofs measured on this machine."""
    shown = rates[rates.op.isin(CONVOLUTIONS) & rates.compute_share.notna() & (rates.device == "")]
    ops = [op for op in CONVOLUTIONS if op in set(shown["op"])]
    style, names = looks(list(rates["backend"])), [str(b) for b in dict.fromkeys(shown["backend"])]
    figure = Figure(figsize=(9.5, 5.0))
    grid = figure.add_gridspec(1, len(ops), left=0.075, right=0.985, top=0.8, bottom=0.19, wspace=0.06)
    first: Any = None
    span = (shown["intensity"].min() / 2, shown["intensity"].max() * 2)
    for index, op in enumerate(ops):
        axes: Any = figure.add_subplot(grid[index], sharex=first, sharey=first)
        first = first or axes
        roofs = _roofs(axes, ceilings, dtype, span)
        for backend, own in shown[shown.op == op].groupby("backend", sort=False):
            colour, marker = style[str(backend)]
            axes.scatter(own["intensity"], own["gflops"], s=24, color=colour, marker=marker, linewidths=0, zorder=3)
            above = own[own.share > 1]
            axes.scatter(above["intensity"], above["gflops"], s=110, facecolors="none", edgecolors="#C00000", zorder=4)
        axes.set_title(op, fontsize=_NORMAL)
        axes.tick_params(labelsize=_SMALL, labelleft=index == 0)
        axes.grid(color="#e4e4e4", linewidth=0.6)
    first.set_ylabel("GFLOP/s", fontsize=_NORMAL)
    figure.supxlabel("arithmetic intensity: flop per byte, each input read once and each output written once",
                     y=0.085, fontsize=_NORMAL)  # fmt: skip
    _head(figure, title, [*(_key(b, style[b]) for b in names), *roofs])
    outside = [str(b) for b in dict.fromkeys(rates["backend"]) if b not in names]
    lines = ["one dot per layer and backend at the median time; red ring: above its ceiling, see the table"]
    _foot(figure, lines + [f"not drawn, as these roofs are the CPU's: {', '.join(outside)}"] * bool(outside))
    alt = f"{title.replace(chr(10), ', ')}. The numbers are in the throughput table."
    return Picture(name, alt, _png(figure))


def _roofs(axes: Any, ceilings: Record, dtype: str, span: tuple[float, float]) -> list[Line2D]:
    """Draw the roofs; returns the keys of the legend."""
    flat = ceilings["matmul_gflops"][dtype]
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xlim(*span)
    axes.axhline(flat, color=_ROOF, linewidth=1.2, zorder=1)
    keys = [Line2D([], [], color=_ROOF, label=f"matrix product {words.digits(flat)} GFLOP/s")]
    for name, line in (("cache", "--"), ("dram", ":")):
        slope = ceilings["copy_gbs"][name]
        start = min(span[0], flat / slope)
        axes.plot([start, flat / slope], [start * slope, flat], color=_ROOF, linestyle=line, linewidth=1.2, zorder=1)
        label = f"copy in {name} {words.digits(slope)} GB/s"
        keys.append(Line2D([], [], color=_ROOF, linestyle=line, label=label))
    return keys


def _axes(figure: Figure, left: float, right: float, top: float, bottom: float) -> Any:
    """Axes with margins in inches, so that text keeps its room whatever the number of rows."""
    width, height = figure.get_size_inches()
    return figure.add_axes((left / width, bottom / height, 1 - (left + right) / width, 1 - (top + bottom) / height))


def _inches(axes: Any) -> float:
    return float(axes.get_position().width * axes.figure.get_figwidth())


def _key(label: str, style: tuple[str, str]) -> Line2D:
    return Line2D([], [], color=style[0], marker=style[1], linestyle="", label=label)


def _head(figure: Figure, title: str, keys: list[Line2D]) -> None:
    """First line, second line and legend, from the top down in inches."""
    first, _, rest = title.partition("\n")
    height = figure.get_figheight()
    figure.text(0.01, 1 - 0.08 / height, first, fontsize=_LARGE, weight="bold", va="top")
    figure.text(0.01, 1 - 0.29 / height, rest, fontsize=_SMALL, va="top", color="#333333")
    figure.legend(handles=keys, loc="upper left", bbox_to_anchor=(0.0, 1 - 0.4 / height), ncols=min(_KEYS, len(keys)),
                  frameon=False, fontsize=_SMALL, handletextpad=0.4, columnspacing=1.4, borderpad=0.3)  # fmt: skip


def _foot(figure: Figure, lines: Sequence[str]) -> None:
    figure.text(0.01, 0.06 / figure.get_figheight(), "\n".join(lines), fontsize=_SMALL, va="bottom", color="#333333")


def _png(figure: Figure) -> bytes:
    """The picture with a palette, a third of the size, at the finest resolution that stays below the limit."""
    data = b""
    for dpi in (130, 110, 90, 75):
        figure.set_dpi(dpi)
        canvas = FigureCanvasAgg(figure)
        canvas.draw()
        image = Image.fromarray(np.asarray(canvas.buffer_rgba())).convert("RGB")
        buffer = io.BytesIO()
        image.quantize(128, dither=Image.Dither.NONE).save(buffer, format="PNG", optimize=True, dpi=(dpi, dpi))
        data = buffer.getvalue()
        if len(data) < _MOST_BYTES:
            break
    return data
