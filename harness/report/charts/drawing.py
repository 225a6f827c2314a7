"""What all charts share: colours, margins, head, foot, and the two forms in which they are kept.

Everything is drawn on `Figure` objects; `pyplot`, whose global state leaks between figures, is never imported.
"""

from __future__ import annotations

import io
import math
import warnings
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from PIL import Image, PngImagePlugin

from harness.contract import registry
from harness.report.charts import svg

# Okabe and Ito's colours that show on white, then Tol's for backends that we do not know; beside each, what stands for
# it on a dark page.
COLOURS = (
    ("#000000", "#f2f4f6"), ("#0072B2", "#3d9be0"), ("#CC79A7", "#dc93bb"), ("#E69F00", "#e9ab25"),
    ("#009E73", "#22b58b"), ("#D55E00", "#ee7a26"), ("#56B4E9", "#8fd0f5"), ("#332288", "#8c80e0"),
    ("#999933", "#b5b552"), ("#882255", "#cf6497"), ("#44AA99", "#66c7b7"), ("#7F7F7F", "#a3a3a3"),
)  # fmt: skip
INK, SOFT, LINE, SHADE, BAD = "#14181d", "#5a6470", "#dde1e6", "#f3f5f7", "#b00020"
_WORDS = {
    INK: "var(--ink)", SOFT: "var(--soft)", LINE: "var(--line)", SHADE: "var(--shade)", BAD: "var(--bad)",
    **{light.lower(): f"var(--b{index})" for index, (light, _) in enumerate(COLOURS)},
}  # fmt: skip
_MARKERS = "osD^vPX*<>ph"
SMALL, NORMAL, LARGE = 8, 9, 11  # pt
KEYS = 5  # in a row of the legend
PANELS = 3  # in a row of a figure
_MOST_BYTES = 200_000
_SOFTWARE = "im2col-harness"  # what a picture says of who drew it


@dataclass(frozen=True)
class Chart:
    """A picture with its file name (no suffix) and what it shows in words: a PNG, and an SVG for the page."""

    name: str
    alt: str
    png: bytes
    svg: str


class Look(NamedTuple):
    """How a backend is drawn in every chart."""

    colour: str
    marker: str


Looks = Mapping[str, Look]


def looks(backends: Iterable[str]) -> dict[str, Look]:
    """The look of each backend: registered ones by place in the registry, then the others by name.

    Each of the others has a colour that none of the registered among `backends` has, as long as there is one.
    """
    names, registered, every = set(backends), registry.names(), [light for light, _ in COLOURS]
    found = {name: _look(every, index) for index, name in enumerate(registered)}
    taken = {found[name].colour for name in names.intersection(registered)}
    free = [colour for colour in every if colour not in taken] or every
    for index, name in enumerate(sorted(names.difference(registered))):
        marker = _MARKERS[(len(registered) + index) % len(_MARKERS)]
        found[name] = Look(_look(free, index).colour, marker)
    return found


def _look(colours: Sequence[str], index: int) -> Look:
    """A colour that returns has another marker."""
    again, place = divmod(index, len(colours))
    return Look(colours[place], _MARKERS[(index + again) % len(_MARKERS)])


def axes_with_margins(figure: Figure, left: float, right: float, top: float, bottom: float) -> Any:
    """Axes with margins in inches, so that text keeps its room whatever the number of rows."""
    width, height = figure.get_size_inches()
    axes = figure.add_axes((left / width, bottom / height, 1 - (left + right) / width, 1 - (top + bottom) / height))
    plain(axes)
    return axes


def panels(count: int, keys: int, below: float) -> tuple[Figure, list[Any]]:
    """A figure of so many axes, with room for a head of so many keys and `below` inches for the foot."""
    rows, legend = math.ceil(count / PANELS), 0.2 * math.ceil(keys / KEYS)
    height = 2.1 * rows + 0.65 + below + legend
    figure = Figure(figsize=(9.5, height))
    grid = figure.add_gridspec(
        rows, PANELS, left=0.085, right=0.985, top=1 - (0.75 + legend) / height, bottom=below / height, wspace=0.28,
        hspace=0.35,
    )  # fmt: skip
    return figure, [figure.add_subplot(grid[divmod(index, PANELS)]) for index in range(count)]


def plain(axes: Any) -> None:
    """No box around the axes and nothing behind them: the page, light or dark, shows through."""
    axes.set_facecolor("none")
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(SOFT)
    axes.tick_params(colors=SOFT, labelcolor=INK, labelsize=SMALL)
    axes.set_axisbelow(True)


def inches(axes: Any) -> float:
    """Width of the axes."""
    return float(axes.get_position().width * axes.figure.get_figwidth())


def key(label: str, look: Look) -> Line2D:
    """The entry of a backend in the legend."""
    return Line2D([], [], color=look.colour, marker=look.marker, linestyle="", label=label)


def head(figure: Figure, title: str, keys: Sequence[Line2D]) -> None:
    """First line of the title, second line and legend, from the top down in inches."""
    first, _, rest = title.partition("\n")
    height = figure.get_figheight()
    figure.text(0.01, 1 - 0.08 / height, first, fontsize=LARGE, weight="bold", va="top", color=INK,
                parse_math=False)  # fmt: skip
    figure.text(0.01, 1 - 0.29 / height, rest, fontsize=SMALL, va="top", color=SOFT, parse_math=False)
    legend = figure.legend(
        handles=list(keys), loc="upper left", bbox_to_anchor=(0.0, 1 - 0.4 / height), ncols=min(KEYS, len(keys)),
        frameon=False, fontsize=SMALL, handletextpad=0.4, columnspacing=1.4, borderpad=0.3,
    )  # fmt: skip
    for text in legend.get_texts():
        text.set_color(INK)
        text.set_parse_math(False)  # names are anybody's, and `$` is only a character


def foot(figure: Figure, lines: Sequence[str]) -> None:
    """Notes at the lower edge."""
    figure.text(0.01, 0.06 / figure.get_figheight(), "\n".join(lines), fontsize=SMALL, va="bottom", color=SOFT,
                parse_math=False)  # fmt: skip


def chart(name: str, alt: str, figure: Figure) -> Chart:
    """The figure in both forms."""
    return Chart(name, alt, png(figure), svg.inline(figure, name, alt, _WORDS))


def png(figure: Figure) -> bytes:
    """The picture with a palette, a third of the size, at the finest resolution that stays below the limit."""
    data = b""
    for dpi in (130, 110, 90, 75):
        figure.set_dpi(dpi)
        canvas = FigureCanvasAgg(figure)
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "Glyph .* missing")  # names are in any script
            canvas.draw()
        image = Image.fromarray(np.asarray(canvas.buffer_rgba())).convert("RGB")
        buffer = io.BytesIO()
        drawn = image.quantize(128, dither=Image.Dither.NONE)
        drawn.save(buffer, format="PNG", optimize=True, dpi=(dpi, dpi), pnginfo=_drawn_by_us())
        data = buffer.getvalue()
        if len(data) < _MOST_BYTES:
            break
    return data


def is_ours(data: bytes) -> bool:
    """Whether a picture says that `png` drew it."""
    try:
        with Image.open(io.BytesIO(data)) as image:
            return image.info.get("Software") == _SOFTWARE
    except (OSError, SyntaxError, ValueError):
        return False


def _drawn_by_us() -> PngImagePlugin.PngInfo:
    found = PngImagePlugin.PngInfo()
    found.add_text("Software", _SOFTWARE)
    return found
