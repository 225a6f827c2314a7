"""Along one axis of a result or argument: reversed, shifted, the first for all, the last left out, sums that run on."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import NamedTuple

import numpy as np

from conformance.diagnosis.models.arrays.opened import (
    OF_ARGUMENT,
    OF_RESULT,
    VIEWS,
    Change,
    argument_along,
    kinds_of_arguments,
    kinds_of_results,
    result_along,
)
from conformance.diagnosis.models.model import Model
from harness.contract.protocol import Array

_RESULT_COST, _ARGUMENT_COST = 1.6, 1.7


class Told(NamedTuple):
    """A change in words, with {one}, {many} and {what}: of a result, of an argument, the mend; and its further cost."""

    result: str
    argument: str
    mend: str
    dearer: float = 0.0


def _reversed(v: Array) -> Array:
    return v[:, ::-1]


def _rolled(by: int, v: Array) -> Array:
    return np.concatenate((v[:, -by:], v[:, :-by]), axis=1)


def _shifted(by: int, v: Array) -> Array:
    """Without the wrap: zeros come in."""
    moved = np.zeros_like(v)
    if by > 0:
        moved[:, by:] = v[:, :-by]
    else:
        moved[:, :by] = v[:, -by:]
    return moved


def _for_all(at: int, v: Array) -> Array:
    return np.broadcast_to(v[:, at, None], v.shape)


def _scaled(at: int, factor: int, v: Array) -> Array:
    changed = v.copy()
    changed[:, at] *= factor
    return changed


def _alone(at: int, v: Array) -> Array:
    changed = np.zeros_like(v)
    changed[:, at] = v[:, at]
    return changed


def _last_two_exchanged(v: Array) -> Array:
    changed = v.copy()
    changed[:, -2:] = v[:, -2:][:, ::-1]
    return changed


def _last_repeats(v: Array) -> Array:
    changed = v.copy()
    changed[:, -1:] = v[:, -2:-1] if v.shape[1] > 1 else v
    return changed


def _half_repeats(v: Array) -> Array:
    changed, half = v.copy(), v.shape[1] // 2
    changed[:, v.shape[1] - half :] = v[:, :half]
    return changed


def _every_second(v: Array) -> Array:
    changed = v.copy()
    changed[:, 1::2] = 0
    return changed


def _halved(v: Array) -> Array:
    return v[:, np.arange(v.shape[1]) // 2]


_CHANGES: dict[str, tuple[Change, Told]] = {
    "reversed": (
        _reversed,
        Told(
            "gives the {many} of {what} in reverse", "reads the {many} of {what} in reverse", "run forwards over {many}"
        ),
    ),
    "rolled": (
        partial(_rolled, 1),
        Told(
            "gives the {many} of {what} shifted by one: {one} i holds {one} i - 1, the first holds the last",
            "reads {one} i - 1 of {what} in place of {one} i, the last in place of the first",
            "use the index {one} i, not i - 1",
        ),
    ),
    "rolled back": (
        partial(_rolled, -1),
        Told(
            "gives the {many} of {what} shifted by one: {one} i holds {one} i + 1, the last holds the first",
            "reads {one} i + 1 of {what} in place of {one} i, the first in place of the last",
            "use the index {one} i, not i + 1",
        ),
    ),
    "shifted": (
        partial(_shifted, 1),
        Told(
            "gives the {many} of {what} one too late, and 0 as the first",
            "reads {one} i - 1 of {what} in place of {one} i, and 0 in place of the first",
            "use the index {one} i, not i - 1",
        ),
    ),
    "shifted back": (
        partial(_shifted, -1),
        Told(
            "gives the {many} of {what} one too early, and 0 as the last",
            "reads {one} i + 1 of {what} in place of {one} i, and 0 in place of the last",
            "use the index {one} i, not i + 1",
        ),
    ),
    "first for all": (
        partial(_for_all, 0),
        Told(
            "gives the first {one} of {what} in place of all {many}",
            "reads the first {one} of {what} in place of all {many}",
            "index with the {one} of the loop, not with 0",
        ),
    ),
    "last for all": (
        partial(_for_all, -1),
        Told(
            "gives the last {one} of {what} in place of all {many}",
            "reads the last {one} of {what} in place of all {many}",
            "make a new array for each {one}, and index with the {one} of the loop",
        ),
    ),
    "first zero": (
        partial(_scaled, 0, 0),
        Told(
            "leaves the first {one} of {what} at 0",
            "leaves out the first {one} of {what}",
            "start the loop over {many} at 0",
        ),
    ),
    "last zero": (
        partial(_scaled, -1, 0),
        Told(
            "leaves the last {one} of {what} at 0",
            "leaves out the last {one} of {what}",
            "let the loop over {many} reach the last",
        ),
    ),
    "first alone": (
        partial(_alone, 0),
        Told(
            "does the first {one} of {what} and leaves all others at 0",
            "uses the first {one} of {what} and leaves out all others",
            "loop over all {many}",
            -0.05,
        ),
    ),
    "last alone": (
        partial(_alone, -1),
        Told(
            "keeps the last {one} of {what} and leaves all others at 0",
            "uses the last {one} of {what} and leaves out all others",
            "loop over all {many}, and add with `+=` where they are summed",
            -0.05,
        ),
    ),
    "first doubled": (
        partial(_scaled, 0, 2),
        Told(
            "counts the first {one} of {what} twice",
            "counts the first {one} of {what} twice",
            "handle the first {one} once",
        ),
    ),
    "last doubled": (
        partial(_scaled, -1, 2),
        Told(
            "counts the last {one} of {what} twice",
            "counts the last {one} of {what} twice",
            "handle the last {one} once",
        ),
    ),
    "last two exchanged": (
        _last_two_exchanged,
        Told(
            "exchanges the last two {many} of {what}",
            "exchanges the last two {many} of {what}",
            "keep the {many} in order",
        ),
    ),
    "last repeats": (
        _last_repeats,
        Told(
            "gives the {one} before the last of {what} again in place of the last",
            "reads the {one} before the last of {what} again in place of the last",
            "let the loop over {many} reach the last",
        ),
    ),
    "half repeats": (
        _half_repeats,
        Told(
            "gives the first half of the {many} of {what} again as the second half",
            "reads the first half of the {many} of {what} again in place of the second half",
            "start the second half at its own first {one}, not at 0",
        ),
    ),
    "every second zero": (
        _every_second,
        Told(
            "leaves every second {one} of {what} at 0",
            "leaves out every second {one} of {what}",
            "step over {many} by 1",
        ),
    ),
    "halved index": (
        _halved,
        Told(
            "gives {one} i // 2 of {what} in place of {one} i",
            "reads {one} i // 2 of {what} in place of {one} i",
            "index with i, not with i // 2",
            0.2,
        ),
    ),
}
_SEEN = {
    "along/argument half repeats/output image": "ROCm/rocm-libraries #10627",
    "along/result half repeats/output image": "ROCm/rocm-libraries #10627",
    "along/result last zero/output position": "apple/coremltools #2515",
}


def models() -> Iterator[Model]:
    """All of them, some 1,100."""
    for kind, ops in kinds_of_results():
        for view in VIEWS[kind]:
            for name, (change, told) in _CHANGES.items():
                words = {"one": view.one, "many": view.many, "what": OF_RESULT[kind]}
                model_id = f"along/result {name}/{kind} {view.one}"
                yield Model(
                    model_id,
                    told.result.format(**words),
                    told.mend.format(**words),
                    ops,
                    result_along(kind, view, change),
                    _RESULT_COST + told.dearer,
                    _SEEN.get(model_id, ""),
                )
    for kind, ops in kinds_of_arguments():
        for view in VIEWS[kind]:
            for name, (change, told) in _CHANGES.items():
                words = {"one": view.one, "many": view.many, "what": OF_ARGUMENT[kind]}
                model_id = f"along/argument {name}/{kind} {view.one}"
                yield Model(
                    model_id,
                    told.argument.format(**words),
                    told.mend.format(**words),
                    ops,
                    argument_along(kind, view, change),
                    _ARGUMENT_COST + told.dearer,
                    _SEEN.get(model_id, ""),
                )
