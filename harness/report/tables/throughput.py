"""How far from the machine's limits: op and layer x backend, GFLOP/s and GB/s against the measured ceilings.

A share above 100 % is no error of arithmetic: the ceiling is the best copy or product seen, not the machine's limit. A
backend that has measured its own device is held against that; the CPU's ceilings are for backends on the CPU alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from msgspec import Struct

from harness.geometry.spec import ConvSpec, Op
from harness.report.measured.grouping import columns_of, grouped
from harness.report.measured.load import Config, Data
from harness.report.measured.rows import Row
from harness.report.tables.table import Table, TableCell, cell
from harness.results import words
from harness.results.rates import Rates, rates
from harness.results.records import Ceilings

CONVOLUTIONS: tuple[Op, ...] = ("conv2d", "conv2d_input_grad", "conv2d_weight_grad")
ABOVE = "above its ceiling"


class Throughput(Struct, frozen=True, kw_only=True):
    """The rates of one measured cell at its median time, and whose ceilings they are held against."""

    op: str
    layer: str
    spec: str
    backend: str
    dtype: str
    seconds: float
    rates: Rates
    device: str  # of the backend itself; empty: the CPU's ceilings, or nobody's


def throughputs(rows: Sequence[Row], data: Data, config: Config) -> list[Throughput]:
    """One record per cell that has a time."""
    cpu, devices = data.cpu_ceilings(config), data.device_ceilings()
    found = []
    for c, took in ((row.cell, row.seconds) for row in rows):
        if took is None:
            continue
        backend, own = data.backends.get(c.backend), devices.get(c.backend)
        on_cpu = backend is None or backend.info.get("device", "cpu").startswith("cpu")
        limits = own or (cpu if on_cpu else None)
        spec, numerics = ConvSpec.parse(c.spec), backend.numerics if backend else None
        found.append(Throughput(
            op=c.op, layer=c.layer, spec=c.spec, backend=c.backend, dtype=c.dtype,
            seconds=took.median, rates=rates(c.op, spec, c.dtype, took.median, limits, numerics),
            device=own.device if own else "",
        ))  # fmt: skip
    return found


def throughput_table(rows: Sequence[Row], found: Sequence[Throughput], data: Data, config: Config) -> Table:
    """The share of the ceiling that binds, with GFLOP/s and GB/s; `found` are the throughputs of `rows`."""
    timed = {t.backend for t in found}
    names = [name for name in columns_of(rows) if name in timed]
    shown = []
    for own in grouped(found, lambda t: (t.op, t.spec)).values():
        cells = {t.backend: _rate_cell(t.rates) for t in own}
        labels = [cell(own[0].op), cell(own[0].layer)]
        shown.append([*labels, *(cells.get(name, TableCell(("no time",), "missing")) for name in names)])
    devices = data.device_ceilings()
    limits = {name: devices[name] for name in names if name in devices}
    title, notes = "Share of the nearer ceiling", _notes(data.cpu_ceilings(config), limits, config)
    return Table(f"throughput-{config.slug}", title, ["op", "layer", *names], shown, found, notes)


def _rate_cell(found: Rates) -> TableCell:
    gflops = f"{words.digits(found.gflops)} GFLOP/s" if found.flops else "no arithmetic"
    gbs = f"{words.digits(found.gbs)} GB/s"
    if found.share is None or found.copy_gbs is None or found.memory_share is None:
        return TableCell(("no ceiling measured for it", gflops, gbs), "missing")
    title = f"{gbs} of {words.digits(found.copy_gbs)} GB/s ({found.copy_ceiling} copy)"
    if found.flops and found.compute_share is not None and found.matmul_gflops is not None:
        title = f"{gflops} of {words.digits(found.matmul_gflops)} GFLOP/s; {title}"
        gflops += f" ({words.share(found.compute_share)})"
    gbs += f" ({words.share(found.memory_share)} of {found.copy_ceiling})"
    first = f"{words.share(found.share)} {found.bound}" + (f", {ABOVE}" if found.share > 1 else "")
    return TableCell((first, gflops, gbs), "flag" if found.share > 1 else "", title, found.share)


def _notes(ceilings: Ceilings | None, own: Mapping[str, Ceilings], config: Config) -> list[str]:
    """What the shares are of; `own`: the ceilings of the backends that measure their device."""
    devices = [
        f"{', '.join(names)}: against the ceilings of {device}, listed "
        "below; a TF32 backend against the matrix product in TF32. Inputs are read from memory, as they change from "
        "call to call: of the copy within the cache, only the writing half is within reach."
        for device, names in grouped(own, lambda name: own[name].device).items()
    ]
    if ceilings is None:
        return ["No ceilings of the CPU were measured for these threads and this allocator.", *devices]
    product = ceilings.matmul_gflops.get(config.dtype)
    best = f"{words.digits(product)} GFLOP/s (NumPy's BLAS)" if product else f"not measured for {config.dtype}"
    gbs, cache = ceilings.copy_gbs, words.size(ceilings.copy_bytes["cache"])
    threads = "; several threads meet the copy ceiling of one" if config.threads > 1 else ""
    return [
        *devices,
        f"Ceilings measured here: matrix product {best}; copy {words.digits(gbs['cache'])} GB/s within "
        f"{cache} (cache), {words.digits(gbs['dram'])} GB/s from memory (dram).",
        "GFLOP/s counts the arithmetic of the definition (taps on padding included), GB/s each input read once and "
        "each output written once: extra traffic, such as explicit columns, lowers the share. A copy reads and writes, "
        f"and its ceiling counts both. The cache ceiling is used where all arrays together fit in {cache}.",
        f"The nearer ceiling (larger share) binds. “{ABOVE}” (more than 100 %) has reasons: a library multiplies "
        "faster than NumPy's BLAS; an algorithm needs less arithmetic than the definition; the arrays fit in a larger "
        f"cache than the copy was measured in{threads}.",
    ]
