"""A figure as a part of the page: text that can be read, colours that follow it, ids of its own, the same each time."""

from __future__ import annotations

import re

import pytest
from matplotlib.figure import Figure

from harness.report.charts import drawing, svg
from harness.report.charts.drawing import Look
from harness.tests.helpers.suite.html import read

_EVIL = '<b onload="x"> & \0 畳み込み'


def _figure(label: str = "mine") -> Figure:
    figure = Figure(figsize=(4, 2))
    axes = drawing.axes_with_margins(figure, 1, 0.2, 0.5, 0.5)
    axes.plot([1, 2, 3], [1, 3, 2], color="#0072B2", marker="s", label=label)
    axes.plot([0, 4], [0, 9])  # beyond the axes, so there is something to cut off
    axes.set_xlim(1, 3)
    drawing.head(figure, f"{label}\nbelow", [drawing.key(label, Look("#E69F00", "^"))])
    return figure


def test_text_is_text_and_the_label_says_what_is_drawn() -> None:
    chart = drawing.chart("one", "what it shows", _figure())
    picture = read(chart.svg).one("svg")
    assert (picture.attributes["role"], picture.attributes["aria-label"]) == ("img", "what it shows")
    assert picture.attributes["viewbox"] == "0 0 288 144"
    assert {"mine", "below"} <= {one.text for one in picture.all("text")}
    assert chart.png.startswith(b"\x89PNG")


def test_colours_are_words_of_the_style_sheet() -> None:
    """So a page in the dark has others; the colour of a backend is the one of its place."""
    text = drawing.chart("one", "", _figure()).svg
    assert "var(--b1)" in text
    assert "var(--b3)" in text
    assert "var(--ink)" in text
    assert [colour for colour in ("#0072b2", "#e69f00", drawing.INK, "#ffffff") if colour in text] == []
    assert "font-family" not in text


def test_ids_are_of_the_figure_alone_and_what_refers_to_them_finds_them() -> None:
    one, two = (svg.inline(_figure(), name, "", {}) for name in ("one", "two"))
    ids = [set(re.findall(r' id="([^"]+)"', text)) for text in (one, two)]
    assert ids[0]
    assert not ids[0] & ids[1]
    used = set(re.findall(r'href="#([^"]+)"', one)) | set(re.findall(r"url\(#([^)]+)\)", one))
    assert used == ids[0]
    assert all(found.startswith("one-") for found in used)


def test_the_same_figure_is_the_same_text() -> None:
    assert svg.inline(_figure(), "one", "", {}) == svg.inline(_figure(), "one", "", {})


def test_whatever_a_name_holds_stays_a_text() -> None:
    text = svg.inline(_figure(_EVIL), "one", _EVIL, {})
    assert "<b" not in text
    assert _EVIL.replace("\0", "\ufffd") in [one.text for one in read(text).all("text")]
    assert read(text).one("svg").attributes["aria-label"] == _EVIL
    assert re.search(r"https?:|<style|<metadata", text) is None


@pytest.mark.parametrize("much", [1, 40])
def test_it_is_a_third_of_what_matplotlib_writes(much: int) -> None:
    """Numbers of two places are enough: a hundredth of a point."""
    figure = _figure()
    for index in range(much):
        figure.axes[0].plot([1, 2.123456, 3], [index, 1.98765432, 2], marker="o")
    text = svg.inline(figure, "one", "", {})
    assert re.findall(r"\d\.\d{3,}", re.sub(r'style="[^"]*"', "", text)) == []
    assert len(text) < 5000 + 700 * much
