"""The table of other libraries is that of the committed runs, and its scripts need nothing of ours."""

from __future__ import annotations

import re

from conformance.reports import peers
from conformance.run.records import BackendReport, CheckReport, DomainReport
from harness.contract.status import Grade, Status, Verdict
from harness.tests.helpers.committed import committed
from harness.tests.helpers.imports import ROOT


def _check(grade: Grade, status: Status, **more: object) -> CheckReport:
    values = {
        "id": "a.check", "grade": grade, "op": "im2col", "dtype": "float32", "status": status,
        "planned": 3, "executed": 3,
        "reason": "", "repro": "", "diagnosis": [], "seconds": 0.1, "optional": False, "used": None, "failures": [],
    }  # fmt: skip
    return CheckReport(**{**values, **more})  # type: ignore[arg-type]


def test_of_each_grade_it_is_counted_how_many_fail() -> None:
    checks = [
        _check(Grade.VALUES, Status.PASS), _check(Grade.VALUES, Status.FAIL), _check(Grade.FORM, Status.FAIL),
        _check(Grade.FORM, Status.FAIL, optional=True), _check(Grade.FORM, Status.UNSUPPORTED, executed=0),
    ]  # fmt: skip
    run = BackendReport(
        schema=1, backend="unfold_nd", suite_version="2026.14", verdict=Verdict.FAIL, reason="", planned=1234,
        executed=1200, counts={}, seconds=1.0, checks=checks,
        domain=DomainReport(words="symmetric padding", geometries=220, pairs_covered=1, pairs=2),
    )  # fmt: skip
    lines = peers.markdown([run], "torch==1\nunfoldNd==0.2.3\n").splitlines()
    assert lines[2:] == [
        "| unfoldNd 0.2.3 | `unfold_nd` | symmetric padding | fail | 1,200 | 1 of 2 | 0 of 0 | 1 of 1 |",
        "",
        "Suite 2026.14, tier 1, float32.",
    ]


def test_the_page_shows_the_committed_runs() -> None:
    assert committed("results/peers")
    runs = peers.read(ROOT / peers.FOLDER)
    page = (ROOT / peers.PAGE).read_text(encoding="utf-8")
    table = peers.markdown(runs, (ROOT / peers.VERSIONS).read_text(encoding="utf-8"))
    assert peers.MARKS.replaced(page, table) == page
    assert {one.backend for one in runs} <= peers._PACKAGES.keys()
    assert len(runs) > 6


def test_each_script_is_there_and_needs_nothing_of_ours() -> None:
    page = (ROOT / peers.PAGE).read_text(encoding="utf-8")
    named = set(re.findall(r"`(docs/repros/\w+\.py)`", page))
    there = {str(path.relative_to(ROOT)) for path in (ROOT / "docs/repros").glob("*.py")}
    assert named == there
    for path in there:
        text = (ROOT / path).read_text(encoding="utf-8")
        assert not re.search(r"^(?:import|from) (?:harness|conformance|backends)\b", text, re.M)
