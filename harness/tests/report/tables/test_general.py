"""The tables of the machine, of its ceilings, of the backends, and of the memory of columns."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from harness.contract.status import Verdict
from harness.geometry.spec import OPS
from harness.report.measured.load import Config, Data
from harness.report.measured.runs import Run
from harness.report.tables.backends import BackendRow, backends_table
from harness.report.tables.machine import CeilingRow, MachineFact, ceilings_table, machine_table
from harness.report.tables.memory import (
    ColumnsMemory,
    MeasuredMemory,
    columns_memory,
    measured_memory,
    measured_memory_table,
    memory_table,
)
from harness.report.verdicts import ConformanceVerdict
from harness.results.records import Blas, Ceilings, Code
from harness.tests.helpers.runfiles import CPU, SPECS, make_data, make_facts, make_header, make_row

_CARD = Ceilings(
    backend="mine", device="card", threads=2, allocator="default", copy_gbs={"cache": 4000.0, "dram": 3000.0},
    copy_bytes={"cache": 2**24, "dram": 2**31}, matmul_gflops={"float32": 50_000.0, "tf32": 400_000.0},
)  # fmt: skip


def _of_runs(*ceilings: list[Ceilings], code: Code | None = None) -> Data:
    """Data of runs with these ceilings, the last of which has the code given."""
    runs = [Run(make_header(f"r{i}"), ceilings=found) for i, found in enumerate(ceilings)]
    runs[-1].header = make_header("last", code=code)
    return make_data([], runs=runs)


# -- the machine -------------------------------------------------------------------------------------------------------


def test_the_machine_in_facts() -> None:
    """Each BLAS once, of whichever run; the code is the newest run's."""
    blas = [
        Blas(library=name, version="0.3", file="x", kernel=kernel, threads="1")
        for name, kernel in (("openblas", "SkylakeX"), ("mkl", "unknown"), ("openblas", "SkylakeX"))
    ]  # fmt: skip
    dirty = Code(commit="c0ffee", dirty=True)
    table = machine_table(_of_runs([replace(CPU, blas=blas[:1])], [CPU, replace(CPU, blas=blas[1:])], code=dirty))
    assert (
        table.markdown()
        == """\
## Machine

| fact | value |
| --- | --- |
| machine | cpu-x_2c2t |
| CPU | CPU X |
| cores | 2 (4 hardware threads) |
| caches | L1d 32K, L2 1M |
| memory | 8.0 GiB |
| system | Linux |
| Python | 3.11.7 |
| versions | numpy 2.4.6, numba 0.61.0 |
| BLAS of NumPy | openblas 0.3 (SkylakeX kernel), mkl 0.3 (unknown kernel) |
| code | c0ffee + uncommitted changes |
"""
    )
    assert table.name == "machine"
    assert table.records[:2] == [MachineFact("machine", "cpu-x_2c2t"), MachineFact("CPU", "CPU X")]
    assert table.records[-1] == MachineFact("code", "c0ffee + uncommitted changes")


def test_without_git_or_blas_it_says_so() -> None:
    table = machine_table(_of_runs([CPU], code=Code()))
    assert [row[1].text for row in table.rows[-2:]] == ["unknown", "no git commit"]


def test_the_newest_ceilings_of_each_device_and_condition() -> None:
    """The CPU's of two thread counts and two allocators, then the card's, whatever its threads; one that was lost."""

    def cpu(gflops: float, threads: int = 1, allocator: str = "steady") -> Ceilings:
        return replace(CPU, matmul_gflops={"float32": gflops}, threads=threads, allocator=allocator)

    lost = Ceilings(threads=1, allocator="steady", backend="lame", reason="no room")
    older = [replace(_CARD, threads=1, device="older"), cpu(1.0), cpu(2.0, 2), cpu(3.0, 1, "default")]
    table = ceilings_table(_of_runs(older, [lost, _CARD, cpu(50.0)]))
    assert (
        table.markdown()
        == """\
## Ceilings

| device | threads | allocator | ceiling | measured |
| --- | --- | --- | --- | --- |
| cpu | 1 | steady | copy within 2.00 MiB (cache), one thread, read + write | 100 GB/s |
| cpu | 1 | steady | copy within 256 MiB (dram), one thread, read + write | 20.0 GB/s |
| cpu | 1 | steady | matrix product float32 | 50.0 GFLOP/s |
| cpu | 2 | steady | copy within 2.00 MiB (cache), one thread, read + write | 100 GB/s |
| cpu | 2 | steady | copy within 256 MiB (dram), one thread, read + write | 20.0 GB/s |
| cpu | 2 | steady | matrix product float32 | 2.00 GFLOP/s |
| cpu | 1 | default | copy within 2.00 MiB (cache), one thread, read + write | 100 GB/s |
| cpu | 1 | default | copy within 256 MiB (dram), one thread, read + write | 20.0 GB/s |
| cpu | 1 | default | matrix product float32 | 3.00 GFLOP/s |
| card (mine) |  |  | copy within 16.0 MiB (cache), read + write | 4000 GB/s |
| card (mine) |  |  | copy within 2.00 GiB (dram), read + write | 3000 GB/s |
| card (mine) |  |  | matrix product float32 | 50000 GFLOP/s |
| card (mine) |  |  | matrix product tf32 | 400000 GFLOP/s |
| lame |  |  | not measured: no room |  |
"""
    )
    assert table.records[0] == CeilingRow(
        device="cpu", threads=1, allocator="steady", ceiling="copy within 2.00 MiB (cache), one thread, read + write",
        value=100.0, unit="GB/s",
    )  # fmt: skip
    assert table.records[-1] == CeilingRow(
        device="lame", threads=None, allocator="", ceiling="not measured: no room", value=None, unit=""
    )
    assert [row[4].value for row in table.rows][-2:] == [400_000.0, None]


# -- the backends ------------------------------------------------------------------------------------------------------


def test_the_backends_with_their_verdicts() -> None:
    """Every verdict, and none at all; cases are shown of those that are here and were counted."""
    facts = [
        make_facts("torch_native", native=list(OPS), load_seconds=1.5, info={"device": "cpu", "torch": "2.4"}),
        make_facts("mine", native=["conv2d", "im2col"], target="./mine.py:Mine", load_seconds=None),
        make_facts("gone", available=False, reason="no CUDA", info={}, native=[], load_seconds=0.002),
        make_facts("half", native=[*OPS, "more"]), make_facts("new"), make_facts("uncounted"),
    ]  # fmt: skip
    verdicts = {
        name: ConformanceVerdict(backend=name, verdict=verdict, planned=planned, executed=executed)
        for name, verdict, planned, executed in (
            ("torch_native", Verdict.PASS, 9, 8), ("mine", Verdict.FAIL, 7, 7), ("gone", Verdict.UNAVAILABLE, 7, 0),
            ("half", Verdict.INCOMPLETE, 9, 0), ("uncounted", Verdict.PASS, 9, None),
        )
    }  # fmt: skip
    table = backends_table(make_data([], backends={b.backend: b for b in facts}, verdicts=verdicts))
    assert (
        table.markdown()
        == """\
## Backends

| backend | here | conformance | device and versions | native ops | import | target |
| --- | --- | --- | --- | --- | --- | --- |
| torch_native | yes | pass, 8 of 9 cases | device cpu, torch 2.4 | all | 1.50 s | torch_native |
| mine | yes | fail, 7 of 7 cases | device cpu | im2col, conv2d |  | ./mine.py:Mine |
| gone | no: no CUDA | unavailable |  |  | 2.00 ms | gone |
| half | yes | incomplete, 0 of 9 cases | device cpu | all | 100 ms | half |
| new | yes | not checked | device cpu | im2col, col2im | 100 ms | new |
| uncounted | yes | pass | device cpu | im2col, col2im | 100 ms | uncounted |
"""
    )
    assert [row[2].kind for row in table.rows] == ["faster", "fail", "missing", "missing", "missing", "faster"]
    assert [row[1].kind for row in table.rows] == ["", "", "missing", "", "", ""]
    assert [row[5].value for row in table.rows] == [1.5, None, 0.002, 0.1, 0.1, 0.1]
    assert table.records[1] == BackendRow(
        backend="mine", available=True, reason="", verdict="fail", info="device cpu", native="im2col, conv2d",
        load_seconds=None, target="./mine.py:Mine",
    )  # fmt: skip


def test_without_a_file_of_verdicts_none_was_checked() -> None:
    table = backends_table(make_data([], backends={"mine": make_facts("mine")}))
    assert (table.rows[0][2].text, table.rows[0][2].kind) == ("not checked", "missing")


# -- the memory of columns ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("dtype", "size"), [("float32", 4), ("float64", 8), ("float16", 2)])
def test_columns_beside_the_arrays_that_are_there_anyway(dtype: str, size: int) -> None:
    """x 2*36, w 4*2*9, y 4*16; columns 18*16."""
    found = columns_memory("net:a", "n1c2h6w6_f4kh3kw3", dtype)
    arrays, columns = size * (72 + 72 + 64), size * 288
    assert found == ColumnsMemory(
        layer="net:a", spec="n1c2h6w6_f4kh3kw3", x_w_y_bytes=arrays, columns_bytes=columns, factor=288 / 208
    )


def test_every_layer_once_whatever_was_measured_on_it() -> None:
    rows = [
        make_row("mine", 1.0), make_row("other", status="fail"), make_row("mine", 1.0, "net:grouped", op="im2col"),
        make_row("mine", 1.0, "net:wide"),
    ]  # fmt: skip
    table = memory_table(rows, Config(1, "steady", "float64"))
    assert (
        table.markdown()
        == f"""\
## Memory of the explicit columns

| layer | x + w + y | columns | columns / (x + w + y) |
| --- | --- | --- | --- |
| net:small, {SPECS["net:small"]} | 1.62 KiB | 2.25 KiB | 1.38x |
| net:grouped, {SPECS["net:grouped"]} | 16.8 KiB | 55.1 KiB | 3.28x |
| net:wide, {SPECS["net:wide"]} | 8.00 KiB | 3.12 KiB | 0.391x |

- Computed from the geometry, not measured: what a method that stores all columns at once allocates.
"""
    )
    assert [cell.value for cell in table.rows[0]] == [None, 1664, 2304, 288 / 208]
    assert table.name == "memory-float64-t1-steady"
    assert table.records == [columns_memory(layer, SPECS[layer], "float64") for layer in (
        "net:small", "net:grouped", "net:wide")]  # fmt: skip


_MIB = 2**20


def test_the_peak_of_a_call_beside_the_columns() -> None:
    """Whichever of the two is larger; a cell without a time may have it too."""
    rows = [
        make_row("mine", 1.0, peak_bytes=3 * 1152, resident_bytes=2 * 1152), make_row("none", 1.0),
        make_row("other", 1.0, resident_bytes=4 * _MIB), make_row("other", 1.0, "net:wide", peak_bytes=400),
        make_row("mine", status="over_budget", op="im2col", peak_bytes=1152, resident_bytes=0),
    ]  # fmt: skip
    table = measured_memory_table(rows, Config(1, "steady", "float32"))
    assert (
        table.markdown()
        == f"""\
## Memory of a call, measured

| op | layer | columns | mine | other |
| --- | --- | --- | --- | --- |
| conv2d | net:small, {SPECS["net:small"]} | 1.12 KiB | 3.38 KiB, 3.00x columns | 4.00 MiB, 3641x columns |
| conv2d | net:wide, {SPECS["net:wide"]} | 1.56 KiB | not measured | 400 B, 0.250x columns |
| im2col | net:small, {SPECS["net:small"]} | 1.12 KiB | 1.12 KiB, 1.00x columns | not measured |

- The peak of one call: the larger of what NumPy allocates and of what the process holds. Its result counts, and what \
the backend keeps between calls, such as index arrays; its inputs do not.
"""
    )
    assert table.name == "measured-memory-float32-t1-steady"
    assert table.rows[0][3].title == "allocated 3.38 KiB, resident 2.25 KiB"
    assert table.rows[0][4].title == "allocated not seen, resident 4.00 MiB"
    assert table.records[0] == MeasuredMemory(
        op="conv2d", layer="net:small", spec=SPECS["net:small"], backend="mine", columns_bytes=1152,
        peak_bytes=3456, resident_bytes=2304, factor=3.0,
    )  # fmt: skip


def test_without_a_measured_peak_there_is_no_row() -> None:
    rows = [make_row("mine", 1.0)]
    assert measured_memory(rows[0]) is None
    table = measured_memory_table(rows, Config(1, "steady", "float32"))
    assert (list(table.rows), list(table.records)) == ([], [])
