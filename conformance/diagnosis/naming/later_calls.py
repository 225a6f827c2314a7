"""What a call finds of those before it: data that are kept, caches with a field missing, every n-th call wrong.

Each question is asked on geometries that were never called, so that what can be kept of earlier calls is known. Nothing
of this is kept among what was observed: another call would give another result.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from conformance.cases.fields import Fields, spec_of
from conformance.diagnosis.experiment.experiment import Experiment
from conformance.diagnosis.naming.kept_data import Later, kept_of, same
from harness.geometry.spec import ConvSpec
from harness.oracle import by_taps

__all__ = ["Later", "later_of"]

_CALLS = 24  # of one geometry in a row
_FEWEST = 3  # wrong ones of them that make a rule
_TRIES = 3  # geometries that are tried until the first call of one is right
# Geometries left out before a pair is tried again: which sizes are right by themselves must not look like a key.
_LEFT_OUT = (1, 3)
_HOPELESS = 12  # fields for which none was: sizes, which come late, are asked with channels of their own
_BASE: Fields = {"n": 2, "c": 2, "f": 2, "g": 1, "h": 7, "w": 7, "kh": 2, "kw": 2, "sh": 1, "sw": 1, "pt": 0, "pb": 0,
                 "pl": 0, "pr": 0, "dh": 1, "dw": 1}  # fmt: skip
_OFTEN = {2: "second", 3: "third", 4: "fourth", 5: "fifth", 6: "sixth", 7: "seventh", 8: "eighth"}


class _Lack(NamedTuple):
    """What a key may lack: numbers in which two geometries differ, in words, and how the spec names them."""

    names: tuple[str, ...]
    words: str
    key: str
    steps: tuple[int, ...] = ()  # by which these numbers differ; all by 1 if nothing is said


_LACKING = (
    _Lack(("sh",), "the stride in the height", "spec.stride[0]"),
    _Lack(("sw",), "the stride in the width", "spec.stride[1]"),
    _Lack(("dh",), "the dilation in the height", "spec.dilation[0]"),
    _Lack(("dw",), "the dilation in the width", "spec.dilation[1]"),
    _Lack(("pt",), "the top padding", "spec.padding[0]"), _Lack(("pb",), "the bottom padding", "spec.padding[1]"),
    _Lack(("pl",), "the left padding", "spec.padding[2]"), _Lack(("pr",), "the right padding", "spec.padding[3]"),
    _Lack(("kh",), "the height of the kernel", "spec.kernel_size[0]"),
    _Lack(("kw",), "the width of the kernel", "spec.kernel_size[1]"),
    _Lack(("h",), "the height of the image", "spec.input_size[0]"),
    _Lack(("w",), "the width of the image", "spec.input_size[1]"),
    _Lack(("n",), "the number of images", "spec.batch"), _Lack(("c",), "the number of channels", "spec.in_channels"),
    _Lack(("f",), "the number of filters", "spec.out_channels"), _Lack(("g",), "the groups", "spec.groups"),
    _Lack(("sh", "sw"), "the stride", "spec.stride"), _Lack(("dh", "dw"), "the dilation", "spec.dilation"),
    _Lack(("pt", "pb", "pl", "pr"), "the padding", "spec.padding"),
    _Lack(("kh", "kw"), "the kernel", "spec.kernel_size"),
    _Lack(("h", "w"), "the size of the image", "spec.input_size"),
)  # fmt: skip
_LOOSE = frozenset(("sh", "sw", "dh", "dw", "kh", "kw", "pt", "pb", "pl", "pr"))
# Where a sum stands in the key, as of a buffer for the padded image.
_SUMMED = (
    _Lack(("h", "pt"), "where the image lies in its padded height", "spec.padding[0]", (-1, 1)),
    _Lack(("w", "pl"), "where the image lies in its padded width", "spec.padding[2]", (-1, 1)),
)

_CLEARED = "Clear what is kept before it is filled again, or let the `spec` itself be the key: it is hashable."


def later_of(experiment: Experiment) -> Later | None:
    """What goes wrong on a later call only; None if nothing does, or if that cannot be told from other mistakes."""
    fresh = _Fresh(experiment)
    later = _by_data(experiment, fresh) or _every(experiment) or _by_geometry(experiment, fresh) or _other(experiment)
    return None if experiment.exhausted else later  # what was not run would count as wrong


class _Fresh:
    """Geometries that were never called: no two have the same image, or the same channels."""

    def __init__(self, experiment: Experiment) -> None:
        self._experiment = experiment
        self._next = self._loose = self._channels = 0
        self.wrong = 0  # times that no geometry was found on which a first call is right

    def base(self, by_channels: bool = False, is_loose: bool = False) -> Fields:
        """Numbers of one; of a loose one the output keeps its size whichever number is 1 larger, but for the image."""
        if is_loose:
            self._loose += 1
            step = 4 + self._loose
            sizes = {"sh": step, "sw": step, "h": step + 4, "w": step + 4}
            return {**_BASE, **sizes, "c": 2 + self._loose, "f": 1}  # more filters are slow in many a loop
        if by_channels:
            self._channels += 1
            return {**_BASE, "c": 3 + self._channels, "f": 3 + self._channels}
        self._next += 1
        while any(spec.input_size == (10 + self._next, 10 + self._next) for spec in self._experiment.observed):
            self._next += 1
        return {**_BASE, "h": 10 + self._next, "w": 10 + self._next}

    def spec(self) -> ConvSpec | None:
        """One that the backend takes, bent if need be."""
        made = spec_of(self.base())
        bent = self._experiment.bent([made]) if made is not None else []
        return next((spec for spec in bent if spec not in self._experiment.observed), None)


def _is_right(experiment: Experiment, spec: ConvSpec) -> bool:
    return same(experiment.raw(spec, experiment.given(spec).arrays), experiment.right(spec))


def _is_right_on_signs(experiment: Experiment, spec: ConvSpec) -> bool:
    """On numbers 1 and -1, whose sums no rounding can spoil."""
    arrays = [None if a is None else np.sign(a) for a in experiment.given(spec).arrays]
    return same(experiment.raw(spec, arrays), by_taps.run(experiment.op, spec, *arrays))


def _by_data(experiment: Experiment, fresh: _Fresh) -> Later | None:
    for _ in range(_TRIES):
        spec = fresh.spec()
        later = None if spec is None else kept_of(experiment, spec)
        if later is not None:
            return later
    return None


# -- caches -----------------------------------------------------------------------------------------------------------


def _by_geometry(experiment: Experiment, fresh: _Fresh) -> Later | None:
    """Caches whose key lacks something: of two geometries that differ in it alone the second is wrong."""
    lacking: list[_Lack] = []
    shown: list[ConvSpec] = []
    last_alone = True
    for lack in (*_LACKING, *_SUMMED):
        if fresh.wrong == _HOPELESS:
            break  # what is wrong there is wrong without earlier calls
        if len(lack.names) > 1 and any(one.names[0] in lack.names for one in lacking):
            continue  # its parts say it
        is_loose = False
        second = _wrong_after_another(experiment, fresh, lack)
        if second is None and _LOOSE.issuperset(lack.names):  # the size of the output may stand in the key
            is_loose = True
            second = _wrong_after_another(experiment, fresh, lack, is_loose)
        if second is None:
            continue
        last_alone = last_alone and _is_right_after_a_third(experiment, fresh, second)
        if all(_is_wrong_again(experiment, fresh, lack, is_loose, count) for count in _LEFT_OUT):
            lacking.append(lack)
            shown.append(second)
    if not lacking or not all(_is_right_in_a_new_process(experiment, second) for second in shown):
        return None
    keeps = "keeps what it made for the geometry before" if last_alone else "keeps something of earlier calls"
    several = _joined(lacking)
    keys = _listed([f"`{one.key}`" for one in several])
    return Later(
        "later/cache without " + "+".join(name for one in lacking for name in one.names),
        f"{keeps} under a key that lacks {_listed([one.words for one in several])}",
        "Of two geometries that differ in that alone, the second was wrong each time, and right where nothing like it "
        f"came before; {shown[0]} is one.",
        _CLEARED if any(one.steps for one in several) else
        f"Put {keys} into the key; a `spec` is hashable: it can be the key itself.", shown[0],
    )  # fmt: skip


def _joined(lacking: Sequence[_Lack]) -> list[_Lack]:
    """Both axes in one word."""
    found = {name for one in lacking if not one.steps for name in one.names}
    whole = [one for one in _LACKING if len(one.names) > 1 and found >= set(one.names)]
    covered = {name for one in whole for name in one.names}
    return [*whole, *(one for one in lacking if not covered >= set(one.names))]


def _wrong_after_another(experiment: Experiment, fresh: _Fresh, lack: _Lack, is_loose: bool = False) -> ConvSpec | None:
    """A geometry that is wrong after one that differs in these numbers alone, where it is right without."""
    by_channels = _is_told_by_channels(lack)
    for _ in range(_TRIES):
        alone, base = _changed(fresh.base(by_channels, is_loose), lack), fresh.base(by_channels, is_loose)
        first, second = spec_of(base), _changed(base, lack)
        if first is None or alone is None or second is None:
            return None
        if not all(experiment.takes(spec) and spec not in experiment.observed for spec in (alone, first, second)):
            return None
        if _is_right_on_signs(experiment, alone) and _is_right_on_signs(experiment, first):
            return None if _is_right_on_signs(experiment, second) else second
    fresh.wrong += 1
    return None


def _is_wrong_again(experiment: Experiment, fresh: _Fresh, lack: _Lack, is_loose: bool, left_out: int) -> bool:
    for _ in range(left_out):
        fresh.base(_is_told_by_channels(lack), is_loose)
    return _wrong_after_another(experiment, fresh, lack, is_loose) is not None


def _is_right_in_a_new_process(experiment: Experiment, spec: ConvSpec) -> bool:
    """Whether nothing else is wrong with it; not asked of a backend that is called in this process."""
    return not experiment.begin_anew() or _is_right_on_signs(experiment, spec)


def _is_told_by_channels(lack: _Lack) -> bool:
    return not lack.steps and bool({"h", "w"} & set(lack.names))


def _changed(base: Fields, lack: _Lack) -> ConvSpec | None:
    if lack.names == ("g",):
        return spec_of({**base, "g": 2})
    steps = lack.steps or (1,) * len(lack.names)
    return spec_of({**base, **{name: base[name] + step for name, step in zip(lack.names, steps, strict=True)}})


def _is_right_after_a_third(experiment: Experiment, fresh: _Fresh, second: ConvSpec) -> bool:
    """Whether one call of something else is enough to forget."""
    third = fresh.spec()
    if third is None:
        return False
    _is_right_on_signs(experiment, third)
    return _is_right_on_signs(experiment, second)


def _listed(words: Sequence[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"


# -- the number of a call ---------------------------------------------------------------------------------------------


def _every(experiment: Experiment) -> Later | None:
    """Every n-th of the same call again and again."""
    for spec in _asked_again(experiment)[:1]:
        wrong = [number for number in range(_CALLS) if not _is_right(experiment, spec)]
        steps = {b - a for a, b in pairwise(wrong)}
        step = steps.pop() if len(steps) == 1 else 0
        if len(wrong) >= _FEWEST and step in _OFTEN:
            return Later(
                "later/every n-th call", f"is wrong at every {_OFTEN[step]} call",
                f"Of {_CALLS} equal calls of {spec}, {len(wrong)} were wrong, each {step} calls after the one before.",
                "Find what is kept between calls, and keep nothing.", spec,
            )  # fmt: skip
    return None


def _other(experiment: Experiment) -> Later | None:
    """What gives another result where the same call is made again."""
    for spec in _asked_again(experiment):
        was_right = experiment.observed[spec].ok
        right = [_is_right(experiment, spec) for _ in range(_CALLS)]
        if any(ok != was_right for ok in right):
            return _changing(spec, was_right, right.count(False))
    return None


def _changing(spec: ConvSpec, was_right: bool, wrong: int) -> Later:
    if was_right and wrong == _CALLS:
        return Later(
            "later/after some calls", "is right at first, and wrong after some number of calls",
            f"The first call of {spec} was right; {_CALLS} equal calls later on were all wrong.",
            "Find what is kept between calls, and keep nothing.", spec,
        )  # fmt: skip
    return Later(
        "later/changes", "gives another result where the same call is made again",
        f"The first call of {spec} was {'right' if was_right else 'wrong'}; of {_CALLS} equal calls later on {wrong} "
        "were wrong.",
        "Find what is kept between calls, and keep nothing; memory that was not written to holds anything: allocate "
        "with zeros.", spec,
    )  # fmt: skip


def _asked_again(experiment: Experiment) -> list[ConvSpec]:
    """A few that passed and a few that failed, with an element at least."""
    several = (experiment.passing(), experiment.failing())
    return [spec for one in several for spec in [o.spec for o in one if experiment.right(o.spec).size][:2]]
