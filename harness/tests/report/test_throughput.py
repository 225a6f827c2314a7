"""What the report holds times against: ceilings of the device that ran, and of the memory that holds the arrays."""

from __future__ import annotations

from pathlib import Path

import pytest
from msgspec.structs import replace

from harness import report
from harness.geometry.spec import ConvSpec
from harness.report.charts import drawing
from harness.report.measured import load
from harness.report.tables.machine import ceilings_table
from harness.report.tables.throughput import throughput_table, throughputs
from harness.results.records import Ceilings
from harness.tests.helpers.runfiles import CPU, FLAT, SPECS, make_cell, make_facts, write_run
from harness.timing.ceilings import nothing

_CARD = Ceilings(
    backend="mine", device="card", threads=1, allocator="steady", copy_gbs={"cache": 4000.0, "dram": 3000.0},
    copy_bytes={"cache": 2**24, "dram": 2**31}, matmul_gflops={"float32": 50_000.0, "tf32": 400_000.0},
)  # fmt: skip


def _table(results: Path) -> str:
    """The Markdown of the throughput of the only configuration."""
    data = load.load(results)
    (config,) = data.configs()
    rows = data.select(config)
    return throughput_table(rows, throughputs(rows, data, config), data, config).markdown()


def test_share_above_its_ceiling_is_flagged(tmp_path: Path) -> None:
    spec = ConvSpec.parse(SPECS["net:large"])
    fast, slow = spec.flops("conv2d") / 150e9, spec.flops("conv2d") / 50e9
    write_run(
        tmp_path,
        "20260101T000000-a",
        [make_cell("torch_native", [fast] * 6, "net:large"), make_cell("mine", [slow] * 6, "net:large")],
    )
    text = _table(tmp_path)
    assert "150 % compute, above its ceiling" in text
    assert "50 % compute, 50.0 GFLOP/s" in text


def test_without_a_product_ceiling_nothing_is_said_to_bind(tmp_path: Path) -> None:
    write_run(
        tmp_path, "20260101T000000-a", [make_cell("mine", FLAT)], ceilings=replace(CPU, matmul_gflops={"float64": 1.0})
    )
    assert "of memory (no ceiling of the product)" in _table(tmp_path)


def test_copy_ceiling_depends_on_the_size(tmp_path: Path) -> None:
    spec = ConvSpec.parse(SPECS["net:large"])
    seconds = spec.min_bytes("im2col", "float32") / 10e9
    cells = [make_cell("mine", [seconds] * 6, "net:large", op="im2col")]
    write_run(tmp_path, "20260101T000000-a", cells)
    assert "10 % memory, no arithmetic, 10.0 GB/s (10 % of cache)" in _table(tmp_path)
    small = replace(CPU, copy_bytes={"cache": 1024, "dram": 2**28})
    write_run(tmp_path, "20260102T000000-b", cells, ceilings=small)
    assert "50 % memory, no arithmetic, 10.0 GB/s (50 % of dram)" in _table(tmp_path)


def test_a_device_is_held_against_its_own_ceilings(tmp_path: Path) -> None:
    device = make_facts("mine", info={"device": "card"}, numerics="tf32", native=[])
    other = replace(device, backend="other", target="other")
    lost = nothing("other", 1, "steady", "ceilings() raised OSError: no room")
    cells = [make_cell(name, [1e-6] * 11) for name in ("torch_native", "mine", "other")]
    write_run(tmp_path, "20260101T000000-a", cells, more=[device, other, _CARD, lost])
    data = load.load(tmp_path)
    (config,) = data.configs()
    rows = data.select(config)
    found = {t.backend: t for t in throughputs(rows, data, config)}
    mine = found["mine"].rates
    assert found["torch_native"].rates.matmul_gflops == 100.0
    assert mine.matmul_gflops == 400_000.0
    assert mine.copy_gbs == 4000.0
    assert mine.share == pytest.approx(mine.gbs / 4000)
    known = {name: t.rates.share is not None for name, t in found.items()}
    assert known == {"torch_native": True, "mine": True, "other": False}
    assert {name: t.device for name, t in found.items()} == {"torch_native": "", "mine": "card", "other": ""}
    table = ceilings_table(data).markdown()
    assert "| card (mine) |  |  | matrix product tf32 | 400000 GFLOP/s |" in table
    assert "not measured: ceilings() raised OSError: no room" in table
    assert "| cpu | 1 | steady | matrix product float32 | 100 GFLOP/s |" in table
    shown = throughput_table(rows, list(found.values()), data, config).markdown()
    assert "mine: against the ceilings of card" in shown


def test_the_roofline_of_the_cpu_shows_no_device(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []
    monkeypatch.setattr(drawing, "foot", lambda figure, lines: said.extend(lines))
    write_run(tmp_path, "20260101T000000-a", [make_cell("torch_native", FLAT), make_cell("mine", FLAT)], more=[_CARD])
    report.write_report(tmp_path, tmp_path / "out")
    assert "not drawn, as these roofs are the CPU's: mine" in said
