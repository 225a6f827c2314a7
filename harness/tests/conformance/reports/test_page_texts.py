"""Texts of backends stay texts on the conformance page, which loads nothing and needs one library."""

from __future__ import annotations

import builtins
import re
from typing import Any

import pytest

from conformance.reports.page import render
from conformance.run.records import FailureReport
from harness.contract.status import Status, Verdict
from harness.results.writing import ResultsError
from harness.tests.helpers.suite import samples
from harness.tests.helpers.suite.html import read, rows
from harness.tests.helpers.suite.samples import a_group, a_report

EVIL = "<script>alert(1)</script> & ]]> \x00\x1b\ud800"
TOLD = "<script>alert(1)</script> & ]]> \ufffd\ufffd\ufffd"


def test_texts_of_backends_stay_texts() -> None:
    failure = FailureReport(case=EVIL, status=Status.FAIL, text=EVIL, pattern=EVIL, picture=["#"], witnesses=EVIL,
                            repro=EVIL, pytest=EVIL, script=EVIL)  # fmt: skip
    group = a_group("values.exact", "im2col", EVIL, Status.FAIL, 1, 1, reason=EVIL, failures=[failure])
    text = render([a_report(EVIL, Verdict.FAIL, [group], cut=EVIL, suite_version=EVIL)], title=f"Title {EVIL}")
    page = read(text)
    assert "<script>alert" not in text
    assert len(page.all("script")) == 1
    assert (page.one("h1").text, page.one("title").text) == (f"Title {TOLD}", f"Title {TOLD}")
    assert rows(page.by_id("verdicts"))[1][0] == TOLD
    details = page.one("details", "failure")
    assert [one.raw for one in details.all("pre")] == [TOLD] * 3
    assert details.one("p", "said").text == TOLD
    assert not set("\x00\x1b\ud800") & set(text)


def test_a_page_loads_nothing() -> None:
    text = render(samples.all_four())
    page = read(text)
    loading = ("src", "href", "action", "data")
    found = [one for one in page.walk() if one.tag != "a" and set(loading) & set(one.attributes)]
    assert [(one.tag, one.attributes["href"]) for one in found] == [("link", "data:,")]  # an icon, so none is asked for
    assert re.search(r"https?://|@import|url\(", text) is None


def test_a_title_is_that_of_the_page() -> None:
    page = read(render([], title="Mine"))
    assert (page.one("h1").text, page.one("title").text) == ("Mine", "Mine")
    assert read(render([])).one("h1").text == "Conformance of im2col, col2im and convolution"


@pytest.mark.parametrize(
    ("missing", "error"), [("jinja2", ResultsError), ("markupsafe", ModuleNotFoundError)], ids=["jinja2", "another"]
)
def test_a_missing_library_is_one_line(missing: str, error: type[Exception], monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def without(name: str, *args: Any, **kwargs: Any) -> Any:
        if name == "jinja2":
            raise ModuleNotFoundError(f"No module named {missing!r}", name=missing)
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(error) as raised:
        render([])
    ours = "the page needs jinja2, which is not installed: pip install 'im2col-harness[report]'"
    assert str(raised.value) == (ours if missing == "jinja2" else "No module named 'markupsafe'")
