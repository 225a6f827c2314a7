"""How far from the limits: the rates of each time against the ceilings of the device and the memory that it used."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from harness.report.measured.load import Config, Data
from harness.report.measured.runs import Run
from harness.report.tables.throughput import Throughput, throughput_table, throughputs
from harness.results.records import Ceilings
from harness.tests.helpers.runfiles import CPU, SPECS, make_data, make_facts, make_header, make_row

_CONFIG = Config(1, "steady", "float32")
_LIMITS = replace(CPU, copy_bytes={"cache": 3000, "dram": 2**28}, matmul_gflops={"float32": 8.0})
# Two layers: conv2d of the small one does 2304 flops on 848 bytes, im2col of it moves 1440; of the large one, 165888
# flops on 11552 bytes, and 46080 for im2col.
_CARD = Ceilings(
    backend="mine", device="card", threads=1, allocator="steady", copy_gbs={"cache": 4000.0, "dram": 3000.0},
    copy_bytes={"cache": 2**24, "dram": 2**31}, matmul_gflops={"float32": 50_000.0, "tf32": 400_000.0},
)  # fmt: skip


def _data(ceilings: list[Ceilings], **backends: dict[str, Any]) -> Data:
    """Data of one run with these ceilings, and facts on some backends."""
    run = Run(make_header("r"), ceilings=ceilings)
    return make_data([], runs=[run], backends={name: make_facts(name, **facts) for name, facts in backends.items()})


def test_every_cell_in_words() -> None:
    """Small: 1.152 and 0.424; 2.304 and 0.848. Large: 16.6 and 1.16; 1.66 and 0.116. im2col: 1.44 and 46.1."""
    rows = [
        make_row("torch_native", 2e-6), make_row("mine", 1e-6), make_row("lost", status="fail", reason="off"),
        make_row("torch_native", 1e-5, "net:large"), make_row("mine", 1e-4, "net:large"),
        make_row("torch_native", 1e-6, op="im2col"), make_row("torch_native", 1e-6, "net:large", op="im2col"),
    ]  # fmt: skip
    data = _data([_LIMITS], torch_native={}, mine={})
    found = throughputs(rows, data, _CONFIG)
    table = throughput_table(rows, found, data, _CONFIG)
    assert table.name == "throughput-float32-t1-steady"
    assert (
        table.markdown()
        == """\
## Share of the nearer ceiling

| op | layer | torch_native | mine |
| --- | --- | --- | --- |
| conv2d | net:small | 14 % compute, 1.15 GFLOP/s (14 %), 0.424 GB/s (0.4 % of cache) | 29 % compute, 2.30 GFLOP/s \
(29 %), 0.848 GB/s (0.8 % of cache) |
| conv2d | net:large | 207 % compute, above its ceiling, 16.6 GFLOP/s (207 %), 1.16 GB/s (5.8 % of dram) | 21 % \
compute, 1.66 GFLOP/s (21 %), 0.116 GB/s (0.6 % of dram) |
| im2col | net:small | 1.4 % memory, no arithmetic, 1.44 GB/s (1.4 % of cache) | no time |
| im2col | net:large | 230 % memory, above its ceiling, no arithmetic, 46.1 GB/s (230 % of dram) | no time |

- Ceilings measured here: matrix product 8.00 GFLOP/s (NumPy's BLAS); copy 100 GB/s within 2.93 KiB (cache), 20.0 GB/s \
from memory (dram).
- GFLOP/s counts the arithmetic of the definition (taps on padding included), GB/s each input read once and each \
output written once: extra traffic, such as explicit columns, lowers the share. A copy reads and writes, and its \
ceiling counts both. The cache ceiling is used where all arrays together fit in 2.93 KiB.
- The nearer ceiling (larger share) binds. “above its ceiling” (more than 100 %) has reasons: a library multiplies \
faster than NumPy's BLAS; an algorithm needs less arithmetic than the definition; the arrays fit in a larger cache \
than the copy was measured in.
"""
    )
    assert [[cell.kind for cell in row[2:]] for row in table.rows] == [
        ["", ""], ["flag", ""], ["", "missing"], ["flag", "missing"],
    ]  # fmt: skip
    assert [row[2].value for row in table.rows] == pytest.approx([0.144, 2.0736, 0.0144, 2.304])
    assert table.rows[0][2].title == "1.15 GFLOP/s of 8.00 GFLOP/s; 0.424 GB/s of 100 GB/s (cache copy)"
    assert table.rows[3][2].title == "46.1 GB/s of 20.0 GB/s (dram copy)"


def test_a_record_for_each_cell_that_has_a_time() -> None:
    rows = [make_row("lost", status="fail"), make_row("mine", 2e-6), make_row("mine", 1e-4, "net:large", op="im2col")]
    small, large = throughputs(rows, _data([_LIMITS]), _CONFIG)
    assert (small.op, small.layer, small.spec, small.backend) == ("conv2d", "net:small", SPECS["net:small"], "mine")
    assert (small.dtype, small.seconds, small.device) == ("float32", 2e-6, "")
    assert small.rates.gflops == pytest.approx(1.152)
    assert (large.op, large.layer, large.seconds) == ("im2col", "net:large", 1e-4)


def test_a_time_at_its_ceiling_is_not_above_it() -> None:
    """2304 flops at 2.304 GFLOP/s."""
    rows = [make_row("mine", 1e-6), make_row("mine", 1e-6, "net:large")]
    data = _data([replace(_LIMITS, matmul_gflops={"float32": 2.304})])
    found = [replace(t, rates=replace(t.rates, share=share)) for t, share in zip(
        throughputs(rows, data, _CONFIG), (1.0, 1.001), strict=True)]  # fmt: skip
    (at,), (above,) = (row[2:] for row in throughput_table(rows, found, data, _CONFIG).rows)
    assert (at.lines[0], at.kind) == ("100 % compute", "")
    assert (above.lines[0], above.kind) == ("100 % compute, above its ceiling", "flag")


@pytest.mark.parametrize("threads", [1, 2])
def test_without_ceilings_for_these_conditions_there_are_rates_alone(threads: int) -> None:
    rows = [make_row("mine", 1e-6, threads=threads), make_row("mine", 1e-6, op="im2col", threads=threads)]
    config = Config(threads, "steady", "float32")
    data = _data([replace(_LIMITS, allocator="default"), replace(_LIMITS, threads=3 - threads)])
    table = throughput_table(rows, throughputs(rows, data, config), data, config)
    assert [row[2].text for row in table.rows] == [
        "no ceiling measured for it, 2.30 GFLOP/s, 0.848 GB/s",
        "no ceiling measured for it, no arithmetic, 1.44 GB/s",
    ]  # fmt: skip
    assert [row[2].kind for row in table.rows] == ["missing", "missing"]
    assert table.notes == ["No ceilings of the CPU were measured for these threads and this allocator."]


def test_several_threads_and_a_dtype_without_a_product_are_told() -> None:
    config = Config(2, "steady", "float64")
    rows = [make_row("mine", 1e-6, threads=2, dtype="float64")]
    data = _data([replace(_LIMITS, threads=2)])
    table = throughput_table(rows, throughputs(rows, data, config), data, config)
    assert table.rows[0][2].text == (
        "1.7 % of memory (no ceiling of the product), 2.30 GFLOP/s, 1.70 GB/s (1.7 % of cache)"
    )  # fmt: skip
    assert table.notes[0].startswith("Ceilings measured here: matrix product not measured for float64; copy 100 GB/s")
    assert table.notes[2].endswith(
        "a larger cache than the copy was measured in; several threads meet the copy ceiling of one."
    )


def test_each_backend_is_held_against_the_device_that_it_runs_on() -> None:
    """A card with ceilings of its own; one that lost them; a CPU in other words or none; an unknown backend."""
    rows = [make_row(name, 1e-6) for name in ("torch_native", "mine", "lame", "wordy", "silent", "unknown")]
    data = _data(
        [CPU, _CARD, replace(_CARD, backend="lame", copy_gbs={}, copy_bytes={}, reason="no room")],
        torch_native={}, mine={"info": {"device": "card"}, "numerics": "tf32"}, lame={"info": {"device": "card"}},
        wordy={"info": {"device": "cpu, 2 threads"}}, silent={"info": {"version": "1"}},
    )  # fmt: skip
    found = {t.backend: t for t in throughputs(rows, data, _CONFIG)}
    assert {name: t.rates.matmul_gflops for name, t in found.items()} == {
        "torch_native": 100.0, "mine": 400_000.0, "lame": None, "wordy": 100.0, "silent": 100.0, "unknown": 100.0,
    }  # fmt: skip
    assert {name: t.device for name, t in found.items()} == {
        "torch_native": "", "mine": "card", "lame": "", "wordy": "", "silent": "", "unknown": "",
    }  # fmt: skip
    assert found["mine"].rates.copy_gbs == 4000.0
    table = throughput_table(rows, list(found.values()), data, _CONFIG)
    (note, *rest) = table.notes
    assert note.startswith("mine: against the ceilings of card, listed below; a TF32 backend against the")
    assert len(rest) == 3


def test_devices_are_named_once_with_all_their_backends() -> None:
    rows = [make_row(name, 1e-6) for name in ("a", "b", "c")]
    own = [
        replace(_CARD, backend=name, device=device) for name, device in (("a", "x"), ("b", "y"), ("c", "x"), ("d", "z"))
    ]
    data = _data(own)
    notes = throughput_table(rows, throughputs(rows, data, _CONFIG), data, _CONFIG).notes
    assert [note.partition(", listed")[0] for note in notes] == [
        "No ceilings of the CPU were measured for these threads and this allocator.",
        "a, c: against the ceilings of x", "b: against the ceilings of y",
    ]  # fmt: skip


def test_a_layer_of_two_ops_or_an_op_of_two_layers_has_rows_of_its_own() -> None:
    rows = [make_row("a", 1e-6), make_row("b", 1e-6, "net:large"), make_row("a", 1e-6, op="im2col")]
    data = _data([_LIMITS])
    found = throughputs(rows, data, _CONFIG)
    table = throughput_table(rows, found, data, _CONFIG)
    assert [[cell.text for cell in row[:2]] for row in table.rows] == [
        ["conv2d", "net:small"], ["conv2d", "net:large"], ["im2col", "net:small"],
    ]  # fmt: skip
    assert table.header == ["op", "layer", "a", "b"]
    assert list(table.records) == found
    assert isinstance(found[0], Throughput)
