"""What is newly failing, passing, refused or missing, of checks and of measured cells."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.contract.status import CellStatus, Status, Verdict
from harness.results.diff.compare import compare_files
from harness.results.diff.records import Diff, Judgement
from harness.tests.helpers.cli.reports import a_group, a_report
from harness.tests.helpers.comparisons import a_comparison_row, checks, write_checks, write_comparison, write_reports
from harness.tests.helpers.runfiles import make_cell, write_run


def brief(found: list[Judgement]) -> list[tuple[str, str | None, str | None]]:
    return [(one.check or one.shape, one.before, one.after) for one in found]


def lists(diff: Diff) -> list[list[tuple[str, str | None, str | None]]]:
    """Newly failing, newly passing, newly refused, missing."""
    return [brief(one) for one in (diff.newly_failing, diff.newly_passing, diff.newly_refused, diff.missing)]


_PASS, _FAIL, _REFUSED, _NOT_RUN = Status.PASS, Status.FAIL, Status.UNSUPPORTED, Status.NOT_RUN


@pytest.mark.parametrize(
    ("before", "after", "place"),
    [
        (_PASS, _FAIL, 0), (_REFUSED, _FAIL, 0), (_NOT_RUN, _FAIL, 0), (_PASS, Status.XFAIL, 0), (None, _FAIL, 0),
        (_FAIL, _PASS, 1), (_REFUSED, _PASS, 1), (_NOT_RUN, _PASS, 1), (Status.XFAIL, Status.XPASS, 1),
        (_PASS, _REFUSED, 2), (_FAIL, _REFUSED, 2),
        (_PASS, _NOT_RUN, 3), (_FAIL, None, 3), (_PASS, None, 3), (_REFUSED, Status.MISTRUSTED, 3),
        (_PASS, _PASS, None), (_FAIL, _FAIL, None), (_FAIL, Status.XFAIL, None), (_NOT_RUN, None, None),
        (None, _PASS, None), (None, _REFUSED, None),
    ],
)  # fmt: skip
@pytest.mark.parametrize("ending", ["json", "jsonl"])
def test_a_status_that_changed_is_in_one_list(
    before: Status | None, after: Status | None, place: int | None, ending: str, tmp_path: Path
) -> None:
    def of(status: Status | None) -> dict[str, Status]:
        return {"stays": _PASS} | ({} if status is None else {"changes": status})

    a = write_checks(tmp_path / f"a.{ending}", checks(**of(before)))
    b = write_checks(tmp_path / f"b.{ending}", checks(**of(after)))
    expected: list[list[tuple[str, str | None, str | None]]] = [[], [], [], []]
    if place is not None:
        expected[place] = [("changes", before and before.value, after and after.value)]
    assert lists(compare_files(a, b)) == expected


def test_a_change_is_told_as_the_suite_told_it(tmp_path: Path) -> None:
    a = write_checks(tmp_path / "a.json", [a_group(), a_group(op="col2im")])
    wrong = a_group(_FAIL, diagnosis=["some/case: 3 of 4 differ", "more"], repro="harness check mine --check x")
    refused = a_group(_REFUSED, op="col2im", reason="2 cases: no groups")
    b = write_checks(tmp_path / "b.json", [wrong, refused], verdict=Verdict.FAIL)
    diff = compare_files(a, b)
    assert diff.newly_failing == [
        Judgement(backend="mine", check="values.exact", op="im2col", dtype="float32", before="pass", after="fail",
                  reason="some/case: 3 of 4 differ", repro="harness check mine --check x")
    ]  # fmt: skip
    assert [(one.op, one.reason) for one in diff.newly_refused] == [("col2im", "2 cases: no groups")]
    assert (diff.before, diff.after, diff.schema, diff.floor) == (str(a), str(b), 1, None)


def test_what_is_not_part_of_the_verdict_is_not_compared(tmp_path: Path) -> None:
    a = write_checks(tmp_path / "a.json", [a_group(optional=True)])
    b = write_checks(tmp_path / "b.json", [a_group(_FAIL, optional=True)])
    assert lists(compare_files(a, b)) == [[], [], [], []]


def test_who_is_unavailable_now_is_missed(tmp_path: Path) -> None:
    a = write_checks(tmp_path / "a.json", [a_group()])
    b = write_checks(tmp_path / "b.json", verdict=Verdict.UNAVAILABLE, reason="no card")
    diff = compare_files(a, b)
    assert lists(diff) == [[], [], [], [("values.exact", "pass", None)]]
    assert diff.notes == ["mine is unavailable now: no card"]


def test_what_was_asked_differently_is_said(tmp_path: Path) -> None:
    a = write_checks(tmp_path / "a.json", [a_group()], tier=1, suite_version="2026.13")
    b = write_checks(tmp_path / "b.json", [a_group()], tier=2, cut="interrupted")
    diff = compare_files(a, b)
    assert diff.notes == [
        "mine: suite 2026.13 before, 2026.14 now: a difference may be that of the questions",
        "mine: tier 1 before, 2 now: a difference may be that of the questions",
        "mine: the second run was cut short: interrupted",
    ]
    one, other = write_reports(tmp_path / "c.json", a_report("c")), write_reports(tmp_path / "d.json", a_report("d"))
    assert compare_files(one, other).notes == ["c is in the first document alone", "d is in the second document alone"]


def test_cells_of_a_comparison_are_compared_by_backend(tmp_path: Path) -> None:
    """The reason of a row without a ratio says whose status it has; the other side has its time."""
    a = write_comparison(tmp_path / "a.json", a_comparison_row(), a_comparison_row(shape="net:large"))
    lost = a_comparison_row(None, status=CellStatus.FAIL, reason="mine: off by one")
    refused = a_comparison_row(
        1.0, None, shape="net:large", status=CellStatus.UNSUPPORTED, reason="numpy_fancy: groups"
    )
    b = write_comparison(tmp_path / "b.json", lost, refused)
    diff = compare_files(a, b)
    assert lists(diff) == [[("net:small", "ok", "fail")], [], [("net:large", "ok", "unsupported")], []]
    assert [(one.backend, one.op, one.spec, one.reason) for one in (*diff.newly_failing, *diff.newly_refused)] == [
        ("mine", "conv2d", "n1c2h6w6_f4kh3kw3", "off by one"), ("numpy_fancy", "conv2d", "n1c2h6w6_f4kh3kw3", "groups")
    ]  # fmt: skip
    assert lists(compare_files(b, a))[1] == [("net:small", "fail", "ok"), ("net:large", "unsupported", "ok")]


def test_cells_of_run_files_are_compared_the_worst_of_processes_first(tmp_path: Path) -> None:
    before = [make_cell("mine", [1.0] * 3), make_cell("mine", [1.0] * 3, "net:large")]
    after = [make_cell("mine", [1.0] * 3), make_cell("mine", status="hung", reason="no answer", process=1),
             make_cell("mine", status="over_budget", layer="net:large", reason="9 h")]  # fmt: skip
    a, b = write_run(tmp_path, "run-a", before), write_run(tmp_path, "run-b", after, finished=False)
    diff = compare_files(a, b)
    assert lists(diff) == [[("net:small", "ok", "hung")], [], [], [("net:large", "ok", "over_budget")]]
    assert diff.notes == ["the second document is of a run that was interrupted"]
