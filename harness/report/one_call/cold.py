"""How long a call takes whose inputs are not in the caches, beside the time of the same call when they are."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median

from msgspec import Struct

from harness.report.measured.grouping import columns_of, grouped
from harness.report.measured.load import Config
from harness.report.measured.rows import Row
from harness.report.tables.table import Table, TableCell, absent_notes, cell
from harness.results import words


class ColdTime(Struct, frozen=True, kw_only=True):
    """One op, layer and backend: medians in seconds, and bytes of other data that went through the caches before."""

    op: str
    layer: str
    spec: str
    backend: str
    cold_seconds: float
    calls: int
    warm_seconds: float
    factor: float  # cold / warm
    other_bytes: int


def cold_times(rows: Sequence[Row]) -> list[ColdTime]:
    """One record per cell with both times."""
    found = []
    for row in rows:
        c = row.cell
        if row.seconds is None or not c.cold_samples:
            continue
        cold, warm = median(c.cold_samples), row.seconds.median
        found.append(ColdTime(
            op=c.op, layer=c.layer, spec=c.spec, backend=c.backend, cold_seconds=cold, calls=len(c.cold_samples),
            warm_seconds=warm, factor=cold / warm, other_bytes=c.cold_bytes,
        ))  # fmt: skip
    return found


def cold_table(rows: Sequence[Row], config: Config) -> Table:
    """Op and layer x backend: the time of a cold call. No rows where nothing was measured."""
    known = cold_times(rows)
    found = {(one.op, one.layer, one.backend): one for one in known}
    names = [name for name in columns_of(rows) if any(one.backend == name for one in known)]
    shown = []
    for (op, layer), line in grouped(known, lambda one: (one.op, one.layer)).items():
        times = [_cold_cell(found.get((op, layer, name))) for name in names]
        shown.append([cell(op), TableCell((layer, line[0].spec)), *times])
    sizes = " or ".join(dict.fromkeys(words.size(one.other_bytes) for one in known))
    notes = [
        f"Median of a few calls; before each, {sizes} of other data were read and written, so that nothing of the call "
        "is left in the caches (but in a last-level cache that is larger). On hover how many times the warm time that "
        "is, which every other table has. Not measured of calls that took more than a twentieth of their budget, nor "
        "on a GPU.",
        *absent_notes(rows),
    ]
    return Table(f"cold-{config.slug}", "Time of a cold call", ["op", "layer", *names], shown, known, notes)


def _cold_cell(found: ColdTime | None) -> TableCell:
    if found is None:
        return TableCell(("not measured",), "missing")
    times = f"{words.digits(found.factor)}x the warm {words.duration(found.warm_seconds)}"
    title = f"median of {words.plural(found.calls, 'call')}"
    return TableCell((words.duration(found.cold_seconds), times), "", title, found.cold_seconds)
