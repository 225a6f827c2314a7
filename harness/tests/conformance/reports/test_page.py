"""The conformance page of a run in which every status occurs, read cell by cell; older files and pictures."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec import structs

from conformance.reports.page import percent, render, share
from conformance.reports.pictures import picture
from harness.contract.status import Status, Verdict
from harness.tests.helpers.suite import samples
from harness.tests.helpers.suite.html import Element, read, rows
from harness.tests.helpers.suite.samples import a_group, a_report


@pytest.fixture(scope="module")
def page() -> Element:
    """The page of the four backends."""
    return read(render(samples.all_four()))


def kinds(cells: list[Element]) -> list[list[str]]:
    """The classes of cells."""
    return [cell.classes for cell in cells]


# -- verdicts ------------------------------------------------------------------------------------------------------


def test_verdicts_are_a_row_a_backend(page: Element) -> None:
    assert rows(page.by_id("verdicts")) == [
        ["backend", "verdict", "executed of planned", "right, of claimed", "right, of all", "fail", "refused", "xfail",
         "xpass", "mistrusted", "not run", "time", "why"],
        ["mine", "fail", "35 of 46", "22 of 46 47 %", "22 of 55 40 %", "3", "9", "4", "1", "5", "11", "12.3 s",
         "two things"],
        ["right", "pass", "14 of 14", "14 of 14 100 %", "14 of 17 82 %", "0", "3", "0", "0", "0", "0", "2.5 s", ""],
        ["cut", "incomplete", "10 of 10", "10 of 10 100 %", "10 of 10 100 %", "0", "0", "0", "0", "0", "0", "0.7 s",
         "no case of col2im; 3 were cut"],
        ["absent", "unavailable", "0 of 0", "–", "–", "0", "0", "0", "0", "0", "0", "0.0 s", "no card"],
    ]  # fmt: skip


def test_verdicts_have_the_colour_of_their_status(page: Element) -> None:
    mine, right, _, absent = (
        [c for c in row.children if c.tag == "td"] for row in page.by_id("verdicts").all("tr")[1:]
    )
    assert kinds(mine)[:10] == [
        ["v-fail"], ["number"], ["number"], ["number"], ["number", "s-fail"], ["number"], ["number", "s-xfail"],
        ["number", "s-xpass"], ["number", "s-mistrusted"], ["number", "s-not_run"],
    ]  # fmt: skip
    assert kinds(right)[:6] == [["v-pass"], ["number"], ["number"], ["number"], ["number", "none"], ["number"]]
    assert kinds(absent)[:5] == [["v-unavailable"], *[["number", "none"]] * 4]


@pytest.mark.parametrize(
    ("verdicts", "text", "colour"),
    [
        ([Verdict.PASS, Verdict.PASS], "2 backends: 2 passed.", ["status", "pass"]),
        ([Verdict.PASS], "1 backend: 1 passed.", ["status", "pass"]),
        ([Verdict.PASS, Verdict.INCOMPLETE, Verdict.UNAVAILABLE, Verdict.INCOMPLETE],
         "4 backends: 1 passed, 2 incomplete, 1 unavailable.", ["status"]),
        ([Verdict.UNAVAILABLE, Verdict.FAIL, Verdict.PASS, Verdict.PASS],
         "4 backends: 2 passed, 1 failed, 1 unavailable.", ["status", "fail"]),
        ([], "No backend.", ["status"]),
    ],
)  # fmt: skip
def test_the_first_line_counts_verdicts_and_has_their_colour(
    verdicts: list[Verdict], text: str, colour: list[str]
) -> None:
    page = read(render([a_report(f"b{k}", verdict, []) for k, verdict in enumerate(verdicts)]))
    status = page.one("div", "status")
    assert (status.all("p")[0].text, status.classes) == (text, colour)


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ([{}, {}], "Suite 2026.14, tier 1, seed 7, each backend in a process of its own."),
        ([{"isolated": False}, {"isolated": False}], "Suite 2026.14, tier 1, seed 7, in one process."),
        ([{"isolated": None}, {"isolated": False}], "Suite 2026.14, tier 1, seed 7, in one process."),
        ([{"isolated": True}, {"isolated": False}], "Suite 2026.14, tier 1, seed 7."),
        ([{"tier": 0, "seed": 0}], "Suite 2026.14, tier 0, seed 0, each backend in a process of its own."),
        ([{"tier": 2, "seed": None, "suite_version": "2026.11"}, {"isolated": None}],
         "Suite 2026.11 and 2026.14, tier 2 and 1, seed 7, each backend in a process of its own."),
        ([{"tier": None, "seed": None, "isolated": None}], "Suite 2026.14."),
    ],
)  # fmt: skip
def test_the_conditions_of_the_run_are_told(changes: list[dict[str, Any]], text: str) -> None:
    page = read(render([structs.replace(samples.right(), **change) for change in changes]))
    assert page.one("div", "status").all("p")[1].text == text


# -- the matrix ----------------------------------------------------------------------------------------------------


def test_the_matrix_has_a_column_a_backend_that_was_asked_and_a_row_a_check(page: Element) -> None:
    """The worst status of its groups, in how many of them, how many cases were executed."""
    assert rows(page.by_id("matrix")) == [
        ["check", "mine fail", "right pass", "cut incomplete"],
        ["values results against the definition"],
        ["values.exact", "FAIL in 1 of 3 15 of 16", "pass part refused 14", "pass 10"],
        ["values.real", "xfail in 1 of 2 11", "–", "–"],
        ["law identities between the operations"],
        ["law.adjoint", "mistrusted in 1 of 2 14 of 25", "refused", "–"],
        ["contract form, ownership and repeatability of results"],
        ["contract.dtype", "XPASS in 1 of 1 2", "–", "–"],
    ]
    assert rows(page.by_id("optional")) == [
        ["check", "mine", "right", "cut"],
        ["errors what is raised for wrong arguments"],
        ["errors.shapes", "FAIL in 1 of 2 7", "–", "–"],
    ]


def test_cells_have_the_colour_of_their_status_and_lead_to_their_details(page: Element) -> None:
    cells = page.by_id("matrix").all("td")
    assert [(cell.classes, cell.attributes.get("id", "")) for cell in cells] == [
        (["s-fail"], "of-matrix-0-0"), (["s-pass"], "of-matrix-0-1"), (["s-pass"], "of-matrix-0-2"),
        (["s-xfail"], "of-matrix-1-0"), (["none"], ""), (["none"], ""),
        (["s-mistrusted"], "of-matrix-2-0"), (["s-unsupported"], "of-matrix-2-1"), (["none"], ""),
        (["s-xpass"], "of-matrix-3-0"), (["none"], ""), (["none"], ""),
    ]  # fmt: skip
    for cell in cells:
        for link in cell.all("a"):
            assert link.attributes["href"] == f"#{cell.attributes['id'].removeprefix('of-')}"
            panel = page.by_id(link.attributes["href"][1:])
            assert panel.one("a", "close").attributes["href"] == f"#{cell.attributes['id']}"
            assert link.attributes["title"] == panel.attributes["aria-label"] + ": details"
    assert page.by_id("matrix").all("th", "")[1].one("span").classes == ["more", "v-fail"]


def test_every_anchor_is_there_once_and_every_link_leads_somewhere(page: Element) -> None:
    ids = [one.attributes["id"] for one in page.walk() if "id" in one.attributes]
    assert len(ids) == len(set(ids))
    assert {link.attributes["href"][1:] for link in page.all("a")} <= set(ids)
    assert len(page.all("section", "panel")) == 8


@pytest.mark.parametrize(
    ("statuses", "shown"),
    [
        ([Status.PASS, Status.PASS], "pass 2"), ([Status.PASS, Status.UNSUPPORTED], "pass part refused 2"),
        ([Status.UNSUPPORTED, Status.UNSUPPORTED], "refused"), ([Status.NOT_RUN, Status.PASS], "not run in 1 of 2 2"),
        ([Status.FAIL, Status.FAIL, Status.PASS], "FAIL in 2 of 3 3"),
        ([Status.XFAIL, Status.PASS], "xfail in 1 of 2 2"),
    ],
)  # fmt: skip
def test_how_far_the_status_of_a_cell_reaches(statuses: list[Status], shown: str) -> None:
    groups = [
        a_group("values.exact", "im2col", f"float{k}", status, 1, 1,
                reason="2 cases refused: x" if status is Status.UNSUPPORTED else "")
        for k, status in enumerate(statuses)
    ]  # fmt: skip
    page = read(render([a_report("one", Verdict.PASS, groups)]))
    assert rows(page.by_id("matrix"))[2] == ["values.exact", shown]


def test_a_family_that_nobody_knows_has_rows_too() -> None:
    page = read(render([a_report("one", Verdict.PASS, [a_group("mine.own", "im2col", "float32", Status.PASS, 1, 1)])]))
    assert rows(page.by_id("matrix"))[1:] == [["mine"], ["mine.own", "pass 1"]]


def test_backends_without_a_case_are_named_below(page: Element) -> None:
    assert "No case was planned for absent." in [one.text for one in page.all("p", "note")]
    assert "No case was planned" not in read(render([samples.right()])).text


def test_two_backends_of_one_name_have_a_column_each() -> None:
    page = read(render([samples.right(), samples.right()]))
    assert rows(page.by_id("matrix"))[2] == ["values.exact", "pass part refused 14", "pass part refused 14"]
    assert [one.attributes["id"] for one in page.all("section", "panel")] == [
        "matrix-0-0", "matrix-0-1", "matrix-1-0", "matrix-1-1"
    ]  # fmt: skip


def test_the_legend_explains_every_status(page: Element) -> None:
    entries = page.one("ul", "legend").all("li")
    looks = [*Status, "deviates"]
    assert [one.one("b").classes for one in entries] == [["badge", f"s-{look}"] for look in looks]
    legend = [one.text for one in entries]
    assert legend == [*(f"{status.marker} {status.words}" for status in Status), f"FAIL {Verdict.DEVIATES.words}"]
    assert legend[0] == "FAIL a wrong result, or an error where none was announced"


def test_without_checks_there_is_no_matrix() -> None:
    page = read(render([samples.absent()]))
    assert [one.text for one in page.all("h2")] == ["Verdicts"]
    only = [group for group in samples.mine().checks if group.optional]
    page = read(render([a_report("one", Verdict.PASS, only)]))
    assert [one.text for one in page.all("h2")] == [
        "Verdicts", "What is wrong with one", "Optional, never part of the verdict",
    ]  # fmt: skip


# -- details -------------------------------------------------------------------------------------------------------


def test_details_have_a_table_of_ops_and_dtypes(page: Element) -> None:
    panel = page.by_id("matrix-0-0")
    assert panel.attributes["aria-label"] == "values.exact on mine"
    assert panel.one("h3").text == "FAIL values.exact on mine"
    assert rows(panel.one("table")) == [
        ["op", "float32", "float64"],
        ["im2col", "pass 7 50 % of the allowance 0.25 s", "FAIL 8 of 9 1.50 s"],
        ["col2im", "–", "refused 0.00 s"],
    ]
    assert kinds(panel.one("table").all("td")) == [["s-pass"], ["s-fail"], ["none"], ["s-unsupported"]]
    panel = page.by_id("matrix-1-0")
    assert rows(panel.one("table"))[1] == ["im2col", "pass 5 3 % of the allowance 0.75 s", "xfail 6 2.00 s"]
    panel = page.by_id("matrix-2-1")
    assert rows(panel.one("table")) == [["op", "float32"], ["im2col", "refused"]]


def test_details_have_each_reason_once_with_where_it_holds() -> None:
    groups = [
        a_group("values.exact", "im2col", "float32", Status.PASS, 1, 1, reason="2 cases refused: a"),
        a_group("values.exact", "im2col", "float64", Status.UNSUPPORTED, 0, 0, reason="3 cases refused: b"),
        a_group("values.exact", "col2im", "float64", Status.PASS, 1, 1, reason="2 cases refused: a"),
        a_group("values.exact", "conv2d", "float64", Status.PASS, 1, 1),
    ]
    page = read(render([a_report("one", Verdict.PASS, groups)]))
    assert [one.text for one in page.one("ul", "reasons").all("li")] == [
        "2 cases refused: a (im2col float32, col2im float64)", "3 cases refused: b (im2col float64)"
    ]  # fmt: skip


def test_failures_are_told_with_commands_script_and_picture(page: Element) -> None:
    first, second = page.by_id("matrix-0-0").all("details", "failure")
    w = samples.WRONG
    assert ("open" in first.attributes, "open" in second.attributes) == (True, False)
    assert first.one("p", "said").text == "3 of 6 elements differ"
    assert first.all("summary")[0].text == f"FAIL {w.case}"
    assert [one.text for one in first.all("p")] == [
        "3 of 6 elements differ", "Pattern: only the last row", "Witnesses: scipy agrees with the definition"
    ]  # fmt: skip
    assert [(one.one("span").text, one.one("pre").raw) for one in first.all("div", "copy")] == [
        ("run it again", w.repro), ("as a test", w.pytest), ("", w.script)
    ]  # fmt: skip
    assert first.one("svg").attributes["aria-label"] == "3 of 6 elements of this plane are wrong"
    assert first.one("figcaption").text == "Squares: 3 of 6 elements of this plane are wrong."
    assert [one.text for one in second.all("p")] == ["raised ValueError"]
    assert [one.one("pre").raw for one in second.all("div", "copy")] == ["again"]
    assert second.all("svg") == []


def test_a_picture_has_its_size_and_its_paths(page: Element) -> None:
    """Three columns of 14 pixels and two rows; neighbours are one line, which the style sheet draws with dashes."""
    svg = page.by_id("matrix-0-0").all("svg")[0]
    size = {name: svg.attributes[name] for name in ("width", "height", "viewbox")}
    assert size == {"width": "42", "height": "28", "viewbox": "0 0 3 2"}
    assert svg.one("path", "wrong").attributes["d"] == "M2 0.45h0.9M0 1.45h0.9M2 1.45h0.9"
    right = "M0.35 0.45h1.2M1.35 1.45h0.2"
    assert svg.one("path", "right").attributes["d"] == right


@pytest.mark.parametrize(
    ("lines", "width", "height", "scale", "label"),
    [
        (["..#", "#"], 3, 2, 14.0, "2 of 4 elements of this plane are wrong"),
        (["#" * 40], 40, 1, 7.0, "40 of 40 elements of this plane are wrong"),
        (["." * 200, "." * 200], 200, 2, 3.0, "0 of 400 elements of this plane are wrong"),
        ([""], 0, 1, 14.0, "0 of 0 elements of this plane are wrong"),
    ],
)
def test_a_picture_fits_its_room(lines: list[str], width: int, height: int, scale: float, label: str) -> None:
    drawn = picture(lines)
    assert (drawn.width, drawn.height, drawn.scale, drawn.label) == (width, height, scale, label)


@pytest.mark.parametrize(
    ("used", "text"), [(None, ""), (0.0, "0 %"), (0.0004, "0.04 %"), (0.0099, "1 %"), (0.016, "2 %"), (1.25, "125 %")]
)
def test_the_share_of_an_allowance_is_told_in_words(used: float | None, text: str) -> None:
    assert share(used) == (f"{text} of the allowance" if text else "")


@pytest.mark.parametrize(("part", "whole", "text"), [(1483, 1484, "99 %"), (5, 5, "100 %"), (0, 3, "0 %"), (0, 0, "")])
def test_a_percentage_is_rounded_down(part: int, whole: int, text: str) -> None:
    assert percent(part, whole) == text


def test_an_older_file_shows_its_diagnoses() -> None:
    group = a_group(
        "values.exact", "im2col", "float32", Status.FAIL, 2, 2, diagnosis=["a: off by one", "b: off by two"],
        repro="harness check old.py",
    )  # fmt: skip
    panel = read(render([a_report("old", Verdict.FAIL, [group])])).one("section", "panel")
    failures = panel.all("details", "failure")
    assert [one.all("summary")[0].text for one in failures] == ["FAIL a: off by one", "FAIL b: off by two"]
    assert [one.all("p", "said") for one in failures] == [[], []]
    assert [[pre.raw for pre in one.all("pre")] for one in failures] == [["harness check old.py"], []]
    assert rows(panel.one("table")) == [["op", "float32"], ["im2col", "FAIL 2"]]
