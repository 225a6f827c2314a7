"""What is kept of the data of an earlier call: its result, its sums, its weights, its memory.

The same geometry is called with other data each time, on one that was never called before.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from conformance.diagnosis.experiment.experiment import Experiment
from harness.contract.protocol import ARGUMENTS, Array
from harness.geometry.spec import ConvSpec
from harness.oracle import by_taps

_Arrays = tuple[Array | None, ...]


@dataclass(frozen=True, slots=True)
class Later:
    """A mistake that shows only on a later call; `says` follows "Your im2col", `why` is how that was seen."""

    id: str
    says: str
    why: str
    mend: str
    spec: ConvSpec


@dataclass(frozen=True, slots=True)
class _Three:
    """Three calls of a geometry: the data, what is right, what was given."""

    spec: ConvSpec
    data: Sequence[_Arrays]
    right: Sequence[Array]
    got: Sequence[Array | str]


def same(got: Array | str, want: Array) -> bool:
    """Whether a call gave just that."""
    return not isinstance(got, str) and np.array_equal(got, want)


def kept_of(experiment: Experiment, spec: ConvSpec) -> Later | None:
    """What is kept; None if nothing is, or what was given is none of these. The geometry must not have been called."""
    data = [_other_data(experiment.given(spec).arrays, turn) for turn in range(3)]
    right = [by_taps.run(experiment.op, spec, *arrays) for arrays in data]
    if any(np.array_equal(a, b) for a, b in pairwise(right)):
        return None
    three = _Three(spec, data, right, [experiment.raw(spec, arrays) for arrays in data])
    if not same(three.got[0], right[0]):
        return _sum(three)  # of calls of other geometries, too
    if same(three.got[1], right[1]) and same(three.got[2], right[2]):
        return _by_part(experiment, spec, data[0], right[0]) or _overwritten(experiment, spec)
    return _result(three) or _sum(three) or _one_argument(experiment, three)


def _result(three: _Three) -> Later | None:
    got, right, spec = three.got, three.right, three.spec
    if same(got[1], right[0]) and same(got[2], right[0]):
        return Later(
            "later/result by geometry", "gives the result of the first call of a geometry again, whatever the data are",
            f"Three calls of {spec} with other data each gave the result of the first.",
            "Keep no results, or put the data into the key.", spec,
        )  # fmt: skip
    if same(got[1], right[0]) and same(got[2], right[1]):
        return Later(
            "later/result before", "gives the result of the call before",
            f"Of three calls of {spec} the second gave the result of the first, the third that of the second.",
            "Return what this call has computed: write it before it is returned.", spec,
        )  # fmt: skip
    return None


def _sum(three: _Three) -> Later | None:
    before, second, third = three.got
    if isinstance(before, str) or isinstance(second, str) or before.shape != three.right[0].shape:
        return None
    if not same(second, before + three.right[1]) or not same(third, second + three.right[2]):
        return None
    return Later(
        "later/sum not reset", "does not set its sums to 0 before a call: each begins where the last one ended",
        f"Of three calls of {three.spec} the second and the third gave the result before plus the right one.",
        "Allocate the result with zeros in each call.", three.spec,
    )  # fmt: skip


def _one_argument(experiment: Experiment, three: _Three) -> Later | None:
    """Whether later calls gave what follows from one argument of the first, and from their own others."""
    first, *later = three.data
    for number, old in reversed(list(enumerate(first))):
        if old is None or len(first) < 2:
            continue
        mixed = [by_taps.run(experiment.op, three.spec, *own[:number], old, *own[number + 1 :]) for own in later]
        if not all(same(got, made) for got, made in zip(three.got[1:], mixed, strict=True)):
            continue
        name = ARGUMENTS[experiment.op][number]
        return Later(
            f"later/{name} kept", f"uses `{name}` of an earlier call with the same geometry in place of the new one",
            f"Two later calls of {three.spec} gave what their own data give with `{name}` of the first.",
            f"Use `{name}` as it is given, or keep it under a key that holds its numbers.", three.spec,
        )  # fmt: skip
    return None


def _by_part(experiment: Experiment, spec: ConvSpec, first: _Arrays, result: Array) -> Later | None:
    """Other data with the same first element, or the same sum, as in a key that is quickly made."""
    for what, arrays in (("first element", _same_first(first)), ("sum", _same_sum(first))):
        right = by_taps.run(experiment.op, spec, *arrays)
        if not np.array_equal(right, result) and same(experiment.raw(spec, arrays), result):
            return Later(
                f"later/result by {what}",
                f"gives the result of an earlier call again where the data have the same {what}",
                f"Two calls of {spec} with data of the same {what} gave the same result.",
                "Keep no results, or put all of the data into the key.", spec,
            )  # fmt: skip
    return None


def _overwritten(experiment: Experiment, spec: ConvSpec) -> Later | None:
    """Whether a result that was returned changes with a later call."""
    for turn in (3, 4, 5):
        arrays = _other_data(experiment.given(spec).arrays, turn)
        given = [None if a is None else a.astype(experiment.dtype) for a in arrays]
        if experiment.caller.call(experiment.op, spec, given).previous_changed:
            return Later(
                "later/overwritten", "returns memory that its next call writes into: results that were kept change",
                f"The result of a call of {spec} was another after the next call.",
                "Return fresh memory: allocate in each call, or return a copy.", spec,
            )  # fmt: skip
    return None


def _other_data(arrays: Sequence[Array | None], turn: int) -> _Arrays:
    """Whole numbers of the same size in other places, with another first element and another sum."""
    return tuple(a if a is None or not a.size else _turned(a, turn) for a in arrays)


def _turned(a: Array, turn: int) -> Array:
    if turn == 0:
        return a
    moved: Array = np.roll(a.ravel(), turn) * (-1) ** turn
    moved[0] = a.flat[0] - np.sign(a.flat[0]) * turn or turn
    return moved.reshape(a.shape)


def _same_first(arrays: _Arrays) -> _Arrays:
    def made(a: Array) -> Array:
        other = -a
        other.flat[0] = a.flat[0]
        return other

    return tuple(a if a is None or not a.size else made(a) for a in arrays)


def _same_sum(arrays: _Arrays) -> _Arrays:
    return tuple(a if a is None else np.ascontiguousarray(a.ravel()[::-1].reshape(a.shape)) for a in arrays)
