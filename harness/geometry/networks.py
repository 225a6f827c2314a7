"""Whole networks: which layers of a list make one up, and how often it has each."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from harness.geometry.layers import Layer, read_layers, set_names


@dataclass(frozen=True, slots=True)
class Network:
    """All convolutions of a network: its layers, each with the number of times that it has them."""

    name: str
    layers: Sequence[Layer]

    @property
    def convolutions(self) -> int:
        """How many there are, each counted as often as the network has it."""
        return sum(layer.count or 0 for layer in self.layers)


def networks(layers: Iterable[Layer]) -> list[Network]:
    """The networks of a list, by what stands before the colon in the names of their layers, in their order.

    A suite with a layer whose number is not known is a choice of layers, and no network. Another batch, which all names
    of a list end in, is another network.

    >>> [network.name for network in networks(read_layers("alexnet", 4))]
    ['alexnet_2012@4', 'alexnet_owt@4']
    """
    layers = list(layers)
    batches = {layer.name.rpartition("@")[2] if "@" in layer.name else "" for layer in layers}
    batch = f"@{next(iter(batches))}" if len(batches) == 1 and next(iter(batches)).isdecimal() else ""
    found: dict[str, list[Layer]] = {}
    for layer in layers:
        suite, colon, _ = layer.name.partition(":")
        if colon:
            found.setdefault(suite + batch, []).append(layer)
    return [Network(name, own) for name, own in found.items() if all(layer.count for layer in own)]


def shipped() -> list[Network]:
    """Every network of the sets that ship."""
    return [network for name in set_names() for network in networks(read_layers(name))]
