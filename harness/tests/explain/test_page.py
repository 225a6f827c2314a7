"""The page with the slider: well-formed, complete in itself, and a strip of frames without scripts."""

from __future__ import annotations

import re

import pytest

from harness.explain import page, story, text
from harness.explain.document import Beside, Block, Cell, Document, Film, Frame, Grid, Section, Table
from harness.geometry.spec import ConvSpec
from harness.tests.helpers.suite.html import Element, read

_SPEC = ConvSpec.parse("n1c1h3w3_f1kh3kw3_pt1pb1pl1pr1")


@pytest.fixture(scope="module")
def root() -> Element:
    """The page of the article's geometry; reading it fails where an element is not closed in its order."""
    return read(page.render(story.of_spec(_SPEC, story.Asked(pool=True))))


def test_it_loads_nothing(root: Element) -> None:
    shown = page.render(story.of_spec(_SPEC))
    assert "://" not in shown
    assert re.findall(r"url\(|@import|<link|<iframe|<img", shown) == []
    assert [one.attributes for one in root.all("script")] == [{}]
    assert not any({"src", "href"} & one.attributes.keys() for one in root.walk())


def test_it_is_a_page_for_light_and_dark(root: Element) -> None:
    assert root.one("title").text == f"{_SPEC}: im2col-harness"
    assert root.one("html").attributes["lang"] == "en"
    style = "".join(child.own for one in root.all("style") for child in one.children)
    assert "prefers-color-scheme: dark" in style
    assert "color-scheme: light dark" in style


def test_every_position_has_a_frame_that_is_there_without_scripts(root: Element) -> None:
    frames = root.all("figure", "frame")
    assert [one.attributes["id"] for one in frames] == [f"frame-{l}" for l in range(9)]
    assert not any("hidden" in one.attributes for one in frames)
    assert frames[0].one("figcaption").text == "l0: p 0, q 0; rows -1 to 1, columns -1 to 1"
    marked = [cell.text for cell in frames[0].all("td", "window")]
    assert marked == ["0", "0", "0", "0", "1", "2", "0", "4", "5"]
    image, column = frames[0].all("table")
    assert len(image.all("tr")) == 5
    assert [cell.text for cell in column.all("td")] == marked


def test_the_slider_is_shown_by_the_script_alone(root: Element) -> None:
    assert "hidden" in root.by_id("slide").attributes
    slider = root.by_id("position").attributes
    assert (slider["type"], slider["min"], slider["max"]) == ("range", "0", "8")
    script = "".join(child.own for child in root.one("script").children)
    assert 'getElementById("slide").hidden = false' in script
    assert 'querySelectorAll("#columns tr")' in script
    first = [row.children[1].text for row in root.by_id("columns").all("tr")]
    assert first == ["l0", "0", "0", "0", "0", "1", "2", "0", "4", "5"]


def test_every_section_and_number_is_on_the_page(root: Element) -> None:
    document = story.of_spec(_SPEC, story.Asked(pool=True))
    assert [one.text for one in root.all("h2")] == ["The window on its way", *(one.title for one in document.sections)]
    assert "4 12 12" in " ".join(cell.text for cell in root.all("td"))
    heat = [cell.classes for cell in root.all("td") if cell.classes and cell.classes[0].startswith("heat")]
    assert heat == [["heat2"], ["heat3"], ["heat2"], ["heat3"], ["heat4"], ["heat3"], ["heat2"], ["heat3"], ["heat2"]]


def test_a_sum_stands_side_by_side(root: Element) -> None:
    (sum_,) = (one for one in root.all("figure") if one.text.startswith("add col 1"))
    assert [one.text for one in sum_.all("span", "sign")] == ["+", "="]
    before, added, after = sum_.all("table")
    assert [len(one.all("td", "window")) for one in (before, added, after)] == [0, 9, 9]
    assert len(added.all("td", "empty")) == 16


def test_texts_are_escaped() -> None:
    evil = "<b>&"
    grid = Grid([[Cell(evil)]], evil, [evil], [evil])
    blocks: list[Block] = [evil, grid, Table([evil], [[evil]]), Beside([grid, grid], [evil], evil)]
    film = Film([Frame(evil, grid, grid)], grid, evil)
    shown = page.render(Document(evil, [Section(evil, blocks)], film))
    assert "<b>" not in shown
    assert shown.count("&lt;b&gt;&amp;") >= 20
    read(shown)


def test_without_a_film_there_is_no_script() -> None:
    shown = page.render(Document("title", [Section("one", ["text"])]))
    assert "<script" not in shown
    read(shown)


def test_a_long_way_is_cut_and_says_so() -> None:
    document = story.of_spec(ConvSpec.parse("n1c1h10w10_f1kh3kw3"))
    assert document.film is not None
    assert len(document.film.frames) == 16
    assert document.film.note == "The first 16 of 64 positions."
    assert "The first 16 of 64 positions." in page.render(document)


def test_markdown_escapes_what_it_would_read() -> None:
    shown = text.markdown(Document("a", [Section("b", ["K = C*KH*KW_1 <x>", Table(["a|b"], [["[c]"]])])]))
    assert r"K = C\*KH\*KW\_1 \<x\>" in shown
    assert "| a\\|b |\n| --- |\n| \\[c\\] |" in shown
