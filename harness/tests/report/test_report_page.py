"""The written report: one page without network, strict JSON, every table and figure as a file, clear refusals."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import pandas as pd
import pytest

from harness import report
from harness.contract.status import CellStatus
from harness.report.charts import drawing
from harness.report.charts.ratios import ratio_charts
from harness.report.measured.rows import PairedRatio, Row, TidyRow
from harness.results.intervals import Interval
from harness.results.writing import ResultsError
from harness.tests.helpers.runfiles import FLAT, MACHINE, SPECS, make_cell, write_run


class _Page(HTMLParser):
    """Collects attributes, table rows by number of cells, and the text of script elements."""

    def __init__(self) -> None:
        super().__init__()
        self.links: list[str] = []
        self.images: list[str] = []
        self.data = ""
        self._in_data = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        self.links += [found[key] or "" for key in ("src", "href") if key in found]
        self.images += [found["src"] or ""] if tag == "img" else []
        self._in_data = tag == "script" and found.get("type") == "application/json"

    def handle_endtag(self, tag: str) -> None:
        self._in_data = False

    def handle_data(self, data: str) -> None:
        self.data += data if self._in_data else ""


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A report on three backends with a cell missing, one of whose reasons tries to break the page."""
    home = tmp_path_factory.mktemp("report")
    evil = "</script><b>& | NaN"
    write_run(home, "20260101T000000-a", [
        make_cell(name, [t * (1 + i / 50) for i in range(11)], layer, op=op, first_seconds=1.0,
              first_in_process=layer == "net:small")
        for layer in SPECS for op in ("im2col", "conv2d")
        for name, t in (("torch_native", 2e-5), ("numpy_fancy", 9e-5))
    ] + [make_cell("mine", status="fail", reason=evil)])  # fmt: skip
    report.write_report(home, home / "out")
    return home / "out"


def test_page_needs_no_network_and_embeds_every_figure(written: Path) -> None:
    page = _Page()
    page.feed((written / "index.html").read_text())
    assert [
        link for link in page.links if re.match(r"\w+:|//", link) and not link.startswith("data:image/png;base64,")
    ] == []
    saved = list((written / "figures").glob("*.png"))
    assert len(page.images) == len(saved) == 3  # two ops and the roofline
    assert all(image.startswith("data:image/png;base64,") for image in page.images)
    linked = {link for link in page.links if not link.startswith(("#", "data:"))}
    assert linked == {f"{p.parent.name}/{p.name}" for p in written.glob("*/*")}  # `folder` relies on both directions


def test_inline_records_are_strict_json(written: Path) -> None:
    def refuse(constant: str) -> None:
        raise AssertionError(f"{constant} is not JSON")

    page = _Page()
    page.feed((written / "index.html").read_text())
    records = json.loads(page.data, parse_constant=refuse)["records"]
    assert len(records) == 9
    (missing,) = [r for r in records if r["status"] != "ok"]
    assert missing["seconds"] is None
    assert missing["reason"] == "</script><b>& | NaN"
    assert "<b>& |" not in (written / "index.html").read_text()


def test_every_table_has_csv_and_markdown(written: Path) -> None:
    ids = set(re.findall(r'<table id="([^"]+)"', (written / "index.html").read_text()))
    assert len(ids) == 11
    for name in ids:
        assert len(pd.read_csv(written / "tables" / f"{name}.csv").columns) > 1
        lines = (written / "tables" / f"{name}.md").read_text().splitlines()
        pipes = {re.sub(r"\\\|", "", line).count("|") for line in lines if line.startswith("|")}
        assert len(pipes) == 1, name
    times = pd.read_csv(written / "tables" / "times-conv2d-float32-t1-steady.csv")
    assert list(times.columns) == list(TidyRow.__struct_fields__)


def test_many_layers_make_several_small_figures() -> None:
    """70 layers and 12 backends, every third cell missing."""
    rows = [
        Row(
            cell=make_cell(f"backend_{b}", FLAT[:9], f"a_network_with_a_name:layer_{i}", spec=f"n1c{i}h9w9_f4kh3kw3"),
            seconds=Interval(1.0, 1.0, 1.0),
            ratio=PairedRatio(1.01**i * 1.3**b, 1.009**i, 1.02**i * 1.4**b, 9) if (i + b) % 3 else None,
        )
        for i in range(1, 71) for b in range(12)
    ]  # fmt: skip
    charts = ratio_charts(rows, "backend_0", "conv2d\nmachine", "name")
    assert [chart.name for chart in charts] == ["name-1", "name-2", "name-3"]
    assert all(chart.png.startswith(b"\x89PNG") and len(chart.png) < 200_000 for chart in charts)


def test_what_has_no_ratio_is_a_letter_that_the_foot_explains(monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []
    monkeypatch.setattr(drawing, "foot", lambda figure, lines: said.extend(lines))
    one = Interval(1.0, 1.0, 1.0)
    missing = [status for status in CellStatus if status not in (CellStatus.OK, CellStatus.UNAVAILABLE)]
    rows = [
        Row(cell=make_cell("base", FLAT), seconds=one, ratio=PairedRatio(1, 1, 1, 11)),
        Row(cell=make_cell("alone", FLAT), seconds=one),
        Row(cell=make_cell("untried", FLAT, "net:large"), seconds=one, ratio=PairedRatio(2, 2, 2, 9)),
        *(Row(cell=make_cell(f"b_{status}", status=status)) for status in missing),
        Row(cell=make_cell("gone", status="unavailable", reason="no CUDA")),
    ]
    ratio_charts(rows, "base", "conv2d\nmachine", "name")
    counted, letters, gone = said
    assert counted.startswith("n = 9 to 11 pairs")
    signs = set(letters.partition(": ")[2].split(", "))
    assert signs == {
        "F = fail", "C = crashed", "H = hung", "b = over budget", "u = unsupported", "? = not tried",
        "n = no time of the baseline in the same measurement",
    }  # fmt: skip
    assert gone == "unavailable here: gone"


def test_colours_do_not_depend_on_what_was_measured() -> None:
    assert (
        drawing.looks(["torch_native"])["torch_native"] == drawing.looks(["zzz", "torch_native", "aaa"])["torch_native"]
    )
    known = drawing.looks([])
    assert len(set(known.values())) == len(known)


def test_older_files_of_the_report_go_and_nothing_else(tmp_path: Path) -> None:
    out = tmp_path / "out"
    write_run(tmp_path, "20260101T000000-a", [make_cell("torch_native", FLAT), make_cell("mine", FLAT)])
    report.write_report(tmp_path, out)
    (out / "tables" / "own.csv").write_text("kept")
    (tmp_path / "runs" / MACHINE / "20260101T000000-a.jsonl").unlink()
    write_run(tmp_path, "20260102T000000-b", [make_cell("torch_native", FLAT, threads=2)])
    report.write_report(tmp_path, out)
    assert (out / "tables" / "own.csv").read_text() == "kept"
    assert not list(out.glob("*/*-t1-*"))


# -- errors --------------------------------------------------------------------------------------------------------


def test_no_results(tmp_path: Path) -> None:
    with pytest.raises(ResultsError, match=r"no measured results in .*harness bench"):
        report.write_report(tmp_path, tmp_path / "out")
    write_run(tmp_path, "20260101T000000-a", [make_cell("mine", status="unavailable", reason="gone")])
    with pytest.raises(ResultsError, match="no measured results"):
        report.write_report(tmp_path, tmp_path / "out")


def test_unknown_machine_names_the_known_ones(tmp_path: Path) -> None:
    write_run(tmp_path, "20260101T000000-a", [make_cell("mine", FLAT)])
    with pytest.raises(ResultsError, match=rf"'other'.*known: {MACHINE}"):
        report.write_report(tmp_path, tmp_path / "out", "other")


def test_output_that_cannot_be_written(tmp_path: Path) -> None:
    write_run(tmp_path, "20260101T000000-a", [make_cell("mine", FLAT)])
    (tmp_path / "file").write_text("")
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "figures").write_text("")
    with pytest.raises(ResultsError, match="cannot be written"):
        report.write_report(tmp_path, tmp_path / "out")
    with pytest.raises(ResultsError, match="cannot be written"):
        report.write_report(tmp_path, tmp_path / "file")


def test_importing_the_package_loads_nothing_heavy() -> None:
    code = "import sys, harness.report; print([m for m in ('pandas', 'matplotlib', 'jinja2') if m in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"
