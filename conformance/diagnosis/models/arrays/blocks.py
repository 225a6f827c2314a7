"""Blocks along an axis: vector tails, tiles that are not done, what lies beyond a fixed size, numbers of blocks lost.

An axis of n is done in n // V full blocks, and a rest of n % V.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache, partial
from typing import NamedTuple

import numpy as np

from conformance.diagnosis.models.arrays import maps
from conformance.diagnosis.models.arrays.opened import (
    OF_ARGUMENT,
    VIEWS,
    Change,
    Gives,
    Kind,
    View,
    argument_along,
    kinds_of_arguments,
    kinds_of_results,
    result_along,
    result_as,
    whole,
)
from conformance.diagnosis.models.model import Model
from harness.contract.protocol import Array
from harness.geometry.spec import ConvSpec, Op

Span = Callable[[int, int], tuple[int, int] | None]  # n and V -> from where to where it is wrong; None: nowhere

POWERS = (2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096)
OTHERS = (3, 5, 6, 7, 9, 10, 12, 24, 48, 96, 100, 1000)
COMMON = 256  # larger blocks have a rest or an end, and nothing more refined
_LANES = 16  # at most, of a register whose order is turned
_COST, _NO_POWER, _ARGUMENT = 1.7, 0.1, 0.1
_GROWS = 1 / 5000  # with the size of a block
# Axes that are never long.
_MOST = {
    "image": 64,
    "group": 64,
    "kernel row": 32,
    "kernel column": 32,
    "tap": 64,
    "output row": 512,
    "row": 512,
    "output column": 1024,
    "column": 1024,
}


def cost_of(size: int) -> float:
    """Dearer with rarer sizes."""
    return _COST + size * _GROWS + (0 if size in POWERS else _NO_POWER)


# ---- which part is wrong


class Part(NamedTuple):
    """Where, in words with {many} and {V}, what to do; the cost above that of others; whether for all sizes."""

    span: Span
    words: str
    mend: str
    dearer: float = 0.0
    any_size: bool = False


def _rest(n: int, size: int) -> tuple[int, int] | None:
    return (n // size * size, n) if n > size and n % size else None


def _rest_alone(n: int, size: int) -> tuple[int, int] | None:
    return (n // size * size, n) if n % size else None


def _beyond(n: int, size: int) -> tuple[int, int] | None:
    return (size, n) if n > size else None


def _last_full(n: int, size: int) -> tuple[int, int] | None:
    full = n // size
    return ((full - 1) * size, full * size) if full > 1 else None


def _last(n: int, size: int) -> tuple[int, int] | None:
    return ((n - 1) // size * size, n) if n > size else None


def _full_one(number: int, n: int, size: int) -> tuple[int, int] | None:
    """Number 0, 1, 2 ..., where there is another one beside it."""
    return (number * size, (number + 1) * size) if n // size > max(number, 1) else None


def _full_ones(n: int, size: int) -> tuple[int, int] | None:
    return (0, n // size * size) if n > size and n % size else None


_TAIL = "do the {many} that are left after the last full block of {V} in a loop of their own"
_REACH = "let the loop over blocks of {V} {many} reach every block"
_PARTS: dict[str, Part] = {
    "rest": Part(_rest, "the rest of the {many} after the last full block of {V}", _TAIL, any_size=True),
    "rest alone": Part(_rest_alone, "the {many} that do not fill a block of {V}", _TAIL, 0.01, True),
    "beyond": Part(_beyond, "all {many} beyond the first {V}", "loop over all {many}", any_size=True),
    "last full": Part(_last_full, "the last full block of {V} {many}", _REACH),
    "last": Part(_last, "the last block of {V} {many}, full or not,", _REACH),
    "first": Part(partial(_full_one, 0), "the first block of {V} {many}", _REACH),
    "second": Part(partial(_full_one, 1), "the second block of {V} {many}", _REACH),
    "third": Part(partial(_full_one, 2), "the third block of {V} {many}", _REACH),
    "fourth": Part(partial(_full_one, 3), "the fourth block of {V} {many}", _REACH),
    "full ones": Part(_full_ones, "all full blocks of {V} {many}, with a rest after them,", _REACH),
}


# ---- what is wrong with it


class Effect(NamedTuple):
    """What is done to the part, in words with {part} and {one}, to which parts, and its further cost."""

    change: Callable[[int, int, int, Array], None]
    words: str
    parts: tuple[str, ...]
    dearer: float = 0.0


def _zero(start: int, stop: int, size: int, v: Array) -> None:
    v[:, start:stop] = 0


def _as_the_first(start: int, stop: int, size: int, v: Array) -> None:
    v[:, start:stop] = v[:, :1]


def _as_the_one_before(start: int, stop: int, size: int, v: Array) -> None:
    v[:, start:stop] = v[:, start - 1 : start]


def _as_the_block_before(start: int, stop: int, size: int, v: Array) -> None:
    v[:, start:stop] = v[:, start - size : stop - size].copy()


def _twice(start: int, stop: int, size: int, v: Array) -> None:
    v[:, start:stop] *= 2


_EFFECTS: dict[str, Effect] = {
    "at 0": Effect(_zero, "leaves {part} at 0", tuple(_PARTS)),
    "as the first": Effect(_as_the_first, "gives {part} the value of the first {one}", ("rest", "beyond"), 0.05),
    "as the one before": Effect(
        _as_the_one_before, "gives {part} the value of the {one} before", ("rest", "beyond"), 0.1
    ),
    "as the block before": Effect(
        _as_the_block_before, "gives {part} the values of the block before", ("rest", "second"), 0.1
    ),
    "twice": Effect(_twice, "counts {part} twice", ("rest", "last"), 0.1),
}


def _in_part(span: Span, effect: Callable[[int, int, int, Array], None], size: int, v: Array) -> Array:
    at = span(v.shape[1], size)
    if at is None:
        return v
    changed = np.array(v)
    effect(*at, size, changed)
    return changed


# ---- what is wrong with all blocks


def _wrapped(change: Callable[[maps.Map, Array], Array], size: int, v: Array) -> Array:
    return v if v.shape[1] <= size else change(_number_lost(size), v)


@cache
def _number_lost(size: int) -> maps.Map:
    """One object a size, by which maps are kept."""
    return partial(maps.wrapped, size)


def _overlapping(size: int, v: Array) -> Array:
    n = v.shape[1]
    if n <= size or not n % size:
        return v
    changed = np.array(v)
    changed[:, n - size : n // size * size] *= 2
    return changed


def _lanes_reversed(size: int, v: Array) -> Array:
    full = v.shape[1] // size * size
    if not full:
        return v
    changed = np.array(v)
    lanes = (v.shape[0], full // size, size, v.shape[2])
    changed[:, :full] = v[:, :full].reshape(lanes)[:, :, ::-1].reshape(v.shape[0], full, v.shape[2])
    return changed


_BLOCK_LOST = "add the block's number times {V} to the index"
# Of results: the change, its words, the mend and its further cost.
_ALL: dict[str, tuple[Callable[[int, Array], Array], str, str, float]] = {
    "wrapped": (partial(_wrapped, maps.read), "gives the first {V} {many} again after every {V}", _BLOCK_LOST, 0.05),
    "wrapped, put": (
        partial(_wrapped, maps.put),
        "writes {one} i to place i % {V}, where a later one replaces an earlier one",
        _BLOCK_LOST,
        0.1,
    ),
    "wrapped, added": (partial(_wrapped, maps.added), "adds {one} i to place i % {V}", _BLOCK_LOST, 0.1),
    "overlapping": (
        _overlapping,
        "moves the last block of {V} {many} back to end in time, and counts those that it meets twice",
        "where blocks overlap, assign; or do the {many} after the last full block one by one",
        0.1,
    ),
    "lanes reversed": (
        _lanes_reversed,
        "reverses the {many} inside blocks of {V}",
        "store the {V} {many} of a register in order",
        0.1,
    ),
}
_SEEN = {
    "blocks/rest of 16 at 0/image channel": "dx-narrow-width-tail",
    "blocks/rest of 16 at 0/image channel of a group": "dx-narrow-width-tail",
}


# ---- the models


def models() -> Iterator[Model]:
    """All of them, some 10,000."""
    for kind, ops in kinds_of_results():
        for view, gives in _views(kind):
            for size in sizes_for(view.one):
                yield from _of_result(size, view, kind, ops, gives)
    for kind, ops in kinds_of_arguments():
        for view in VIEWS[kind]:
            for size in sizes_for(view.one):
                yield from _of_argument(size, view, kind, ops)


def sizes_for(one: str) -> Iterator[int]:
    """Of blocks along an axis of that name."""
    return (size for size in (*POWERS, *OTHERS) if size <= _MOST.get(one, POWERS[-1]))


def _views(kind: Kind) -> Iterator[tuple[View, Callable[[Change], Gives]]]:
    """Every axis, and what makes a model of a change along it."""
    for view in (*VIEWS[kind], whole(kind)):
        yield view, partial(result_along, kind, view)
    if kind in ("columns", "output"):
        yield _OF_ALL_IMAGES, partial(_across, kind)


_OF_ALL_IMAGES = View("position", "positions", 0, 0, "all images of ")  # in words alone: no neighbouring axes


def _of_result(
    size: int, view: View, kind: Kind, ops: tuple[Op, ...], gives: Callable[[Change], Gives]
) -> Iterator[Model]:
    of, filled = f"{kind} {view.name}", {"one": view.one, "many": f"{view.many} of {view.of}its result", "V": size}
    common = size in POWERS and size <= COMMON
    for name, part in _PARTS.items():
        for how, effect in _EFFECTS.items():
            if name not in effect.parts or not (common or (part.any_size and how == "at 0")):
                continue
            model_id = f"blocks/{name} of {size} {how}/{of}"
            yield Model(
                model_id,
                effect.words.format(part=part.words.format(**filled), one=view.one),
                part.mend.format(many=view.many, V=size),
                ops,
                gives(partial(_in_part, part.span, effect.change, size)),
                cost_of(size) + part.dearer + effect.dearer,
                _SEEN.get(model_id, ""),
            )
    for name, (change, says, mend, dearer) in _ALL.items():
        if common and (name != "lanes reversed" or size <= _LANES):
            yield Model(
                f"blocks/{name} of {size}/{of}",
                says.format(**filled),
                mend.format(many=view.many, V=size),
                ops,
                gives(partial(change, size)),
                cost_of(size) + dearer,
            )


def _of_argument(size: int, view: View, kind: Kind, ops: tuple[Op, ...]) -> Iterator[Model]:
    """Parts that are not read, and the number of the block lost."""
    filled = {"many": f"{view.many} of {view.of}{OF_ARGUMENT[kind]}", "V": size}
    for name in ("rest", "rest alone", "beyond") if size in POWERS else ():
        part = _PARTS[name]
        yield Model(
            f"blocks/argument {name} of {size}/{kind} {view.name}",
            "leaves out " + part.words.format(**filled),
            part.mend.format(many=view.many, V=size),
            ops,
            argument_along(kind, view, partial(_in_part, part.span, _zero, size)),
            cost_of(size) + part.dearer + _ARGUMENT,
        )
    if size in POWERS and size <= COMMON:
        yield Model(
            f"blocks/argument wrapped of {size}/{kind} {view.name}",
            "reads the first {V} {many} again after every {V}".format(**filled),
            _BLOCK_LOST.format(V=size),
            ops,
            argument_along(kind, view, partial(_wrapped, maps.read, size)),
            cost_of(size) + 0.05 + _ARGUMENT,
        )


def _across(kind: Kind, change: Change) -> Gives:
    return result_as(kind, partial(_all_images, change))


def _all_images(change: Change, a: Array, _: ConvSpec) -> Array:
    """The positions of all images as one axis, which is none in memory."""
    n, l = a.shape[0], a.shape[-2] * a.shape[-1]
    rows = a.reshape(n, -1, l).transpose(1, 0, 2).reshape(-1, n * l, 1)
    changed = change(rows)
    return a if changed is rows else np.asarray(changed).reshape(-1, n, l).transpose(1, 0, 2)
