"""The report: which records count, what is compared with what, and what a reader finds on the page."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from harness import report
from harness.report.measured import load
from harness.report.measured.pairing import with_ratios
from harness.report.measured.rows import Row, TidyRow, tidy
from harness.report.tables.first_calls import first_call_table, first_calls
from harness.report.tables.memory import columns_memory
from harness.report.tables.speedups import claims_table
from harness.report.tables.summary import summary_table
from harness.report.tables.table import Table
from harness.report.tables.times import times_table
from harness.results import words
from harness.tests.helpers.runfiles import FLAT, make_cell, write_run

Make = Callable[[list[Row], load.Data, load.Config], Table]


def _ratios(results: Path, base: str = "torch_native") -> dict[tuple[str, str], TidyRow]:
    """The rows of the only configuration, by backend and layer."""
    data = load.load(results)
    (config,) = data.configs()
    rows = map(tidy, with_ratios(data.select(config), data, base))
    return {(row.backend, row.layer): row for row in rows}


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


# -- what counts ---------------------------------------------------------------------------------------------------


def test_ratios_pair_samples_of_the_same_round(tmp_path: Path) -> None:
    """The machine slows down half-way: medians apart would say 2x, rounds say 3x without any spread."""
    drift = [1.0, 1.0, 1.0, 4.0, 4.0, 4.0, 9.0]
    write_run(
        tmp_path, "20260101T000000-a", [make_cell("torch_native", drift), make_cell("mine", [3 * t for t in drift])]
    )
    row = _ratios(tmp_path)["mine", "net:small"]
    assert (row.ratio, row.ratio_low, row.ratio_high, row.pairs) == (3, 3, 3, 7)


def test_ratio_of_few_pairs_spans_all_of_them(tmp_path: Path) -> None:
    write_run(
        tmp_path, "20260101T000000-a", [make_cell("torch_native", [1.0, 1, 1, 1]), make_cell("mine", [2.0, 5, 3])]
    )
    row = _ratios(tmp_path)["mine", "net:small"]
    assert (row.ratio, row.ratio_low, row.ratio_high, row.pairs) == (3, 2, 5, 3)


def test_ratio_interval_uses_sign_test_ranks(tmp_path: Path) -> None:
    mine = [float(i) for i in range(1, 12)]
    write_run(tmp_path, "20260101T000000-a", [make_cell("torch_native", FLAT), make_cell("mine", mine)])
    row = _ratios(tmp_path)["mine", "net:small"]
    assert (row.ratio, row.ratio_low, row.ratio_high) == (6, 2, 10)


def test_different_measurements_never_pair(tmp_path: Path) -> None:
    write_run(tmp_path, "20260101T000000-a", [make_cell("torch_native", FLAT)])
    write_run(tmp_path, "20260102T000000-b", [make_cell("mine", FLAT)])
    assert _ratios(tmp_path)["mine", "net:small"].pairs == 0
    assert "no ratio: not measured together with the baseline" in _table(tmp_path, _times)
    page = report.write_report(tmp_path, tmp_path / "out").read_text()
    assert "no layer measured together" in page


def test_baseline_without_a_time_is_named_as_the_reason(tmp_path: Path) -> None:
    large: dict[str, Any] = {"layer": "net:large"}
    lame = [make_cell("torch_native", **large, status="unsupported", reason="groups"), make_cell("mine", FLAT, **large)]
    write_run(tmp_path, "20260101T000000-a", [make_cell("torch_native", FLAT), make_cell("mine", FLAT), *lame])
    assert "no ratio: the baseline has no time" in _table(tmp_path, _times)


def test_newest_record_wins_and_older_groups_still_pair(tmp_path: Path) -> None:
    """The baseline was measured again without `mine`: its time is the new one, the ratio is of the old group."""
    write_run(tmp_path, "20260101T000000-a", [make_cell("torch_native", FLAT), make_cell("mine", [2.0] * 11)])
    write_run(tmp_path, "20260102T000000-b", [make_cell("torch_native", [8.0] * 11)])
    found = _ratios(tmp_path)
    assert found["torch_native", "net:small"].seconds == 8
    assert found["mine", "net:small"].seconds == 2
    assert found["mine", "net:small"].ratio == 2
    assert "2.0x slower, 2.00 [2.00, 2.00], both in run 20260101T000000-a" in _table(tmp_path, _times)


def test_newest_record_wins_even_without_a_time(tmp_path: Path) -> None:
    write_run(tmp_path, "20260101T000000-a", [make_cell("torch_native", FLAT), make_cell("mine", FLAT)])
    write_run(
        tmp_path,
        "20260102T000000-b",
        [make_cell("torch_native", FLAT), make_cell("mine", status="fail", reason="is off")],
    )
    assert _ratios(tmp_path)["mine", "net:small"].status == "fail"
    assert "fail: is off" in _table(tmp_path, _times)


def test_conditions_are_kept_apart(tmp_path: Path) -> None:
    """One more thread, another allocator and another dtype are three more sections, the newest first."""
    others: list[dict[str, Any]] = [{}, {"allocator": "default"}, {"dtype": "float64"}]
    write_run(tmp_path, "20260101T000000-a", [make_cell("mine", FLAT, **other) for other in others])
    write_run(tmp_path, "20260102T000000-b", [make_cell("mine", FLAT, threads=2)])
    data = load.load(tmp_path)
    configs = data.configs()
    assert [len(data.select(config)) for config in configs] == [1, 1, 1, 1]
    assert configs[0] == load.Config(2, "steady", "float32")
    page = report.write_report(tmp_path, tmp_path / "out").read_text()
    assert all(f"<h2>{config}</h2>" in page for config in configs)


def test_default_machine_is_the_one_measured_last(tmp_path: Path) -> None:
    write_run(tmp_path, "20260102T000000-b", [make_cell("mine", FLAT)], machine="aaa")
    write_run(tmp_path, "20260101T000000-a", [make_cell("mine", FLAT)], machine="zzz")
    assert load.load(tmp_path).machine.name == "aaa"
    assert load.load(tmp_path, "zzz").machine.name == "zzz"


@pytest.mark.parametrize(
    ("measured", "base"),
    [
        (["mine", "numpy_fancy", "torch_native"], "torch_native"),
        (["mine", "numpy_fancy"], "numpy_fancy"),
        (["mine"], "mine"),
    ],
)
def test_baseline_is_torch_else_numpy_else_the_first(tmp_path: Path, measured: list[str], base: str) -> None:
    cells = [make_cell(name, FLAT) for name in measured]
    write_run(
        tmp_path, "20260101T000000-a", [*cells, make_cell("torch_native_cuda", status="unavailable", reason="no CUDA")]
    )
    assert load.baseline(load.load(tmp_path).rows) == base


# -- what is said --------------------------------------------------------------------------------------------------


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


def test_claims_are_tested_on_paired_ratios_only(tmp_path: Path) -> None:
    cells = [make_cell("naive_loops", [300.0] * 6), make_cell("numpy_fancy", [1.0] * 6)]
    write_run(tmp_path, "20260101T000000-a", cells)
    text = _table(tmp_path, claims_table)
    assert "holds: 200x reached on 1 of 1" in text
    assert "numpy_fancy and torch_native were not measured together | not tested" in text
    write_run(tmp_path, "20260102T000000-b", [make_cell("numpy_fancy", [1.0] * 6)])
    assert "200x reached" not in _table(tmp_path, claims_table)


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
