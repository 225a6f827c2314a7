"""The times of an op: every cell in words, the fastest of each layer, and why a time or a ratio is missing."""

from __future__ import annotations

from typing import Any

from harness.report.measured.load import Config
from harness.report.measured.rows import tidy
from harness.report.tables.times import times_table
from harness.tests.helpers.runfiles import SPECS, make_row

_CONFIG = Config(2, "default", "float64")
_LOST: dict[str, Any] = {"status": "unavailable", "reason": "no CUDA"}
_ROWS = [
    make_row("torch_native", 0.002, ratio=(1, 1, 1)),
    make_row("mine", 0.001, ratio=(0.5, 0.4, 0.6), native=False),
    make_row("slow", 0.004, ratio=(2.0, 1.5, 2.5), native=False),
    make_row("sick", status="fail", reason="3 of 64 elements differ"),
    make_row("flaky", status="unavailable", reason="busy"),
    make_row("gone", **_LOST),
    make_row("torch_native", 0.008, "net:large", ratio=(1, 1, 1)),
    make_row("mine", 0.006, "net:large", ratio=(0.75, 0.5, 1.25), native=False),
    make_row("slow", 0.004, "net:large", ratio=(0.5, 0.45, 0.55)),
    make_row("sick", layer="net:large", status="crashed", reason="signal 11"),
    make_row("flaky", 0.016, "net:large", ratio=(2.0, 1.0, 3.0), native=False),
    make_row("gone", layer="net:large", **_LOST),
    make_row("torch_native", layer="net:wide", status="over_budget", reason="too long", predicted_seconds=2460.0),
    make_row("mine", 3.0, "net:wide", native=False),
    make_row("slow", 2.0, "net:wide"),
    make_row("sick", layer="net:wide", status="hung", reason="60 s"),
    make_row("gone", layer="net:wide", **_LOST),
    make_row("torch_native", 1.0, "net:grouped", ratio=(1, 1, 1)),
    make_row("mine", layer="net:grouped", status="unsupported", reason="groups | others"),
    make_row("slow", 1.0, "net:grouped"),
    make_row("gone", layer="net:grouped", **_LOST),
]
_OTHER_OP = make_row("other", 1e-6, op="im2col")


def test_every_cell_in_words() -> None:
    """The `slow` one has an op of its own on one layer, so it is not derived."""
    table = times_table([*_ROWS, _OTHER_OP], "conv2d", "torch_native", _CONFIG)
    assert table.name == "times-conv2d-float64-t2-default"
    assert (
        table.markdown()
        == f"""\
## conv2d

| layer | torch_native (baseline) | mine † | slow | sick | flaky † |
| --- | --- | --- | --- | --- | --- |
| net:small, {SPECS["net:small"]} | 2.00 ms | **1.00 ms, 2.0x faster, 0.500 [0.400, 0.600]** | 4.00 ms, 2.0x slower, \
2.00 [1.50, 2.50] | fail, 3 of 64 elements differ | unavailable, busy |
| net:large, {SPECS["net:large"]} | 8.00 ms | 6.00 ms, same, 0.750 [0.500, 1.25] | **4.00 ms, 2.0x faster, \
0.500 [0.450, 0.550]** | crashed, signal 11 | 16.0 ms, same, 2.00 [1.00, 3.00] |
| net:wide, {SPECS["net:wide"]} | over budget, predicted 41 min a call | 3.00 s, no ratio: the baseline has no time | \
**2.00 s, no ratio: the baseline has no time** | hung, 60 s | not tried |
| net:grouped, {SPECS["net:grouped"]} | **1.00 s** | unsupported, groups \\| others | **1.00 s, no ratio: not measured \
together with the baseline** | not tried | not tried |

- Median time of a call; on hover the ratio of the times to torch_native with its interval. Bold: the fastest.
- † derived: the backend has no such op of its own; the harness lowers it to im2col, col2im and a matrix product on \
the backend's arrays.
- No column, because unavailable here: gone (no CUDA).
"""
    )


def test_how_the_cells_look_and_sort() -> None:
    table = times_table(_ROWS, "conv2d", "torch_native", _CONFIG)
    assert [[cell.kind for cell in row[1:]] for row in table.rows] == [
        ["", "best", "", "fail", "missing"], ["", "", "best", "fail", ""],
        ["missing", "", "best", "fail", "missing"], ["best", "missing", "best", "missing", "missing"],
    ]  # fmt: skip
    assert [[cell.value for cell in row] for row in table.rows] == [
        [None, 0.002, 0.001, 0.004, None, None], [None, 0.008, 0.006, 0.004, None, 0.016],
        [None, None, 3.0, 2.0, None, None], [None, 1.0, None, 1.0, None, None],
    ]  # fmt: skip


def test_tool_tips_tell_the_spread_and_the_whole_reason() -> None:
    rows = [
        make_row("torch_native", 0.002, ratio=(1, 1, 1), run="r1", checked_points=64),
        make_row("mine", status="over_budget", reason="41 min a call is too long", predicted_seconds=2460.0),
        make_row("sick", status="hung"), make_row("torch_native", 0.5, "net:large"),
    ]  # fmt: skip
    table = times_table(rows, "conv2d", "torch_native", _CONFIG)
    assert [cell.hover for row in table.rows for cell in row[1:]] == [
        "median of 3, 1.50 ms to 3.00 ms; 64 elements checked; run r1", "predicted 41 min a call",
        "", "median of 3, 375 ms to 750 ms; 64 elements checked; run ", "no run file has this cell",
        "no run file has this cell",
    ]  # fmt: skip
    assert [cell.text for cell in table.rows[0][2:]] == ["over budget, predicted 41 min a call", "hung"]


def test_over_budget_without_a_prediction_has_its_reason() -> None:
    table = times_table([make_row("mine", status="over_budget", reason="too long")], "conv2d", "x", _CONFIG)
    assert table.rows[0][1].text == "over budget, too long"


def test_a_ratio_of_an_older_measurement_names_its_run() -> None:
    """Else the two times that stand side by side, 8 s and 2 s, would belie the ratio of 2."""
    rows = [
        make_row("torch_native", 8.0, group="new", run="r2"),
        make_row("mine", 2.0, ratio=(2.0, 1.5, 2.5), group="old", run="r1"),
        make_row("alone", 2.0, "net:large", ratio=(2.0, 1.5, 2.5), group="old", run="r0"),
        make_row("slow", 4.0, "net:wide", ratio=(2.0, 1.5, 2.5), group="g", run="r3"),
        make_row("torch_native", 2.0, "net:wide", group="g", run="r3"),
    ]  # fmt: skip
    table = times_table(rows, "conv2d", "torch_native", _CONFIG)
    assert table.rows[0][2].text == "2.00 s, 2.0x slower, 2.00 [1.50, 2.50], both in run r1"
    assert table.rows[1][3].text == "2.00 s, 2.0x slower, 2.00 [1.50, 2.50], both in run r0"
    assert table.rows[2][4].text == "4.00 s, 2.0x slower, 2.00 [1.50, 2.50]"


def test_without_derived_or_lost_backends_their_notes_are_left_out() -> None:
    rows = [make_row("torch_native", 1.0), make_row("mine", 2.0, ratio=(2, 2, 2))]
    table = times_table(rows, "conv2d", "torch_native", _CONFIG)
    assert len(table.notes) == 1
    assert table.header == ["layer", "torch_native (baseline)", "mine"]


def test_the_records_are_the_cells_of_the_op_lost_ones_included() -> None:
    table = times_table([*_ROWS, _OTHER_OP], "conv2d", "torch_native", _CONFIG)
    assert table.records == [tidy(row) for row in _ROWS]
