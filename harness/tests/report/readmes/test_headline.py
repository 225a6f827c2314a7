"""The short table of the README: means against the baseline, with the number of layers that they are of."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.report import headline
from harness.report.measured.load import load
from harness.report.readme import Marks
from harness.results.records import Code
from harness.tests.helpers.runfiles import FLAT, make_cell, make_header, write_run

_FIRST, _SECOND = "20260101T000000-a", "20260102T000000-b"


def test_the_table_of_the_conditions_with_most_cells(tmp_path: Path) -> None:
    """`mine`: 4 and 1 times as fast have the mean 2; `slow` was measured on one layer; float64 has fewer cells."""
    cells = [
        make_cell("torch_native", FLAT), make_cell("mine", [0.25] * 11), make_cell("slow", [3.0] * 11),
        make_cell("torch_native", FLAT, "net:large"), make_cell("mine", FLAT, "net:large"),
        make_cell("slow", layer="net:large", status="over_budget"),
        make_cell("torch_native", FLAT, op="im2col"), make_cell("mine", [1.03] * 11, op="im2col"),
        make_cell("gone", status="unavailable", reason="no CUDA"),
    ]  # fmt: skip
    write_run(tmp_path, _FIRST, cells)
    header = make_header(_SECOND, code=Code(commit="cd" * 20, dirty=True))
    newer = [make_cell("torch_native", FLAT, dtype="float64"), make_cell("torch_native", FLAT)]
    write_run(tmp_path, _SECOND, newer, header=header)
    assert (
        headline.markdown(load(tmp_path))
        == """\
| time against `torch_native` | `mine` | `slow` |
| --- | --- | --- |
| im2col | 3 % slower (1) | not measured |
| conv2d | 2.0x faster (2) | 3.0x slower (1) |

CPU X, float32, 1 thread, steady allocator, commits abababab and cdcdcdcd + uncommitted changes. Geometric means of \
paired ratios; in brackets, the number of layers that both were measured on (the rest would take too long).
"""
    )


@pytest.mark.parametrize(
    ("text", "new"),
    [("a<old>b", "a<new>b"), ("<>", "<new>"), ("a<x>b<y>", "a<new>b<y>"), (">a<x>", ">a<new>")],
)
def test_what_stands_between_the_marks_is_exchanged(text: str, new: str) -> None:
    assert Marks("<", ">").replaced(text, "new") == new


@pytest.mark.parametrize("text", ["", "a", "a<b", "a>b", "a>b<c"])
def test_a_text_without_marks_is_left_alone(text: str) -> None:
    with pytest.raises(ValueError, match=r"^the text has no < \.\. >$"):
        Marks("<\n", ">\n").replaced(text, "new")
