"""What is published of the diagnosis: the table is that of the committed run, and what was not named is kept."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from conformance.power import published as power
from conformance.power.diagnosed import counting, published
from conformance.power.records import Diagnosed, FaultReport, PowerReport
from harness.tests.helpers.committed import committed
from harness.tests.helpers.imports import ROOT


def _row(fault: str, kind: str = "index", *, known: bool = True, **more: object) -> FaultReport:
    values = {
        "kind": "name", "id": "i", "says": "s", "why": "w", "truth": "right", "condition": "", "always": True,
        "seconds": 0.5, "calls": 9, "known": 1, "blind": "silent", "blind_says": "",
    }  # fmt: skip
    found = msgspec.convert({**values, **more}, Diagnosed) if known else None
    return FaultReport(fault=fault, kind=kind, op="im2col", killed_by="values.exact", tier=0, diagnosis=found)


_ROWS = [
    _row("named"), _row("nameless", "memory.strides", truth="silent", seconds=1.5),
    _row("unseen", known=False),
    _row("conditioned", "index.where", always=False, condition="exact", seconds=3.5),
    _row("off", "index.where", always=False, condition="off"), _row("blind", blind="wrong"),
    FaultReport(fault="missed", kind="index", op="im2col"),
]  # fmt: skip


def _report() -> PowerReport:
    return PowerReport(
        suite_version="2026.12", seed=3, tier=1, planned=7, faults=7, killed=6, equivalent=0, survivors=[], controls=1,
        controls_passed=1, controls_failed=[], seconds=2.0, kinds={}, matrix=_ROWS, diagnosed=counting.kinds(_ROWS),
    )  # fmt: skip


def test_the_page_shows_the_committed_run() -> None:
    assert committed("results/faults")
    report = published.read(ROOT / power.FOLDER)
    page = (ROOT / power.PAGE).read_text(encoding="utf-8")
    assert published.MARKS.replaced(page, published.markdown(report)) == page
    naming = (ROOT / published.NAMING).read_text(encoding="utf-8")
    assert published.MARKS.replaced(naming, published.sentences(report)) == naming
    assert report.controls_passed == report.controls > 0
    assert report.faults == report.planned
    assert report.faults > 200
    assert len(report.matrix) < report.killed


def test_a_table_of_three_lines_and_what_is_not_in_it() -> None:
    text = published.markdown(_report())
    assert "| always wrong | 3 | 2 (66.7%) | 0 | 1 | 0 | 0 | 3 | 1 | 0.5 s | 1.5 s |" in text
    assert "| wrong under a condition | 2 | 2 (100.0%) | 0 | 0 | 1 | 1 | 2 | 0 | 2.0 s | 3.5 s |" in text
    assert "| all | 5 | 4 (80.0%) |" in text
    assert "7 faults, of which the suite sees 6" in " ".join(text.split())
    assert "finds nothing wrong with 1 of these" in text


def test_a_run_is_kept_with_what_was_not_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("docs").mkdir()
    power.PAGE.write_text("a\n<!-- diagnosis -->\nold\n<!-- /diagnosis -->\nb\n", encoding="utf-8")
    published.NAMING.write_text("<!-- diagnosis -->\n<!-- /diagnosis -->\n", encoding="utf-8")
    Path("run.json").write_bytes(msgspec.json.encode(_report()))
    power.main(Path("run.json"))
    kept = published.read(power.FOLDER)
    assert [row.fault for row in kept.matrix] == ["nameless", "unseen", "off", "blind"]
    text = power.PAGE.read_text(encoding="utf-8")
    said = published.NAMING.read_text(encoding="utf-8")
    assert "Of 3 faults that are always wrong 2 were named rightly and 0 wrongly" in said
    assert text == f"a\n<!-- diagnosis -->\n{published.markdown(kept)}<!-- /diagnosis -->\nb\n"


def test_without_a_run_there_is_nothing_to_read(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="no run of `harness faults --diagnose` is kept in"):
        published.read(tmp_path)
