"""The page of an explanation: the slider moves the window and marks its column; without scripts all are there."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.explain import page, story
from harness.geometry.spec import ConvSpec
from harness.tests.helpers.browser.driving import Window

_SEEN = "return [...document.querySelectorAll('.frame')].filter(one => one.checkVisibility()).map(one => one.id)"
_MARKED = "return [...document.querySelectorAll('#columns .now')].map(one => one.textContent)"


@pytest.fixture(scope="module")
def slider_page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page of 3 x 3 pixels under a padded kernel of 3 x 3."""
    path = tmp_path_factory.mktemp("explain") / "page.html"
    path.write_text(page.render(story.of_spec(ConvSpec.parse("n1c1h3w3_f1kh3kw3_pt1pb1pl1pr1"))), encoding="utf-8")
    return path


def test_the_slider_moves_the_window_and_marks_its_column(browser: Window, slider_page: Path) -> None:
    from selenium.webdriver import Keys

    browser.look(1400)
    browser.open(slider_page)
    assert browser.ask(_SEEN) == ["frame-0"]
    assert browser.ask(_MARKED) == ["l0", "0", "0", "0", "0", "1", "2", "0", "4", "5"]
    browser.ask("document.getElementById('position').focus()")
    browser.keys(Keys.ARROW_RIGHT)
    assert browser.ask(_SEEN) == ["frame-1"]
    assert browser.ask(_MARKED) == ["l1", "0", "0", "0", "1", "2", "3", "4", "5", "6"]


@pytest.mark.parametrize("dark", [False, True])
def test_it_asks_nobody_for_anything(browser: Window, slider_page: Path, dark: bool) -> None:
    browser.look(1400, dark=dark)
    browser.requests()
    browser.open(slider_page)
    browser.shoot(f"explain-{'dark' if dark else 'light'}")
    assert browser.requests() == [slider_page.as_uri()]
    assert browser.errors() == []


def test_without_scripts_every_frame_is_there(scriptless: Window, slider_page: Path) -> None:
    scriptless.look(1400)
    scriptless.open(slider_page)
    find = scriptless.driver.find_elements
    assert len([one for one in find("css selector", ".frame") if one.is_displayed()]) == 9
    assert not find("css selector", "#slide")[0].is_displayed()
