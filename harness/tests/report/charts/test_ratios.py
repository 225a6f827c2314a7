"""The chart of ratios: dots and whiskers where the numbers are, in the colour of the backend, a row a layer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle

from harness.contract.status import CellStatus
from harness.report.charts import drawing
from harness.report.charts.ratios import ratio_charts
from harness.report.measured.rows import Row
from harness.tests.helpers.runfiles import make_row

_TITLE = "conv2d: time against torch_native\ncpu-x"
_ROWS = [
    make_row("torch_native", 1.0, ratio=(1, 1, 1)), make_row("mine", 0.5, ratio=(0.5, 0.25, 0.75), native=False),
    make_row("slow", 4.0, ratio=(4.0, 3.0, 8.0)), make_row("sick", status="fail"),
    make_row("torch_native", 1.0, "net:large", ratio=(1, 1, 1)),
    make_row("slow", 2.0, "net:large", ratio=(2.0, 1.5, 2.5)),
    make_row("mine", 1.0, "net:large", native=False), make_row("sick", layer="net:large", status="hung"),
    make_row("slow", 1.0, "net:wide", ratio=(1.25, 1.0, 1.5)), make_row("sick", layer="net:wide", status="over_budget"),
    make_row("gone", status="unavailable", reason="no CUDA"),
]  # fmt: skip


def _looks(rows: Sequence[Row]) -> drawing.Looks:
    return drawing.looks(row.cell.backend for row in rows)


def _axes(figure: Figure) -> Any:
    (axes,) = figure.axes
    return axes


def _whiskers(axes: Any) -> list[tuple[list[float], float, str]]:
    """Ends, height and colour of each whisker, in the order in which they are drawn."""
    lines = [line for line in axes.lines if len(line.get_xdata()) == 2 and line.get_ydata()[0] == line.get_ydata()[1]]
    return [([float(x) for x in line.get_xdata()], float(line.get_ydata()[0]), line.get_color()) for line in lines]


def _dots(axes: Any) -> list[tuple[float, float, str, str]]:
    """Place, colour and marker of each dot."""
    lines = [line for line in axes.lines if len(line.get_xdata()) == 1]
    return [(float(d.get_xdata()[0]), float(d.get_ydata()[0]), d.get_color(), d.get_marker()) for d in lines]


def _letters(axes: Any) -> list[tuple[str, float]]:
    """Each letter that stands for a ratio, with its row."""
    return [(text.get_text(), float(text.get_position()[1])) for text in axes.texts]


def _foot(figure: Figure) -> list[str]:
    """The lines at the lower edge."""
    return figure.texts[-1].get_text().split("\n")


def test_dots_and_whiskers_are_where_the_numbers_are(figures: list[Figure]) -> None:
    """Three backends a row: 0.28 above it, on it, and 0.28 below it; the baseline is the line at 1."""
    (chart,) = ratio_charts(_ROWS, "torch_native", _TITLE, "ratio-conv2d", _looks(_ROWS))
    looks = drawing.looks(["torch_native", "mine", "slow", "sick", "gone"])
    axes = _axes(figures[0])
    mine, slow = looks["mine"], looks["slow"]
    assert _whiskers(axes) == [
        ([0.25, 0.75], pytest.approx(-0.28), mine.colour), ([3.0, 8.0], 0.0, slow.colour),
        ([1.5, 2.5], 1.0, slow.colour), ([1.0, 1.5], 2.0, slow.colour),
    ]  # fmt: skip
    assert [dot for dot in _dots(axes) if dot[1] > -0.5] == [
        (0.5, pytest.approx(-0.28), *mine), (4.0, 0.0, *slow), (2.0, 1.0, *slow), (1.25, 2.0, *slow),
    ]  # fmt: skip
    (one,) = [line for line in axes.lines if list(line.get_xdata()) == [1, 1]]
    assert list(one.get_ydata()) == [0, 1]  # of the axes: from the bottom to the top
    assert (chart.name, chart.png) == ("ratio-conv2d", b"\x89PNG")
    assert chart.alt == (
        "conv2d: time against torch_native, cpu-x: ratio of the times per layer. The numbers are in the table of the "
        "same op."
    )


def test_a_letter_stands_for_what_has_no_ratio(figures: list[Figure]) -> None:
    """In the right margin, a column for each backend below its marker; and the foot says what the letters mean."""
    ratio_charts(_ROWS, "torch_native", _TITLE, "name", _looks(_ROWS))
    looks, axes = drawing.looks(["torch_native", "mine", "slow", "sick", "gone"]), _axes(figures[0])
    assert _letters(axes) == [("F", 0), ("n", 1), ("H", 1), ("?", 2), ("b", 2)]
    width = drawing.inches(axes)
    assert [(text.get_position()[0] - 1) * width for text in axes.texts] == pytest.approx(
        [0.44, 0.12, 0.44, 0.12, 0.44]
    )
    heads = [dot for dot in _dots(axes) if dot[1] < -0.5]
    assert [((x - 1) * width, *look) for x, _, *look in heads] == [
        (pytest.approx(x), *looks[name]) for x, name in ((0.12, "mine"), (0.28, "slow"), (0.44, "sick"))
    ]
    assert _foot(figures[0]) == [
        "n = 11 pairs; dot: median of the paired ratios; whisker: 95 % sign-test interval (fewer than 6 pairs: "
        "smallest to largest)",
        "no ratio (right margin, below the backend's marker): F = fail, n = no time of the baseline in the same "
        "measurement, H = hung, ? = not tried, b = over budget",
        "† derived: completed by the harness; unavailable here: gone",
    ]  # fmt: skip


@pytest.mark.parametrize("status", [s for s in CellStatus if s is not CellStatus.OK])
def test_every_status_has_a_letter_that_the_foot_explains(figures: list[Figure], status: CellStatus) -> None:
    rows = [make_row("mine", 1.0, ratio=(2, 2, 2)), make_row("sick", status=status), make_row("sick", 1.0, "net:large")]
    ratio_charts(rows, "torch_native", _TITLE, "name", _looks(rows))
    letter = {
        "fail": "F", "crashed": "C", "hung": "H", "implausible": "!", "over_budget": "b", "no_memory": "m",
        "unavailable": "a", "unsupported": "u",
    }[status]  # fmt: skip
    assert _letters(_axes(figures[0]))[0][0] == letter
    assert f": {letter} = {status.replace('_', ' ')}, " in _foot(figures[0])[1]


def test_the_foot_says_only_what_there_is_to_say(figures: list[Figure]) -> None:
    def of(rows: Sequence[Row]) -> list[str]:
        ratio_charts(rows, "torch_native", _TITLE, "name", _looks(rows))
        return _foot(figures[-1])

    base, plain = make_row("torch_native", 1.0, ratio=(1, 1, 1)), make_row("mine", 1.0, ratio=(2, 2, 2))
    few = Row(cell=plain.cell, seconds=plain.seconds, ratio=plain.ratio and plain.ratio._replace(pairs=4))
    derived = make_row("derived", 1.0, ratio=(2, 2, 2), native=False)
    lost = make_row("torch_native", status="unavailable")
    assert len(of([base, plain])) == 1
    assert of([base, few])[0].startswith("n = 4 to 11 pairs; ")
    assert of([base, derived])[1:] == ["† derived: completed by the harness"]
    assert of([plain, make_row("gone", status="unavailable")])[1:] == ["unavailable here: gone"]
    assert len(of([plain, lost])) == 1  # the baseline has no column, but is no backend beside it
    assert len(of([make_row("torch_native", 1.0, ratio=(1, 1, 1), native=False), plain])) == 1


def test_heads_and_names(figures: list[Figure]) -> None:
    """The legend has the drawn backends in order, with a dagger for a derived one."""
    ratio_charts(_ROWS, "torch_native", _TITLE, "name", _looks(_ROWS))
    (figure,) = figures
    assert [text.get_text() for text in figure.texts[:2]] == ["conv2d: time against torch_native", "cpu-x"]
    (legend,) = figure.legends
    assert [text.get_text() for text in legend.get_texts()] == ["mine †", "slow", "sick"]
    looks = drawing.looks(["torch_native", "mine", "slow", "sick", "gone"])
    handles = [line for line in legend.legend_handles if isinstance(line, Line2D)]
    assert [(line.get_color(), line.get_marker()) for line in handles] == [looks[n] for n in ("mine", "slow", "sick")]


def test_layers_stand_from_the_top_down_and_every_second_is_shaded(figures: list[Figure]) -> None:
    names = ["net:small", "a" * 49, "b" * 50, "net:$x$"]
    rows = [
        make_row("mine", 1.0, name, ratio=(2, 2, 2), spec=f"n1c1h{i + 1}w1_f1kh1kw1") for i, name in enumerate(names)
    ]
    ratio_charts(rows, "torch_native", _TITLE, "name", _looks(rows))
    axes = _axes(figures[0])
    assert [text.get_text() for text in axes.get_yticklabels()] == ["net:small", "a" * 49, "b" * 48 + "…", "net:$x$"]
    assert list(axes.get_yticks()) == [0, 1, 2, 3]
    assert axes.get_ylim() == (3.5, -0.5)
    bands = [patch for patch in axes.patches if isinstance(patch, Rectangle)]
    assert [(band.get_y(), band.get_height()) for band in bands] == [(0.5, 1.0), (2.5, 1.0)]


@pytest.mark.parametrize(
    ("low", "high", "limits", "ticks", "labels"),
    [
        (0.9, 1.1, (0.7, 1.43), [1.0], ["same"]),
        (0.3, 5.0, (0.25, 6.0), [0.25, 0.5, 1, 2, 4], ["4x\nfaster", "2x\nfaster", "same", "2x\nslower", "4x\nslower"]),
        (0.9, 2.0**20, (0.7, 1.2 * 2**20), [2.0**p for p in range(0, 21, 3)], None),
    ],
)
def test_the_axis_holds_every_interval_and_has_powers_of_two(
    figures: list[Figure], low: float, high: float, limits: tuple[float, float], ticks: list[float],
    labels: list[str] | None,
) -> None:  # fmt: skip
    rows = [make_row("mine", 1.0, ratio=(1.0, low, 1.05)), make_row("slow", 1.0, ratio=(1.0, 0.95, high))]
    ratio_charts(rows, "torch_native", _TITLE, "name", _looks(rows))
    axes = _axes(figures[0])
    assert axes.get_xlim() == pytest.approx(limits)
    assert list(axes.get_xticks()) == ticks
    shown = [axes.xaxis.get_major_formatter()(tick) for tick in ticks]
    assert labels is None or shown == labels
    assert list(axes.xaxis.get_minorticklocs()) == []
    assert axes.get_xscale() == "log"
    assert axes.get_xlabel() == "time / time of torch_native"


@pytest.mark.parametrize(("layers", "names"), [(32, ["r"]), (33, ["r-1", "r-2"]), (70, ["r-1", "r-2", "r-3"])])
def test_many_layers_are_several_charts_with_the_same_axis(
    figures: list[Figure], layers: int, names: list[str]
) -> None:
    rows = [
        make_row(name, 1.0, f"l{i}", ratio=(1.0, 1 / (i + 1), 2.0), spec=f"n1c1h{i + 1}w1_f1kh1kw1")
        for i in range(layers) for name in ("torch_native", "mine")
    ]  # fmt: skip
    charts = ratio_charts(rows, "torch_native", _TITLE, "r", _looks(rows))
    assert [chart.name for chart in charts] == names
    assert [len(_axes(figure).get_yticks()) for figure in figures] == [32] * (layers // 32) + [layers % 32] * (
        layers > 32
    )
    assert len({_axes(figure).get_xlim() for figure in figures}) == 1
    assert _axes(figures[-1]).get_yticklabels()[-1].get_text() == f"l{layers - 1}"
    titles = [figure.texts[0].get_text() for figure in figures]
    parts = [f", part {i} of {len(names)}" for i in range(1, len(names) + 1)] if len(names) > 1 else [""]
    assert titles == [f"conv2d: time against torch_native{part}" for part in parts]


def test_more_backends_take_more_room(figures: list[Figure]) -> None:
    """0.28 inches a row and one line of keys for two; 0.42 inches and two lines of keys for six."""
    for count in (2, 6):
        rows = [
            make_row(f"b{i}", 1.0, layer, ratio=(2, 2, 2)) for layer in ("net:small", "net:large") for i in range(count)
        ]
        ratio_charts(rows, "torch_native", _TITLE, "name", _looks(rows))
    two, six = figures
    assert two.get_figheight() == pytest.approx(2 * 0.28 + 0.8 + 1.2)
    assert six.get_figheight() == pytest.approx(2 * 0.42 + 1.0 + 1.2)
    assert two.get_figwidth() == six.get_figwidth() == 9.5
    assert drawing.inches(_axes(two)) == pytest.approx(9.5 - (0.3 + 0.072 * 9) - (0.25 + 0.32))
    assert _axes(six).get_position().height * six.get_figheight() == pytest.approx(2 * 0.42)
