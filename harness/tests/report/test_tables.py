"""The tables of the report: what a reader finds in them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd

from harness import report
from harness.report.measured import load
from harness.report.measured.pairing import with_ratios
from harness.report.measured.rows import Row
from harness.report.tables.first_calls import first_call_table, first_calls
from harness.report.tables.memory import columns_memory
from harness.report.tables.speedups import claims_table
from harness.report.tables.summary import summary_table
from harness.report.tables.table import Table
from harness.report.tables.times import times_table
from harness.results import words
from harness.tests.helpers.runfiles import FLAT, make_cell, write_run

Make = Callable[[list[Row], load.Data, load.Config], Table]


def _table(results: Path, make: Make) -> str:
    """The Markdown of a table made from the only configuration."""
    data = load.load(results)
    (config,) = data.configs()
    plain = data.select(config)
    return make(with_ratios(plain, data, load.baseline(plain)), data, config).markdown()


def _times(rows: list[Row], data: load.Data, config: load.Config) -> Table:
    return times_table(rows, "conv2d", load.baseline(rows), config)


def _first_calls(rows: list[Row], data: load.Data, config: load.Config) -> Table:
    return first_call_table(rows, first_calls(rows, data, "torch_native"), "torch_native", config)


def test_summary_counts_only_common_layers(tmp_path: Path) -> None:
    write_run(tmp_path, "20260101T000000-a", [
        make_cell("torch_native", FLAT), make_cell("mine", [0.25] * 11),
        make_cell("torch_native", FLAT, "net:large"), make_cell("mine", layer="net:large", status="over_budget"),
    ])  # fmt: skip
    text = _table(tmp_path, lambda rows, data, config: summary_table(rows, "torch_native", config))
    assert "4.0x faster, 1 of 2 layers: 1 faster, 0 same, 0 slower, worst: 4.0x faster on net:small" in text


def test_missing_cells_show_their_reasons(tmp_path: Path) -> None:
    reasons = {
        "slow": ("over_budget", "41 min a call is too long", "over budget: predicted 41 min a call"),
        "choosy": ("unsupported", "asymmetric padding", "unsupported: asymmetric padding"),
        "wrong": ("fail", "3 of 64 sampled elements differ", "fail: 3 of 64 sampled elements differ"),
        "dead": ("crashed", "signal 11", "crashed: signal 11"),
        "absent": ("unavailable", "No module named 'cupy'", "absent (No module named 'cupy')"),
    }  # fmt: skip
    write_run(tmp_path, "20260101T000000-a", [make_cell("torch_native", FLAT)] + [
        make_cell(name, status=status, reason=reason, predicted_seconds=2460.0 if status == "over_budget" else None)
        for name, (status, reason, _) in reasons.items()
    ])  # fmt: skip
    page = report.write_report(tmp_path, tmp_path / "out")
    text = (tmp_path / "out/tables/times-conv2d-float32-t1-steady.md").read_text()
    assert [shown for *_, shown in reasons.values() if shown not in text] == []
    frame = pd.read_csv(tmp_path / "out/tables/times-conv2d-float32-t1-steady.csv").set_index("backend")
    assert [reason for name, (_, reason, _) in reasons.items() if frame.loc[name, "reason"] != reason] == []
    assert '<td class="fail"' in page.read_text()
    assert "Wrong results or crashes while measuring (2)" in page.read_text()


def test_differences_inside_the_interval_are_the_same() -> None:
    assert words.judged(0.5, 0.4, 0.6) == "2.0x faster"
    assert words.judged(3.1, 2.9, 3.2) == "3.1x slower"
    assert words.judged(1.5, 0.9, 1.6) == "same"


def test_derived_ops_carry_a_dagger(tmp_path: Path) -> None:
    write_run(tmp_path, "20260101T000000-a", [make_cell("torch_native", FLAT), make_cell("mine", FLAT, native=False)])
    assert "| layer | torch_native (baseline) | mine † |" in _table(tmp_path, _times)


def test_the_summary_counts_wins_by_the_interval_of_each_ratio(tmp_path: Path) -> None:
    """Faster on one layer; on the other the median is below 1 and the interval holds 1."""
    around = [0.5, 0.6, 0.7, 0.8, 0.9, 0.9, 1.1, 1.2, 1.3, 1.4, 1.5]
    write_run(tmp_path, "20260101T000000-a", [
        make_cell("torch_native", FLAT), make_cell("mine", [0.25] * 11), make_cell("slow", [2.0] * 11),
        make_cell("torch_native", FLAT, "net:large"), make_cell("mine", around, "net:large"),
        make_cell("slow", [4.0] * 11, "net:large"),
    ])  # fmt: skip
    text = _table(tmp_path, lambda rows, data, config: summary_table(rows, "torch_native", config))
    assert "2 of 2 layers: 1 faster, 1 same, 0 slower, worst: 1.1x faster on net:large" in text
    assert "2.8x slower, 2 of 2 layers: 0 faster, 0 same, 2 slower, worst: 4.0x slower on net:large" in text


def test_the_fastest_of_a_layer_is_bold_and_no_other(tmp_path: Path) -> None:
    write_run(tmp_path, "20260101T000000-a", [make_cell("torch_native", FLAT), make_cell("mine", [2.0] * 11)])
    text = _table(tmp_path, _times)
    assert "| **1.00 s** | 2.00 s, 2.0x slower, 2.00 [2.00, 2.00] |" in text


def test_a_backend_that_is_unavailable_now_and_then_keeps_its_column(tmp_path: Path) -> None:
    lost = make_cell("mine", layer="net:large", status="unavailable", reason="no card")
    cells = [make_cell("torch_native", FLAT), make_cell("mine", FLAT), lost]
    write_run(tmp_path, "20260101T000000-a", cells)
    text = _table(tmp_path, _times)
    assert "| layer | torch_native (baseline) | mine |" in text
    assert "unavailable: no card" in text
    assert "No column" not in text


def test_claims_are_tested_on_paired_ratios_only(tmp_path: Path) -> None:
    cells = [make_cell("naive_loops", [300.0] * 6), make_cell("numpy_fancy", [1.0] * 6)]
    write_run(tmp_path, "20260101T000000-a", cells)
    text = _table(tmp_path, claims_table)
    assert "holds: 200x reached on 1 of 1" in text
    assert "numpy_fancy and torch_native were not measured together | not tested" in text
    write_run(tmp_path, "20260102T000000-b", [make_cell("numpy_fancy", [1.0] * 6)])
    assert "200x reached" not in _table(tmp_path, claims_table)


def test_a_claim_that_some_layers_reach_holds_in_part(tmp_path: Path) -> None:
    write_run(tmp_path, "20260101T000000-a", [
        make_cell("naive_loops", [300.0] * 6), make_cell("numpy_fancy", [1.0] * 6),
        make_cell("naive_loops", [100.0] * 6, "net:large"), make_cell("numpy_fancy", [1.0] * 6, "net:large"),
    ])  # fmt: skip
    assert "holds in part: 200x reached on 1 of 2" in _table(tmp_path, claims_table)


def test_the_newest_first_call_counts_and_pays_off_only_within_its_run(tmp_path: Path) -> None:
    first: dict[str, Any] = {"first_in_process": True}
    write_run(tmp_path, "20260101T000000-a", [
        make_cell("torch_native", [0.25] * 6, first_seconds=0.25, **first),
        make_cell("mine", [0.125] * 6, first_seconds=1.25, **first),
    ])  # fmt: skip
    write_run(tmp_path, "20260102T000000-b", [
        make_cell("torch_native", [0.25] * 6, "net:large"),
        make_cell("mine", [0.125] * 6, "net:large", first_seconds=2.5, **first),
    ])  # fmt: skip
    text = _table(tmp_path, _first_calls)
    assert "2.50 s, then 125 ms a call on net:large |" in text
    assert "1.25 s" not in text
    assert "after" not in text.partition("\n- ")[0]


def test_first_call_pays_off_after_some_calls(tmp_path: Path) -> None:
    """1 s of set-up more, 1/8 s a call less: eight calls."""
    first: dict[str, Any] = {"first_in_process": True}
    write_run(tmp_path, "20260101T000000-a", [
        make_cell("torch_native", [0.25] * 6, first_seconds=0.25, **first),
        make_cell("mine", [0.125] * 6, first_seconds=1.25, **first),
        make_cell("slow", [0.5] * 6, first_seconds=0.5, **first),
    ])  # fmt: skip
    text = _table(tmp_path, _first_calls)
    assert "1.25 s, then 125 ms a call on net:small, breaks even after 8 calls" in text
    assert "never breaks even" in text


def test_memory_of_columns() -> None:
    found = columns_memory("a", "n1c2h6w6_f4kh3kw3", "float32")
    assert found.x_w_y_bytes == 4 * (2 * 36 + 4 * 2 * 9 + 4 * 16)
    assert found.columns_bytes == 4 * 18 * 16
