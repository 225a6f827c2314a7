"""Blocks of the result: vector tails, tiles that are not done, what lies beyond a fixed size.

An axis of n is done in n // V full blocks, and a rest of n % V.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import NamedTuple

import numpy as np

from conformance.diagnosis.models.arrays.opened import (
    VIEWS,
    Change,
    Gives,
    Kind,
    View,
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
_COMMON = 256  # larger blocks have a rest or an end, and nothing more refined
_LANES = 16  # at most, of a register whose order is turned
_COST, _NO_POWER = 1.7, 0.1
_GROWS = 1 / 5000  # with the size of a block


class Told(NamedTuple):
    """Words with {one}, {many}, {V} and {effect}; the cost above other blocks; whether for sizes of all kinds."""

    says: str
    mend: str
    dearer: float = 0.0
    any_size: bool = False


def cost_of(size: int) -> float:
    """Dearer with rarer sizes."""
    return _COST + size * _GROWS + (0 if size in POWERS else _NO_POWER)


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
    """The last block, full or not."""
    return ((n - 1) // size * size, n) if n > size else None


def _full_one(number: int, n: int, size: int) -> tuple[int, int] | None:
    """Full block number 0, 1, 2 ..., with another one beside it."""
    return (number * size, (number + 1) * size) if n // size > max(number, 1) else None


def _full_ones(n: int, size: int) -> tuple[int, int] | None:
    """All but the rest."""
    return (0, n // size * size) if n > size and n % size else None


_IN_BLOCKS = "does the {many} of its result in blocks of {V} and leaves "
_TAIL = "do the n % {V} {many} that are left in a loop after the blocked one"
_REACH = "let the loop over blocks of {V} {many} reach every block"
_SPANS: dict[str, tuple[Span, Told]] = {
    "rest": (_rest, Told(_IN_BLOCKS + "the rest after the last full block {effect}", _TAIL, any_size=True)),
    "rest alone": (_rest_alone, Told(_IN_BLOCKS + "what does not fill a block {effect}", _TAIL, 0.01, True)),
    "beyond": (_beyond, Told("leaves all {many} beyond the first {V} {effect}", "loop over all {many}", any_size=True)),
    "last full": (_last_full, Told(_IN_BLOCKS + "the last full block {effect}", _REACH)),
    "last": (_last, Told(_IN_BLOCKS + "the last block, full or not, {effect}", _REACH)),
    "first": (partial(_full_one, 0), Told(_IN_BLOCKS + "the first block {effect}", _REACH)),
    "second": (partial(_full_one, 1), Told(_IN_BLOCKS + "the second block {effect}", _REACH)),
    "third": (partial(_full_one, 2), Told(_IN_BLOCKS + "the third block {effect}", _REACH)),
    "fourth": (partial(_full_one, 3), Told(_IN_BLOCKS + "the fourth block {effect}", _REACH)),
    "full ones": (_full_ones, Told("does only the rest of the {many} after the last full block of {V}", _REACH)),
}


def _zero(start: int, stop: int, size: int, v: Array) -> None:
    v[:, start:stop] = 0


def _as_first(start: int, stop: int, size: int, v: Array) -> None:
    v[:, start:stop] = v[:, :1]


def _as_last_done(start: int, stop: int, size: int, v: Array) -> None:
    """All of them repeat the one before."""
    v[:, start:stop] = v[:, start - 1 : start]


def _as_block_before(start: int, stop: int, size: int, v: Array) -> None:
    v[:, start:stop] = v[:, start - size : stop - size].copy()


def _twice(start: int, stop: int, size: int, v: Array) -> None:
    v[:, start:stop] *= 2


_Effect = Callable[[int, int, int, Array], None]
_EFFECTS: dict[str, tuple[_Effect, tuple[str, ...], float]] = {
    "at 0": (_zero, tuple(_SPANS), 0.0),
    "with the value of the first {one}": (_as_first, ("rest", "beyond"), 0.05),
    "with the value of the {one} before": (_as_last_done, ("rest", "beyond"), 0.1),
    "with the values of the block before": (_as_block_before, ("rest", "second"), 0.1),
    "counted twice": (_twice, ("rest", "last"), 0.1),
}
_SEEN = {
    "blocks/rest of 16 at 0/image channel": "fujitsu/oneDNN #43",
    "blocks/rest of 16 at 0/image channel of a group": "fujitsu/oneDNN #43",
}


def _in_span(span: Span, effect: _Effect, size: int, v: Array) -> Array:
    at = span(v.shape[1], size)
    if at is None:
        return v
    changed = v.copy()
    effect(*at, size, changed)
    return changed


# ---- what is done to all blocks


def _wrapped(size: int, v: Array) -> Array:
    """The number of the block is lost."""
    return v if v.shape[1] <= size else v[:, np.arange(v.shape[1]) % size]


def _overlapping(size: int, v: Array) -> Array:
    """The last block is moved back, so that it ends in time, and what it meets is counted twice."""
    n = v.shape[1]
    if n <= size or not n % size:
        return v
    changed = v.copy()
    changed[:, n - size : n // size * size] *= 2
    return changed


def _lanes_reversed(size: int, v: Array) -> Array:
    full = v.shape[1] // size * size
    if not full:
        return v
    changed = v.copy()
    changed[:, :full] = v[:, :full].reshape(len(v), -1, size, v.shape[2])[:, :, ::-1].reshape(len(v), full, v.shape[2])
    return changed


_WHOLE: dict[str, tuple[Callable[[int, Array], Array], Told]] = {
    "wrapped": (
        _wrapped,
        Told("repeats the first {V} {many} of its result after every {V}", "add block * {V} to the index", 0.05),
    ),
    "overlapping": (
        _overlapping,
        Told(
            "moves the last block of {V} {many} back to end in time, and counts those that it meets twice",
            "where blocks overlap, assign; or do the n % {V} {many} that are left one by one",
            0.1,
        ),
    ),
    "lanes reversed": (
        _lanes_reversed,
        Told("reverses the {many} of its result inside blocks of {V}", "store lanes in order", 0.1),
    ),
}


# ---- the models


def models() -> Iterator[Model]:
    """All of them, some 4,000."""
    for kind, ops in kinds_of_results():
        for one, many, of in _views(kind):
            for size in (*POWERS, *OTHERS):
                yield from _of_size(size, (one, many), f"{kind} {one}", ops, of)


def _views(kind: Kind) -> Iterator[tuple[str, str, Callable[[Change], Gives]]]:
    """Every axis in words, and what makes a model of a change along it."""
    for view in (*VIEWS[kind], whole(kind)):
        if view.one != "group":
            yield view.one, view.many, partial(_along, kind, view)
    if kind in ("columns", "output"):
        yield "position of all images (n, oh, ow)", "positions of all images (n, oh, ow)", partial(_across, kind)


def _of_size(
    size: int, words: tuple[str, str], of: str, ops: tuple[Op, ...], gives: Callable[[Change], Gives]
) -> Iterator[Model]:
    filled = {"one": words[0], "many": words[1], "V": size}
    common = size in POWERS and size <= _COMMON
    for name, (span, told) in _SPANS.items():
        if not told.any_size and not common:
            continue
        for effect, (function, spans, dearer) in _EFFECTS.items():
            if name in spans and (common or effect == "at 0"):
                model_id = f"blocks/{name} of {size} {effect.replace('{one}', 'one')}/{of}"
                yield Model(
                    model_id,
                    told.says.replace("{effect}", effect).format(**filled),
                    told.mend.format(**filled),
                    ops,
                    gives(partial(_in_span, span, function, size)),
                    cost_of(size) + told.dearer + dearer,
                    _SEEN.get(model_id, ""),
                )
    for name, (change, told) in _WHOLE.items():
        if common and (name != "lanes reversed" or size <= _LANES):
            yield Model(
                f"blocks/{name} of {size}/{of}",
                told.says.format(**filled),
                told.mend.format(**filled),
                ops,
                gives(partial(change, size)),
                cost_of(size) + told.dearer,
            )


def _along(kind: Kind, view: View, change: Change) -> Gives:
    return result_along(kind, view, change)


def _across(kind: Kind, change: Change) -> Gives:
    return result_as(kind, partial(_all_images, change))


def _all_images(change: Change, a: Array, _: ConvSpec) -> Array:
    """The positions of all images as one axis, which is none in memory."""
    n, l = a.shape[0], a.shape[-2] * a.shape[-1]
    rows = a.reshape(n, -1, l).transpose(1, 0, 2).reshape(-1, n * l, 1)
    return np.asarray(change(rows)).reshape(-1, n, l).transpose(1, 0, 2)
