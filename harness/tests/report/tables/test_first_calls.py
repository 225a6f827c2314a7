"""What the first call costs, and after how many calls it has paid off against the baseline of the same run."""

from __future__ import annotations

import math
from typing import Any

import pytest

from harness.report.measured.load import Config
from harness.report.measured.rows import Row
from harness.report.tables.first_calls import FirstCall, break_even_table, first_call_table, first_calls
from harness.tests.helpers.runfiles import make_data, make_row

_CONFIG = Config(1, "steady", "float32")


def _first(backend: str, first: float | None, then: float | None, layer: str = "net:small", **other: Any) -> Row:
    """A cell whose first call was the first of its process."""
    return make_row(backend, then, layer, **{"first_seconds": first, "first_in_process": True, "run": "r1", **other})


def _pays(rows: list[Row]) -> dict[str, float | None]:
    """After how many calls each backend is ahead."""
    return {call.backend: call.break_even_calls for call in first_calls(rows, make_data(rows), "torch_native")}


def test_every_cell_in_words() -> None:
    """1 s of set-up more and 1/8 s a call less: eight calls. Half a second more and 1/16 s less: eight as well."""
    rows = [
        _first("torch_native", 0.25, 0.25), _first("mine", 1.25, 0.125), _first("slow", 0.5, 0.5),
        _first("quick", 0.125, 0.125), _first("torch_native", 0.5, 0.5, "net:large", op="im2col"),
        _first("mine", 0.75, 0.25, "net:large", op="im2col"),
        _first("slow", 2.0, 2.0, "net:wide", op="im2col", run="r0"),
        make_row("other", 1.0, first_seconds=3.0), make_row("gone", status="unavailable", reason="no CUDA"),
        make_row("torch_native", 1.0, op="col2im", first_seconds=3.0),
    ]  # fmt: skip
    found = first_calls(rows, make_data(rows), "torch_native")
    table = first_call_table(rows, found, _CONFIG)
    assert table.name == "first-calls-float32-t1-steady"
    assert (
        table.markdown()
        == """\
## First call

| op | torch_native | mine | slow | quick |
| --- | --- | --- | --- | --- |
| conv2d | 250 ms, then 250 ms a call on net:small | 1.25 s, then 125 ms a call on net:small | 500 ms, then 500 ms a \
call on net:small | 125 ms, then 125 ms a call on net:small |
| im2col | 500 ms, then 500 ms a call on net:large | 750 ms, then 250 ms a call on net:large | 2.00 s, then 2.00 s a \
call on net:wide | not tried |
| col2im | not tried | not tried | not tried | not tried |

- The first call of the op in its process, on a small geometry: nearly all of it is set-up (compiling, starting \
threads). What an earlier op of the same backend has set up is not paid again, nor is compiled code that a backend \
keeps on disk. Importing the library is in the list of backends.
"""
    )
    assert table.rows[0][2].value == 1.25
    assert table.records == found
    pays = break_even_table(rows, found, "torch_native", _CONFIG)
    assert pays.name == "break-even-float32-t1-steady"
    assert (
        pays.markdown()
        == """\
## Calls until it is ahead of torch_native

| op | torch_native | mine | slow | quick |
| --- | --- | --- | --- | --- |
| conv2d | baseline | 8 | never | at once |
| im2col | baseline | 1 | not known | not tried |
| col2im | not tried | not tried | not tried | not tried |

- After how many calls on that layer the total, first call included, is below torch_native's.
"""
    )
    assert [cell.value for cell in pays.rows[0]] == [None, None, 8, math.inf, 0]
    assert pays.records == found


@pytest.mark.parametrize(
    ("first", "then", "calls"),
    [
        (1.25, 0.125, 8), (1.30, 0.125, 9), (0.20, 0.125, 0), (0.25, 0.125, 0), (0.26, 0.125, 1),
        (1.25, 0.25, math.inf), (0.125, 0.3, math.inf),
    ],
)  # fmt: skip
def test_how_many_calls_pay_off(first: float, then: float, calls: float) -> None:
    """The baseline takes 1/4 s for its first call and for each after it."""
    assert _pays([_first("torch_native", 0.25, 0.25), _first("mine", first, then)])["mine"] == calls


def test_it_is_not_known_without_the_baseline_in_the_same_run_and_group() -> None:
    other = {"group": "elsewhere"}
    assert _pays([_first("torch_native", 0.25, 0.25, run="r0"), _first("mine", 1.0, 0.1)])["mine"] is None
    assert _pays([_first("torch_native", 0.25, 0.25, **other), _first("mine", 1.0, 0.1)])["mine"] is None
    assert _pays([_first("mine", 1.0, 0.1)]) == {"mine": None}
    assert _pays([_first("torch_native", 0.25, 0.25)]) == {"torch_native": None}
    assert _pays([_first("torch_native", 0.25, 0.25, op="im2col"), _first("mine", 1.0, 0.1)])["mine"] is None


def test_each_call_later_is_what_the_baseline_took_in_the_group_of_the_backend() -> None:
    """The baseline's own first call was on another layer, where it takes a second; here, it takes 3/8."""
    rows = [
        _first("torch_native", 0.25, 1.0, "net:large"), make_row("torch_native", 0.375), _first("mine", 0.75, 0.125),
    ]  # fmt: skip
    assert _pays(rows)["mine"] == 2


@pytest.mark.parametrize("order", [1, -1])
def test_the_newest_first_call_counts(order: int) -> None:
    rows = [
        _first("mine", 3.0, 1.5, "net:large", run="r2", group="g2"), _first("mine", 1.0, 0.5, run="r1", group="g1"),
        _first("other", 1.0, 0.5, run="r1"),
    ][::order]  # fmt: skip
    found = first_calls(rows, make_data(rows), "torch_native")
    assert found == [
        FirstCall(op="conv2d", backend="other", layer="net:small", run="r1", group="conv2d/float32/net:small",
                  first_seconds=1.0, seconds=0.5),
        FirstCall(op="conv2d", backend="mine", layer="net:large", run="r2", group="g2", first_seconds=3.0, seconds=1.5),
    ]  # fmt: skip


def test_only_first_calls_of_a_process_that_were_timed_count() -> None:
    rows = [
        _first("later", 1.0, 0.5, first_in_process=False), _first("unknown", None, 0.5), _first("lost", 1.0, None),
    ]  # fmt: skip
    assert first_calls(rows, make_data(rows), "torch_native") == []
