"""Geometries that differ from one in a single parameter, or in two that a part may link: what a cache may confuse."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import lru_cache

from conformance.cases.fields import NAMES, Fields, fields_of, spec_of
from harness.geometry.spec import ConvSpec

_Change = Callable[[Fields], Fields]
_STEPS = (1, -1, 2, -2, 3)
_TRIES = 8
_MOST_WORK = 4_000  # multiply-adds of each
_TOGETHER = (
    *((name,) for name in NAMES if name != "g"), ("h", "w"), ("kh", "kw"), ("sh", "sw"), ("dh", "dw"), ("pt", "pb"),
    ("pl", "pr"), ("pt", "pb", "pl", "pr"), ("c", "f"),
)  # fmt: skip
_EXCHANGED = (("pt", "pb"), ("pl", "pr"), ("pt", "pl"), ("h", "w"), ("kh", "kw"), ("sh", "sw"), ("dh", "dw"))


@lru_cache(maxsize=64)
def neighbours(spec: ConvSpec) -> list[tuple[str, ConvSpec]]:
    """What differs, and the geometry: one for each parameter where the output keeps its size, and one where not."""
    found: dict[tuple[str, bool], ConvSpec] = {}
    own = fields_of(spec)
    for name, change in _CHANGES:
        other = spec_of(change(own))
        if other is not None and _is_near(other, spec):
            found.setdefault((name, other.output_size == spec.output_size), other)
    return [(name, other) for (name, _), other in found.items()]


def neighbour(spec: ConvSpec, turn: int) -> ConvSpec | None:
    """One of them, another for each turn, of a few the one with as large an output; none if all few are none."""
    own, found = fields_of(spec), None
    for number in range(_TRIES):
        other = spec_of(_CHANGES[(turn + 7 * number) % len(_CHANGES)][1](own))
        if other is not None and _is_near(other, spec):
            if other.output_size == spec.output_size and other.w_shape == spec.w_shape:
                return other
            found = found or other
    return found


def _is_near(other: ConvSpec, spec: ConvSpec) -> bool:
    """Another, small, and with images: to have none may be refused by an exception, as a matter of form."""
    return other != spec and other.batch > 0 and max(other.macs, other.work("im2col")) <= _MOST_WORK


def _moved(names: tuple[str, ...], step: int) -> _Change:
    return lambda d: {**d, **{name: d[name] + step for name in names}}


def _by_a_group(names: tuple[str, ...]) -> _Change:
    return lambda d: {**d, **{name: d[name] + d["g"] for name in names}}


def _in_groups(count: int) -> _Change:
    return lambda d: {**d, "g": count}


def _moved_to(a: str, b: str) -> _Change:
    return lambda d: {**d, a: d[a] - 1, b: d[b] + 1}


def _exchanged(a: str, b: str) -> _Change:
    return lambda d: {**d, a: d[b], b: d[a]}


def _all_changes() -> Iterator[tuple[str, _Change]]:
    for names in _TOGETHER:
        for step in _STEPS:
            yield ", ".join(names), _moved(names, step)
        if names[0] in "cf":
            yield ", ".join(names), _by_a_group(names)
    for groups in (1, 2, 3, 4):
        yield "g", _in_groups(groups)
    yield "g", lambda d: {**d, "g": d["c"]}
    for a, b in _EXCHANGED:
        yield f"{a} and {b} exchanged", _exchanged(a, b)
    for a, b in _EXCHANGED[:2]:
        yield f"{a} moved to {b}", _moved_to(a, b)


_CHANGES = tuple(_all_changes())  # what changes, and how
