"""The machine itself, and what it (or a backend's own device) can copy and multiply at best."""

from __future__ import annotations

from msgspec import Struct
from msgspec.structs import asdict

from harness.report.measured.load import Data
from harness.report.tables.table import Table, cell
from harness.results import words
from harness.results.records import Ceilings


class MachineFact(Struct, frozen=True):
    """One fact with its name."""

    fact: str
    value: str


class CeilingRow(Struct, frozen=True, kw_only=True):
    """One copy or product; `threads` is None for a device, which has none, and `value` where it was not measured."""

    device: str
    threads: int | None
    allocator: str
    ceiling: str
    value: float | None
    unit: str


def machine_table(data: Data) -> Table:
    """CPU, memory, system, versions, BLAS and the code."""
    m, code = data.machine, data.runs[-1].header.code
    loaded = (asdict(one) for run in data.runs for c in run.ceilings for one in c.blas)
    blas = dict.fromkeys("{library} {version} ({kernel} kernel)".format(**fields) for fields in loaded)
    facts = [
        MachineFact("machine", m.name),
        MachineFact("CPU", m.cpu),
        MachineFact("cores", f"{m.cores} ({m.hardware_threads} hardware threads)"),
        MachineFact("caches", ", ".join(f"{level} {amount}" for level, amount in m.caches.items())),
        MachineFact("memory", f"{m.memory_gib} GiB"),
        MachineFact("system", m.os),
        MachineFact("Python", m.python),
        MachineFact("versions", ", ".join(f"{name} {version}" for name, version in m.versions.items())),
        MachineFact("BLAS of NumPy", ", ".join(blas) or "unknown"),
        MachineFact("code", (code.commit or "no git commit") + (" + uncommitted changes" if code.dirty else "")),
    ]
    return Table("machine", "Machine", ["fact", "value"], [[cell(f.fact), cell(f.value)] for f in facts], facts)


def ceilings_table(data: Data) -> Table:
    """The CPU's for every number of threads and allocator, then those of backends' devices; the newest of each."""
    newest: dict[tuple[str, int, str], Ceilings] = {}
    for c in (c for run in data.runs for c in run.ceilings):
        newest[(c.backend, 0, "") if c.backend else ("", c.threads, c.allocator)] = c
    found = [row for c in sorted(newest.values(), key=lambda c: bool(c.backend)) for row in _rows(c)]
    shown = [
        [cell(row.device), cell(str(row.threads or "")), cell(row.allocator), cell(row.ceiling),
         cell(f"{words.digits(row.value)} {row.unit}" if row.value else "", "", row.value)]
        for row in found
    ]  # fmt: skip
    header = ["device", "threads", "allocator", "ceiling", "measured"]
    return Table("ceilings", "Ceilings", header, shown, found)


def _rows(c: Ceilings) -> list[CeilingRow]:
    """What was measured of one device, or why nothing was."""
    device = f"{c.device} ({c.backend})" if c.backend else "cpu"
    threads, allocator = (None, "") if c.backend else (c.threads, c.allocator)

    def row(ceiling: str, value: float | None, unit: str, device: str = device) -> CeilingRow:
        return CeilingRow(device=device, threads=threads, allocator=allocator, ceiling=ceiling, value=value, unit=unit)

    how = "read + write" if c.backend else "one thread, read + write"
    return [
        *([row(f"not measured: {c.reason}", None, "", c.backend)] if c.reason else []),
        *(row(f"copy within {words.size(c.copy_bytes[name])} ({name}), {how}", gbs, "GB/s")
          for name, gbs in c.copy_gbs.items()),
        *(row(f"matrix product {dtype}", gflops, "GFLOP/s") for dtype, gflops in c.matmul_gflops.items()),
    ]  # fmt: skip
