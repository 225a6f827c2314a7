"""The fastest right backend of each op: the sentence and the table that the page begins with.

Only who was timed on every layer can be it; who is faster on a part of them is named beside it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import geometric_mean

from msgspec import Struct

from harness.geometry.spec import OPS
from harness.report.measured.grouping import by_backend, by_op
from harness.report.measured.load import Config
from harness.report.measured.rows import Row
from harness.report.tables.table import Kind, Table, TableCell, cell
from harness.results import words

Ratios = dict[str, dict[str, float]]  # by backend and geometry: time / time of a reference


class Over(Struct, frozen=True, kw_only=True):
    """The winner of an op against one reference: geometric mean of time / time of the reference, below 1 is faster."""

    reference: str
    ratio: float
    least: float
    most: float


class Fastest(Struct, frozen=True, kw_only=True):
    """The winner of an op over `layers` of its `of_layers` layers, and the rival that is nearest, or ahead on a part.

    `rival_ratio` is time of the rival / time of the winner.
    """

    op: str
    backend: str
    layers: int
    of_layers: int
    over: list[Over]
    rival: str = ""
    rival_ratio: float | None = None
    rival_layers: int = 0


class FastestRow(Struct, frozen=True, kw_only=True):
    """One winner and one reference, as it is written to files."""

    op: str
    backend: str
    layers: int
    of_layers: int
    reference: str
    ratio: float | None
    least_ratio: float | None
    most_ratio: float | None
    rival: str
    rival_ratio: float | None
    rival_layers: int


def fastest(over: Mapping[str, Sequence[Row]], barred: Mapping[tuple[str, str], str]) -> list[Fastest]:
    """One record an op; `over` has the rows with their ratios to each reference, the first of which ranks."""
    ranking = next(iter(over.values()), ())
    found = []
    for op, of_op in by_op(ranking).items():
        known = {name: ratios for name, ratios in _ratios(of_op).items() if (op, name) not in barred and ratios}
        if not known:
            continue
        most = max(map(len, known.values()))
        whole = [name for name, ratios in known.items() if len(ratios) == most]
        winner = min(whole, key=lambda name: geometric_mean(known[name].values()))
        found.append(_fastest(op, winner, known, over))
    return found


def fastest_table(found: Sequence[Fastest], references: Sequence[str], config: Config) -> Table:
    """Op, winner, its factor over each reference, the number of layers, and the nearest rival."""
    shown = []
    for one in found:
        over = {o.reference: o for o in one.over}
        shown.append([
            cell(one.op), cell(one.backend, "best"),
            *(_over_cell(over.get(name), name, one) for name in references),
            TableCell((f"{one.layers}",), "", f"of {words.plural(one.of_layers, 'layer')} that were tried", one.layers),
            _rival_cell(one),
        ])  # fmt: skip
    header = ["op", "fastest", *(f"against {name}" for name in references), "layers", "next"]
    notes = ["Geometric means of paired ratios over the layers that all of them were timed on. Never called the "
             "fastest: what is wrong, or was not timed on every layer."]  # fmt: skip
    return Table(f"fastest-{config.slug}", "The fastest right backend of each op", header, shown,
                 [row for one in found for row in _rows(one)], notes)  # fmt: skip


def sentence(found: Sequence[Fastest]) -> str:
    """The answer for conv2d, or for the first op where conv2d was not measured."""
    if not found:
        return "No backend that is right has a time here."
    one = next((one for one in found if one.op == OPS[2]), found[0])
    over = " and ".join(f"{_against(o)} {o.reference}" for o in one.over)
    rival = f"next is {one.rival}, {words.compared(one.rival_ratio)}" if one.rival_ratio else ""
    told = f": {over}" if over else f"; {rival or 'nothing else was timed beside it'}"
    return f"For {one.op}, {one.backend} is the fastest right backend here{told}."


def _against(over: Over) -> str:
    text = words.compared(over.ratio)
    return f"{text} than" if text != "same" else "the same as"


def _ratios(rows: Sequence[Row]) -> Ratios:
    return {
        name: {row.cell.spec: row.ratio.value for row in own if row.ratio} for name, own in by_backend(rows).items()
    }


def _fastest(op: str, winner: str, known: Ratios, over: Mapping[str, Sequence[Row]]) -> Fastest:
    """`known` has the ratios of all right backends to the first reference."""
    own = {
        name: ratios
        for name, rows in over.items()
        if name != winner and (ratios := _ratios(by_op(rows).get(op, [])).get(winner))
    }
    common = [spec for spec in known[winner] if all(spec in ratios for ratios in own.values())]
    against = [
        Over(reference=name, ratio=geometric_mean(found), least=min(found), most=max(found))
        for name, ratios in own.items()
        if (found := [ratios[spec] for spec in common])
    ]
    tried = {row.cell.spec for row in next(iter(over.values())) if row.cell.op == op}
    rivals = {
        name: [ratios[spec] / known[winner][spec] for spec in known[winner] if spec in ratios]
        for name, ratios in known.items()
        if name != winner
    }
    means = {name: geometric_mean(found) for name, found in rivals.items() if found}
    rival = min(means, key=means.__getitem__, default="")
    return Fastest(
        op=op, backend=winner, layers=len(common), of_layers=len(tried), over=against, rival=rival,
        rival_ratio=means.get(rival), rival_layers=len(rivals.get(rival, [])),
    )  # fmt: skip


def _over_cell(over: Over | None, reference: str, one: Fastest) -> TableCell:
    if one.backend == reference:
        return TableCell(("–",), "missing", f"{reference} is the fastest itself")
    if over is None:
        return TableCell(("not timed together",), "missing")
    text = words.compared(over.ratio)
    title = f"on single layers: {words.compared(over.least)} to {words.compared(over.most)}"
    kind: Kind = "same" if text == "same" else "faster" if over.ratio < 1 else "slower"
    return TableCell((text,), kind, title, over.ratio)


def _rival_cell(one: Fastest) -> TableCell:
    if one.rival_ratio is None:
        return TableCell(("–",), "missing", "no other right backend was timed")
    title = f"{one.rival} against {one.backend}, on {words.plural(one.rival_layers, 'layer')} that both were timed on"
    behind = words.compared(one.rival_ratio).replace(" ", "\u00a0")
    return TableCell((f"{one.rival}, {behind}",), "", title, one.rival_ratio)


def _rows(one: Fastest) -> list[FastestRow]:
    none = Over(reference="", ratio=1, least=1, most=1)
    return [
        FastestRow(
            op=one.op, backend=one.backend, layers=one.layers, of_layers=one.of_layers, reference=o.reference,
            ratio=o.ratio if o.reference else None, least_ratio=o.least if o.reference else None,
            most_ratio=o.most if o.reference else None, rival=one.rival, rival_ratio=one.rival_ratio,
            rival_layers=one.rival_layers,
        )
        for o in one.over or [none]
    ]  # fmt: skip
