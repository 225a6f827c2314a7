"""The written report, drawn once: what a reader meets on the page, in its files, and in the numbers behind it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from harness import report
from harness.contract import registry
from harness.report import page as pages
from harness.report.measured.rows import TidyRow
from harness.results.records import Code
from harness.tests.helpers.runfiles import FLAT, MACHINE, SPECS, make_cell, make_header, write_run
from harness.tests.helpers.suite.html import Element, read, rows

_FIRST, _SECOND = "20260101T000000-a", "20260102T000000-b"
_EVIL = "</script><b>& | NaN \U0001f4a5"
_LAYERS = list(SPECS)


class _Written(NamedTuple):
    """The folder of a report, its page as text, and parsed."""

    out: Path
    text: str
    page: Element


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> _Written:
    """A report on two configurations: one with every status, failures and four layers; one of changed code."""
    home = tmp_path_factory.mktemp("report")
    cells = [
        make_cell(name, [t * (1 + i / 50) for i in range(11)], layer, op=op, first_seconds=first, first_in_process=True)
        for layer in _LAYERS for op in ("im2col", "conv2d")
        for name, t, first in (("torch_native", 2e-5, 1.0), ("numpy_fancy", 9e-5, 1.0), ("mine", 1e-5, 1.5))
    ]  # fmt: skip
    statuses = ["fail", "crashed", "hung", "over_budget"]
    cells += [make_cell("sick", layer=la, status=s, reason=_EVIL) for la, s in zip(_LAYERS, statuses, strict=True)]
    cells += [
        make_cell("shy", status="unsupported", reason="groups"),
        make_cell("gone", status="unavailable", reason="no X"),
    ]
    write_run(home, _FIRST, cells)
    header = make_header(_SECOND, backends=["torch_native"], code=Code(commit="cd" * 20, dirty=True), threads=2)
    write_run(home, _SECOND, [make_cell("torch_native", FLAT, threads=2)], header=header)
    (home / "conformance.json").write_text('[{"backend": "torch_native", "verdict": "pass"}]')
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(registry, "names", lambda: ["numpy_fancy", "torch_native"])
        text = report.write_report(home, home / "out").read_text(encoding="utf-8")
    return _Written(home / "out", text, read(text))


# -- what stands at the top --------------------------------------------------------------------------------------------


def test_it_begins_with_one_sentence_one_figure_and_one_table(written: _Written) -> None:
    """Of the conditions with most cells, whichever were measured last."""
    header, main = written.page.one("header"), written.page.one("main")
    assert header.one("h1").text == "im2col, col2im and convolution on CPU X"
    assert [one.text for one in header.all("p")] == [
        "For conv2d, mine is the fastest right backend here: 2.0x faster than torch_native and 9.0x faster than "
        "numpy_fancy.",
        "How sure: on a single layer a ratio is the median of 10 pairs of calls, known to about ±0 %; a mean over "
        "layers hides how much they differ, which its cell tells on hover and the tables layer by layer.",
        f"float32, 1 thread, steady allocator; machine {MACHINE}, commit abababab.",
    ]
    first = next(child for child in main.children if child.tag)
    assert first.classes == ["answer"]
    assert len(first.all("svg")) == 1
    assert rows(first.one("table")) == [
        ["op", "fastest", "against torch_native", "against numpy_fancy", "layers", "next"],
        ["im2col", "mine", "2.0x faster", "9.0x faster", "4", "torch_native, 2.0x slower"],
        ["conv2d", "mine", "2.0x faster", "9.0x faster", "4", "torch_native, 2.0x slower"],
    ]


def test_what_is_set_aside_is_a_line_each_that_unfolds_to_the_reasons(written: _Written) -> None:
    lines = written.page.one("div", "asides").all("details")
    assert [(one.classes, one.one("summary").text) for one in lines] == [
        (["aside", "fail"], "Wrong: sick"),
        (["aside", "doubt"], "Not checked: numpy_fancy, gone, mine, shy, sick"),
        (["aside", "plain"], "Unavailable: gone (no X)"),
        (["aside", "plain"], "Refused: shy"),
        (["aside", "plain"], "Not measured: sick"),
        (["aside", "plain"], "Runs: 2 runs, finished"),
    ]
    assert all("open" not in one.attributes for one in lines)
    reasons = [[entry.text for entry in one.all("li")] for one in lines]
    assert reasons[0] == [f"sick conv2d on {layer} (float32): {status}, {' '.join(_EVIL.split())}"
                          for layer, status in zip(_LAYERS, ("fail", "crashed", "hung"), strict=False)]  # fmt: skip
    assert reasons[2:5] == [["gone: no X"], ["shy: groups, in 1 cell"], ["sick: predicted to take too long, in 1 cell"]]
    assert reasons[5][1].startswith(f"Run {_FIRST} is finished: 24 of 24 planned cells measured; without a time")


def test_where_all_is_right_it_says_so(tmp_path: Path, figures: list[Any]) -> None:
    write_run(tmp_path, _FIRST, [make_cell("mine", FLAT)])
    (tmp_path / "conformance.json").write_text('[{"backend": "mine", "verdict": "pass"}]')
    box = read(report.write_report(tmp_path, tmp_path / "out").read_text()).one("div", "asides")
    assert [one.text for one in box.all("p", "right")] == ["Right: 1 of 1 backend pass (mine)."]
    (tmp_path / "conformance.json").write_text('[{"backend": "mine", "verdict": "fail"}]')
    page = read(report.write_report(tmp_path, tmp_path / "out").read_text())
    assert page.one("div", "asides").all("p") == []
    assert page.one("p", "lede").text == "No backend that is right has a time here."
    assert page.one("div", "asides").all("summary")[0].text == "Wrong: mine"


# -- tables ------------------------------------------------------------------------------------------------------------


def test_a_cell_shows_one_number_and_the_rest_on_hover(written: _Written) -> None:
    found = rows(written.page.by_id("summary-float32-t1-steady"))
    assert found[:2] == [
        ["op", "numpy_fancy is", "mine is", "shy is", "sick is"],
        ["im2col", "4.5x slower", "2.0x faster", "no layer measured together", "no layer measured together"],
    ]
    cells = written.page.by_id("summary-float32-t1-steady").all("td")
    slow, lost = cells[0].attributes, cells[2].attributes
    assert (slow["class"], slow["title"]) == (
        "slower",
        "4 of 4 layers: 0 faster, 0 same, 4 slower; worst: 4.5x slower on net:small; time ratio 4.50",
    )
    assert float(slow["data-value"]) == pytest.approx(4.5)
    assert lost == {"class": "missing"}


def test_the_layers_of_the_filter_have_words_numbers_and_shades(written: _Written) -> None:
    table = written.page.by_id("layers-float32-t1-steady")
    row = table.all("tr")[1]
    assert row.attributes["data-words"] == f"net:small 3x3 2 4 6 6x6 {SPECS['net:small']}"
    assert [cell.text for cell in row.children[:6] if cell.tag] == [
        "net:small", "im2col", "3x3 2→4 6x6", "22.0 us", "4.5x slower", "2.0x faster"
    ]  # fmt: skip
    slow, fast = row.all("td")[3:5]
    assert (slow.classes, fast.classes) == (["h3"], ["best", "h-2"])
    assert [float(one.attributes["data-second"]) for one in (row.all("td")[2], slow, fast)] == pytest.approx(
        [2 / 9, 1, 1 / 9]
    )
    section = written.page.by_id("your-layer")
    assert section.attributes["data-references"] == "torch_native numpy_fancy"


def test_every_table_of_the_page_is_a_file_with_the_same_cells(written: _Written) -> None:
    saved = sorted(path.stem for path in (written.out / "tables").glob("*.md"))
    tables = {one.attributes["id"]: one for one in written.page.all("table")}
    assert sorted(tables) == saved == sorted(path.stem for path in (written.out / "tables").glob("*.csv"))
    both = ("fastest", "layers", "times-conv2d", "throughput", "over-naive", "claims", "memory")
    alone = ("summary", "times-im2col", "first-calls", "break-even")
    assert saved == sorted([
        "backends", "machine", "ceilings", "threads-float32-steady",
        *(f"{name}-float32-t1-steady" for name in (*both, *alone)), *(f"{name}-float32-t2-steady" for name in both),
    ])  # fmt: skip
    for name, table in tables.items():
        lines = (written.out / "tables" / f"{name}.md").read_text(encoding="utf-8").splitlines()
        kept = [line for line in lines if line.startswith("| ")]
        for line, row in zip([kept[0], *kept[2:]], rows(table), strict=True):
            told = [part.strip().replace("**", "").replace("\\|", "|") for part in re.split(r"(?<!\\)\|", line)[1:-1]]
            assert all(whole.startswith(shown) for whole, shown in zip(told, row, strict=True)), name


def test_notes_stand_below_their_table(written: _Written) -> None:
    below = written.text.partition('<table id="memory-float32-t1-steady"')[2].partition("</table>")[2]
    assert below.lstrip().startswith('</div>\n<p class="note">Computed from the geometry, not measured')


def test_csv_files_have_every_reason_whole(written: _Written) -> None:
    text = (written.out / "tables" / "times-conv2d-float32-t1-steady.csv").read_text(encoding="utf-8")
    head, *lines = text.splitlines()
    assert head.split(",") == list(TidyRow.__struct_fields__)
    assert len(lines) == 4 * 3 + 4 + 2
    assert sum(_EVIL in line for line in lines) == 4


# -- links, figures, texts ---------------------------------------------------------------------------------------------


def test_the_page_needs_no_network_and_its_links_lead_somewhere(written: _Written) -> None:
    found = list(written.page.walk())
    links = [one.attributes[key] for one in found for key in ("src", "href") if key in one.attributes]
    ids = [one.attributes["id"] for one in found if "id" in one.attributes]
    assert len(ids) == len(set(ids))
    assert [link for link in links if link.startswith("#") and link[1:] not in ids] == []
    assert [link for link in links if not link.startswith("#") and not (written.out / link).is_file()] == ["data:,"]
    assert re.search(r"https?:|@import|url\((?!#)", written.text) is None


def test_every_figure_is_in_the_page_as_text_and_beside_it_as_a_picture(written: _Written) -> None:
    saved = {path.stem: path.read_bytes() for path in (written.out / "figures").iterdir()}
    names = ("fastest", "ratio-conv2d", "ratio-im2col", "roofline", "first-calls")
    assert sorted(saved) == sorted(["threads-float32-steady", *(f"{name}-float32-t1-steady" for name in names)])
    assert all(data.startswith(b"\x89PNG") and len(data) < 200_000 for data in saved.values())
    drawn = written.page.all("svg")
    assert len(drawn) == len(saved)
    assert drawn[0].attributes["aria-label"].startswith("Time of each backend against torch_native, ")
    assert "numpy_fancy" in [one.text for one in drawn[0].all("text")]


def test_a_reason_cannot_break_the_page(written: _Written) -> None:
    assert "</script><b>" not in written.text
    assert "&lt;/script&gt;&lt;b&gt;&amp; | NaN" in written.text
    assert written.text.count("</script>") == 1


def test_the_other_conditions_are_folded_and_have_their_own_answer(written: _Written) -> None:
    (other,) = written.page.all("details", "other")
    assert other.all("summary")[0].text == "float32, 2 threads, steady allocator"
    told = [one.text for one in other.all("p")[:2]]
    assert told[0] == "For conv2d, torch_native is the fastest right backend here; nothing else was timed beside it."
    assert told[1].startswith("commit cdcdcdcd + uncommitted changes. Run ")


def test_the_commands_that_repeat_it_stand_at_the_end(written: _Written) -> None:
    again = written.text.partition('<h2 id="again">')[2]
    assert re.findall(r"<pre>(.*?)</pre>", again, re.DOTALL) == [
        f"harness bench {names} --shapes quick --ops im2col,conv2d --dtype float32 --threads {threads} "
        "--allocator steady --budget 2\nharness report\n"
        for names, threads in (("torch_native numpy_fancy mine sick shy gone", 1), ("torch_native", 2))
    ]
    assert re.search(r"Written \d{4}-\d\d-\d\d \d\d:\d\d UTC by harness report", again)


def test_the_same_results_are_the_same_page(tmp_path: Path) -> None:
    """But for the minute in which it was written."""
    cells = [make_cell(name, FLAT, op="im2col") for name in ("torch_native", "mine")]
    write_run(tmp_path, _FIRST, cells)
    texts = [report.write_report(tmp_path, tmp_path / "out").read_text(encoding="utf-8") for _ in range(2)]
    first, second = (re.sub(r"Written .*? UTC", "", text) for text in texts)
    assert first == second


@pytest.mark.parametrize("room", [0, 8_000])
def test_what_has_no_room_on_the_page_is_a_link(
    tmp_path: Path, figures: list[Any], monkeypatch: pytest.MonkeyPatch, room: int
) -> None:
    """The last ones give way: the page stays below a size, and no file is without a link."""
    monkeypatch.setattr(pages, "_MOST_BYTES", room)
    write_run(tmp_path, _FIRST, [make_cell(name, FLAT, op="im2col") for name in ("torch_native", "mine")])
    text = report.write_report(tmp_path, tmp_path / "out").read_text(encoding="utf-8")
    shown = sum(len(part) for part in re.findall(r"<table.*?</table>", text, re.DOTALL))
    assert (shown == 0) == (room == 0)
    assert shown <= room
    assert text.count("as this page would be too large") > 0
    saved = [f"{p.parent.name}/{p.name}" for p in (tmp_path / "out").rglob("*.*") if p.name != "index.html"]
    assert [name for name in saved if f'href="{name}"' not in text] == []
