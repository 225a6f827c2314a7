"""Along one axis of a result or argument: reversed, shifted, the first for all, the last left out, counted twice."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import NamedTuple

import numpy as np

from conformance.diagnosis.models.arrays import maps
from conformance.diagnosis.models.arrays.maps import Map
from conformance.diagnosis.models.arrays.opened import (
    OF_ARGUMENT,
    OF_RESULT,
    VIEWS,
    Change,
    Gives,
    Kind,
    View,
    argument_along,
    kinds_of_arguments,
    kinds_of_results,
    result_along,
)
from conformance.diagnosis.models.model import Model
from harness.contract.protocol import Array
from harness.geometry.spec import Op

_RESULT_COST, _ARGUMENT_COST = 1.6, 1.7
_SUMMED: tuple[Kind, ...] = ("image", "output", "kernel", "bias")  # results to which more than one term is added


class Told(NamedTuple):
    """A change in words, with {one}, {many} and {what}: of a result, of an argument, the mend; and its further cost."""

    result: str
    argument: str
    mend: str
    dearer: float = 0.0


class Mapped(NamedTuple):
    """A map by which arrays are read; `moves` if nothing is lost, so that a sum over the axis stays what it is."""

    by: Map
    told: Told
    moves: bool = False


_MAPS: dict[str, Mapped] = {
    "reversed": Mapped(
        maps.backwards,
        Told(
            "gives the {many} of {what} in reverse", "reads the {many} of {what} in reverse", "run over {many} forwards"
        ),
        moves=True,
    ),
    "rolled": Mapped(
        partial(maps.rolled, -1),
        Told(
            "gives {one} i - 1 of {what} in place of {one} i, and the last in place of the first",
            "reads {one} i - 1 of {what} in place of {one} i, and the last in place of the first",
            "index with i, not with i - 1: Python counts -1 from the end",
        ),
        moves=True,
    ),
    "rolled back": Mapped(
        partial(maps.rolled, 1),
        Told(
            "gives {one} i + 1 of {what} in place of {one} i, and the first in place of the last",
            "reads {one} i + 1 of {what} in place of {one} i, and the first in place of the last",
            "index with i, not with i + 1",
        ),
        moves=True,
    ),
    "shifted": Mapped(
        partial(maps.shifted, -1),
        Told(
            "puts each {one} of {what} one place too late, and 0 in the first",
            "reads {one} i - 1 of {what} in place of {one} i, and 0 in place of the first",
            "index with i: the first {one} is number 0",
        ),
    ),
    "shifted back": Mapped(
        partial(maps.shifted, 1),
        Told(
            "puts each {one} of {what} one place too early, and 0 in the last",
            "reads {one} i + 1 of {what} in place of {one} i, and 0 in place of the last",
            "index with i: the first {one} is number 0",
        ),
    ),
    "first for all": Mapped(
        partial(maps.constant, 0),
        Told(
            "gives the first {one} of {what} in place of all {many}",
            "reads the first {one} of {what} in place of all {many}",
            "index with the {one} of the loop, not with 0",
        ),
    ),
    "last for all": Mapped(
        partial(maps.constant, -1),
        Told(
            "gives the last {one} of {what} in place of all {many}",
            "reads the last {one} of {what} in place of all {many}",
            "make a new array for each {one}, and index with the {one} of the loop",
        ),
    ),
    "first zero": Mapped(
        partial(maps.without, 0),
        Told(
            "leaves the first {one} of {what} at 0",
            "leaves out the first {one} of {what}",
            "start the loop over {many} at 0",
        ),
    ),
    "second zero": Mapped(
        partial(maps.without, 1),
        Told(
            "leaves the second {one} of {what} at 0",
            "leaves out the second {one} of {what}",
            "let the loop over {many} take every one",
            0.1,
        ),
    ),
    "last zero": Mapped(
        partial(maps.without, -1),
        Told(
            "leaves the last {one} of {what} at 0",
            "leaves out the last {one} of {what}",
            "let the loop over {many} reach the last",
        ),
    ),
    "first alone": Mapped(
        partial(maps.alone, 0),
        Told(
            "does the first {one} of {what} and leaves all others at 0",
            "uses the first {one} of {what} and leaves out all others",
            "loop over all {many}",
            -0.05,
        ),
    ),
    "last alone": Mapped(
        partial(maps.alone, -1),
        Told(
            "keeps the last {one} of {what} and leaves all others at 0",
            "uses the last {one} of {what} and leaves out all others",
            "loop over all {many}, and add with `+=` where they are summed",
            -0.05,
        ),
    ),
    "first half": Mapped(
        maps.first_half,
        Told(
            "does n // 2 of the n {many} of {what} and leaves the others at 0",
            "uses n // 2 of the n {many} of {what} and leaves out the others",
            "loop over all {many}",
        ),
    ),
    "first half or one": Mapped(
        maps.first_half_or_one,
        Told(
            "does half of the {many} of {what}, rounded down but one at least, and leaves the others at 0",
            "uses half of the {many} of {what}, rounded down but one at least, and leaves out the others",
            "loop over all {many}",
            0.02,
        ),
    ),
    "last two exchanged": Mapped(
        maps.last_two_exchanged,
        Told(
            "exchanges the last two {many} of {what}",
            "exchanges the last two {many} of {what}",
            "keep the {many} in order",
        ),
        moves=True,
    ),
    "last repeats": Mapped(
        maps.last_repeats,
        Told(
            "gives the {one} before the last of {what} again in place of the last",
            "reads the {one} before the last of {what} again in place of the last",
            "let the loop over {many} reach the last",
        ),
    ),
    "one before the last": Mapped(
        maps.one_before_the_last,
        Told(
            "gives the {one} before the last of {what} in place of the last, and 0 if there is one alone",
            "reads the {one} before the last of {what} in place of the last, and 0 if there is one alone",
            "the last of n {many} is number n - 1",
            0.1,
        ),
    ),
    "second half repeats": Mapped(
        maps.second_half_repeats,
        Told(
            "gives the first half of the {many} of {what} again as the second half",
            "reads the first half of the {many} of {what} again in place of the second half",
            "start the second half at its own first {one}, not at 0",
        ),
    ),
    "every second": Mapped(
        maps.every_second,
        Told(
            "leaves every second {one} of {what} at 0",
            "leaves out every second {one} of {what}",
            "step over {many} by 1",
        ),
    ),
    "index halved": Mapped(
        maps.halved,
        Told(
            "gives {one} i // 2 of {what} in place of {one} i",
            "reads {one} i // 2 of {what} in place of {one} i",
            "index with i, not with i // 2",
            0.2,
        ),
    ),
    "index doubled": Mapped(
        maps.doubled,
        Told(
            "gives {one} 2 * i of {what} in place of {one} i",
            "reads {one} 2 * i of {what} in place of {one} i",
            "index with i, not with 2 * i",
            0.2,
        ),
    ),
}
# Results of which several fall on one place, or none: replaced there, or added.
_PUT: dict[str, tuple[Map, str, str]] = {
    "first": (
        partial(maps.constant, 0),
        "the place of the first",
        "write to the {one} of the loop, not to number 0",
    ),
    "one before the last": (
        maps.one_before_the_last,
        "its place, but the last in that of the one before (nowhere if there is no other)",
        "the last of n {many} is number n - 1",
    ),
    "doubled": (maps.doubled, "place 2 * i", "write {one} i to place i, not to 2 * i"),
    "halved": (maps.halved, "place i // 2", "write {one} i to place i, not to i // 2"),
}
_SEEN = {
    "along/argument second half repeats/output image": "ROCm/rocm-libraries #10627",
    "along/result second half repeats/image image": "ROCm/rocm-libraries #10627",
    "along/result last zero/output position": "conv-last-row-column-wrong",
}


def models() -> Iterator[Model]:
    """All of them, some 1,900."""
    for kind, ops in kinds_of_results():
        for view in VIEWS[kind]:
            words = {"one": view.one, "many": view.many, "what": view.of + OF_RESULT[kind]}
            yield from _results(kind, view, ops, words)
            yield from _placed(kind, view, ops, words)
    for kind, ops in kinds_of_arguments():
        for view in VIEWS[kind]:
            yield from _arguments(kind, view, ops)


def _results(kind: Kind, view: View, ops: tuple[Op, ...], words: dict[str, str]) -> Iterator[Model]:
    for name, (by, told, _) in _MAPS.items():
        model_id = f"along/result {name}/{kind} {view.name}"
        yield Model(
            model_id,
            told.result.format(**words),
            told.mend.format(**words),
            ops,
            result_along(kind, view, partial(maps.read, by)),
            _RESULT_COST + told.dearer,
            _SEEN.get(model_id, ""),
        )
    for which, change in _TWICE.items():
        gives = result_along(kind, view, change)
        yield _counted_twice(which, f"result {which} twice/{kind} {view.name}", words, ops, gives)


def _placed(kind: Kind, view: View, ops: tuple[Op, ...], words: dict[str, str]) -> Iterator[Model]:
    for name, (by, where, mend) in _PUT.items():
        for way, change, verb in (("put", maps.put, "writes"), ("added", maps.added, "adds")):
            if way == "added" and kind not in _SUMMED:
                continue
            yield Model(
                f"along/result {way} at {name}/{kind} {view.name}",
                f"{verb} each {view.one} of {words['what']} to {where}",
                mend.format(**words),
                ops,
                result_along(kind, view, partial(change, by)),
                _RESULT_COST + (0.1 if way == "put" else 0.15),
            )


def _arguments(kind: Kind, view: View, ops: tuple[Op, ...]) -> Iterator[Model]:
    words = {"one": view.one, "many": view.many, "what": view.of + OF_ARGUMENT[kind]}
    summed = kind == "output" and view.one not in ("group", "filter")
    for name, (by, told, moves) in _MAPS.items():
        model_id = f"along/argument {name}/{kind} {view.name}"
        seen_by = tuple(op for op in ops if not (op == "conv2d_bias_grad" and summed and moves))
        yield Model(
            model_id,
            told.argument.format(**words),
            told.mend.format(**words),
            seen_by,
            argument_along(kind, view, partial(maps.read, by)),
            _ARGUMENT_COST + told.dearer,
            _SEEN.get(model_id, ""),
        )
    for which, change in _TWICE.items():
        gives = argument_along(kind, view, change)
        yield _counted_twice(which, f"argument {which} twice/{kind} {view.name}", words, ops, gives)


def _counted_twice(which: str, name: str, words: dict[str, str], ops: tuple[Op, ...], gives: Gives) -> Model:
    says = "counts the {which} {one} of {what} twice".format(which=which, **words)
    return Model(f"along/{name}", says, f"handle the {which} {words['one']} once", ops, gives, _ARGUMENT_COST)


def _twice(at: int, v: Array) -> Array:
    changed = np.array(v)
    changed[:, at] *= 2
    return changed


_TWICE: dict[str, Change] = {"first": partial(_twice, 0), "last": partial(_twice, -1)}
