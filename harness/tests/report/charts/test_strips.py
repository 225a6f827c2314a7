"""The charts of one row an op: the overview, the first calls, and the threads."""

from __future__ import annotations

import math
from typing import Any

import pytest
from matplotlib.figure import Figure

from harness.report.charts import drawing
from harness.report.charts.first_calls import first_call_chart
from harness.report.charts.overview import overview_chart
from harness.report.charts.threads import thread_chart
from harness.report.scaling.threads import ThreadSpeedup
from harness.report.tables.first_calls import FirstCall
from harness.tests.helpers.runfiles import make_row


def _looks() -> drawing.Looks:
    return drawing.looks(["torch_native", "mine", "slow", "apart", "quick"])


def _dots(axes: Any) -> list[tuple[float, float, str]]:
    """Place and marker of each dot."""
    found = [line for line in axes.lines if len(line.get_xdata()) == 1]
    return [(float(d.get_xdata()[0]), float(d.get_ydata()[0]), d.get_marker()) for d in found]


def _lines(axes: Any) -> list[list[float]]:
    """The ends of each level line."""
    level = [line for line in axes.lines if len(line.get_xdata()) == 2 and len(set(line.get_ydata())) == 1]
    return [[float(x) for x in line.get_xdata()] for line in level]


def _rows(axes: Any) -> list[str]:
    return [text.get_text() for text in axes.get_yticklabels()]


def test_the_overview_has_the_mean_and_the_range_of_each_op_and_backend(figures: list[Figure]) -> None:
    rows = [
        make_row("torch_native", 1.0, ratio=(1, 1, 1)), make_row("mine", 1.0, ratio=(0.25, 0.2, 0.3)),
        make_row("mine", 1.0, "net:large", ratio=(1.0, 0.9, 1.1)), make_row("slow", 1.0, op="im2col", ratio=(4, 4, 4)),
        make_row("apart", 1.0),
    ]  # fmt: skip
    chart = overview_chart(rows, "torch_native", "Title\nbelow", "fastest-x", _looks())
    assert chart is not None
    assert (chart.name, chart.png) == ("fastest-x", b"\x89PNG")
    (axes,) = figures[0].axes
    looks = _looks()
    assert _rows(axes) == ["conv2d", "im2col"]
    dots: list[Any] = _dots(axes)
    assert dots == [
        (0.5, pytest.approx(-0.21), looks["mine"].marker), (4.0, pytest.approx(1.21), looks["slow"].marker)
    ]  # fmt: skip
    assert _lines(axes) == [[0.25, 1.0]]
    (legend,) = figures[0].legends
    assert [text.get_text() for text in legend.get_texts()] == ["mine", "slow"]
    assert (axes.get_xscale(), axes.get_xlabel()) == ("log", "time / time of torch_native")


def test_without_a_ratio_there_is_no_overview(figures: list[Figure]) -> None:
    rows = [make_row("torch_native", 1.0, ratio=(1, 1, 1)), make_row("apart", 1.0)]
    assert overview_chart(rows, "torch_native", "Title\nbelow", "name", {}) is None
    assert figures == []


def _call(backend: str, first: float, calls: float | None, op: str = "conv2d") -> FirstCall:
    return FirstCall(op=op, backend=backend, layer="l", run="r", group="g", first_seconds=first, seconds=1.0,
                     break_even_calls=calls)  # fmt: skip


def test_first_calls_and_what_pays_off_are_two_panels(figures: list[Figure]) -> None:
    """Who is ahead at once, or never, has no dot on the right."""
    found = [_call("torch_native", 0.1, None), _call("mine", 2.0, 8.0), _call("slow", 1.0, math.inf),
             _call("quick", 0.01, 0.0), _call("mine", 3.0, 500.0, "im2col")]  # fmt: skip
    chart = first_call_chart(found, "torch_native", "First call\nbelow", "first-calls-x", _looks())
    assert chart is not None
    left, right = figures[0].axes
    assert (_rows(left), _rows(right)) == (["conv2d", "im2col"], ["", ""])
    assert sorted(x for x, *_ in _dots(left)) == [0.01, 0.1, 1.0, 2.0, 3.0]
    assert sorted(x for x, *_ in _dots(right)) == [8.0, 500.0]
    assert [axes.get_xscale() for axes in (left, right)] == ["log", "log"]
    assert right.get_xlabel() == "calls until the total is below that of torch_native"
    labels = [[axes.xaxis.get_major_formatter()(tick) for tick in axes.get_xticks()] for axes in (left, right)]
    assert labels == [["10 ms", "100 ms", "1 s"], ["10", "100"]]


def test_where_nothing_has_to_pay_off_there_is_one_panel(figures: list[Figure]) -> None:
    assert first_call_chart([_call("mine", 2.0, math.inf)], "torch_native", "F\nb", "name", _looks()) is not None
    assert len(figures[0].axes) == 1
    assert first_call_chart([], "torch_native", "F\nb", "name", {}) is None


def test_threads_have_lines_at_nothing_gained_and_at_all_that_can_be(figures: list[Figure]) -> None:
    common = {"op": "conv2d", "dtype": "float32", "allocator": "steady", "fewer": 1, "layers": 3}
    found = [
        ThreadSpeedup(backend="mine", threads=2, speedup=1.5, least=1.0, most=2.0, **common),  # type: ignore[arg-type]
        ThreadSpeedup(backend="mine", threads=4, speedup=3.0, least=2.0, most=3.5, **common),  # type: ignore[arg-type]
    ]
    thread_chart(found, "Title\nbelow", "threads-x", _looks())
    (axes,) = figures[0].axes
    assert [x for x, *_ in _dots(axes)] == [3.0]
    assert _lines(axes) == [[2.0, 3.5]]
    lines: Any = axes.lines
    assert [line.get_xdata()[0] for line in lines if list(line.get_ydata()) == [0, 1]] == [1, 4]
    assert axes.get_xlabel() == "time on 1 / time on 4 threads; dashed: 4x"
