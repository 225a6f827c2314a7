"""What `harness bench` and `harness compare` say of whole networks, where the layers asked for make one up."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from harness.cli.terminal import table
from harness.geometry.layers import Layer
from harness.geometry.networks import networks
from harness.report.measured.totals import BEST, NetworkTotal, said, times_of, totals
from harness.results.records import Cell


def show(layers: Sequence[Layer], cells: Sequence[Cell], conditions: str) -> None:
    """A table on stdout for each dtype, if there is a network: the fastest first, then what is not whole, then the mix.

    `cells` are all that there are of these layers, those of an earlier session included.
    """
    for dtype in dict.fromkeys(cell.dtype for cell in cells):
        own = [cell for cell in cells if cell.dtype == dtype]
        ops, names = {cell.op for cell in own}, list(dict.fromkeys(cell.backend for cell in own))
        found = [total for network in networks(layers) for total in totals(network, names, ops, times_of(own))]
        if found:
            lines = [[t.network, t.work, t.backend, said(t)] for t in sorted(found, key=_place(found))]
            print()
            table(f"whole networks, {dtype}, {conditions}", ("network", "pass", "backend", "time"), lines)


def _place(found: Sequence[NetworkTotal]) -> Callable[[NetworkTotal], tuple[int, bool, bool, float]]:
    """A key that keeps networks and passes in their order and sorts the backends of each; the best mix is the last."""
    order = {key: place for place, key in enumerate(dict.fromkeys((t.network, t.work) for t in found))}

    def place(total: NetworkTotal) -> tuple[int, bool, bool, float]:
        seconds = math.inf if total.seconds is None else total.seconds
        return order[total.network, total.work], total.backend == BEST, not total.is_whole, seconds

    return place
