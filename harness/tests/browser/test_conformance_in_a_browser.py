"""The conformance page at work: what is wrong is seen at once, details open and close, nothing is asked of anybody."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.tests.helpers.browser.driving import Window
from harness.tests.helpers.suite import samples

_OPEN = "return [...document.querySelectorAll('.panel')].filter(one => one.checkVisibility()).map(one => one.id)"


@pytest.fixture
def page(browser: Window, conformance_page: Path) -> Window:
    """The window with the page."""
    browser.look(1400)
    browser.open(conformance_page)
    return browser


def test_the_diagnosis_is_above_the_fold_and_behind_no_click(page: Window) -> None:
    script = "const f = document.querySelector('.finding'); return [f.getBoundingClientRect().bottom, f.innerText]"
    bottom, text = page.ask(script)
    assert bottom < 1000
    assert samples.WRONG.pattern in text
    assert samples.WRONG.repro in text


def test_a_cell_opens_its_details_by_mouse_and_keyboard_and_escape_closes_them(page: Window) -> None:
    from selenium.webdriver import Keys

    page.click("#of-matrix-0-0 a")
    assert page.ask(_OPEN) == ["matrix-0-0"]
    page.keys(Keys.ESCAPE)
    assert page.ask(_OPEN) == []
    page.ask("document.querySelector('#of-matrix-1-0 a').focus()")
    page.keys(Keys.ENTER)
    assert page.ask(_OPEN) == ["matrix-1-0"]
    page.click("#matrix-1-0 .close")
    assert page.ask(_OPEN) == []


def test_nothing_leaves_the_page_and_the_console_is_silent(
    browser: Window, page: Window, conformance_page: Path
) -> None:
    browser.requests()
    browser.open(conformance_page)
    browser.click(".copy button")
    asked = [url for url in browser.requests() if not url.startswith("data:")]
    assert asked == [conformance_page.as_uri()]
    assert browser.errors() == []


def test_without_scripts_details_open_as_well(scriptless: Window, conformance_page: Path) -> None:
    scriptless.look(1400)
    scriptless.open(conformance_page)
    find = scriptless.driver.find_elements
    assert find("css selector", "button") == []
    panel = find("css selector", "#matrix-0-0")[0]
    assert not panel.is_displayed()
    scriptless.click("#of-matrix-0-0 a")
    assert panel.is_displayed()
    assert samples.ALSO_WRONG.case in panel.text
    scriptless.click("#matrix-0-0 .close")
    assert not panel.is_displayed()
