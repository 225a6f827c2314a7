"""Both pages as people see them: wide and narrow, light and dark, on paper; pictures are kept in build/screenshots."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.tests.helpers.browser.driving import Window
from harness.tests.helpers.browser.looking import CUT_OFF, OPEN_ALL, OVERLAPS, PALE

pytestmark = pytest.mark.heavy

WIDTHS = (360, 800, 1400)


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("unfolded", [False, True], ids=["folded", "unfolded"])
def test_nothing_is_cut_off_or_lies_over_something_else(
    browser: Window, page: Path, width: int, unfolded: bool
) -> None:
    browser.look(width)
    browser.open(page)
    if unfolded:
        browser.ask(OPEN_ALL)
    assert browser.ask(CUT_OFF) == []
    assert browser.ask(OVERLAPS) == []


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_every_text_stands_out_from_what_is_behind_it(browser: Window, page: Path, dark: bool) -> None:
    browser.look(1400, dark=dark)
    browser.open(page)
    browser.ask(OPEN_ALL)
    texts, pale = browser.ask(PALE)
    assert pale == []
    assert texts > 100
    assert browser.ask("return getComputedStyle(document.body).backgroundColor") == (
        "rgb(18, 22, 27)" if dark else "rgb(255, 255, 255)"
    )


def test_details_of_a_check_can_be_read(browser: Window, conformance_page: Path) -> None:
    """A panel over the page, which is where a link to it leads, in both schemes."""
    for width, dark in ((360, False), (1400, True)):
        browser.look(width, dark=dark)
        browser.open(conformance_page, "#matrix-0-0")
        browser.ask(OPEN_ALL)
        assert browser.ask("return document.querySelector('#matrix-0-0').checkVisibility()")
        assert browser.ask(PALE)[1] == []
        assert browser.ask("const p = document.querySelector('#matrix-0-0'); return p.scrollWidth - p.clientWidth") <= 0
        browser.shoot(f"conformance-details-{width}", height=1000)


@pytest.mark.parametrize(
    ("name", "width", "dark"),
    [("wide", 1400, False), ("middle", 800, False), ("narrow", 360, False), ("dark", 1400, True)],
)
def test_pictures_are_kept(browser: Window, page: Path, name: str, width: int, dark: bool) -> None:
    browser.look(width, dark=dark)
    browser.open(page)
    stem = "conformance" if page.name == "conformance.html" else "report"
    first, whole = browser.shoot(f"{stem}-{name}", height=1000), browser.shoot(f"{stem}-{name}-whole")
    assert first.stat().st_size > 5_000
    assert whole.read_bytes().startswith(b"\x89PNG")


def test_on_paper_all_columns_are_there_and_what_only_works_on_a_screen_is_not(browser: Window, page: Path) -> None:
    browser.look(1000, media="print")  # A4 across, without its margins
    browser.open(page)
    assert browser.ask(CUT_OFF) == []
    hidden = (
        "return [...document.querySelectorAll('nav, .tool, .copy button')].filter(one => one.checkVisibility()).length"
    )
    assert browser.ask(hidden) == 0
    clipped = """return [...document.querySelectorAll('.scroll')].filter(one => one.checkVisibility()
        && getComputedStyle(one).overflowX !== 'visible').length"""
    assert browser.ask(clipped) == 0
    stem = "conformance" if page.name == "conformance.html" else "report"
    assert browser.print(f"{stem}-print").read_bytes().startswith(b"%PDF")
    browser.look(1000)


def test_a_text_over_another_or_beyond_the_edge_or_too_pale_is_seen(browser: Window, tmp_path: Path) -> None:
    """The questions themselves can fail."""
    bad = tmp_path / "bad.html"
    bad.write_text("""<!doctype html><body style="background: #fff"><p>right</p><p style="margin-top: -1.5rem">over</p>
        <h2 style="width: 3000px">beyond</h2><h3 style="color: #999">pale</h3><h1 style="opacity: .3">faint</h1>""")
    browser.look(800)
    browser.open(bad)
    assert browser.ask(OVERLAPS) == ["“right” and “over”"]
    assert [told.split()[0] for told in browser.ask(CUT_OFF)] == ["H2", "the"]
    texts, pale = browser.ask(PALE)
    assert (texts, [told.split(": ")[1] for told in pale]) == (5, ["pale", "faint"])
