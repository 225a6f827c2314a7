"""Which records count, and what is compared with what."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from harness import report
from harness.report.measured import load
from harness.report.measured.pairing import with_ratios
from harness.report.measured.rows import TidyRow, tidy
from harness.report.tables.times import times_table
from harness.tests.helpers.runfiles import FLAT, SPECS, make_cell, write_run


def _ratios(results: Path, base: str = "torch_native") -> dict[tuple[str, str], TidyRow]:
    """The rows of the only configuration, by backend and layer."""
    data = load.load(results)
    (config,) = data.configs()
    rows = map(tidy, with_ratios(data.select(config), data, base))
    return {(row.backend, row.layer): row for row in rows}


def _times(results: Path) -> str:
    """The Markdown of the times of `conv2d` in the only configuration."""
    data = load.load(results)
    (config,) = data.configs()
    plain = data.select(config)
    base = load.baseline(plain)
    return times_table(with_ratios(plain, data, base), "conv2d", base, config).markdown()


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
    assert "no ratio: not measured together with the baseline" in _times(tmp_path)
    page = report.write_report(tmp_path, tmp_path / "out").read_text()
    assert "no layer measured together" in page


def test_baseline_without_a_time_is_named_as_the_reason(tmp_path: Path) -> None:
    large: dict[str, Any] = {"layer": "net:large"}
    lame = [make_cell("torch_native", **large, status="unsupported", reason="groups"), make_cell("mine", FLAT, **large)]
    write_run(tmp_path, "20260101T000000-a", [make_cell("torch_native", FLAT), make_cell("mine", FLAT), *lame])
    assert "no ratio: the baseline has no time" in _times(tmp_path)


def test_newest_record_wins_and_older_groups_still_pair(tmp_path: Path) -> None:
    """The baseline was measured again without `mine`: its time is the new one, the ratio is of the old group."""
    write_run(tmp_path, "20260101T000000-a", [make_cell("torch_native", FLAT), make_cell("mine", [2.0] * 11)])
    write_run(tmp_path, "20260102T000000-b", [make_cell("torch_native", [8.0] * 11)])
    found = _ratios(tmp_path)
    assert found["torch_native", "net:small"].seconds == 8
    assert found["mine", "net:small"].seconds == 2
    assert found["mine", "net:small"].ratio == 2
    assert "2.0x slower, 2.00 [2.00, 2.00], both in run 20260101T000000-a" in _times(tmp_path)


def test_newest_record_wins_even_without_a_time(tmp_path: Path) -> None:
    write_run(tmp_path, "20260101T000000-a", [make_cell("torch_native", FLAT), make_cell("mine", FLAT)])
    write_run(
        tmp_path,
        "20260102T000000-b",
        [make_cell("torch_native", FLAT), make_cell("mine", status="fail", reason="is off")],
    )
    assert _ratios(tmp_path)["mine", "net:small"].status == "fail"
    assert "fail: is off" in _times(tmp_path)


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


def test_a_cell_that_was_measured_again_in_its_group_counts_as_it_ended(tmp_path: Path) -> None:
    cells = [make_cell("torch_native", FLAT), make_cell("mine", FLAT), make_cell("mine", status="hung", reason="late")]
    write_run(tmp_path, "20260101T000000-a", cells)
    row = _ratios(tmp_path)["mine", "net:small"]
    assert (row.status, row.n, row.pairs) == ("hung", 0, 0)


def test_one_geometry_with_two_names_is_one_layer(tmp_path: Path) -> None:
    twin = make_cell("mine", FLAT, "net:twin", spec=SPECS["net:small"])
    write_run(tmp_path, "20260101T000000-a", [make_cell("torch_native", FLAT), twin])
    assert {row.cell.layer for row in load.load(tmp_path).rows} == {"net:small = net:twin"}


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
