"""The table of stages: those of one name together, and all of them against the whole call."""

from __future__ import annotations

import pytest

from harness.report.measured.load import Config
from harness.report.one_call.stages import stages_of, stages_table
from harness.results.records import StageTime
from harness.tests.helpers.runfiles import make_row

_CONFIG = Config(1, "steady", "float32")


def _stages(**seconds: float) -> list[StageTime]:
    return [StageTime(name=name, seconds=took) for name, took in seconds.items()]


_ROWS = [
    make_row("mine", 0.010, stages=[*_stages(pad=0.001, reorder=0.002, product=0.004), *_stages(reorder=0.002)]),
    make_row("other", 0.004, "net:wide", stages=_stages(im2col=0.003, product=0.0014)), make_row("whole", 1.0),
    make_row("wrong", status="fail", reason="late", stages=_stages(pad=1.0)),
]  # fmt: skip


def test_every_cell_in_words() -> None:
    table = stages_table(_ROWS, _CONFIG)
    assert table.name == "stages-float32-t1-steady"
    lines = table.markdown().splitlines()
    assert lines[2:6] == [
        "| op | layer | backend | pad | reorder | product | im2col | stages together | whole call |",
        "| --- | --- | --- | --- | --- | --- | --- | --- | --- |",
        "| conv2d | net:small, n1c2h6w6_f4kh3kw3 | mine | 1.00 ms, 10 % of the call | 4.00 ms, 40 % of the call | "
        "4.00 ms, 40 % of the call | none | 90 %, 9.00 ms | 10.0 ms |",
        "| conv2d | net:wide, n1c4h5w20_f6kh1kw1 | other | none | none | 1.40 ms, 35 % of the call | "
        "3.00 ms, 75 % of the call | 110 %, 4.40 ms | 4.00 ms |",
    ]
    numbers = [cell.value for cell in table.rows[0]]
    assert numbers[:3] == [None] * 3
    assert numbers[3:6] == pytest.approx([0.001, 0.004, 0.004])
    assert numbers[6] is None
    assert numbers[7:] == pytest.approx([0.9, 0.010])


def test_the_csv_has_a_line_for_each_part() -> None:
    records = stages_table(_ROWS, _CONFIG).records
    assert [(r.backend, r.stage) for r in stages_of(_ROWS[0])] == [
        ("mine", "pad"), ("mine", "reorder"), ("mine", "product"),
    ]  # fmt: skip
    assert list(records) == [*stages_of(_ROWS[0]), *stages_of(_ROWS[1])]
    reorder = stages_of(_ROWS[0])[1]
    found = (reorder.seconds, reorder.share, reorder.together_seconds, reorder.together_share, reorder.call_seconds)
    assert found == pytest.approx((0.004, 0.4, 0.009, 0.9, 0.010))


def test_without_stages_there_is_no_line() -> None:
    table = stages_table([make_row("mine", 1.0)], _CONFIG)
    assert (list(table.rows), list(table.records)) == ([], [])
