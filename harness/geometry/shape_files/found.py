"""What a file of layers holds: layers with names, and what was left out of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from harness.geometry.spec import ConvSpec
from harness.telling import WrongCall

_MOST_LINES = 12  # numbers of lines that one reason lists
_LONGEST_NAME = 200


class ShapesError(WrongCall):
    """A set, file or spec that names no layers; the text says what is allowed."""


@dataclass(frozen=True, slots=True)
class Layer:
    """One geometry with the name it is known by, `suite:layer`; a bare spec is its own name.

    `count` is how often its network has it; None where the list does not say, and so is no whole network.
    """

    name: str
    spec: ConvSpec
    count: int | None = None


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A line (or a node of a model) that was not read, and why: `3-D`."""

    line: int
    why: str


@dataclass(frozen=True, slots=True)
class Found:
    """The layers of a file in their order, and what was left out."""

    layers: Sequence[Layer]
    left_out: Sequence[LeftOut] = ()
    unit: str = "line"  # what `left_out` counts

    def why(self) -> str:
        """What was left out, in one line; nothing if nothing was.

        >>> Found([], [LeftOut(1, "option"), LeftOut(3, "3-D"), LeftOut(4, "3-D"), LeftOut(9, "3-D")]).why()
        'line 1: option; lines 3-4, 9: 3-D'
        """
        lines: dict[str, list[int]] = {}
        for one in self.left_out:
            lines.setdefault(one.why, []).append(one.line)
        return "; ".join(f"{_numbers(found, self.unit)}: {why}" for why, found in lines.items())


def unique(layers: Iterable[Layer]) -> list[Layer]:
    """All of them, each with a name of its own: the second `conv1` is `conv1#2`.

    >>> spec = ConvSpec.parse("n1c1h3w3_f1kh1kw1")
    >>> [layer.name for layer in unique([Layer("a", spec), Layer("b", spec), Layer("a", spec)])]
    ['a', 'b', 'a#2']
    """
    layers = list(layers)
    taken, counts, found = {layer.name for layer in layers}, Counter[str](), []
    for layer in layers:
        counts[layer.name] += 1
        name = layer.name
        if counts[layer.name] > 1:
            while (name := f"{layer.name}#{counts[layer.name]}") in taken:
                counts[layer.name] += 1
        found.append(replace(layer, name=name))
    return found


def printable(name: str) -> str:
    """A name as it may stand in a table: one line, nothing that steers a terminal, no longer than one reads."""
    return "".join(c if c.isprintable() else "?" for c in " ".join(name.split()))[:_LONGEST_NAME]


def merged(layers: Iterable[Layer]) -> list[Layer]:
    """One layer for each geometry, with the first name, counted as often as it is there.

    >>> spec = ConvSpec.parse("n1c1h3w3_f1kh1kw1")
    >>> merged([Layer("a", spec, 1), Layer("b", spec, 2)])[0].count
    3
    """
    found: dict[ConvSpec, Layer] = {}
    for layer in layers:
        known = found.get(layer.spec)
        found[layer.spec] = layer if known is None else replace(known, count=(known.count or 0) + (layer.count or 0))
    return list(found.values())


def suite_of(name: str, is_part: bool) -> str:
    """What a file is called whose layers make up a network, or all of it but what no spec can express.

    >>> suite_of("net", False), suite_of("net", True)
    ('net', 'net (in part)')
    """
    return printable(name) + (" (in part)" if is_part else "")


def _numbers(lines: Sequence[int], unit: str) -> str:
    """`line 3`, `lines 3-5, 9`."""
    runs: list[list[int]] = []
    for line in lines:
        if runs and line in (runs[-1][1], runs[-1][1] + 1):
            runs[-1][1] = line
        else:
            runs.append([line, line])
    shown = [str(first) if first == last else f"{first}-{last}" for first, last in runs[:_MOST_LINES]]
    more = f" and {len(runs) - _MOST_LINES} more" if len(runs) > _MOST_LINES else ""
    return f"{unit}{'s' if len(set(lines)) > 1 else ''} {', '.join(shown)}{more}"
