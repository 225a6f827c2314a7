"""Paired ratios and their geometric means: which samples meet, and what stands where there is no time."""

from __future__ import annotations

from statistics import StatisticsError

import pytest

from harness.contract.status import CellStatus
from harness.geometry.spec import ConvSpec
from harness.results import ratios
from harness.results.intervals import median_interval
from harness.results.records import Ceilings
from harness.tests.helpers.records import a_cell, some_facts

_CARD = Ceilings(
    threads=1, allocator="steady", backend="mine", device="card", copy_gbs={"cache": 4000.0, "dram": 3000.0},
    copy_bytes={"cache": 2**24, "dram": 2**31}, matmul_gflops={"float32": 50_000.0},
)  # fmt: skip


def test_samples_of_one_round_meet() -> None:
    a, b = a_cell("a", [1.0, 2.0, 3.0]), a_cell("b", [2.0, 2.0, 2.0, 9.0])
    assert ratios.paired_ratios(a.samples, b.samples) == [0.5, 1.0, 1.5]
    (row,) = ratios.rows([a, b], ["a", "b"])
    assert (row.ratio, row.low, row.high, row.pairs) == (1.0, 0.5, 1.5, 3)
    assert (row.a_seconds, row.b_seconds, row.checked_points) == (2.0, 2.0, 64)


def test_cells_of_two_groups_do_not_meet() -> None:
    assert ratios.rows([a_cell("a", [1.0]), a_cell("b", [2.0], group="other")], ["a", "b"]) == []


def test_the_side_without_a_time_tells_why() -> None:
    lost = a_cell("b", status=CellStatus.OVER_BUDGET, reason="predicted 3 h", checked_points=0)
    (row,) = ratios.rows([a_cell("a", [1.0]), lost], ["a", "b"])
    assert (row.ratio, row.low, row.high, row.pairs, row.b_seconds) == (None, None, None, 0, None)
    assert (row.status, row.reason, row.checked_points) == (CellStatus.OVER_BUDGET, "b: predicted 3 h", 0)


def test_geometric_means_are_by_op_dtype_and_pair() -> None:
    cells = [
        a_cell("a", [2.0], group="1"), a_cell("b", [1.0], group="1"), a_cell("a", [8.0], group="2"),
        a_cell("b", [1.0], group="2"), a_cell("a", [5.0], group="3", op="col2im"),
        a_cell("b", group="3", op="col2im", status=CellStatus.FAIL),
    ]  # fmt: skip
    means = ratios.geomeans(ratios.rows(cells, ["a", "b"]))
    assert [(m.op, m.a, m.b, m.layers) for m in means] == [("im2col", "a", "b", 2), ("col2im", "a", "b", 0)]
    assert means[0].ratio == pytest.approx(4.0)
    assert means[1].ratio is None


def test_rows_have_the_share_where_it_is_known() -> None:
    spec = ConvSpec.parse("n32c64h112w112_f8kh3kw3")
    cell = a_cell("mine", [0.01] * 3, spec=str(spec))
    facts = [some_facts("mine")]
    (row,) = ratios.rows(
        [cell, a_cell("numpy_fancy", [0.01] * 3, spec=str(spec))], ["mine", "numpy_fancy"], facts, [_CARD]
    )
    assert row.a_share == pytest.approx(spec.min_bytes("im2col", "float32") / 0.01 / 1e9 / 3000)
    assert (row.a_bound, row.b_share, row.b_bound) == ("memory", None, None)
    (row,) = ratios.rows([a_cell("mine", spec=str(spec)), a_cell("b", [1.0])], ["mine", "b"], facts, [_CARD])
    assert row.a_share is None


def test_no_values_have_no_median() -> None:
    with pytest.raises(StatisticsError):
        median_interval([])
