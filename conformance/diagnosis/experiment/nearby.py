"""The neighbours of a geometry, and the way to a plainer one that fails too."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from conformance.cases.fields import NAMES, Fields, fields_of, spec_of
from harness.geometry.spec import ConvSpec

_PAIRS = (
    ("h", "w"), ("kh", "kw"), ("sh", "sw"), ("dh", "dw"), ("pt", "pb"), ("pl", "pr"), ("pt", "pl"), ("c", "f"),
    ("c", "g"), ("f", "g"),
)  # fmt: skip
# The numbers that may be made smaller, in the order in which that makes a geometry plainer, and the least of each.
_LEAST = {
    "n": 1, "g": 1, "sh": 1, "sw": 1, "dh": 1, "dw": 1, "pt": 0, "pb": 0, "pl": 0, "pr": 0, "c": 1, "f": 1, "kh": 1,
    "kw": 1, "h": 1, "w": 1,
}  # fmt: skip


def neighbours(spec: ConvSpec) -> list[ConvSpec]:
    """Geometries that differ in one number or in two that belong together; each once, not this one."""
    found = dict.fromkeys(made for d in _changed(fields_of(spec)) if (made := spec_of(d)) is not None)
    return [other for other in found if other != spec]


def _changed(own: Fields) -> Iterator[Fields]:
    for name in NAMES:
        x = own[name]
        for value in (0, 1, 2, 3, x - 2, x - 1, x + 1, x + 2, x // 2, 2 * x, x + 4, x + 8):
            yield {**own, name: value}
    for a, b in _PAIRS:
        x, y = own[a], own[b]
        for values in ((y, x), (x + 1, y + 1), (x - 1, y - 1), (y, y), (x, x), (x + 1, y - 1), (x - 1, y + 1)):
            yield {**own, a: values[0], b: values[1]}
    inputs, outputs = own["c"] // own["g"], own["f"] // own["g"]
    for groups in (1, 2, 3, 4, 5):
        yield {**own, "g": groups, "c": groups * inputs, "f": groups * outputs}
    yield {**own, "g": own["c"], "f": own["c"]}
    for value in (0, 1, 2, 3):
        yield {**own, **dict.fromkeys(("pt", "pb", "pl", "pr"), value)}
    for value in (1, 2, 3):
        yield {**own, "sh": value, "sw": value}
        yield {**own, "dh": value, "dw": value}


def shrunk(spec: ConvSpec, fails: Callable[[ConvSpec], bool], most: int = 70) -> ConvSpec:
    """A plainer geometry that fails too, found by at most so many questions; `spec` itself must fail."""
    asked = 0
    again = True
    while again:
        again = False
        for name in _LEAST:
            for smaller in _smaller(spec, name):
                if asked == most:
                    return spec
                asked += 1
                if fails(smaller):
                    spec, again = smaller, True
                    break
    return spec


def _smaller(spec: ConvSpec, name: str) -> Iterator[ConvSpec]:
    """With one number as small as it can be, half way there, and one less."""
    own, least = fields_of(spec), _LEAST[name]
    value = own[name]
    for other in dict.fromkeys((least, (least + value) // 2, value - 1)):
        if least <= other < value:
            d = {**own, name: other}
            if name == "g":  # as many channels a group
                d |= {"c": own["c"] // value * other, "f": own["f"] // value * other}
            made = spec_of(d)
            if made is not None:
                yield made
