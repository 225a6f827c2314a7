"""What is never called the fastest, and the lines that say what is left out and why."""

from __future__ import annotations

from typing import Any

import pytest

from harness.contract.status import CellStatus, Verdict
from harness.report.answer.right import HARMLESS, barred
from harness.report.answer.set_aside import Aside, asides
from harness.report.measured.load import Data
from harness.report.measured.runs import Run
from harness.report.verdicts import ConformanceVerdict
from harness.tests.helpers.runfiles import make_data, make_facts, make_header, make_row


def _verdicts(**verdicts: Verdict) -> dict[str, ConformanceVerdict]:
    return {name: ConformanceVerdict(backend=name, verdict=verdict) for name, verdict in verdicts.items()}


def _lines(rows: list[Any], **other: Any) -> dict[str, Aside]:
    return {aside.label: aside for aside in asides(_data(rows, **other))}


def _data(rows: list[Any], **other: Any) -> Data:
    """Of one run, the one that the rows say they are of."""
    run = Run(make_header(rows[0].cell.run), [row.cell for row in rows])
    return make_data(rows, runs=[run], **other)


def test_a_backend_that_fails_the_suite_is_barred_in_every_op() -> None:
    rows = [make_row("mine", 1.0), make_row("mine", 1.0, op="im2col"), make_row("right", 1.0), make_row("form", 1.0)]
    data = make_data(rows, verdicts=_verdicts(mine=Verdict.FAIL, right=Verdict.PASS, form=Verdict.DEVIATES))
    why = "it fails the conformance suite"
    assert barred(rows, data) == {("conv2d", "mine"): why, ("im2col", "mine"): why}


@pytest.mark.parametrize("status", list(CellStatus))
def test_one_cell_that_cannot_be_believed_bars_its_backend_in_that_op(status: CellStatus) -> None:
    rows = [
        make_row("mine", 1.0), make_row("mine", 1.0, op="im2col"),
        make_row("mine", layer="net:large", status=status, reason="x"),
    ]  # fmt: skip
    expected = {} if status in HARMLESS else {("conv2d", "mine"): f"{status.value.replace('_', ' ')} on net:large"}
    assert barred(rows, make_data(rows)) == expected


def test_each_status_is_told_in_a_line() -> None:
    """Whatever there is but a time; a status of which nothing is known has a line of its own."""
    rows = [make_row(f"b_{status}", status=status, reason="because") for status in CellStatus if status != "ok"]
    facts = {"b_unavailable": make_facts("b_unavailable", available=False, reason="no X")}
    lines = _lines(rows, backends=facts)
    named = " ".join(line.names for line in lines.values())
    assert [row.cell.backend for row in rows if row.cell.backend not in named] == []
    assert all(line.reasons for line in lines.values())


def test_wrong_comes_first_with_verdicts_and_cells() -> None:
    rows = [
        make_row("mine", 1.0),
        make_row("mine", status="hung", layer="net:large", reason="60 s"),
        make_row("bad", 1.0),
    ]
    lines = asides(_data(rows, verdicts=_verdicts(mine=Verdict.PASS, bad=Verdict.FAIL)))
    assert (lines[0].label, lines[0].names, lines[0].kind) == ("Wrong", "bad, mine", "fail")
    assert lines[0].reasons == [
        f"bad: {Verdict.FAIL.words} (conformance suite)", "mine conv2d on net:large (float32): hung, 60 s",
    ]  # fmt: skip


def test_what_cannot_be_believed_has_a_line_of_its_own() -> None:
    lines = _lines([make_row("liar", status="implausible", reason="1 us for 3 MB"), make_row("mine", 1.0)])
    assert "Wrong" not in lines
    line = lines["Implausible"]
    assert (line.names, line.kind) == ("liar", "fail")
    assert line.reasons == ["liar conv2d on net:small (float32): implausible, 1 us for 3 MB"]


def test_who_deviates_and_who_was_not_judged() -> None:
    rows = [make_row(name, 1.0) for name in ("form", "half", "new", "right")]
    lines = _lines(rows, verdicts=_verdicts(form=Verdict.DEVIATES, half=Verdict.INCOMPLETE, right=Verdict.PASS))
    assert lines["Deviates"].reasons == [f"form: {Verdict.DEVIATES.words}"]
    assert lines["Not checked"].reasons == [
        f"half: {Verdict.INCOMPLETE.words}", "new: the conformance suite has not judged it",
    ]  # fmt: skip
    assert "Wrong" not in lines
    none = _lines(rows)["Not checked"]
    assert (none.names, none.kind) == ("all backends", "doubt")
    assert "harness check --json results/conformance.json" in none.reasons[0]


def test_a_reason_is_told_once_with_the_number_of_its_cells() -> None:
    rows = [
        *(make_row("shy", layer=layer, status="unsupported", reason="groups") for layer in ("net:small", "net:large")),
        make_row("shy", layer="net:wide", status="unsupported", reason="stride"),
        *(make_row("slow", layer=layer, status="over_budget", reason=layer) for layer in ("net:small", "net:large")),
        make_row("big", status="no_memory", reason="9 GiB"),
    ]  # fmt: skip
    lines = _lines(rows)
    assert lines["Refused"].reasons == ["shy: groups, in 2 cells", "shy: stride, in 1 cell"]
    assert lines["Not measured"].reasons == ["slow: predicted to take too long, in 2 cells", "big: 9 GiB, in 1 cell"]


def test_a_run_that_did_not_end_is_a_doubt() -> None:
    line = _lines([make_row("mine", 1.0, run="20260101T000000-a")])["Runs"]
    assert (line.kind, line.names) == ("doubt", "UNFINISHED: 20260101T000000-a")
    assert line.reasons[0].startswith("Run 20260101T000000-a is UNFINISHED")


def test_files_that_were_left_out_are_named() -> None:
    line = _lines([make_row("mine", 1.0, run="20260101T000000-a")], left_out=["x.jsonl is a folder"])["Left out"]
    assert (line.names, line.reasons, line.kind) == ("1 file", ["x.jsonl is a folder"], "fail")
