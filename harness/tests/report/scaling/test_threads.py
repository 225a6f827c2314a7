"""What more threads bring, from the medians of different runs of the same dtype and allocator."""

from __future__ import annotations

import pytest

from harness.report.scaling.threads import ThreadSpeedup, thread_speedups, thread_table
from harness.tests.helpers.runfiles import make_data, make_row

_ROWS = [
    make_row("mine", 8.0, threads=1), make_row("mine", 4.0, threads=2), make_row("mine", 1.0, threads=4),
    make_row("mine", 8.0, "net:large", threads=1), make_row("mine", 1.0, "net:large", threads=2),
    make_row("mine", 1.0, "net:wide", threads=2), make_row("slow", 1.0, threads=1),
    make_row("slow", threads=2, status="hung"), make_row("mine", 1.0, threads=2, dtype="float64"),
    make_row("mine", 1.0, threads=2, allocator="default"),
]  # fmt: skip


def test_the_mean_over_the_layers_that_both_numbers_have() -> None:
    """2 and 8 times as fast on two threads; one layer alone has four."""
    common = {"op": "conv2d", "backend": "mine", "dtype": "float32", "allocator": "steady", "fewer": 1}
    found = thread_speedups(make_data(_ROWS), "float32", "steady")
    assert found == [
        ThreadSpeedup(threads=2, layers=2, speedup=pytest.approx(4.0), least=2.0, most=8.0, **common),  # type: ignore[arg-type]
        ThreadSpeedup(threads=4, layers=1, speedup=pytest.approx(8.0), least=8.0, most=8.0, **common),  # type: ignore[arg-type]
    ]
    table = thread_table(found, "float32", "steady")
    assert table.name == "threads-float32-steady"
    assert table.markdown() == (
        "## Faster with more threads, float32, steady allocator\n\n| op | threads | mine |\n| --- | --- | --- |\n"
        "| conv2d | 2 | 4.00x |\n| conv2d | 4 | 8.00x |\n\n- How many times faster than on 1 thread: geometric mean "
        "over the layers of the quotient of the median times. They are of different runs, so nothing divides out.\n"
    )
    assert table.rows[0][2].hover == "2 layers, 2.00x to 8.00x"


def test_one_number_of_threads_says_nothing() -> None:
    data = make_data(_ROWS)
    assert thread_speedups(data, "float64", "steady") == []
    assert thread_speedups(data, "float32", "default") == []
