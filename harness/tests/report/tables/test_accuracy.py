"""The table of errors: the worst layer of each op and backend, and nothing where nothing is known."""

from __future__ import annotations

from harness.report.measured.load import Config
from harness.report.tables.accuracy import CellError, accuracy_table
from harness.tests.helpers.runfiles import SPECS, make_row

_CONFIG = Config(1, "steady", "float32")
_ROWS = [
    make_row("mine", 1.0, error_in_bounds=0.25), make_row("mine", 1.0, "net:wide", error_in_bounds=0.003),
    make_row("tf32", 1.0, error_in_bounds=123.4), make_row("tf32", 1.0, "net:wide"), make_row("none", 1.0),
    make_row("mine", 1.0, op="im2col", error_in_bounds=0.0), make_row("mine", 1.0, op="col2im"),
    make_row("gone", status="unavailable", reason="no CUDA"),
]  # fmt: skip


def test_the_largest_error_of_each_op_and_backend() -> None:
    table = accuracy_table(_ROWS, _CONFIG)
    assert (
        table.markdown()
        == """\
## Accuracy

| op | mine | tf32 |
| --- | --- | --- |
| conv2d | 0.250 | 123 |
| im2col | 0 | not measured |

- The largest error of a sampled element over the layers, against the exact result, in units of the bound of a plain \
sum in that dtype. Methods with bounds of their own (TF32, Winograd) may exceed 1 and be right.
- No column, because unavailable here: gone (no CUDA).
"""
    )
    assert table.name == "accuracy-float32-t1-steady"
    assert [cell.title for cell in table.rows[0]] == [
        "", "on net:small; the largest of 2 layers", "on net:small; the largest of 1 layer"
    ]  # fmt: skip
    assert [cell.value for cell in table.rows[0]] == [None, 0.25, 123.4]


def test_the_csv_has_every_layer() -> None:
    known = [
        ("conv2d", "net:small", "mine", 0.25), ("conv2d", "net:wide", "mine", 0.003),
        ("conv2d", "net:small", "tf32", 123.4), ("im2col", "net:small", "mine", 0.0),
    ]  # fmt: skip
    assert list(accuracy_table(_ROWS, _CONFIG).records) == [
        CellError(op=op, layer=layer, spec=SPECS[layer], backend=name, error_in_bounds=error)
        for op, layer, name, error in known
    ]


def test_without_a_known_error_there_is_no_row() -> None:
    table = accuracy_table([make_row("mine", 1.0)], _CONFIG)
    assert (list(table.rows), list(table.records), list(table.header)) == ([], [], ["op"])
