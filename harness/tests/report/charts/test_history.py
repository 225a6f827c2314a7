"""The history over commits: a line a backend in the panel of its op, commits in their order."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from matplotlib.figure import Figure

from harness.report.charts import drawing
from harness.report.charts.history import history_chart
from harness.results.history import Point, Series


def series(backend: str, op: str = "im2col", layers: int = 2, **seconds: float) -> Series:
    """Times by commit: `a1` is of the first day, `b2` of the second."""
    points = [Point(name * 10, datetime(2026, 1, int(name[1:]), tzinfo=UTC), time) for name, time in seconds.items()]
    return Series(op, "float32", backend, tuple(f"l{n}" for n in range(layers)), tuple(points))


@pytest.fixture
def figures(monkeypatch: pytest.MonkeyPatch) -> list[Figure]:
    """What was drawn, instead of its pixels."""
    drawn: list[Figure] = []

    def keep(figure: Figure) -> bytes:
        drawn.append(figure)
        return b"png"

    monkeypatch.setattr(drawing, "png", keep)
    return drawn


def lines(axes: Any) -> dict[str, list[tuple[float, float]]]:
    return {str(line.get_color()): list(zip(*map(list, line.get_data()), strict=True)) for line in axes.get_lines()}


def test_a_line_is_drawn_through_the_commits_of_a_backend(figures: list[Figure]) -> None:
    """Also where it was not measured at all of them."""
    found = [series("mine", a1=1.0, c3=4.0), series("numpy_fancy", a1=3.0, b2=2.0, c3=1.0, layers=6),
             series("mine", "conv2d", a1=9.0)]  # fmt: skip
    chart = history_chart(
        found, "History\nsome machine", "history-float32", drawing.looks(one.backend for one in found)
    )
    assert chart is not None
    assert (chart.name, chart.png) == ("history-float32", b"png")
    assert chart.alt == "History, some machine: seconds of a call at 3 commits, for each op."
    (figure,) = figures
    looks = drawing.looks(["mine", "numpy_fancy"])
    im2col, conv2d = figure.axes
    assert (im2col.get_title(), conv2d.get_title()) == ("im2col", "conv2d")
    assert lines(im2col) == {
        looks["mine"].colour: [(0, 1.0), (2, 4.0)],
        looks["numpy_fancy"].colour: [(0, 3.0), (1, 2.0), (2, 1.0)],
    }
    assert lines(conv2d) == {looks["mine"].colour: [(0, 9.0)]}
    assert im2col.get_yscale() == "log"
    labels = [label.get_text() for label in im2col.get_xticklabels()]
    assert labels == ["c3c3c3c\n26-01-03", "b2b2b2b\n26-01-02", "a1a1a1a\n26-01-01"]
    assert any("2 to 6 layers" in text.get_text() for text in figure.texts)


def test_of_many_commits_some_have_labels_the_newest_among_them(figures: list[Figure]) -> None:
    times = {f"c{day}": 1.0 for day in range(1, 21)}
    history_chart([series("mine", "im2col", 2, **times)], "History\n", "h", drawing.looks(["mine"]))
    labels = [label.get_text() for label in figures[0].axes[0].get_xticklabels()]
    assert len(labels) <= 6
    assert labels[0].endswith("26-01-20")


def test_without_a_history_there_is_no_chart() -> None:
    assert history_chart([], "History\n", "h", {}) is None


def test_the_picture_is_a_png() -> None:
    ops = ("im2col", "col2im", "conv2d", "conv2d_bias_grad")
    chart = history_chart(
        [series("mine", op, a1=1e-3, b2=2e-3) for op in ops], "History\nsome machine", "h", drawing.looks(["mine"])
    )
    assert chart is not None
    assert drawing.is_ours(chart.png)
