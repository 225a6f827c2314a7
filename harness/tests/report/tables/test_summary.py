"""Which backend is the fastest: means, wins by the interval of each ratio, and the worst layer."""

from __future__ import annotations

import pytest

from harness.report.measured.load import Config
from harness.report.tables.summary import Summary, summaries, summary_table
from harness.tests.helpers.runfiles import make_row

_CONFIG = Config(1, "steady", "float32")
# Of `mine`, the ratios 1/4, 1/2 and 8 have the geometric mean 1; 1/2 is no win, as its interval holds 1. Of `slow`,
# 2 and 8 have the mean 4.
_ROWS = [
    make_row("torch_native", 1.0, ratio=(1, 1, 1)), make_row("torch_native", 1.0, "net:large", ratio=(1, 1, 1)),
    make_row("torch_native", 1.0, "net:wide", ratio=(1, 1, 1)), make_row("torch_native", 1.0, "net:grouped"),
    make_row("mine", 0.25, ratio=(0.25, 0.2, 0.3)), make_row("mine", 0.5, "net:large", ratio=(0.5, 0.4, 1.0)),
    make_row("mine", 8.0, "net:wide", ratio=(8.0, 7.0, 9.0)),
    make_row("mine", layer="net:grouped", status="unsupported", reason="groups"),
    make_row("slow", 2.0, ratio=(2.0, 1.0, 3.0)), make_row("slow", 8.0, "net:wide", ratio=(8.0, 1.01, 9.0)),
    make_row("slow", 5.0, "net:grouped"),
    make_row("gone", status="unavailable", reason="no CUDA"),
    make_row("torch_native", 1.0, op="im2col", ratio=(1, 1, 1)),
    make_row("mine", 0.125, op="im2col", ratio=(0.125, 0.1, 0.999)),
    make_row("torch_native", 1.0, "net:large", op="im2col", ratio=(1, 1, 1)),
    make_row("mine", 0.125, "net:large", op="im2col", ratio=(0.5, 0.1, 0.9)),
]  # fmt: skip


def test_every_number_of_every_op_and_backend() -> None:
    found = summaries(_ROWS, "torch_native")
    mine, slow, im2col, none = found
    assert mine.geomean_ratio == pytest.approx(1.0)
    assert slow.geomean_ratio == pytest.approx(4.0)
    assert im2col.geomean_ratio == pytest.approx(0.25)
    counts = [(s.op, s.backend, s.layers, s.of_layers, s.faster, s.same, s.slower) for s in found]
    assert counts == [
        ("conv2d", "mine", 3, 4, 1, 1, 1), ("conv2d", "slow", 2, 3, 0, 1, 1), ("im2col", "mine", 2, 2, 2, 0, 0),
        ("im2col", "slow", 0, 0, 0, 0, 0),
    ]  # fmt: skip
    assert [(s.worst_layer, s.worst_ratio) for s in found] == [
        ("net:wide", 8.0), ("net:wide", 8.0), ("net:large", 0.5), ("", None),
    ]  # fmt: skip
    assert none == Summary(op="im2col", backend="slow", baseline="torch_native", of_layers=0)


def test_every_cell_in_words() -> None:
    table = summary_table(_ROWS, "torch_native", _CONFIG)
    assert table.name == "summary-float32-t1-steady"
    assert (
        table.markdown()
        == """\
## Compared with torch_native

| op | mine is | slow is |
| --- | --- | --- |
| conv2d | same, 3 of 4 layers: 1 faster, 1 same, 1 slower, worst: 8.0x slower on net:wide | 4.0x slower, 2 of 3 \
layers: 0 faster, 1 same, 1 slower, worst: 8.0x slower on net:wide |
| im2col | 4.0x faster, 2 of 2 layers: 2 faster, 0 same, 0 slower, worst: 2.0x faster on net:large | no layer measured \
together |

- Geometric mean of time / time of torch_native over the layers that both were measured on together; on hover, how \
many layers are faster, the same (the interval of the ratio holds 1) and slower, and the worst layer.
- No column, because unavailable here: gone (no CUDA).
"""
    )
    assert table.records == summaries(_ROWS, "torch_native")


def test_how_the_cells_look_and_sort() -> None:
    rows = summary_table(_ROWS, "torch_native", _CONFIG).rows
    assert [[cell.kind for cell in row] for row in rows] == [["", "same", "slower"], ["", "faster", "missing"]]
    assert [row[1].value for row in rows] == pytest.approx([1.0, 0.25])
    assert [cell.title for cell in rows[0]] == ["", "time ratio 1.00", "time ratio 4.00"]
    assert rows[1][2].value is None


def test_a_small_difference_is_in_per_cent_and_a_layer_alone_has_no_s() -> None:
    rows = [make_row("torch_native", 1.0, ratio=(1, 1, 1)), make_row("mine", 1.0, ratio=(0.97, 0.96, 0.98))]
    (cell,) = summary_table(rows, "torch_native", _CONFIG).rows[0][1:]
    assert cell.text == "3 % faster, 1 of 1 layer: 1 faster, 0 same, 0 slower, worst: 3 % faster on net:small"
    assert cell.kind == "faster"
