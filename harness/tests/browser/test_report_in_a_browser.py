"""The page of a report at work: it sorts, filters and ranks, by mouse and keyboard, and asks for nothing."""

from __future__ import annotations

import math
import re
from math import exp, log
from pathlib import Path
from statistics import geometric_mean, median
from typing import Any

import pytest

from harness.results import words
from harness.tests.helpers.browser.driving import Window
from harness.tests.helpers.browser.pages import LAYERS, OPS, SPEEDS, THIRD, seconds

pytestmark = pytest.mark.heavy

_ROWS = "return [...document.querySelectorAll(`#${arguments[0]} tbody tr`)].filter(row => row.checkVisibility())"
_TEXTS = _ROWS + ".map(row => [...row.cells].map(cell => cell.textContent))"
_FASTEST, _SUMMARY, _LAYERS = (f"{name}-float32-t1-steady" for name in ("fastest", "summary", "layers"))


@pytest.fixture
def page(browser: Window, report_page: Path) -> Window:
    """The window with the report, as wide as a desk's."""
    browser.look(1400)
    browser.open(report_page)
    return browser


def _column(page: Window, table: str, place: int) -> list[str]:
    """The texts of a column, as far as they are shown."""
    return [row[place] for row in page.ask(_TEXTS, table)]


def _sorting(page: Window, table: str) -> list[str | None]:
    script = "return [...document.querySelectorAll(`#${arguments[0]} thead th`)].map(th => th.ariaSort)"
    found: list[str | None] = page.ask(script, table)
    return found


def _values(page: Window, table: str, place: int) -> list[float]:
    script = _ROWS + ".map(row => row.cells[arguments[1]].dataset.value ?? null)"
    return [math.nan if found is None else float(found) for found in page.ask(script, table, place)]


def _unsorted(page: Window) -> int:
    """A column of the summary whose numbers are not in order yet."""
    found = {place: _values(page, _SUMMARY, place) for place in range(1, 5)}
    return next(place for place, values in found.items() if values != sorted(values))


def _type(page: Window, *keys: str) -> None:
    """Into the filter of layers, in place of what is there."""
    page.ask("const box = document.querySelector('#your-layer input'); box.focus(); box.select()")
    page.keys(*keys)


def _ranking(page: Window) -> list[list[str]]:
    found: list[list[str]] = page.ask(_TEXTS, "ranking")
    return found


# -- sorting -----------------------------------------------------------------------------------------------------------


def test_a_click_on_a_head_sorts_and_another_turns_it_round(page: Window) -> None:
    place = _unsorted(page)
    head, before = f"#{_SUMMARY} thead th:nth-child({place + 1}) button", _values(page, _SUMMARY, place)
    page.click(head)
    assert _values(page, _SUMMARY, place) == sorted(before)
    assert [one for one in _sorting(page, _SUMMARY) if one] == ["ascending"] == [_sorting(page, _SUMMARY)[place]]
    page.click(head)
    assert _values(page, _SUMMARY, place) == sorted(before, reverse=True)
    assert _sorting(page, _SUMMARY)[place] == "descending"
    page.click(f"#{_SUMMARY} thead th:first-child button")
    assert _column(page, _SUMMARY, 0) == sorted(OPS)
    assert [one for one in _sorting(page, _SUMMARY) if one] == ["ascending"] == _sorting(page, _SUMMARY)[:1]


def test_what_has_no_number_stays_below(page: Window) -> None:
    place = page.ask(f"return [...document.querySelectorAll('#{_LAYERS} thead th')].map(th => th.textContent)").index(
        "naive_loops"
    )
    for _ in range(2):
        page.click(f"#{_LAYERS} thead th:nth-child({place + 1}) button")
        lost = [math.isnan(value) for value in _values(page, _LAYERS, place)]
        assert lost == sorted(lost)
        assert 0 < sum(lost) < len(lost)


@pytest.mark.parametrize("key", ["ENTER", "SPACE"])
def test_the_keyboard_sorts_as_well(page: Window, key: str) -> None:
    from selenium.webdriver import Keys

    place = _unsorted(page)
    before = _values(page, _SUMMARY, place)
    page.ask(f"document.querySelector('#{_SUMMARY} thead th:nth-child({place + 1}) button').focus()")
    page.keys(getattr(Keys, key))
    assert _values(page, _SUMMARY, place) == sorted(before)


def test_the_filter_and_every_head_of_a_table_are_reached_by_tab(page: Window) -> None:
    from selenium.webdriver import Keys

    seen: list[str] = []
    for _ in range(80):
        page.keys(Keys.TAB)
        seen.append(
            page.ask("const it = document.activeElement; return `${it.tagName} ${it.textContent || it.placeholder}`")
        )
        if seen[-1].startswith("INPUT resnet50"):
            break
    assert seen[-1].startswith("INPUT resnet50")
    assert {"BUTTON fastest", "BUTTON against torch_native", "SUMMARY Wrong: liar, sick", "A Your layer"} <= set(seen)


# -- your layer --------------------------------------------------------------------------------------------------------


def test_it_begins_with_one_op_and_all_of_its_layers(page: Window) -> None:
    assert set(_column(page, _LAYERS, 1)) == {"conv2d"}
    assert len(_column(page, _LAYERS, 0)) == len(LAYERS) + 1
    assert [row[1] for row in _ranking(page)] == ["numba_tiled", THIRD, "torch_native", "numpy_fancy", "naive_loops"]


@pytest.mark.parametrize(
    ("typed", "layers"),
    [
        ("3x3 64 56", ["resnet50:res2a_2b"]),
        ("3x3 64", ["resnet50:res2a_2b", "vgg16:conv1_2"]),
        ("resnet50 3x3", ["resnet50:res2a_2b", "resnet50:res3a_2b", "resnet50:res5b_2b"]),
        ("ResNet50, 1x1", ["resnet50:res2a_2c"]),
        ("depthwise", ["mobilenet_v1:dw2"]),
        ("5x20", ["deepbench_train:1x161x700_32_5x20_s2_n4"]),
        ("n1c64h224w224_f64kh3kw3_pt1pb1pl1pr1", ["vgg16:conv1_2"]),
        ("6", []),  # a number is a whole one: not part of 56, 64 or 16
    ],
)
def test_what_is_typed_finds_the_layers(page: Window, typed: str, layers: list[str]) -> None:
    _type(page, typed)
    assert _column(page, _LAYERS, 0) == layers


def test_the_ranking_is_of_the_layers_that_are_left(page: Window) -> None:
    """Recomputed from the samples: geometric means of paired ratios; who lacks a layer comes last; a liar never."""
    _type(page, "resnet50 3x3")
    layers = ["resnet50:res2a_2b", "resnet50:res3a_2b", "resnet50:res5b_2b"]
    places = {key: i for i, key in enumerate((op, la, name) for op in OPS for la in LAYERS for name in SPEEDS)}
    expected: list[Any] = []
    for name in SPEEDS:
        known = [la for la in layers if not (name == "naive_loops" and places["conv2d", la, name] % 2)]
        means = []
        for reference in ("torch_native", "numpy_fancy"):
            pairs = [
                [
                    a / b
                    for a, b in list(
                        zip(*(seconds(places["conv2d", la, one], one) for one in (name, reference)), strict=True)
                    )[1:]  # the first pair meets cold caches
                ]
                for la in known
            ]
            means.append(geometric_mean(exp(median(map(log, ratios))) for ratios in pairs))
        told = [
            "–" if name == r else words.compared(mean)
            for r, mean in zip(("torch_native", "numpy_fancy"), means, strict=True)
        ]
        count = f"{len(known)}" if len(known) == 3 else f"{len(known)} of 3"
        expected.append((-len(known), means[0], ["conv2d", name, *told, count]))
    assert _ranking(page) == [row for *_, row in sorted(expected)]


def test_who_was_not_timed_on_every_layer_comes_last_however_fast(page: Window) -> None:
    """The number of the first in one row is taken away."""
    heads = page.ask(f"return [...document.querySelectorAll('#{_LAYERS} thead th')].map(th => th.textContent)")
    _type(page, "resnet50 3x3")
    page.ask(_ROWS + "[0].cells[arguments[1]].removeAttribute('data-value')", _LAYERS, heads.index("numba_tiled"))
    page.keys(" ")
    found = [(row[1], row[-1]) for row in _ranking(page)]
    assert {name for name, count in found[:3] if count == "3"} == {THIRD, "torch_native", "numpy_fancy"}
    assert found[3] == ("numba_tiled", "2 of 3")


def test_the_op_is_chosen_by_mouse_keyboard_or_name(page: Window) -> None:
    page.ask("document.querySelector('#your-layer select').focus()")
    page.keys("im2col")
    assert set(_column(page, _LAYERS, 1)) == {"im2col"}
    assert {row[0] for row in _ranking(page)} == {"im2col"}
    _type(page, "conv2d_input_grad vgg16")
    assert [row[:2] for row in page.ask(_TEXTS, _LAYERS)] == [["vgg16:conv1_2", "conv2d_input_grad"]]
    page.ask("document.querySelector('#your-layer select').focus()")
    page.keys("every")
    _type(page, "vgg16")
    assert _column(page, _LAYERS, 1) == list(OPS)
    assert list(dict.fromkeys(row[0] for row in _ranking(page))) == list(OPS)


def test_where_no_layer_matches_it_says_how_to_measure_one(page: Window) -> None:
    _type(page, "<b>no such thing</b>")
    assert _column(page, _LAYERS, 0) == []
    said = page.ask("return document.querySelector('#ranking').textContent")
    assert said.startswith("No measured layer matches. To measure your own: harness bench --shapes ")
    assert page.ask("return document.querySelectorAll('#ranking b').length") == 0


def test_a_long_table_has_a_filter_of_its_own(page: Window) -> None:
    table = "throughput-float32-t1-steady"
    page.ask("for (const one of document.querySelectorAll('details')) one.open = true")
    page.ask(f"document.querySelector('#{table}').closest('figure').querySelector('input').focus()")
    page.keys("res3a")
    assert _column(page, table, 1) == ["resnet50:res3a_2b"] * len(OPS)
    assert len(_column(page, _LAYERS, 0)) == len(LAYERS) + 1  # which is another table


# -- what it does not do -----------------------------------------------------------------------------------------------


def test_nothing_leaves_the_page_and_the_console_is_silent(browser: Window, page: Window, report_page: Path) -> None:
    """Texts of plug-ins that try to be scripts and pictures are texts."""
    browser.requests()
    browser.open(report_page)
    _type(browser, "resnet50")
    browser.click(f"#{_FASTEST} thead th:first-child button")
    asked = [url for url in browser.requests() if not url.startswith("data:")]
    assert asked == [report_page.as_uri()]
    assert browser.errors() == []
    loaded = browser.ask("return performance.getEntriesByType('resource').map(one => one.name)")
    assert [url for url in loaded if not url.startswith("data:")] == []
    assert browser.ask("return document.querySelectorAll('img, iframe, link[rel=stylesheet], script[src]').length") == 0


def test_it_is_a_small_file(report_page: Path) -> None:
    assert report_page.stat().st_size < 3_000_000


def test_the_answer_is_above_the_fold(page: Window) -> None:
    """On a desk: one sentence, the figure and the table, and the lines of what is set aside begin."""
    first = ".lede, .answer svg, .answer table, .aside"
    script = "return [...document.querySelectorAll(arguments[0])].map(one => one.getBoundingClientRect().top)"
    tops = page.ask(script, first)
    assert all(top < 1000 for top in tops[:4])
    bottom = page.ask("return document.querySelector('.answer table').getBoundingClientRect().bottom")
    assert bottom < 1000


# -- without scripts ---------------------------------------------------------------------------------------------------


def test_without_scripts_all_of_it_is_there(scriptless: Window, report_page: Path) -> None:
    """Every row of every table, no button or field that does nothing, and what is folded unfolds."""
    scriptless.look(1400)
    scriptless.open(report_page)
    text = report_page.read_text(encoding="utf-8")
    find = scriptless.driver.find_elements
    assert find("css selector", "button, input, select") == []
    rows = find("css selector", f"#{_LAYERS} tbody tr")
    assert len(rows) == text.partition(f'<table id="{_LAYERS}"')[2].partition("</table>")[0].count("data-words=")
    assert len([row for row in rows if row.is_displayed()]) == len(rows) == len(OPS) * len(LAYERS) + 1
    assert find("css selector", ".lede")[0].text.startswith(
        "For conv2d, numba_tiled is the fastest right backend here: "
    )
    aside = find("css selector", ".aside")[0]
    assert not aside.find_element("css selector", "li").is_displayed()
    aside.find_element("css selector", "summary").click()
    assert re.match(r"liar: numbers are wrong", aside.find_element("css selector", "li").text)
    scriptless.driver.get_screenshot_as_png()
