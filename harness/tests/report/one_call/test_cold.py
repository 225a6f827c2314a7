"""The table of cold calls: their time beside the warm one, and nothing where nothing was measured."""

from __future__ import annotations

from typing import Any

from harness.report.measured.load import Config
from harness.report.one_call.cold import ColdTime, cold_table
from harness.tests.helpers.runfiles import SPECS, make_row

_CONFIG = Config(1, "steady", "float32")
_MIB = 2**20
_COLD: dict[str, Any] = {"cold_samples": [0.003, 0.001, 0.002], "cold_bytes": 64 * _MIB}
_ROWS = [
    make_row("mine", 0.001, **_COLD), make_row("slow", 0.5),
    make_row("mine", 0.004, "net:wide", cold_samples=[0.005], cold_bytes=64 * _MIB),
    make_row("slow", 0.1, "net:wide", cold_samples=[0.125], cold_bytes=64 * _MIB),
    make_row("mine", 0.001, op="im2col"), make_row("wrong", status="fail", reason="late", **_COLD),
    make_row("gone", status="unavailable", reason="no CUDA"),
]  # fmt: skip


def test_every_cell_in_words() -> None:
    table = cold_table(_ROWS, _CONFIG)
    assert table.name == "cold-float32-t1-steady"
    assert (
        table.markdown()
        == """\
## Time of a cold call

| op | layer | mine | slow |
| --- | --- | --- | --- |
| conv2d | net:small, n1c2h6w6_f4kh3kw3 | 2.00 ms, 2.00x the warm 1.00 ms | not measured |
| conv2d | net:wide, n1c4h5w20_f6kh1kw1 | 5.00 ms, 1.25x the warm 4.00 ms | 125 ms, 1.25x the warm 100 ms |

- Median of a few calls; before each, 64.0 MiB of other data were read and written, so that nothing of the call is \
left in the caches (but in a last-level cache that is larger). On hover how many times the warm time that is, which \
every other table has. Not measured of calls that took more than a twentieth of their budget, nor on a GPU.
- No column, because unavailable here: gone (no CUDA).
"""
    )
    assert [cell.value for cell in table.rows[0]] == [None, None, 0.002, None]
    assert table.rows[0][2].title == "median of 3 calls"
    assert table.rows[1][2].title == "median of 1 call"


def test_the_csv_has_both_times_and_the_size() -> None:
    assert list(cold_table(_ROWS, _CONFIG).records)[:2] == [
        ColdTime(op="conv2d", layer=layer, spec=SPECS[layer], backend="mine", cold_seconds=cold, calls=calls,
                 warm_seconds=warm, factor=cold / warm, other_bytes=64 * _MIB)
        for layer, cold, calls, warm in (("net:small", 0.002, 3, 0.001), ("net:wide", 0.005, 1, 0.004))
    ]  # fmt: skip


def test_results_of_an_older_version_have_no_table() -> None:
    table = cold_table([make_row("mine", 1.0)], _CONFIG)
    assert (list(table.rows), list(table.records)) == ([], [])


def test_sizes_of_different_runs_are_both_told() -> None:
    rows = [make_row("mine", 1.0, **_COLD), make_row("mine", 1.0, "net:wide", **{**_COLD, "cold_bytes": 16 * _MIB})]
    assert "64.0 MiB or 16.0 MiB of other data" in cold_table(rows, _CONFIG).notes[0]
