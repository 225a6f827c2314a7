"""A table in its three forms: the best is bold, pipes are no columns, and the numbers behind it are one row a cell."""

from __future__ import annotations

from msgspec import Struct

from harness.report.tables.table import NEVER, Table, TableCell, absent_notes, cell, frame
from harness.results.rates import Rates
from harness.tests.helpers.runfiles import make_row


class _Number(Struct, kw_only=True):
    """A record with one within it."""

    name: str
    rates: Rates
    value: float | None


_RATES = Rates(flops=3, min_bytes=4, intensity=0.75, gflops=1.5, gbs=2.5)


def _table(notes: list[str]) -> Table:
    rows = [
        [cell("a|b"), TableCell(("fast", "", "x  y\nz"), "best"), TableCell(("slow",), "slower", "tip", 2.0)],
        [cell("c"), TableCell(("", ""), "best"), cell("1", "fail", 1.0)],
    ]  # fmt: skip
    records = [_Number(name="n1", rates=_RATES, value=None), _Number(name="n,2", rates=_RATES, value=0.5)]
    return Table("name", "Title", ["op", "one", "two"], rows, records, notes)


def test_markdown_has_a_line_a_row_and_the_notes_below() -> None:
    assert _table(["first", "second"]).markdown() == (
        "## Title\n\n| op | one | two |\n| --- | --- | --- |\n| a\\|b | **fast, x y z** | slow |\n| c |  | 1 |\n\n"
        "- first\n- second\n"
    )
    assert _table([]).markdown().endswith("| c |  | 1 |\n")


def test_csv_has_a_column_for_each_field_of_the_records_also_of_those_within() -> None:
    head, first, second = _table([]).csv().splitlines()
    assert head == (
        "name,flops,min_bytes,intensity,gflops,gbs,copy_ceiling,copy_gbs,matmul_gflops,memory_share,compute_share,bound,"
        "share,value"
    )
    assert first == "n1,3,4,0.75,1.5,2.5,,,,,,,,"
    assert second == '"n,2",3,4,0.75,1.5,2.5,,,,,,,,0.5'


def test_csv_without_records_has_the_header_alone() -> None:
    assert Table("name", "Title", ["op", "one"], [], []).csv() == "op,one\n"


def test_a_frame_has_the_records_in_order() -> None:
    found = frame(_table([]).records)
    assert list(found["name"]) == ["n1", "n,2"]
    assert list(found["gbs"]) == [2.5, 2.5]


def test_a_cell_on_one_line_leaves_out_what_is_empty() -> None:
    assert TableCell(("a", "", "b")).text == "a, b"
    assert (cell("x").lines, cell("x").kind, cell("x").title, cell("x").value) == (("x",), "", "", None)
    assert (NEVER.text, NEVER.kind, NEVER.title) == ("not tried", "missing", "no run file has this cell")


def test_backends_without_a_column_are_named_with_their_reasons() -> None:
    rows = [
        make_row("gone", status="unavailable", reason="no CUDA"), make_row("mine", 1.0),
        make_row("lost", status="unavailable", reason="No module named 'cupy'"),
    ]  # fmt: skip
    assert absent_notes(rows) == [
        "No column, because unavailable here: gone (no CUDA); lost (No module named 'cupy')."
    ]  # fmt: skip
    assert absent_notes(rows[1:2]) == []
