"""What the first call in a process costs, and after how many calls it has paid off."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from statistics import median

from msgspec import Struct
from msgspec.structs import replace

from harness.report.measured.grouping import by_op, columns_of
from harness.report.measured.load import Config, Data
from harness.report.measured.rows import Row
from harness.report.tables.table import NEVER, Table, TableCell, cell
from harness.results import words


class FirstCall(Struct, frozen=True, kw_only=True):
    """One op and backend: the first call and those after it, in seconds, on the layer named."""

    op: str
    backend: str
    layer: str
    run: str
    group: str
    first_seconds: float
    seconds: float
    break_even_calls: float | None = None  # infinity: never; 0: nothing to pay back; None: not known


def first_calls(rows: Sequence[Row], data: Data, base: str) -> list[FirstCall]:
    """The newest record of each op and backend whose first call in a fresh process was timed."""
    newest: dict[tuple[str, str], FirstCall] = {}
    for row in sorted(rows, key=lambda row: row.cell.run):
        c = row.cell
        if row.seconds is None or not c.first_in_process or c.first_seconds is None:
            continue
        newest.pop((c.op, c.backend), None)  # the newer record takes a newer place as well
        newest[c.op, c.backend] = FirstCall(
            op=c.op, backend=c.backend, layer=c.layer, run=c.run, group=c.group,
            first_seconds=c.first_seconds, seconds=row.seconds.median,
        )  # fmt: skip
    return [replace(mine, break_even_calls=_break_even(mine, newest, base, data)) for mine in newest.values()]


def first_call_table(rows: Sequence[Row], found: Sequence[FirstCall], config: Config) -> Table:
    """Op x backend: seconds; `found` are the first calls of `rows`."""
    notes = [
        "The first call of the op in its process, on a small geometry: nearly all of it is set-up (compiling, starting "
        "threads). What an earlier op of the same backend has set up is not paid again, nor is compiled code that a "
        "backend keeps on disk. Importing the library is in the list of backends."
    ]
    names, shown = _shown(rows, found, _first_cell)
    return Table(f"first-calls-{config.slug}", "First call", ["op", *names], shown, found, notes)


def break_even_table(rows: Sequence[Row], found: Sequence[FirstCall], base: str, config: Config) -> Table:
    """Op x backend: after how many calls the first has paid off."""
    notes = [f"After how many calls on that layer the total, first call included, is below {base}'s."]
    names, shown = _shown(rows, found, lambda call: _pays_cell(call, base))
    title = f"Calls until it is ahead of {base}"
    return Table(f"break-even-{config.slug}", title, ["op", *names], shown, found, notes)


def _shown(
    rows: Sequence[Row], found: Sequence[FirstCall], cell_of: Callable[[FirstCall], TableCell]
) -> tuple[list[str], list[list[TableCell]]]:
    """The backends with a column, and the cells of the rows."""
    known = {(call.op, call.backend): call for call in found}
    timed = {call.backend for call in found}
    names = [name for name in columns_of(rows) if name in timed]
    return names, [
        [cell(op), *(cell_of(known[op, name]) if (op, name) in known else NEVER for name in names)]
        for op in by_op(rows)
    ]


def _break_even(mine: FirstCall, newest: Mapping[tuple[str, str], FirstCall], base: str, data: Data) -> float | None:
    """Calls until the set-up is paid back; infinity if never, 0 if there is nothing to pay; None if not known."""
    theirs = newest.get((mine.op, base))
    if theirs is None or theirs.run != mine.run or theirs.backend == mine.backend:
        return None
    samples = [s for own in data.samples.get((mine.group, theirs.backend), {}).values() for s in own]
    if not samples:
        return None
    owed, gain = mine.first_seconds - theirs.first_seconds, median(samples) - mine.seconds
    return max(0.0, float(math.ceil(owed / gain))) if gain > 0 else math.inf


def _first_cell(call: FirstCall) -> TableCell:
    then = f"then {words.duration(call.seconds)} a call on {call.layer}"
    return TableCell((words.duration(call.first_seconds), then), "", "", call.first_seconds)


def _pays_cell(call: FirstCall, base: str) -> TableCell:
    calls = call.break_even_calls
    if calls is None:
        return TableCell(("baseline" if call.backend == base else "not known",), "missing")
    if calls == math.inf:
        return TableCell(("never",), "missing", "slower per call", math.inf)
    return TableCell(("at once" if calls == 0 else f"{calls:.0f}",), "", f"on {call.layer}", calls)
