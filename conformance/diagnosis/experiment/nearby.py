"""The neighbours of a geometry, and the way to a plainer one that fails too."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import lru_cache

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


@lru_cache(maxsize=128)
def neighbours(spec: ConvSpec) -> tuple[ConvSpec, ...]:
    """Geometries that differ in one number or in two that belong together; each once, not this one."""
    own = fields_of(spec)
    different = {tuple(d.values()): d for d in _changed(own)}  # before specs are made of them, which takes longer
    return tuple(made for d in different.values() if d != own and (made := spec_of(d)) is not None)


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
    left, before = most, None
    while spec != before and left > 0:
        before = spec
        for name in _LEAST:
            spec, left = _shrunk_in(name, spec, fails, left)
    return spec


def _shrunk_in(name: str, spec: ConvSpec, fails: Callable[[ConvSpec], bool], left: int) -> tuple[ConvSpec, int]:
    """With one number made smaller, and how many questions are left."""
    step = fields_of(spec)[name] - _LEAST[name]
    while step > 0 and left > 0:
        smaller = _less(spec, name, step)
        left -= smaller is not None
        if smaller is not None and fails(smaller):
            spec = smaller
            step = min(step, fields_of(spec)[name] - _LEAST[name])
        else:
            step //= 2
    return spec, left


def _less(spec: ConvSpec, name: str, step: int) -> ConvSpec | None:
    own = fields_of(spec)
    d = {**own, name: own[name] - step}
    if name == "g":  # as many channels a group
        d |= {other: own[other] // own["g"] * d["g"] for other in ("c", "f")}
    return spec_of(d)
