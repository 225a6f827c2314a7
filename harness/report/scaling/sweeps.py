"""How times grow along one axis of a geometry: who is the fastest where, and from where on another one is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from msgspec import Struct

from harness.geometry.spec import ConvSpec
from harness.geometry.sweeps import place
from harness.report.measured.grouping import by_op
from harness.report.measured.load import Config
from harness.report.measured.rows import Row
from harness.report.scaling.crossovers import crossovers
from harness.report.tables.table import Table, TableCell, cell
from harness.results import words

_FEWEST = 3  # values that make a sweep
Times = dict[str, dict[int, float]]  # seconds by backend and value


@dataclass(frozen=True)
class Sweep:
    """The layers along one axis: seconds by op, backend and value."""

    axis: str
    shared: str
    times: dict[str, Times]

    @property
    def values(self) -> list[int]:
        """All that some backend was timed at."""
        return sorted({value for of_op in self.times.values() for own in of_op.values() for value in own})


class AlongAxis(Struct, frozen=True, kw_only=True):
    """One time along an axis, and the backend that was the fastest there."""

    axis: str
    value: int
    op: str
    backend: str
    seconds: float
    fastest: str


def sweeps(rows: Sequence[Row]) -> list[Sweep]:
    """The sweeps among the measured layers, in the order in which they were planned."""
    found: dict[tuple[str, str], list[tuple[int, Row]]] = {}
    for row in rows:
        where = place(row.cell.layer, ConvSpec.parse(row.cell.spec)) if row.seconds else None
        if where:
            found.setdefault((where.axis, where.shared), []).append((where.value, row))
    made = [Sweep(axis, shared, _times(own)) for (axis, shared), own in found.items()]
    return [sweep for sweep in made if len(sweep.values) >= _FEWEST]


def sweep_table(sweep: Sweep, number: int, config: Config) -> Table:
    """Op x value: the fastest backend; the notes say from where on another one pays."""
    values, shown, records, notes = sweep.values, [], [], []
    for op, times in sweep.times.items():
        best = {value: _fastest(times, value) for value in values}
        shown.append([cell(op), *(_cell(times, best[value], value) for value in values)])
        records += [
            AlongAxis(axis=sweep.axis, value=value, op=op, backend=name, seconds=seconds, fastest=best[value])
            for name, own in times.items() for value, seconds in own.items()
        ]  # fmt: skip
        winners = {name: times[name] for name in dict.fromkeys(best.values()) if name}
        notes += [
            f"{op}: {one.before} is the faster, by 5 % at least, up to {sweep.axis} = {one.last}, {one.after} from "
            f"{one.first} on."
            for one in crossovers(winners)
        ]
    told = f"The fastest of each op at each {sweep.axis}; all else as in {sweep.shared}."
    name = f"sweep-{sweep.axis}{number or ''}-{config.slug}"
    return Table(name, f"Along {sweep.axis}", ["op", *map(str, values)], shown, records, [told, *notes])


def _times(rows: Sequence[tuple[int, Row]]) -> dict[str, Times]:
    found: dict[str, Times] = {}
    for op in by_op([row for _, row in rows]):
        for value, row in rows:
            if row.cell.op == op and row.seconds:
                found.setdefault(op, {}).setdefault(row.cell.backend, {})[value] = row.seconds.median
    return found


def _fastest(times: Times, value: int) -> str:
    return min((name for name in times if value in times[name]), key=lambda name: times[name][value], default="")


def _cell(times: Times, name: str, value: int) -> TableCell:
    if not name:
        return TableCell(("not measured",), "missing")
    seconds = times[name][value]
    others = [f"{other} {words.duration(own[value])}" for other, own in times.items() if other != name and value in own]
    return TableCell((name,), "", "; ".join([f"{words.duration(seconds)} a call", *others]), seconds)
