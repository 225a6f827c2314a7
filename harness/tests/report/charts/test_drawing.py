"""What all charts share: a look for each backend, whatever was measured, and pictures that stay small."""

from __future__ import annotations

import io
import warnings

import numpy as np
import pytest
from matplotlib.figure import Figure
from matplotlib.image import imread
from PIL import Image

from harness.contract import registry
from harness.report.charts import drawing
from harness.report.charts.drawing import Look


def test_registered_backends_look_by_their_place_and_others_by_their_names(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "names", lambda: ["one", "two"])
    assert drawing.looks(["zeta", "two", "alpha"]) == {
        "one": Look("#000000", "o"), "two": Look("#0072B2", "s"), "alpha": Look("#000000", "D"),
        "zeta": Look("#CC79A7", "^"),
    }  # fmt: skip
    assert drawing.looks(["zeta"])["two"] == Look("#0072B2", "s")


def test_others_have_colours_that_nobody_beside_them_has(monkeypatch: pytest.MonkeyPatch) -> None:
    """As long as there are any: of twelve, the registered take two; the eleventh of the others has a second turn."""
    names = [f"b{i:02}" for i in range(13)]
    monkeypatch.setattr(registry, "names", lambda: names)
    others = [f"o{i:02}" for i in range(11)]
    found = drawing.looks(["b00", "b04", *others])
    colours = [found[name].colour for name in ("b00", "b04", *others)]
    assert len(set(colours[:12])) == 12
    assert colours[12] == colours[2]
    assert len({found[name] for name in ("b00", "b04", *others)}) == 13


def test_a_colour_that_returns_has_another_marker(monkeypatch: pytest.MonkeyPatch) -> None:
    """There are twelve of both: the thirteenth has the first colour and the second marker."""
    names = [f"b{i:02}" for i in range(26)]
    monkeypatch.setattr(registry, "names", lambda: names)
    found = list(drawing.looks([]).values())
    assert len(set(found)) == 26
    assert [look.colour for look in found[:12]] == [
        "#000000", "#0072B2", "#CC79A7", "#E69F00", "#009E73", "#D55E00", "#56B4E9", "#332288", "#999933", "#882255",
        "#44AA99", "#7F7F7F",
    ]  # fmt: skip
    assert (found[12], found[13], found[24]) == (Look("#000000", "s"), Look("#0072B2", "D"), Look("#000000", "D"))


def test_margins_are_in_inches() -> None:
    figure = Figure(figsize=(10, 5))
    axes = drawing.axes_with_margins(figure, left=1, right=2, top=0.5, bottom=1.5)
    box = axes.get_position()
    assert (box.x0, box.y0, box.width, box.height) == pytest.approx((0.1, 0.3, 0.7, 0.6))
    assert drawing.inches(axes) == pytest.approx(7.0)


def test_the_head_is_a_title_a_line_and_the_keys_and_the_foot_is_below() -> None:
    figure = Figure(figsize=(10, 5))
    keys = [drawing.key(f"b{i}", Look("#0072B2", "s")) for i in range(7)]
    drawing.head(figure, "first\nsecond $x", keys)
    drawing.foot(figure, ["a", "b"])
    assert [text.get_text() for text in figure.texts] == ["first", "second $x", "a\nb"]
    heights = [text.get_position()[1] for text in figure.texts]
    assert heights == pytest.approx([1 - 0.08 / 5, 1 - 0.29 / 5, 0.06 / 5])
    (legend,) = figure.legends
    assert [text.get_text() for text in legend.get_texts()] == [f"b{i}" for i in range(7)]
    assert vars(legend)["_ncols"] == 5
    anchor = legend.get_bbox_to_anchor().transformed(figure.transFigure.inverted())
    assert (anchor.x0, anchor.y0) == pytest.approx((0.0, 1 - 0.4 / 5))
    assert not any(text.get_parse_math() for text in [*figure.texts, *legend.get_texts()])
    assert (keys[0].get_color(), keys[0].get_marker(), keys[0].get_linestyle()) == ("#0072B2", "s", "None")


def _noise(height: float) -> Figure:
    """A figure that compresses badly."""
    figure = Figure(figsize=(9.5, height))
    figure.figimage(np.random.default_rng(0).random((int(130 * height), 1235)))
    return figure


def test_a_picture_is_as_fine_as_its_size_allows() -> None:
    """Plain ones have 130 dots an inch; what stays too large has 75."""
    plain = drawing.png(Figure(figsize=(2, 1)))
    assert Image.open(io.BytesIO(plain)).size == (260, 130)
    assert imread(io.BytesIO(plain)).shape[:2] == (130, 260)
    with Image.open(io.BytesIO(drawing.png(_noise(4)))) as large:
        assert large.size == (712, 300)
        assert large.info["dpi"] == pytest.approx((75, 75), abs=0.1)
    assert drawing.is_ours(plain)


def test_a_picture_of_another_hand_is_not_ours() -> None:
    buffer = io.BytesIO()
    Image.new("RGB", (2, 2)).save(buffer, format="PNG")
    assert [drawing.is_ours(data) for data in (buffer.getvalue(), b"", b"\x89PNG", b"text")] == [False] * 4


def test_a_script_that_the_font_lacks_costs_no_warning() -> None:
    figure = Figure(figsize=(1, 1))
    drawing.foot(figure, ["畳み込み \0"])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert drawing.chart("name", "", figure).png.startswith(b"\x89PNG")
