"""The published numbers are those of the committed run, and no kind is without words."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from conformance.power import published
from conformance.power.generator import faults
from conformance.power.records import FaultReport, KindReport, PowerReport, Survivor
from harness.tests.helpers.committed import committed
from harness.tests.helpers.imports import ROOT


def _report(**more: object) -> PowerReport:
    values = {
        "suite_version": "2026.12", "seed": 3, "tier": 1, "planned": 9, "faults": 9, "killed": 5, "equivalent": 1,
        "survivors": [Survivor(fault="f", kind="index", case="c", work=1)], "controls": 4, "controls_passed": 3,
        "controls_failed": ["x"], "seconds": 2.0,
        "kinds": {"index": KindReport(faults=5, equivalent=1, tier0=1, tier1=3, tier3=None),
                  "random.two": KindReport(faults=4, equivalent=0, tier0=0, tier1=2, tier3=None)},
    }  # fmt: skip
    return msgspec.convert({**values, **more}, PowerReport, from_attributes=True)


def test_the_page_shows_the_committed_run() -> None:
    assert committed("results/faults")
    report = published.read(ROOT / published.FOLDER)
    page = (ROOT / published.PAGE).read_text(encoding="utf-8")
    assert published.MARKS.replaced(page, published.markdown(report)) == page
    assert report.controls_passed == report.controls > 20
    assert report.faults > 2000
    said = f"{report.killed:,} of {report.faults - report.equivalent:,}, and {report.controls} right parts pass"
    assert said in (ROOT / "conformance/README.md").read_text(encoding="utf-8")


def test_a_table_of_kinds_and_all_of_them() -> None:
    assert published.markdown(_report()).splitlines() == [
        "| kind | what is wrong | faults | tier 0 | tier 1 | equivalent |",
        "| --- | --- | ---: | ---: | ---: | ---: |",
        f"| `index` | {published._SAID['index']} | 5 | 25.0% | 75.0% | 1 |",
        "| `random.two` | where two such hold | 4 | 0.0% | 50.0% | 0 |",
        "| all |  | 9 | 12.5% | 62.5% | 1 |",
        "",
        "Suite 2026.12, seed 3, all faults; 3 of 4 right implementations pass.",
    ]
    assert "seed 3, 9 of 40 faults;" in published.markdown(_report(planned=40))


def test_every_kind_has_words() -> None:
    assert published._SAID.keys() == {fault.kind for fault in faults()}


def test_a_run_is_kept_without_its_matrix(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("docs").mkdir()
    published.PAGE.write_text("before\n<!-- power -->\nold\n<!-- /power -->\nafter\n", encoding="utf-8")
    row = FaultReport(fault="f", kind="index", op="im2col")
    Path("run.json").write_bytes(msgspec.json.encode(_report(matrix=[row])))
    published.main(Path("run.json"))
    assert published.read() == _report()
    text = published.PAGE.read_text(encoding="utf-8")
    assert text == f"before\n<!-- power -->\n{published.markdown(_report())}<!-- /power -->\nafter\n"


def test_without_a_run_there_is_nothing_to_read(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="no run of `harness faults` is kept in"):
        published.read(tmp_path)
