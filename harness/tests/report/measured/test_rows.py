"""One cell as files hold it, and what is true of a backend in all of its cells."""

from __future__ import annotations

import msgspec

from harness.report.measured import grouping
from harness.report.measured.rows import PairedRatio, Row, tidy
from harness.results.intervals import Interval
from harness.tests.helpers.runfiles import make_cell, make_row


def test_a_measured_cell_in_base_units() -> None:
    cell = make_cell(
        "mine", [0.5, 0.25, 0.75], "net:large", op="im2col", native=False, run="r1", commit="c0ffee", checked_points=63,
        repetitions=7, predicted_seconds=0.3,
    )  # fmt: skip
    row = Row(cell=cell, dirty=True, seconds=Interval(0.5, 0.25, 0.75), ratio=PairedRatio(0.9, 0.8, 1.1, 3))
    assert msgspec.to_builtins(tidy(row)) == {
        "op": "im2col", "layer": "net:large", "spec": "n1c8h12w12_f8kh3kw3_pt1pb1pl1pr1", "backend": "mine",
        "native": False, "status": "ok", "reason": "", "predicted_seconds": 0.3, "n": 3, "seconds": 0.5,
        "seconds_low": 0.25, "seconds_high": 0.75, "ratio": 0.9, "ratio_low": 0.8, "ratio_high": 1.1, "pairs": 3,
        "run": "r1", "commit": "c0ffee", "dirty": True, "checked_points": 63, "repetitions": 7,
    }  # fmt: skip


def test_a_cell_without_a_time_has_its_reason_and_no_numbers() -> None:
    cell = make_cell("mine", [0.5], status="hung", reason="60 s", checked_points=0, repetitions=0)
    found = msgspec.to_builtins(tidy(Row(cell=cell)))
    assert (found["status"], found["reason"], found["n"], found["pairs"], found["dirty"]) == (
        "hung",
        "60 s",
        0,
        0,
        False,
    )
    numbers = ("seconds", "seconds_low", "seconds_high", "ratio", "ratio_low", "ratio_high", "predicted_seconds")
    assert [found[name] for name in numbers] == [None] * 7


def test_rows_are_grouped_in_the_order_in_which_they_are_met() -> None:
    rows = [
        make_row("b", 1.0, op="conv2d"), make_row("a", 2.0, "net:large", op="im2col"),
        make_row("b", 3.0, "net:large", op="conv2d"),
    ]  # fmt: skip
    one, two, three = rows
    assert list(grouping.by_op(rows).items()) == [("conv2d", [one, three]), ("im2col", [two])]
    assert list(grouping.by_backend(rows).items()) == [("b", [one, three]), ("a", [two])]
    assert [list(found) for found in grouping.by_spec(rows).values()] == [[one], [two, three]]
    assert list(grouping.by_spec(rows)) == [one.cell.spec, two.cell.spec]


def test_a_backend_that_is_unavailable_throughout_has_no_column_but_its_first_reason() -> None:
    rows = [
        make_row("gone", status="unavailable", reason="no CUDA"), make_row("mine", 1.0),
        make_row("gone", layer="net:large", status="unavailable", reason="no CUDA at all"),
        make_row("flaky", status="unavailable", reason="busy"), make_row("flaky", 1.0, "net:large"),
        make_row("failing", status="fail", reason="off"),
    ]  # fmt: skip
    assert grouping.unavailable(rows) == {"gone": "no CUDA"}
    assert grouping.columns_of(rows) == ["mine", "flaky", "failing"]


def test_a_backend_is_derived_if_none_of_its_measured_cells_is_native() -> None:
    """`mixed` has one native cell among two; of `lost`, none was measured; of `half`, only the derived one was."""
    rows = [
        make_row("derived", 1.0, native=False), make_row("derived", 1.0, "net:large", native=False),
        make_row("mixed", 1.0, native=False), make_row("mixed", 1.0, "net:large", native=True),
        make_row("native", 1.0, native=True), make_row("lost", native=False, status="fail"),
        make_row("half", 1.0, native=False), make_row("half", layer="net:large", native=True, status="hung"),
    ]  # fmt: skip
    assert grouping.derived(rows) == {"derived", "half"}
