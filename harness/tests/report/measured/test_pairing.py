"""What is compared with what: sample i of a backend with sample i of the baseline, of the same measurement."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.report.measured import load
from harness.report.measured.pairing import speedups, with_ratios
from harness.report.measured.rows import PairedRatio
from harness.tests.helpers.runfiles import FLAT, make_cell, make_row, write_run

_FIRST, _SECOND = "20260101T000000-a", "20260102T000000-b"
Ratios = dict[tuple[str, str], PairedRatio | None]


def _exactly(ratio: float, pairs: int) -> PairedRatio:
    """A ratio without any spread, up to the rounding of logarithms."""
    value = pytest.approx(ratio, rel=1e-12)
    return PairedRatio(value, value, value, pairs)  # type: ignore[arg-type]


def _ratios(results: Path, base: str = "torch_native") -> Ratios:
    """Of every cell, by backend and layer."""
    data = load.load(results)
    return {(row.cell.backend, row.cell.layer): row.ratio for row in with_ratios(data.rows, data, base)}


def test_ratios_pair_samples_of_the_same_round(tmp_path: Path) -> None:
    """The machine slows down half-way: medians apart would say 4 / 9 x 3 and more, rounds say 3 without any spread."""
    drift = [1.0, 1.0, 1.0, 4.0, 4.0, 4.0, 9.0]
    cells = [make_cell("torch_native", drift), make_cell("mine", [3 * t for t in drift[:6]])]
    write_run(tmp_path, _FIRST, cells)
    found = _ratios(tmp_path)
    assert found["mine", "net:small"] == _exactly(3, pairs=5)  # the first pair meets cold caches
    assert found["torch_native", "net:small"] == _exactly(1, pairs=6)


def test_below_one_is_faster_than_the_baseline(tmp_path: Path) -> None:
    """Ratios 1/2 to 11/2 after a pair that does not count; from the other side they are turned over."""
    mine = [99.0, *(0.5 * i for i in range(1, 12))]
    write_run(tmp_path, _FIRST, [make_cell("torch_native", [1.0] * 12), make_cell("mine", mine)])
    found, turned = _ratios(tmp_path)["mine", "net:small"], _ratios(tmp_path, "mine")["torch_native", "net:small"]
    assert found is not None
    assert turned is not None
    assert found.value == pytest.approx(3.0)
    assert found.pairs == 11
    assert 0.5 < found.low < 3 < found.high < 5.5
    assert turned[:3] == pytest.approx((1 / 3, 1 / found.high, 1 / found.low), rel=0.2)


def test_different_measurements_never_pair(tmp_path: Path) -> None:
    write_run(tmp_path, _FIRST, [make_cell("torch_native", FLAT), make_cell("mine", FLAT, "net:large")])
    write_run(tmp_path, _SECOND, [make_cell("mine", FLAT)])
    assert _ratios(tmp_path) == {
        ("torch_native", "net:small"): _exactly(1, 10), ("mine", "net:small"): None,
        ("mine", "net:large"): None,
    }  # fmt: skip


def test_the_partner_of_a_newest_cell_may_be_an_older_one_of_the_baseline(tmp_path: Path) -> None:
    """The baseline was measured again without `mine`: the ratio is of the old group, not of the two newest times."""
    write_run(tmp_path, _FIRST, [make_cell("torch_native", FLAT), make_cell("mine", [2.0] * 11)])
    write_run(tmp_path, _SECOND, [make_cell("torch_native", [8.0] * 11)])
    found = _ratios(tmp_path)
    assert found["mine", "net:small"] == _exactly(2, 10)
    assert found["torch_native", "net:small"] == _exactly(1, 10)


def test_a_baseline_that_drops_out_early_leaves_fewer_pairs(tmp_path: Path) -> None:
    write_run(tmp_path, _FIRST, [make_cell("torch_native", FLAT[:6]), make_cell("mine", FLAT)])
    assert _ratios(tmp_path)["mine", "net:small"] == _exactly(1, 5)


def test_what_has_no_time_has_no_ratio(tmp_path: Path) -> None:
    cells = [
        make_cell("torch_native", FLAT), make_cell("mine", [2.0] * 11, status="fail"),
        make_cell("torch_native", layer="net:large", status="hung"), make_cell("mine", FLAT, "net:large"),
    ]  # fmt: skip
    write_run(tmp_path, _FIRST, cells)
    assert _ratios(tmp_path) == {
        ("torch_native", "net:small"): _exactly(1, 10), ("mine", "net:small"): None,
        ("torch_native", "net:large"): None, ("mine", "net:large"): None,
    }  # fmt: skip


def test_a_cell_that_is_not_ok_never_pairs_whatever_samples_there_are(tmp_path: Path) -> None:
    """A failed cell of a group in which the backend has samples of an earlier time."""
    write_run(tmp_path, _FIRST, [make_cell("torch_native", FLAT), make_cell("mine", FLAT)])
    data = load.load(tmp_path)
    group = f"{_FIRST}/conv2d/float32/n1c2h6w6_f4kh3kw3"
    failed = make_row("mine", status="fail", group=group)
    assert data.samples[group, "mine"] == {0: FLAT}
    (row,) = with_ratios([failed], data, "torch_native")
    assert row.ratio is None
    assert row.cell is failed.cell


def test_a_speed_up_is_the_ratio_turned_over() -> None:
    rows = [make_row("a", 1.0, ratio=(0.25, 0.2, 0.5)), make_row("b", 1.0), make_row("c", 1.0, ratio=(2.0, 1.0, 3.0))]
    assert speedups(rows) == pytest.approx([4.0, 0.5])
