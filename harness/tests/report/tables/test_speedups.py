"""How many times faster than plain loops, and what published claims come to here."""

from __future__ import annotations

from typing import Any

import pytest

from harness.report.measured.load import Config
from harness.report.tables import speedups
from harness.report.tables.speedups import NaiveSpeedup, claims_table, naive_table
from harness.results.training.published import MATRIX_OVER_LOOPS
from harness.tests.helpers.runfiles import make_data, make_row

_CONFIG = Config(1, "steady", "float32")


def _about(median: float, least: float, most: float) -> dict[str, Any]:
    """Ratios are means of logarithms, which round."""
    return {"median": pytest.approx(median), "least": pytest.approx(least), "most": pytest.approx(most)}


def test_speed_ups_over_the_loops_in_words() -> None:
    """The loops take 8 and 60 s where others take 1 and 2, or 2 and 60; 5 s against half a second on another op."""
    rows = [
        make_row("naive_loops", 8.0), make_row("naive_loops", 60.0, "net:large"),
        make_row("naive_loops", layer="net:wide", status="fail"),
        make_row("naive_loops", layer="net:grouped", status="over_budget"),
        make_row("numpy_fancy", 1.0), make_row("numpy_fancy", 2.0, "net:large"),
        make_row("numpy_fancy", 1.0, "net:wide"),
        make_row("mine", 2.0), make_row("mine", 60.0, "net:large"), make_row("mine", 3.0, "net:grouped"),
        make_row("gone", status="unavailable", reason="no CUDA"),
        make_row("naive_loops", 5.0, op="im2col"), make_row("numpy_fancy", 0.5, op="im2col"),
        make_row("naive_loops", layer="net:wide", op="im2col", status="over_budget"),
    ]  # fmt: skip
    table = naive_table(rows, make_data(rows), _CONFIG)
    assert table.name == "over-naive-float32-t1-steady"
    assert (
        table.markdown()
        == """\
## How many times faster than naive_loops

| op | numpy_fancy | mine |
| --- | --- | --- |
| conv2d | 19.0x, 8.00x to 30.0x, 2 layers | 2.50x, 1.00x to 4.00x, 2 layers |
| im2col | 10.0x, 1 layer | not measured together |

- Time of naive_loops / time of the backend, both measured together; median (least to most) over the layers.
- naive_loops has no time in 3 of 6 cells (2 over budget, 1 fail). Over budget are the large layers, so the table then \
speaks of the small ones.
"""
    )
    assert [cell.value for cell in table.rows[0][1:]] == pytest.approx([19.0, 2.5])
    assert [cell.value for cell in table.rows[1]] == [None, pytest.approx(10.0), None]
    assert [[cell.kind for cell in row] for row in table.rows] == [["", "", ""], ["", "", "missing"]]
    assert table.records == [
        NaiveSpeedup(op="conv2d", backend="numpy_fancy", layers=2, **_about(19, 8, 30)),
        NaiveSpeedup(op="conv2d", backend="mine", layers=2, **_about(2.5, 1, 4)),
        NaiveSpeedup(op="im2col", backend="numpy_fancy", layers=1, **_about(10, 10, 10)),
        NaiveSpeedup(op="im2col", backend="mine", layers=0, median=None, least=None, most=None),
    ]


def test_where_the_loops_have_every_time_nothing_is_said_of_those_that_lack() -> None:
    rows = [make_row("naive_loops", 8.0), make_row("mine", 1.0)]
    assert len(naive_table(rows, make_data(rows), _CONFIG).notes) == 1


@pytest.mark.parametrize("lost", [[], [make_row("naive_loops", status="over_budget")]])
def test_without_the_loops_there_is_nothing_to_compare_with(lost: list) -> None:
    rows = [make_row("mine", 1.0), *lost]
    table = naive_table(rows, make_data(rows), _CONFIG)
    assert table.notes == [
        "naive_loops was not measured under these conditions, so there is nothing to compare with."
    ]  # fmt: skip
    assert table.rows[0][1].text == "not measured together"


def test_claims_beside_what_was_measured() -> None:
    """200 times exactly is 200 times; a claim of convolutions looks at no im2col; `lowered` is a derived backend."""
    rows = [
        make_row("naive_loops", 400.0), make_row("naive_loops", 100.0, "net:large"),
        make_row("numpy_fancy", 2.0), make_row("numpy_fancy", 1.0, "net:large"),
        make_row("lowered", 0.4, native=False), make_row("direct", 0.001),
        make_row("torch_native", 1.0), make_row("torch_native", 0.125, "net:large"),
        make_row("naive_loops", 80.0, op="conv2d_input_grad"), make_row("numpy_fancy", 2.0, op="conv2d_input_grad"),
        make_row("naive_loops", 900.0, op="im2col"), make_row("numpy_fancy", 100.0, op="im2col"),
        make_row("lowered_im2col_only", 1.0, op="im2col", native=False),
    ]  # fmt: skip
    table = claims_table(rows, make_data(rows), _CONFIG)
    assert table.name == "claims-float32-t1-steady"
    book = (
        "convolution as im2col and a matrix product: 200x or more over loops, Leonardo Araujo dos Santos, Artificial \
Intelligence (book)"
    )
    network = "the fast NumPy network over the naive one: 40x (an epoch: 4 h, 6 min), 3outeille, CNNumpy"
    torch = "the torch network over the fast NumPy one: 6x (an epoch: 6 min, 1 min), 3outeille, CNNumpy"
    assert [[cell.text for cell in row] for row in table.rows] == [
        [book, "numpy_fancy over naive_loops", "median 150x (100x to 200x) over 2 pairs of op and layer",
         "holds in part: 200x reached on 1 of 2"],
        [book, "matlab_loop over naive_loops", "naive_loops and matlab_loop were not measured together", "not tested"],
        [book, "lowered over naive_loops", "median 1000x over 1 pair of op and layer", "holds: 200x reached on 1 of 1"],
        [network, "numpy_fancy over naive_loops", "median 100x (40.0x to 200x) over 3 pairs of op and layer",
         "holds: 40x reached on 3 of 3"],
        [torch, "torch_native over numpy_fancy", "median 5.00x (2.00x to 8.00x) over 2 pairs of op and layer",
         "holds in part: 6x reached on 1 of 2"],
    ]  # fmt: skip
    assert table.header == ["claim", "compared here", "measured here", "verdict"]
    assert [row[2].kind for row in table.rows] == ["", "missing", "", "", ""]
    assert [row[2].value for row in table.rows] == pytest.approx([150.0, None, 1000.0, 100.0, 5.0])
    assert table.records[:2] == [
        speedups.TestedClaim(
            claim=MATRIX_OVER_LOOPS.text, source=MATRIX_OVER_LOOPS.source, slow="naive_loops",
            fast="numpy_fancy", factor=200, pairs=2,
            **_about(150, 100, 200), reached=1, measured=table.rows[0][2].text,
            verdict="holds in part: 200x reached on 1 of 2",
        ),
        speedups.TestedClaim(
            claim=MATRIX_OVER_LOOPS.text, source=MATRIX_OVER_LOOPS.source, slow="naive_loops",
            fast="matlab_loop", factor=200, pairs=0,
            median=None, least=None, most=None, reached=0, measured=table.rows[1][2].text, verdict="not tested",
        ),
    ]  # fmt: skip


def test_a_claim_that_no_layer_reaches_does_not_hold() -> None:
    rows = [
        make_row("naive_loops", 39.9, op="conv2d_weight_grad"),
        make_row("numpy_fancy", 1.0, op="conv2d_weight_grad"),
    ]
    verdicts = [row[3].text for row in claims_table(rows, make_data(rows), _CONFIG).rows]
    assert verdicts == ["not tested", "not tested", "does not hold: 40x reached on 0 of 1", "not tested"]
