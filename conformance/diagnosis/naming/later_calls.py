"""What a call finds of those before it: caches with a field missing, data kept, sums not reset, every n-th call wrong.

Each question is asked on geometries that were never used, so that what is kept of earlier calls is known. Nothing of
this is kept among what was observed: another call would give another result.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from conformance.cases.fields import Fields, spec_of
from conformance.diagnosis.experiment.experiment import Experiment
from harness.contract.protocol import ARGUMENTS, Array
from harness.geometry.spec import ConvSpec

_CALLS = 24  # of one geometry in a row
_TRIES = 3  # geometries that are tried until the first call of one is right
_BASE: Fields = {"n": 2, "c": 2, "f": 2, "g": 1, "h": 7, "w": 7, "kh": 2, "kw": 2, "sh": 1, "sw": 1, "pt": 0, "pb": 0,
                 "pl": 0, "pr": 0, "dh": 1, "dw": 1}  # fmt: skip

# What a key may lack: the numbers by which two geometries differ, in words, and how the spec names them.
_LACKING: tuple[tuple[tuple[str, ...], str, str], ...] = (
    (("sh",), "the stride in the height", "spec.stride[0]"), (("sw",), "the stride in the width", "spec.stride[1]"),
    (("dh",), "the dilation in the height", "spec.dilation[0]"),
    (("dw",), "the dilation in the width", "spec.dilation[1]"),
    (("pt",), "the top padding", "spec.padding[0]"), (("pb",), "the bottom padding", "spec.padding[1]"),
    (("pl",), "the left padding", "spec.padding[2]"), (("pr",), "the right padding", "spec.padding[3]"),
    (("kh",), "the height of the kernel", "spec.kernel_size[0]"),
    (("kw",), "the width of the kernel", "spec.kernel_size[1]"),
    (("h",), "the height of the image", "spec.input_size[0]"), (("w",), "the width of the image", "spec.input_size[1]"),
    (("n",), "the number of images", "spec.batch"), (("c",), "the number of channels", "spec.in_channels"),
    (("f",), "the number of filters", "spec.out_channels"), (("g",), "the groups", "spec.groups"),
    (("sh", "sw"), "the stride", "spec.stride"), (("dh", "dw"), "the dilation", "spec.dilation"),
    (("pt", "pb", "pl", "pr"), "the padding", "spec.padding"), (("kh", "kw"), "the kernel", "spec.kernel_size"),
    (("h", "w"), "the size of the image", "spec.input_size"),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Later:
    """A mistake that shows only on a later call; `says` follows "Your im2col", `why` is how that was seen."""

    id: str
    says: str
    why: str
    mend: str
    spec: ConvSpec


def later_of(experiment: Experiment) -> Later | None:
    """What goes wrong on a later call only; None if nothing does, or if that cannot be told from other mistakes."""
    fresh = _Fresh(experiment)
    return _by_data(experiment, fresh) or _by_geometry(experiment, fresh) or _by_number(experiment)


class _Fresh:
    """Geometries that were never called, each one of a series that no two share: of images or of channels."""

    def __init__(self, experiment: Experiment) -> None:
        self._experiment = experiment
        self._next = 0

    def base(self, by_channels: bool = False) -> Fields:
        """Numbers of one."""
        self._next += 1
        if by_channels:
            return {**_BASE, "c": 20 + self._next, "f": 20 + self._next}
        return {**_BASE, "h": 10 + self._next, "w": 10 + self._next}

    def spec(self) -> ConvSpec | None:
        """One that the backend takes, bent if need be."""
        made = spec_of(self.base())
        bent = self._experiment.bent([made]) if made is not None else []
        return next((spec for spec in bent if spec not in self._experiment.observed), None)


def _is_right(experiment: Experiment, spec: ConvSpec) -> bool:
    return _equal(experiment.raw(spec, experiment.given(spec).arrays), experiment.right(spec))


def _equal(got: Array | str, want: Array) -> bool:
    return not isinstance(got, str) and np.array_equal(got, want)


# -- data ---------------------------------------------------------------------------------------------------------


def _by_data(experiment: Experiment, fresh: _Fresh) -> Later | None:
    """The same geometry with other data."""
    for _ in range(_TRIES):
        spec = fresh.spec()
        if spec is None:
            return None
        sets = [_other_data(experiment.given(spec).arrays, turn) for turn in range(3)]
        rights = [_right(experiment, spec, arrays) for arrays in sets]
        got = [experiment.raw(spec, arrays) for arrays in sets]
        if _equal(got[0], rights[0]) and not any(np.array_equal(a, b) for a, b in pairwise(rights)):
            return _told_by_data(experiment, spec, sets, rights, got)
    return None


def _told_by_data(
    experiment: Experiment,
    spec: ConvSpec,
    sets: Sequence[tuple[Array | None, ...]],
    rights: Sequence[Array],
    got: Sequence[Array | str],
) -> Later | None:
    three = f"Three calls of {spec} with other data each"
    if _equal(got[1], rights[0]) and _equal(got[2], rights[0]):
        return Later("later/result by geometry", "gives the result of the first call of a geometry again, whatever the "
                     "data are", f"{three}: all gave the result of the first.",
                     "Keep no results, or put the data into the key.", spec)  # fmt: skip
    if _equal(got[1], rights[0]) and _equal(got[2], rights[1]):
        return Later("later/result before", "gives the result of the call before",
                     f"{three}: the second gave the result of the first, the third that of the second.",
                     "Return what this call has computed: copy it, and write before you return.", spec)  # fmt: skip
    second, third = got[1], got[2]
    if not isinstance(second, str) and not isinstance(third, str):
        if np.array_equal(second, rights[0] + rights[1]) and np.array_equal(third, rights[2] + second):
            return Later("later/sum not reset", "does not set its sums to 0 before a call: each begins where the last "
                         "one ended", f"{three}: the second gave the sum of the first two right results, the third of "
                         "all three.", "Allocate the result with zeros in each call.", spec)  # fmt: skip
    if len(sets[0]) > 1 and sets[0][1] is not None:
        mixed = _right(experiment, spec, (sets[1][0], sets[0][1], *sets[1][2:]))
        if _equal(second, mixed) and not np.array_equal(mixed, rights[1]):
            name = ARGUMENTS[experiment.op][1]
            return Later(f"later/{name} kept", f"keeps {name} of the first call of its shape, and uses it for all later "
                         "ones", f"{three}: the second gave what its own data give with {name} of the first.",
                         f"Use {name} as it is given, or keep it under a key that holds its numbers.", spec)  # fmt: skip
    if not _equal(second, rights[1]) or not _equal(third, rights[2]):
        return None
    return _by_part_of_data(experiment, spec, sets[0], rights[0]) or _overwritten(experiment, spec)


def _by_part_of_data(
    experiment: Experiment, spec: ConvSpec, first: tuple[Array | None, ...], result: Array
) -> Later | None:
    """Other data with the same first element, or the same sum, as in a key that is quick to make."""
    for what, arrays in (("first element", _same_first(first)), ("sum", _same_sum(first))):
        right = _right(experiment, spec, arrays)
        if not np.array_equal(right, result) and _equal(experiment.raw(spec, arrays), result):
            return Later(f"later/result by {what}", "gives the result of an earlier call again, where the data have the "
                         f"same {what}", f"Two calls of {spec} with data of the same {what} gave the same result.",
                         "Keep no results, or put all of the data into the key.", spec)  # fmt: skip
    return None


def _overwritten(experiment: Experiment, spec: ConvSpec) -> Later | None:
    """Whether a result that was returned changes with a later call."""
    for turn in (3, 4, 5):
        arrays = [None if a is None else a.astype(experiment.dtype)
                  for a in _other_data(experiment.given(spec).arrays, turn)]  # fmt: skip
        facts = experiment.caller.call(experiment.op, spec, arrays)
        if facts.previous_changed:
            return Later("later/overwritten", "returns memory that its next call writes into: results that were kept "
                         "change", f"The result of a call of {spec} was another after the next call.",
                         "Return fresh memory: `out.copy()`, or allocate in each call.", spec)  # fmt: skip
    return None


def _other_data(arrays: Sequence[Array | None], turn: int) -> tuple[Array | None, ...]:
    """Whole numbers of the same size in other places, with another first element and another sum."""
    return tuple(None if a is None else _turned(a, turn) for a in arrays)


def _turned(a: Array, turn: int) -> Array:
    if turn == 0 or not a.size:
        return a
    moved = np.roll(a.ravel(), turn) * (-1) ** turn
    moved[0] = a.flat[0] + turn if a.flat[0] + turn else turn
    return moved.reshape(a.shape)


def _same_first(arrays: Sequence[Array | None]) -> tuple[Array | None, ...]:
    def made(a: Array) -> Array:
        other = -np.array(a)
        other.flat[0] = a.flat[0]
        return other

    return tuple(a if a is None or not a.size else made(a) for a in arrays)


def _same_sum(arrays: Sequence[Array | None]) -> tuple[Array | None, ...]:
    return tuple(a if a is None else np.ascontiguousarray(a.ravel()[::-1].reshape(a.shape)) for a in arrays)


def _right(experiment: Experiment, spec: ConvSpec, arrays: Sequence[Array | None]) -> Array:
    from harness.oracle import by_taps

    return by_taps.run(experiment.op, spec, *arrays)


# -- geometries -----------------------------------------------------------------------------------------------------


def _by_geometry(experiment: Experiment, fresh: _Fresh) -> Later | None:
    """Caches whose key lacks something: of two geometries that differ in it alone the second is wrong."""
    lacking: list[tuple[tuple[str, ...], str, str]] = []
    shown: list[ConvSpec] = []
    last_alone = True
    for names, words, key in _LACKING:
        if len(names) > 1 and any({name} == set(one) for name in names for one, _, _ in lacking):
            continue  # known by its parts
        second = _wrong_after_another(experiment, fresh, names)
        if second is not None and _wrong_after_another(experiment, fresh, names) is not None:
            lacking.append((names, words, key))
            shown.append(second)
            last_alone = last_alone and _is_right_after_a_third(experiment, fresh, second)
    if not lacking:
        return None
    keeps = "keeps what it made for the geometry before" if last_alone else "keeps something of earlier calls"
    lack = _listed([words for _, words, _ in _joined(lacking)])
    return Later(
        "later/cache without " + "+".join(name for names, _, _ in lacking for name in names),
        f"{keeps} under a key that lacks {lack}",
        f"Of two geometries that differ in that alone, the second was wrong each time, and right where it came first, "
        f"as in {shown[0]}.",
        f"Put {_listed([f'`{key}`' for _, _, key in _joined(lacking)])} into the key; a `spec` is hashable: it can be the "
        "key itself.", shown[0],
    )  # fmt: skip


def _joined(lacking: Sequence[tuple[tuple[str, ...], str, str]]) -> list[tuple[tuple[str, ...], str, str]]:
    """Both axes in one word."""
    found = {name for names, _, _ in lacking for name in names}
    whole = [one for one in _LACKING if len(one[0]) > 1 and found >= set(one[0])]
    covered = {name for names, _, _ in whole for name in names}
    return [*whole, *(one for one in lacking if not covered >= set(one[0]))]


def _wrong_after_another(experiment: Experiment, fresh: _Fresh, names: Sequence[str]) -> ConvSpec | None:
    """A geometry that is wrong after one that differs in these numbers alone, where it is right without."""
    by_channels = bool({"h", "w"} & set(names))
    for _ in range(_TRIES):
        alone, pair = _changed(fresh.base(by_channels), names), fresh.base(by_channels)
        first, second = spec_of(pair), _changed(pair, names)
        if first is None or alone is None or second is None:
            return None
        if not all(experiment.takes(spec) and spec not in experiment.observed for spec in (alone, first, second)):
            return None
        if _is_right(experiment, alone) and _is_right(experiment, first):
            return None if _is_right(experiment, second) else second
    return None


def _changed(base: Fields, names: Sequence[str]) -> ConvSpec | None:
    if names == ("g",):
        return spec_of({**base, "g": 2})
    return spec_of({**base, **{name: base[name] + 1 for name in names}})


def _is_right_after_a_third(experiment: Experiment, fresh: _Fresh, second: ConvSpec) -> bool:
    """Whether one call of something else is enough to forget."""
    third = fresh.spec()
    if third is None:
        return False
    _is_right(experiment, third)
    return _is_right(experiment, second)


def _listed(words: Sequence[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"


# -- the number of a call ---------------------------------------------------------------------------------------------


def _by_number(experiment: Experiment) -> Later | None:
    """The same call again and again: which are wrong?"""
    for one in _asked_again(experiment):
        right = [_is_right(experiment, one) for _ in range(_CALLS)]
        wrong = [number for number, ok in enumerate(right, 1) if not ok]
        was_right = experiment.observed[one].ok
        if not wrong and was_right:
            continue
        steps = {b - a for a, b in pairwise(wrong)}
        if wrong and len(wrong) < _CALLS and len(wrong) > 2 and len(steps) == 1:
            step = steps.pop()
            often = {1: "", 2: "every second call", 3: "every third call", 5: "every fifth call"}
            said = often.get(step, f"every {step}th call")
            if said:
                return Later("later/every n-th call", f"is wrong at {said}",
                             f"Of {_CALLS} equal calls of {one}, {len(wrong)} were wrong: one in {step}.",
                             "Find what is kept between calls, and keep nothing.", one)  # fmt: skip
        if was_right and not any(right):
            return Later("later/after some calls", "is right at first, and wrong after some number of calls",
                         f"The first call of {one} was right; {_CALLS} equal calls later on were all wrong.",
                         "Find what is kept between calls, and keep nothing.", one)  # fmt: skip
        if all(right) or (0 < len(wrong) < _CALLS):
            first = "right" if was_right else "wrong"
            return Later("later/changes", "gives another result where the same call is made again",
                         f"The first call of {one} was {first}; of {_CALLS} equal calls later on {len(wrong)} were "
                         "wrong.", "Find what is kept between calls, and keep nothing; memory that is not written first "
                         "holds anything: use zeros in place of empty.", one)  # fmt: skip
    return None


def _asked_again(experiment: Experiment) -> Iterator[ConvSpec]:
    """A few that failed and a few that passed, with an element at least."""
    for several in (experiment.failing(), experiment.passing()):
        specs = [one.spec for one in several if experiment.right(one.spec).size]
        yield from specs[:2]
