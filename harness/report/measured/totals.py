"""The time of a whole network: count x time, summed over its layers, of every backend and of the best mix.

A layer without a time makes a total a lower limit, and the total says so; it is never silently smaller.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from statistics import median

from msgspec import Struct

from harness.contract.status import CellStatus
from harness.geometry.networks import Network
from harness.geometry.spec import Op
from harness.results import words
from harness.results.records import Cell

PASSES: Mapping[str, tuple[Op, ...]] = {
    "forward": ("conv2d",),
    "training step": ("conv2d", "conv2d_input_grad", "conv2d_weight_grad", "conv2d_bias_grad"),
}
BEST = "best of all, layer by layer"
_Key = tuple[str, str, str]
Times = Mapping[_Key, float]  # seconds by (backend, op, spec)


class NetworkTotal(Struct, frozen=True, kw_only=True):
    """One network, pass and backend (or `BEST`): seconds of the layers that have all times of the pass, and of parts.

    `timed_layers` of `layers` have them all; None seconds where nothing has a time. `convolutions` counts each layer as
    often as the network has it.
    """

    network: str
    work: str  # a key of PASSES
    backend: str
    seconds: float | None
    timed_layers: int
    layers: int
    convolutions: int

    @property
    def is_whole(self) -> bool:
        """Whether every layer has a time."""
        return self.timed_layers == self.layers


def times_of(cells: Iterable[Cell]) -> dict[_Key, float]:
    """The median seconds of every cell that is believed; of several for one geometry, the median of theirs."""
    found: dict[_Key, list[float]] = {}
    for cell in cells:
        if cell.status is CellStatus.OK and cell.samples:
            found.setdefault((cell.backend, cell.op, cell.spec), []).append(median(cell.samples))
    return {key: median(medians) for key, medians in found.items()}


def totals(network: Network, backends: Sequence[str], ops: Collection[str], times: Times) -> list[NetworkTotal]:
    """One per pass, whose ops were all asked for, and backend; then, of two backends or more, the best mix of them.

    The mix takes each op of each layer from the backend that is fastest there; moving arrays between them is free.
    """
    best: dict[_Key, float] = {}
    for (backend, op, spec), seconds in times.items():
        if backend in backends:
            best[BEST, op, spec] = min(seconds, best.get((BEST, op, spec), seconds))
    names = [*backends, BEST] if len(backends) > 1 else backends
    return [
        _total(network, work, name, {**times, **best})
        for work, needed in PASSES.items()
        if set(needed) <= set(ops)
        for name in names
    ]


def said(total: NetworkTotal) -> str:
    """A total in words.

    >>> total = NetworkTotal(
    ...     network="net", work="forward", backend="mine", seconds=0.041, timed_layers=17, layers=23, convolutions=53
    ... )
    >>> said(total)
    'at least 41.0 ms (17 of 23 layers)'
    """
    if total.seconds is None:
        return "no layer has a time"
    time = words.duration(total.seconds)
    if total.is_whole:
        return time
    return f"at least {time} ({total.timed_layers} of {words.plural(total.layers, 'layer')})"


def _total(network: Network, work: str, name: str, times: Times) -> NetworkTotal:
    seconds, timed, parts = 0.0, 0, 0
    for layer in network.layers:
        found = [times.get((name, op, str(layer.spec))) for op in PASSES[work]]
        known = [time for time in found if time is not None]
        seconds += (layer.count or 0) * sum(known)
        timed += len(known) == len(found)
        parts += len(known)
    return NetworkTotal(
        network=network.name, work=work, backend=name, seconds=seconds if parts else None, timed_layers=timed,
        layers=len(network.layers), convolutions=network.convolutions,
    )  # fmt: skip
