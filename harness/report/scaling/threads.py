"""What more threads bring: times of different runs, so not paired, of the same dtype and allocator."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import geometric_mean

from msgspec import Struct

from harness.report.measured.grouping import grouped
from harness.report.measured.load import Data, order
from harness.report.tables.table import Table, TableCell, cell
from harness.results import words


class ThreadSpeedup(Struct, frozen=True, kw_only=True):
    """Time on `fewer` threads / time on `threads`: geometric mean over `layers`, with the least and the most."""

    op: str
    backend: str
    dtype: str
    allocator: str
    fewer: int
    threads: int
    layers: int
    speedup: float
    least: float
    most: float


def thread_speedups(data: Data, dtype: str, allocator: str) -> list[ThreadSpeedup]:
    """Against the smallest number of threads that was measured; empty if there is but one."""
    rows = [row for row in data.rows if row.seconds and (row.cell.dtype, row.cell.allocator) == (dtype, allocator)]
    counts = sorted({row.cell.threads for row in rows})
    found = []
    for threads in counts[1:]:
        for (op, backend), own in grouped(rows, lambda row: (row.cell.op, row.cell.backend)).items():
            times = {(r.cell.spec, r.cell.threads): r.seconds.median for r in own if r.seconds}
            ups = [seconds / times[spec, threads] for (spec, count), seconds in times.items()
                   if count == counts[0] and (spec, threads) in times]  # fmt: skip
            if ups:
                found.append(ThreadSpeedup(
                    op=op, backend=backend, dtype=dtype, allocator=allocator, fewer=counts[0], threads=threads,
                    layers=len(ups), speedup=geometric_mean(ups), least=min(ups), most=max(ups),
                ))  # fmt: skip
    return found


def thread_table(found: Sequence[ThreadSpeedup], dtype: str, allocator: str) -> Table:
    """Op and number of threads x backend."""
    names = order(one.backend for one in found)
    shown = []
    for (op, threads), of_op in grouped(found, lambda one: (one.op, one.threads)).items():
        known = {one.backend: one for one in of_op}
        shown.append([cell(op), cell(str(threads), "", threads), *(_cell(known.get(name)) for name in names)])
    notes = [f"How many times faster than on {words.plural(found[0].fewer, 'thread')}: geometric mean over the layers "
             "of the quotient of the median times. They are of different runs, so nothing divides out."]  # fmt: skip
    title = f"Faster with more threads, {dtype}, {allocator} allocator"
    return Table(f"threads-{dtype}-{allocator}", title, ["op", "threads", *names], shown, found, notes)


def _cell(one: ThreadSpeedup | None) -> TableCell:
    if one is None:
        return TableCell(("not measured",), "missing")
    title = f"{words.plural(one.layers, 'layer')}, {words.digits(one.least)}x to {words.digits(one.most)}x"
    return TableCell((f"{words.digits(one.speedup)}x",), "", title, one.speedup)
