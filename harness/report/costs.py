"""The tables of what a call costs beside its rank: throughput against the ceilings, memory of the columns, first call.

A share above 100 % is no error of arithmetic: the ceiling is the best copy or product seen, not the machine's limit.
"""

from __future__ import annotations

import math

import pandas as pd

from harness.report import words
from harness.report.comparisons import columns_of
from harness.report.load import Config, Data
from harness.report.measures import columns_memory, records, with_throughput
from harness.report.tables import NEVER, Cell, Table, cell
from harness.results.intervals import median
from harness.results.run_files import Record

ABOVE = "above its ceiling"


def throughput(cells: pd.DataFrame, data: Data, config: Config) -> Table:
    """Op and layer x backend: the share of the ceiling that binds, with GFLOP/s and GB/s."""
    rates = with_throughput(cells, data, config)
    names = [name for name in columns_of(cells) if name in set(rates["backend"])]
    rows = []
    for _, own in rates.groupby(["op", "spec"], sort=False):
        found = {r["backend"]: _rate_cell(r) for r in records(own)}
        labels = [cell(str(own["op"].iloc[0])), cell(str(own["layer"].iloc[0]))]
        rows.append([*labels, *(found.get(name, Cell(("no time",), "missing")) for name in names)])
    limits = {name: record for name in names if (record := data.ceilings(config, name))}
    title, notes = "Share of the nearer ceiling", _rate_notes(data.ceilings(config), limits, config)
    return Table(f"throughput-{config.slug}", title, ["op", "layer", *names], rows, rates, notes)


def _rate_cell(record: Record) -> Cell:
    gflops = f"{words.digits(record['gflops'])} GFLOP/s" if record["flops"] else "no arithmetic"
    gbs = f"{words.digits(record['gbs'])} GB/s"
    share = record["share"]
    if not words.present(share):
        return Cell(("no ceiling measured for it", gflops, gbs), "missing")
    title = f"{gbs} of {words.digits(record['copy_gbs'])} GB/s ({record['copy_ceiling']} copy)"
    if record["flops"] and words.present(record["compute_share"]):
        title = f"{gflops} of {words.digits(record['matmul_gflops'])} GFLOP/s; {title}"
        gflops += f" ({words.share(record['compute_share'])})"
    gbs += f" ({words.share(record['memory_share'])} of {record['copy_ceiling']})"
    first = f"{words.share(share)} {record['bound']}" + (f", {ABOVE}" if share > 1 else "")
    return Cell((first, gflops, gbs), "flag" if share > 1 else "", title, share)


def _rate_notes(ceilings: Record | None, own: dict[str, Record], config: Config) -> list[str]:
    devices = [
        f"{', '.join(name for name in own if own[name]['device'] == device)}: against the ceilings of {device}, listed "
        "below; a TF32 backend against the matrix product in TF32. Inputs are read from memory, as they change from "
        "call to call: of the copy within the cache, only the writing half is within reach."
        for device in dict.fromkeys(limits["device"] for limits in own.values())
    ]
    if ceilings is None:
        return ["No ceilings of the CPU were measured for these threads and this allocator.", *devices]
    product = ceilings["matmul_gflops"].get(config.dtype)
    best = f"{words.digits(product)} GFLOP/s (NumPy's BLAS)" if product else f"not measured for {config.dtype}"
    gbs, cache = ceilings["copy_gbs"], words.size(ceilings["copy_bytes"]["cache"])
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


def memory(cells: pd.DataFrame, config: Config) -> Table:
    """Per layer: bytes of x + w + y against the explicit columns."""
    frame = columns_memory(cells, config.dtype)
    rows = [
        [Cell((r["layer"], r["spec"])), cell(words.size(r["x_w_y_bytes"]), "", r["x_w_y_bytes"]),
         cell(words.size(r["columns_bytes"]), "", r["columns_bytes"]),
         cell(f"{words.digits(r['factor'])}x" if words.present(r["factor"]) else "", "", r["factor"])]
        for r in records(frame)
    ]  # fmt: skip
    notes = ["Computed from the geometry, not measured: what a method that stores all columns at once allocates."]
    header = ["layer", "x + w + y", "columns", "columns / (x + w + y)"]
    return Table(f"memory-{config.slug}", "Memory of the explicit columns", header, rows, frame, notes)


def first_calls(cells: pd.DataFrame, data: Data, base: str, config: Config) -> Table:
    """Op x backend: the first call in a fresh process, and after how many calls it has paid off."""
    first = cells[(cells.n > 0) & cells.first_in_process.astype(bool) & cells.first_seconds.notna()]
    first = first.sort_values("run", kind="stable").drop_duplicates(["op", "backend"], keep="last")
    names = [name for name in columns_of(cells) if name in set(first["backend"])]
    kept = ("op", "backend", "layer", "run", "group", "first_seconds", "seconds")
    found: dict[tuple[str, str], Record] = {(r["op"], r["backend"]): {k: r[k] for k in kept} for r in records(first)}
    for (op, _), record in found.items():
        record["break_even_calls"] = _break_even(record, found.get((op, base)), data)
    ops = [str(op) for op in dict.fromkeys(cells["op"])]
    rows = [[cell(op), *(_first_cell(found.get((op, name)), base) for name in names)] for op in ops]
    notes = [
        "The first call of the op in its process, on a small geometry: nearly all of it is set-up (compiling, starting "
        "threads). What an earlier op of the same backend has set up is not paid again, nor is compiled code that a "
        "backend keeps on disk. Importing the library is in the list of backends.",
        f"Break even: after how many calls on that layer the total, first call included, is below {base}'s.",
    ]
    frame = pd.DataFrame(list(found.values()))
    return Table(f"first-calls-{config.slug}", "First call", ["op", *names], rows, frame, notes)


def _break_even(mine: Record, theirs: Record | None, data: Data) -> float | None:
    """Calls until the set-up is paid back; infinity if never, 0 if there is nothing to pay; None if not known."""
    if theirs is None or theirs["run"] != mine["run"] or theirs["backend"] == mine["backend"]:
        return None
    samples = data.samples.get((mine["group"], theirs["backend"]), [])
    if not samples:
        return None
    owed = float(mine["first_seconds"] - theirs["first_seconds"])
    gain = median(samples) - float(mine["seconds"])
    return max(0.0, math.ceil(owed / gain)) if gain > 0 else math.inf


def _first_cell(record: Record | None, base: str) -> Cell:
    if record is None:
        return NEVER
    calls = record["break_even_calls"]
    if calls is None:
        pays = "baseline" if record["backend"] == base else ""
    elif calls == math.inf:
        pays = "never breaks even: slower per call"
    else:
        pays = "ahead at once" if calls == 0 else f"breaks even after {words.plural(int(calls), 'call')}"
    times = f"then {words.duration(record['seconds'])} a call on {record['layer']}"
    return Cell((words.duration(record["first_seconds"]), times, pays), "", "", record["first_seconds"])
