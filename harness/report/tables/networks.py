"""Which backend a whole network is fastest with: count x time over all of its convolutions, and the best mix."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from harness.geometry.layers import Layer
from harness.geometry.networks import Network, networks, shipped
from harness.geometry.spec import ConvSpec
from harness.report.measured.grouping import columns_of, grouped
from harness.report.measured.load import Config, Data
from harness.report.measured.rows import Row
from harness.report.measured.runs import Run
from harness.report.measured.totals import BEST, NetworkTotal, said, totals
from harness.report.tables.table import Table, TableCell, absent_notes, cell
from harness.results import words


def network_totals(rows: Sequence[Row], data: Data) -> list[NetworkTotal]:
    """Every network all of whose layers were tried: per pass and backend, then the best mix."""
    times = {(row.cell.backend, str(row.cell.op), row.cell.spec): row.seconds.median for row in rows if row.seconds}
    names, tried = columns_of(rows), {row.cell.spec for row in rows}
    found = []
    for network in _known(data.runs):
        own = {str(layer.spec) for layer in network.layers}
        if own <= tried:
            ops = {str(row.cell.op) for row in rows if row.cell.spec in own}
            found += totals(network, names, ops, times)
    return found


def networks_table(rows: Sequence[Row], data: Data, config: Config) -> Table:
    """Network and pass x backend: the total, or how much of it is known. No rows where no network was tried whole."""
    found = network_totals(rows, data)
    by_line = grouped(found, lambda total: (total.network, total.work))
    names = list(dict.fromkeys(total.backend for total in found))
    shown = []
    for (network, work), line in by_line.items():
        whole = [total.seconds for total in line if total.is_whole and total.seconds and total.backend != BEST]
        fastest = min(whole, default=None)
        count = f"{words.plural(line[0].convolutions, 'convolution')}"
        shown.append([TableCell((network, count)), cell(work), *(_total_cell(total, fastest) for total in line)])
    notes = [
        "Count x median time, summed over the convolutions of a network; a training step is conv2d and its three "
        "gradients, that of the first layer's input included. What lies between the convolutions is not counted.",
        *([f"{BEST.capitalize()}: each op of each layer by the backend that is fastest there; moving arrays from one "
           "to the other costs nothing in this sum."] if BEST in names else []),
        *_partly(rows, data), *absent_notes(rows),
    ]  # fmt: skip
    return Table(f"networks-{config.slug}", "Whole networks", ["network", "pass", *names], shown, found, notes)


def _total_cell(total: NetworkTotal, fastest: float | None) -> TableCell:
    if total.seconds is None:
        return TableCell((said(total),), "missing")
    if not total.is_whole:
        return TableCell((said(total),), "missing", "the other layers have no time", total.seconds)
    best = total.seconds == fastest and total.backend != BEST
    return TableCell((said(total),), "best" if best else "", f"{total.layers} layers", total.seconds)


def _partly(rows: Sequence[Row], data: Data) -> list[str]:
    """The sentence on the networks of which only some layers were tried."""
    tried = {row.cell.spec for row in rows}
    parts = []
    for network in _known(data.runs):
        there = sum(str(layer.spec) in tried for layer in network.layers)
        if 0 < there < len(network.layers):
            parts.append(f"{network.name} ({there} of {words.plural(len(network.layers), 'layer')})")
    return [f"No row, because only some layers were tried: {', '.join(parts)}."] if parts else []


def _known(runs: Iterable[Run]) -> list[Network]:
    """The networks that ship, and those of other lists that were measured; of two with one name, both."""
    found = shipped()
    for run in runs:
        plan = run.header.plan
        layers = zip(plan.layers, plan.specs, plan.counts, strict=False)
        own = [Layer(name, ConvSpec.parse(spec), count or None) for name, spec, count in layers]
        found += [network for network in networks(own) if not any(_is_same(network, known) for known in found)]
    counts = grouped(found, lambda network: network.name)
    return [
        network if number == 0 else Network(f"{network.name}#{number + 1}", network.layers)
        for same in counts.values()
        for number, network in enumerate(same)
    ]


def _is_same(one: Network, other: Network) -> bool:
    return one.name == other.name and list(one.layers) == list(other.layers)
