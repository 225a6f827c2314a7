"""The written report, drawn once: what a reader meets on the page, in its files, and in the numbers behind it."""

from __future__ import annotations

import base64
import html
import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from harness import report
from harness.contract import registry
from harness.report.measured.rows import TidyRow
from harness.report.page import records
from harness.results.records import Code
from harness.tests.helpers.runfiles import FLAT, MACHINE, SPECS, make_cell, make_data, make_header, make_row, write_run

_FIRST, _SECOND = "20260101T000000-a", "20260102T000000-b"
_EVIL = "</script><b>& | NaN \U0001f4a5"
_LAYERS = list(SPECS)


class _Cell(NamedTuple):
    """A cell of a table: its tag, attributes, and lines."""

    tag: str
    attributes: dict[str, str | None]
    lines: list[str]


class _Page(HTMLParser):
    """Collects links, anchors, images, the cells of each table by row, and the text of the data."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.links: list[str] = []
        self.ids: list[str] = []
        self.images: list[dict[str, str | None]] = []
        self.tables: dict[str, list[list[_Cell]]] = {}
        self.data = ""
        self._rows: list[list[_Cell]] = []
        self._to: list[str] | None = None
        self._in_data = False
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        self.links += [found[key] or "" for key in ("src", "href") if key in found]
        self.ids += [found["id"] or ""] if "id" in found else []
        self.images += [found] if tag == "img" else []
        self._in_data = tag == "script" and found.get("type") == "application/json"
        if tag == "table":
            self._rows = self.tables[found["id"] or ""] = []
        elif tag == "tr":
            self._rows.append([])
        elif tag in ("td", "th"):
            self._to = []
            self._rows[-1].append(_Cell(tag, found, self._to))

    def handle_endtag(self, tag: str) -> None:
        self._in_data = False
        if tag in ("td", "th"):
            self._to = None

    def handle_data(self, data: str) -> None:
        self.data += data if self._in_data else ""
        if self._to is not None:
            self._to.append(data)


class _Written(NamedTuple):
    """The folder of a report, its page as text, and parsed."""

    out: Path
    text: str
    page: _Page


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> _Written:
    """A report on two configurations: one with every status, failures and four layers; one of changed code."""
    home = tmp_path_factory.mktemp("report")
    cells = [
        make_cell(name, [t * (1 + i / 50) for i in range(11)], layer, op=op, first_seconds=1.0, first_in_process=True)
        for layer in _LAYERS for op in ("im2col", "conv2d")
        for name, t in (("torch_native", 2e-5), ("numpy_fancy", 9e-5))
    ]  # fmt: skip
    statuses = ["fail", "crashed", "hung", "over_budget"]
    cells += [make_cell("sick", layer=la, status=s, reason=_EVIL) for la, s in zip(_LAYERS, statuses, strict=True)]
    cells += [
        make_cell("ill", layer=la, op=op, status="fail", reason="off") for la in _LAYERS for op in ("im2col", "conv2d")
    ]
    cells += [
        make_cell("shy", status="unsupported", reason="groups"),
        make_cell("gone", status="unavailable", reason="no X"),
    ]
    write_run(home, _FIRST, cells)
    header = make_header(_SECOND, backends=["torch_native"], code=Code(commit="cd" * 20, dirty=True), threads=2)
    write_run(home, _SECOND, [make_cell("torch_native", FLAT, threads=2, dtype="float64")], header=header)
    (home / "conformance.json").write_text('[{"backend": "torch_native", "verdict": "pass"}]')
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(registry, "names", lambda: ["numpy_fancy", "torch_native"])
        text = report.write_report(home, home / "out").read_text(encoding="utf-8")
    return _Written(home / "out", text, _Page(text))


def _plain(text: str) -> str:
    """What a browser shows of a piece of the page, in one line."""
    return " ".join(html.unescape(re.sub(r"<[^>]+>", "", text.replace("</p>", " "))).split())


def _status(text: str) -> tuple[str, str]:
    """The class and the words of the box at the top."""
    match = re.search(r'<div class="(status[^"]*)">(.*?)</div>', text, re.DOTALL)
    assert match is not None
    return match[1], _plain(match[2])


# -- what stands at the top --------------------------------------------------------------------------------------------


def test_the_box_at_the_top_says_what_the_page_rests_on(written: _Written) -> None:
    """Of eleven failures, the first eight are told."""
    box, text = _status(written.text)
    assert box == "status"
    assert text == (
        "Correctness: 1 of 6 backends pass (torch_native); not checked: numpy_fancy, gone, ill, shy, sick. "
        f"float64, 2 threads, steady allocator: Run {_SECOND} is finished: 1 of 4 planned cells measured; 3 not "
        f"reached. float32, 1 thread, steady allocator: Run {_FIRST} is finished: 16 of 24 planned cells measured; "
        "without a time: 9 fail, 1 crashed, 1 hung, 1 over budget, 1 unavailable, 1 unsupported. "
        "Unavailable here: gone: no X. Wrong results or crashes while measuring (11): "
        "ill im2col on net:small (float32): fail, off; ill im2col on net:large (float32): fail, off; "
        "ill im2col on net:wide (float32): fail, off; ill im2col on net:grouped (float32): fail, off; "
        "ill conv2d on net:small (float32): fail, off; "
        f"sick conv2d on net:small (float32): fail, {_EVIL}; "
        "ill conv2d on net:large (float32): fail, off; "
        f"sick conv2d on net:large (float32): crashed, {_EVIL} and 3 more. "
        f"Machine {MACHINE}, commit cdcdcdcd + uncommitted changes."
    )
    assert "<h1>im2col, col2im and convolution on CPU X</h1>" in written.text


def test_the_box_is_green_only_if_all_is_right(tmp_path: Path, figures: list[Any]) -> None:
    write_run(tmp_path, _FIRST, [make_cell("mine", FLAT)])
    (tmp_path / "conformance.json").write_text('[{"backend": "mine", "verdict": "pass"}]')
    box, text = _status(report.write_report(tmp_path, tmp_path / "out").read_text())
    assert (box, "failures" in text) == ("status right", False)
    assert text == (
        f"Correctness: 1 of 1 backend pass (mine). float32, 1 thread, steady allocator: Run {_FIRST} is finished: 1 of "
        f"4 planned cells measured; 3 not reached. Machine {MACHINE}, commit abababab."
    )
    (tmp_path / "conformance.json").write_text('[{"backend": "mine", "verdict": "fail"}]')
    box, text = _status(report.write_report(tmp_path, tmp_path / "out").read_text())
    assert (box, text.partition(". ")[0]) == ("status", "Correctness: 0 of 1 backend pass; fail: mine")


def test_up_to_eight_failures_are_told_whole(tmp_path: Path, figures: list[Any]) -> None:
    cells = [make_cell(f"b{i}", status="hung", reason="late") for i in range(8)]
    write_run(tmp_path, _FIRST, [make_cell("mine", FLAT), *cells])
    _, text = _status(report.write_report(tmp_path, tmp_path / "out").read_text())
    told = "; ".join(f"b{i} conv2d on net:small (float32): hung, late" for i in range(8))
    assert f"Wrong results or crashes while measuring (8): {told}. Machine" in text


@pytest.mark.parametrize(
    ("kind", "colour"),
    [("faster", "#005a9c"), ("slower", "#a34700"), ("fail", "#b00020")],
)
def test_good_and_bad_have_colours_of_their_own(written: _Written, kind: str, colour: str) -> None:
    assert re.search(rf"\.{kind} \.main {{ color: {colour};", written.text)
    assert ".status { border-left: .5rem solid #b36b00;" in written.text
    assert ".status.right { border-color: #00734f; }" in written.text
    assert ".best .main { font-weight: 700; }" in written.text


# -- tables ------------------------------------------------------------------------------------------------------------


def test_a_cell_shows_its_first_line_large_and_its_class_tip_and_value(written: _Written) -> None:
    rows = written.page.tables["summary-float32-t1-steady"]
    assert [[cell.lines for cell in row] for row in rows[:2]] == [
        [["op"], ["numpy_fancy is"], ["ill is"], ["shy is"], ["sick is"]],
        [["im2col"], ["4.5x slower", "4 of 4 layers: 0 faster, 0 same, 4 slower", "worst: 4.5x slower on net:small"],
         ["no layer measured together"], ["no layer measured together"], ["no layer measured together"]],
    ]  # fmt: skip
    assert [cell.tag for cell in rows[0]] == ["th"] * 5
    assert [cell.tag for cell in rows[1]] == ["th", "td", "td", "td", "td"]
    op, slow, ill = (cell.attributes for cell in rows[1][:3])
    assert op == {}
    assert {k: v for k, v in slow.items() if k != "data-value"} == {"class": "slower", "title": "time ratio 4.50"}
    assert float(slow["data-value"] or 0) == pytest.approx(4.5)
    assert ill == {"class": "missing"}
    assert '<span class="main">4.5x slower</span><span class="more">4 of 4 layers: 0 faster, 0 same' in written.text


def test_every_table_of_the_page_is_a_file_with_the_same_cells(written: _Written) -> None:
    """Seventeen of two configurations, and the three on backends, machine and ceilings."""
    saved = sorted(path.stem for path in (written.out / "tables").glob("*.md"))
    assert sorted(written.page.tables) == saved == sorted(path.stem for path in (written.out / "tables").glob("*.csv"))
    assert saved == sorted([
        "backends", "machine", "ceilings",
        *(f"{name}-float32-t1-steady" for name in (
            "summary", "times-im2col", "times-conv2d", "throughput", "over-naive", "claims", "memory", "first-calls")),
        *(f"{name}-float64-t2-steady" for name in ("times-conv2d", "throughput", "over-naive", "claims", "memory")),
    ])  # fmt: skip
    for name, rows in written.page.tables.items():
        lines = (written.out / "tables" / f"{name}.md").read_text(encoding="utf-8").splitlines()
        found = [line for line in lines if line.startswith("| ")]
        shown = [[" ".join(", ".join(cell.lines).split()) for cell in row] for row in rows]
        assert [found[0], *found[2:]] == [
            "| " + " | ".join(text.replace("|", "\\|") for text in _bold(row, cells)) + " |"
            for row, cells in zip(shown, rows, strict=True)
        ], name
        assert f'<a class="file" href="tables/{name}.csv">CSV</a>' in written.text


def _bold(texts: list[str], cells: list[_Cell]) -> list[str]:
    """The best of a row is bold in Markdown."""
    return [f"**{t}**" if c.attributes.get("class") == "best" else t for t, c in zip(texts, cells, strict=True)]


def test_notes_stand_below_their_table(written: _Written) -> None:
    below = written.text.partition('<table id="memory-float32-t1-steady">')[2].partition("</table>")[2]
    assert below.lstrip().startswith('</div>\n<p class="note">Computed from the geometry, not measured')


def test_csv_files_have_every_reason_whole(written: _Written) -> None:
    text = (written.out / "tables" / "times-conv2d-float32-t1-steady.csv").read_text(encoding="utf-8")
    head, *lines = text.splitlines()
    assert head.split(",") == list(TidyRow.__struct_fields__)
    assert len(lines) == 4 * 2 + 4 + 4 + 2
    assert sum(_EVIL in line for line in lines) == 4


# -- links, figures, numbers -------------------------------------------------------------------------------------------


def test_the_page_needs_no_network_and_its_links_lead_somewhere(written: _Written) -> None:
    links, ids = written.page.links, written.page.ids
    inside = [link[1:] for link in links if link.startswith("#")]
    assert inside[-5:] == ["backends", "machine", "ceilings", "how", "again"]
    assert [name for name in inside if name not in ids] == []
    assert len(inside) == 7 + 6 + 5
    assert len(ids) == len(set(ids))
    rest = [link for link in links if not link.startswith(("#", "data:image/png;base64,"))]
    assert [link for link in rest if not (written.out / link).is_file()] == []
    assert "http:" not in written.text
    assert "https:" not in written.text


def test_every_figure_is_embedded_and_beside_the_page(written: _Written) -> None:
    saved = {path.stem: path.read_bytes() for path in (written.out / "figures").iterdir()}
    assert sorted(saved) == [f"{name}-float32-t1-steady" for name in ("ratio-conv2d", "ratio-im2col", "roofline")]
    shown = [str(image["src"]) for image in written.page.images]
    assert all(data.startswith(b"\x89PNG") and len(data) < 200_000 for data in saved.values())
    embedded = [base64.b64decode(src.removeprefix("data:image/png;base64,")) for src in shown]
    assert sorted(embedded) == sorted(saved.values())
    assert [str(image["alt"]).partition(",")[0] for image in written.page.images] == [
        "im2col: time against torch_native", "conv2d: time against torch_native", "Roofline of the convolutions",
    ]  # fmt: skip


def test_the_records_in_the_page_are_strict_json_of_every_cell(written: _Written) -> None:
    def refuse(constant: str) -> None:
        raise AssertionError(f"{constant} is not JSON")

    document = json.loads(written.page.data, parse_constant=refuse)
    assert (document["schema"], document["machine"]["name"]) == (1, MACHINE)
    records = document["records"]
    assert len(records) == 1 + 16 + 4 + 8 + 2
    assert list(records[0]) == [*TidyRow.__struct_fields__, "baseline", "threads", "allocator", "dtype"]
    (other,) = [r for r in records if r["dtype"] == "float64"]
    assert [other[k] for k in ("baseline", "threads", "allocator", "seconds", "ratio", "pairs", "dirty")] == [
        "torch_native", 2, "steady", 1.0, 1.0, 11, True,
    ]  # fmt: skip
    slow = next(r for r in records if r["backend"] == "numpy_fancy")
    assert (slow["threads"], slow["op"], slow["layer"], slow["dirty"]) == (1, "im2col", "net:small", False)
    assert [slow[k] for k in ("seconds", "seconds_low", "seconds_high", "ratio")] == pytest.approx(
        [9e-5 * 1.1, 9e-5 * 1.02, 9e-5 * 1.18, 4.5]
    )
    lost = [r for r in records if r["backend"] == "sick"]
    assert [(r["status"], r["seconds"], r["ratio"]) for r in lost] == [
        (status, None, None) for status in ("fail", "crashed", "hung", "over_budget")
    ]
    assert {r["reason"] for r in lost} == {_EVIL}


def test_a_reason_cannot_break_the_page(written: _Written) -> None:
    assert "</script><b>" not in written.text
    assert "&lt;/script&gt;&lt;b&gt;&amp; | NaN" in written.text
    assert written.text.count("</script>") == 2


def test_the_commands_that_repeat_it_stand_at_the_end(written: _Written) -> None:
    again = written.text.partition('<h2 id="again">')[2]
    assert re.findall(r"<pre>(.*?)</pre>", again, re.DOTALL) == [
        f"harness bench {names} --shapes quick --ops im2col,conv2d --dtype float32 --threads {threads} "
        "--allocator steady --budget 2\nharness report\n"
        for names, threads in (("torch_native", 2), ("torch_native numpy_fancy sick ill shy gone", 1))
    ]
    assert re.search(r"Written \d{4}-\d\d-\d\d \d\d:\d\d UTC by harness report", again)


def test_each_part_has_its_commits_and_what_was_done(written: _Written) -> None:
    parts = re.findall(r"<h2>(.*?)</h2>\n<p class=\"note\">(.*?)\. Run", written.text)
    assert parts == [
        ("float64, 2 threads, steady allocator", "commit cdcdcdcd + uncommitted changes"),
        ("float32, 1 thread, steady allocator", "commit abababab"),
    ]


def test_the_records_in_the_page_keep_every_digit_of_a_short_time() -> None:
    (found,) = json.loads(records(make_data([make_row("mine", 1.23456789e-6)])))["records"]
    assert found["seconds"] == 1.23456789e-6
