"""Both reports of a conformance run: the counts agree, texts of backends stay texts, and older files still load."""

from __future__ import annotations

import builtins
import copy
import re
import xml.etree.ElementTree as ET
from html.parser import HTMLParser
from typing import Any

import msgspec
import pytest

from conformance.cases.selection import Selection
from conformance.cases.specs import DISTINCT
from conformance.reports.junit import junit
from conformance.reports.page import picture, render
from conformance.reports.summary import backend_report
from conformance.run import engine
from conformance.run.plan import plan
from conformance.run.records import BackendReport
from conformance.run.suite_run import BackendRun
from harness.contract.status import Status
from harness.geometry.spec import ConvSpec
from harness.results.writing import ResultsError
from harness.tests.helpers.faults import faulty
from harness.tests.helpers.plugins import called

EVIL = "<script>alert(1)</script> & ]]> \x00\x1b\ud800"
Written = dict[str, Any]
_VOID = {"meta", "link", "br", "img", "input"}


class _Page(HTMLParser):
    """Collects anchors, links and what is loaded, and checks that elements are closed in order."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.ids: list[str] = []
        self.links: list[str] = []
        self.loaded: list[str] = []
        self.tags: list[str] = []
        self.text = ""
        self._open: list[str] = []
        self.feed(text)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        self.tags.append(tag)
        self.ids += [found["id"] or ""] if "id" in found else []
        self.links += [found["href"] or ""] if tag == "a" else []
        self.loaded += [found[k] or "" for k in ("src", "href", "action", "data") if k in found and tag != "a"]
        if tag not in _VOID:
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data if self._open[-1:] not in (["script"], ["style"]) else ""


class _NoGroups(faulty.Right):
    def unsupported(self, op: str, spec: ConvSpec, dtype: str) -> str | None:
        return f"groups {EVIL}" if spec.groups > 1 else f"dtype {EVIL}" if dtype == "float64" else None


def _written(name: str, kind: type[faulty.Right], pattern: str = "[vl]a*") -> Written:
    """One object of a file as the first version wrote it."""
    backend = faulty.load(kind)
    specs = [*DISTINCT[:2], ConvSpec.parse("n2c3h5w6_f4kh3kw2_sh2sw1_pt1pb0pl0pr1")]
    result = engine.run(backend, plan(backend, Selection(pattern=pattern, specs=specs)))
    found = {**msgspec.to_builtins(backend_report(BackendRun(called(name), result))), "backend": name}
    for group in found["checks"]:
        for new in ("seconds", "optional", "used", "failures"):
            del group[new]
    for new in ("cut", "tier", "seed", "isolated", "shard", "total"):
        del found[new]
    return found


def _with_new_fields(found: Written) -> Written:
    found = {**copy.deepcopy(found), "tier": 1, "seed": 7, "isolated": True, "cut": ""}
    for group in found["checks"]:
        bad = group["status"] in ("fail", "mistrusted")
        case = group["repro"].rpartition(" ")[2]
        group |= {"seconds": 0.25, "optional": False, "used": 0.03, "failures": [{
            "case": case, "status": group["status"], "text": f"wrong {EVIL}", "pattern": "every second row",
            "picture": ["..#.", "####"], "witnesses": "SciPy agrees with the definition.", "repro": group["repro"],
            "pytest": f"pytest -k '{case}'", "script": "import numpy as np\nassert 1 < 2 & 3",
        }] if bad else []}  # fmt: skip
    return found


@pytest.fixture(scope="module")
def old_file() -> list[Written]:
    """As written before tiers: right, wrong, refusing, unavailable, and with an empty plan."""
    empty: Written = {"schema": 1, "suite_version": "2026.11", "planned": 0, "executed": 0, "seconds": 0.0,
                      "counts": {str(status): 0 for status in Status}, "checks": []}  # fmt: skip
    return [
        _written("right", faulty.Right),
        _written("wrong", faulty.FAULTS["stride_axes_swapped"][0]),
        _written(f"refusing {EVIL}", _NoGroups),
        {**empty, "backend": "absent", "verdict": "unavailable", "reason": f"no GPU {EVIL}"},
        {**empty, "backend": "nothing", "verdict": "incomplete", "reason": ""},
    ]


@pytest.fixture(scope="module")
def new_file(old_file: list[Written]) -> list[Written]:
    """With the fields of today, a budget that cut, an optional check that fails and one of every status."""
    found = [_with_new_fields(o) for o in old_file]
    found[0] |= {"cut": "the budget of 5 s cut 3 cases", "verdict": "incomplete"}
    group = next(g for g in found[1]["checks"] if g["status"] == "fail")
    found[1]["checks"].append({**group, "id": "errors.shapes", "optional": True})
    found[1]["checks"] += [{**group, "id": f"external.{s}", "status": s} for s in ("xpass", "xfail", "not_run")]
    return found


@pytest.fixture(scope="module")
def old(old_file: list[Written]) -> list[BackendReport]:
    """The older file, read."""
    return msgspec.convert(old_file, list[BackendReport])


@pytest.fixture(scope="module")
def new(new_file: list[Written]) -> list[BackendReport]:
    """The file of today, read."""
    return msgspec.convert(new_file, list[BackendReport])


@pytest.fixture(scope="module", params=["old", "new"])
def reports(request: pytest.FixtureRequest) -> Any:
    """Both kinds of file."""
    return request.getfixturevalue(request.param)


# -- XML -----------------------------------------------------------------------------------------------------------


def test_xml_has_every_group_once_and_counts_agree(reports: list[BackendReport]) -> None:
    root = ET.fromstring(junit(reports).encode())
    assert [suite.tag for suite in root] == ["testsuite"] * len(reports)
    for report, suite in zip(reports, root, strict=True):
        names = [case.get("name") for case in suite.iter("testcase")]
        groups = [f"{g.id}/{g.op}/{g.dtype}" for g in report.checks]
        assert [name for name in names if name != "verdict"] == groups
        assert len(names) == len(set(names))
    for element in [root, *root]:
        assert int(element.get("tests", "")) == len(list(element.iter("testcase")))
        for name, child in (("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
            assert int(element.get(name, "")) == len(list(element.iter(child)))
        assert float(element.get("time", "")) >= 0


def test_xml_maps_statuses(new: list[BackendReport]) -> None:
    suite = ET.fromstring(junit(new[1:2]).encode())[0]
    children = {case.get("name", "").partition("/")[0]: case[0].tag for case in suite.iter("testcase") if len(case)}
    assert children["values.exact"] == "failure"
    assert [children[f"external.{s}"] for s in ("xpass", "xfail", "not_run")] == ["failure", "skipped", "error"]
    assert children["errors.shapes"] == "skipped"  # optional
    (first, *_) = suite.iter("failure")
    assert first.get("type") == "fail"
    assert "harness check wrong --check values.exact/" in (first.text or "")
    assert {case.get("classname") for case in suite.iter("testcase")} >= {"wrong.values", "wrong.law"}


def test_xml_is_never_green_by_omission(reports: list[BackendReport]) -> None:
    for report, suite in zip(reports, ET.fromstring(junit(reports).encode()), strict=True):
        red = len(list(suite.iter("failure"))) + len(list(suite.iter("error")))
        assert bool(red) == (report.verdict in ("fail", "incomplete")), report.backend
    absent = ET.fromstring(junit(reports[3:4]).encode())[0]
    (skipped,) = absent.iter("skipped")
    assert "no GPU <script>" in skipped.get("message", "")


def test_no_reports() -> None:
    assert ET.fromstring(junit([]).encode()).get("tests") == "0"
    assert "No backend." in _Page(render([])).text


# -- HTML ----------------------------------------------------------------------------------------------------------


def test_page_names_everything_and_every_link_has_its_target(reports: list[BackendReport]) -> None:
    found = _Page(render(reports))
    assert len(found.ids) == len(set(found.ids))
    assert {link.removeprefix("#") for link in found.links} <= set(found.ids)
    cells = {(i, g.id) for i, report in enumerate(reports) for g in report.checks}
    assert len([i for i in found.ids if i.startswith("of-")]) == len(cells)
    for report in reports:
        assert report.backend.partition("\x00")[0] in found.text
        assert all(g.id in found.text for g in report.checks)


def test_page_loads_nothing(reports: list[BackendReport]) -> None:
    text = render(reports)
    assert _Page(text).loaded == []
    assert re.search(r"https?://|@import|url\(", text) is None


def test_texts_of_backends_stay_texts(reports: list[BackendReport]) -> None:
    text = render(reports, title=f"Title {EVIL}")
    found = _Page(text)
    assert "<script>alert" not in text
    assert found.tags.count("script") == 1
    assert found.text.count("<script>alert(1)</script>") > 3
    assert not set("\x00\x1b\ud800") & set(text)


def test_failures_are_shown_with_picture_and_repros(new: list[BackendReport]) -> None:
    text = render(new)
    count = sum(len(g.shown_failures) for report in new for g in report.checks)
    assert text.count("<svg") == count > 5
    assert "5 of 8 elements of this plane are wrong" in text
    for part in ("3 % of the allowance", "every second row", "SciPy agrees", "pytest -k", "assert 1 &lt; 2 &amp; 3",
                 "tier 1, seed 7", "the budget of 5 s cut 3 cases", "never part of the verdict"):  # fmt: skip
        assert part in text


def test_an_older_file_shows_its_diagnoses(old: list[BackendReport]) -> None:
    text = _Page(render(old)).text
    group = next(g for g in old[1].checks if g.status is Status.FAIL)
    assert group.diagnosis[0] in text
    assert group.repro in text


def test_pictures_count_wrong_elements() -> None:
    drawn = picture(["..#", "#"])
    assert (drawn.width, drawn.height, drawn.label) == (3, 2, "2 of 4 elements of this plane are wrong")
    assert drawn.wrong.count("M") == drawn.right.count("M") == 2


def test_a_missing_library_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def without(name: str, *args: Any, **kwargs: Any) -> Any:
        if name == "jinja2":
            raise ModuleNotFoundError("No module named 'jinja2'", name="jinja2")
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(ResultsError, match=r"needs jinja2, .*pip install 'im2col-harness\[report\]'"):
        render([])
