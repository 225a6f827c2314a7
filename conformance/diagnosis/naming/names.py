"""Which known mistake gives all that was observed: those that do not are struck out, and rivals are told apart.

One result can never tell rivals apart, so geometries are made on which they differ. What is left has to foretell forty
geometries that nobody has looked at. A wrong name is worse than none: in doubt there is none.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import islice

from conformance.cases.fields import NAMES, Fields, fields_of, spec_of
from conformance.diagnosis.conditions.foretell import Condition, condition_of
from conformance.diagnosis.experiment import nearby, plan
from conformance.diagnosis.experiment.experiment import Experiment
from conformance.diagnosis.experiment.observed import Kind, Observed
from conformance.diagnosis.models.model import Model
from harness.geometry.spec import ConvSpec

_FEWEST = 3  # failing geometries that a name rests on
_SEVERAL = 12  # elements of a result that tells most models apart, and is quickly made
_SECONDS = 10.0  # for one pass over all models, which takes less than one on a machine that is free
HANDY = 30_000  # multiply-adds, and elements, of a geometry on which thousands of models are tried
_PLAINEST = 40  # passing geometries by which most of them are struck out, where none such fails
_ROUNDS = 12  # geometries made to tell rivals apart
_UNSEEN = 40  # geometries that a name must foretell
_FEWEST_UNSEEN = 5  # where the backend takes no more than that
_LARGER = (4, 5, 7)  # numbers that the first geometries do not have
_SMALL = 60_000  # multiply-adds of a geometry with one number larger
_CHEAP = 1_000_000  # multiply-adds of a geometry on which models are compared
_CONDITIONED = 3  # models that are tried with a condition
_COMPARED = 40  # models that give every failing result, the plainest
_CHEAPEST = 1.3  # no condition costs less
_PLAIN = 2.0  # cost of a condition that no other model will be plainer with


@dataclass(frozen=True, slots=True)
class Name:
    """A mistake that gives every failing result, and the right one wherever the op is right.

    With a condition it is made only where that holds. `passing` counts those that pass, of
    a condition those on which it would have shown.
    """

    model: Model
    condition: Condition | None
    failing: int
    passing: int
    foretold: int  # geometries that nobody had looked at, and that came out as it says
    equals: int = 0  # other models that give the same on everything that was tried


def name_of(experiment: Experiment, models: Sequence[Model]) -> Name | None:
    """The plainest of the models that are not refuted, or None; more geometries are run for it."""
    _make_handy(experiment)
    left = fitting(experiment, _not_contradicted(experiment, models) if _is_laborious(experiment) else models)
    if not left:
        return None
    if len(_told(experiment)) < _FEWEST:
        _look_around(experiment)
    free = [model for model in _true_of_all(experiment, left) if not _contradicted(experiment, model)]
    free = _told_apart(experiment, free)
    before = len(experiment.observed)
    free = _foretelling(experiment, free)
    foretold = len(experiment.observed) - before
    if not free or experiment.exhausted or foretold < _FEWEST_UNSEEN or not _rests_on_enough(experiment):
        return None
    best = min(free, key=lambda model: model.cost)
    return Name(
        best, None, len(_told(experiment)), len(experiment.passing()), foretold, len(free) - 1,
    )  # fmt: skip


def conditional_name_of(experiment: Experiment, models: Sequence[Model]) -> Name | None:
    """A model that gives every failing result, with the condition that parts them from those where it would show."""
    left = [] if _is_laborious(experiment) else fitting(experiment, models)
    if not left:
        return None
    if len(_told(experiment)) < _FEWEST:
        _look_around(experiment)
    found: list[tuple[float, Name]] = []
    tried: set[Model] = set()
    while len(tried) < _CONDITIONED and not experiment.exhausted and _rests_on_enough(experiment):
        # Once more each time: a search runs geometries, and where the plainest is refuted a rival takes its place.
        model = next((one for one in _distinct(experiment, _true_of_all(experiment, left)) if one not in tried), None)
        if model is None or (found and model.cost + _CHEAPEST >= min(cost for cost, _ in found)):
            break  # neither this one nor a later one can be plainer
        tried.add(model)
        name = _under_condition(experiment, model)
        if name is not None and name.condition is not None:
            found.append((model.cost + name.condition.cost, name))
            if name.condition.cost <= _PLAIN:
                break
    still = [(cost, name) for cost, name in found if _true_of_all(experiment, [name.model])]
    return min(still, key=lambda one: one[0])[1] if still else None


def fitting(experiment: Experiment, models: Iterable[Model]) -> list[Model]:
    """Those that give every failing result, the plainest first."""
    if not any(_speaks(one) for one in _told(experiment)):
        return []
    return sorted(_true_of_all(experiment, models), key=lambda model: model.cost)


def _make_handy(experiment: Experiment) -> None:
    """A failing geometry that is small, where only large ones are known: thousands of models are to be tried on it."""
    told = _told(experiment)
    if told and _is_laborious(experiment):

        def fails(spec: ConvSpec) -> bool:
            seen = experiment.run(spec)
            return seen is not None and not seen.ok and experiment.focus in (None, seen.kind)

        nearby.shrunk(told[0].spec, fails)


def _is_laborious(experiment: Experiment) -> bool:
    """Whether even the plainest failing geometry is too large for thousands of models."""
    told = _told(experiment)
    return bool(told) and max(told[0].spec.macs, experiment.right(told[0].spec).size) > HANDY


def _not_contradicted(experiment: Experiment, models: Sequence[Model]) -> list[Model]:
    """Those that give the right result on the plainest geometries that pass, which are small."""
    left, end = list(models), time.monotonic() + _SECONDS
    for one in experiment.passing()[:_PLAINEST]:
        left = _in_time(left, end, partial(_is_right_on, experiment, one.spec))
    return left


def _true_of_all(experiment: Experiment, models: Iterable[Model]) -> list[Model]:
    left, end = list(models), time.monotonic() + _SECONDS
    for one in sorted(_told(experiment), key=lambda one: _handy(experiment, one)):
        left = _in_time(left, end, partial(_gives, experiment, one))
        if not left:
            break
    return left


def _is_right_on(experiment: Experiment, spec: ConvSpec, model: Model) -> bool:
    return not experiment.differs(model, spec)


def _gives(experiment: Experiment, one: Observed, model: Model) -> bool:
    return experiment.foretold(model, one.spec) == one.digest


def _in_time(models: Sequence[Model], end: float, stays: Callable[[Model], bool]) -> list[Model]:
    """Those that stay; none once the time is up: no name, rather than one that was not compared with all others."""
    left: list[Model] = []
    for model in models:
        if time.monotonic() > end:
            return []
        if stays(model):
            left.append(model)
    return left


def _told(experiment: Experiment) -> list[Observed]:
    """The failing results: a crash has none, and is told by itself."""
    return [one for one in experiment.failing() if one.kind is not Kind.CRASH]


def _handy(experiment: Experiment, one: Observed) -> tuple[bool, int]:
    """Small results first, but for those so small that they tell nothing apart."""
    size = experiment.right(one.spec).size
    return size < _SEVERAL, size


def _speaks(one: Observed) -> bool:
    """Whether a failing result is more than one wrong element among right ones: that fits too much."""
    return one.digest is not None and (one.wrong != 1 or one.shape == (1,))


def _rests_on_enough(experiment: Experiment) -> bool:
    """Whether several failing geometries say something, at least one of them with more than one wrong element."""
    speaking = [one for one in _told(experiment) if _speaks(one)]
    return len(speaking) >= _FEWEST and any(one.wrong > 1 or one.wrong == 0 for one in speaking)


def _contradicted(experiment: Experiment, model: Model) -> bool:
    """Whether the op is right somewhere where the model is not."""
    return any(experiment.differs(model, one.spec) for one in experiment.passing())


def _told_apart(experiment: Experiment, free: list[Model]) -> list[Model]:
    """The models that are left once every geometry that was found to part them was run."""
    for _ in range(_ROUNDS):
        if len(free) < 2:
            break
        parting = next((spec for spec in _nearby_and_far(experiment) if _parts(experiment, free, spec)), None)
        if parting is None or experiment.run(parting) is None:
            break
        free = [model for model in free if _agrees(experiment, model, parting)]
    return free


def _nearby_and_far(experiment: Experiment) -> Iterable[ConvSpec]:
    """Geometries not yet run on which models could differ."""
    failing = _told(experiment)
    far = (*plan.small_ones(0, 120), *plan.wide_ones(0, 140))
    specs = [*nearby.neighbours(failing[0].spec), *nearby.neighbours(failing[-1].spec), *far]
    for spec in experiment.bent(specs):
        if spec.macs <= _CHEAP and spec not in experiment.observed:
            yield spec


def _parts(experiment: Experiment, models: Sequence[Model], spec: ConvSpec) -> bool:
    first = experiment.foretold(models[0], spec)
    return any(experiment.foretold(model, spec) != first for model in models[1:])


def _agrees(experiment: Experiment, model: Model, spec: ConvSpec) -> bool:
    """Whether the model gives what the backend gave there; what was refused says nothing."""
    seen = experiment.observed.get(spec)
    if seen is None:
        return True
    if not seen.ok and (seen.kind is Kind.CRASH or experiment.focus not in (None, seen.kind)):
        return True  # another kind of failure, which is told by itself
    return not experiment.differs(model, spec) if seen.ok else experiment.foretold(model, spec) == seen.digest


def _foretelling(experiment: Experiment, free: list[Model]) -> list[Model]:
    """Those that say beforehand what more geometries give; most of them such that it shows, where there are.

    Some have larger numbers than any before: half the stride is no stride, until the stride is 4. Some have twice and
    thrice a number of what fails: what lies beyond the first 16 is the rest of 16, until there are 32.
    """
    if not free:
        return []
    fresh = unseen(experiment)
    telling = list(islice((spec for spec in fresh if experiment.differs(free[0], spec)), _UNSEEN // 2))
    rest = [spec for spec in fresh if spec not in set(telling)][: _UNSEEN - len(telling)]
    far = (spec for spec in _stretched(experiment) if any(experiment.differs(model, spec) for model in free[:2]))
    more = (spec for spec in _multiplied(experiment) if any(experiment.differs(model, spec) for model in free[:2]))
    asked = [*telling, *rest, *islice(far, _UNSEEN), *islice(more, _UNSEEN // 2)]
    experiment.run_all(asked)
    return [model for model in free if all(_agrees(experiment, model, spec) for spec in asked)]


def _stretched(experiment: Experiment) -> list[ConvSpec]:
    """Failing geometries with one number, or two of a kind, larger than those that were looked at."""
    found: dict[ConvSpec, None] = {}
    failing = sorted(_told(experiment), key=lambda one: -one.wrong)[:_FEWEST]
    for value in _LARGER:
        for one in failing:
            own = fields_of(one.spec)
            for names in (*((name,) for name in NAMES if name not in "hw"), ("sh", "sw"), ("dh", "dw"), ("kh", "kw")):
                made = spec_of(_roomy({**own, **dict.fromkeys(names, value)}))
                if made is not None and made.macs <= _SMALL:
                    found[made] = None
    return [spec for spec in experiment.bent(list(found)) if spec not in experiment.observed]


def _multiplied(experiment: Experiment) -> list[ConvSpec]:
    """The plainest failing geometry with one number half as large again, or two or three times as large."""
    found: dict[ConvSpec, None] = {}
    own = fields_of(_told(experiment)[0].spec)
    for name in NAMES:
        for value in (own[name] + own[name] // 2, 2 * own[name] + 1, 3 * own[name] + 1):
            made = spec_of(_roomy({**own, name: value}))
            if made is not None and made.macs <= _CHEAP:
                found[made] = None
    return [spec for spec in experiment.bent(list(found)) if spec not in experiment.observed]


def _roomy(d: Fields) -> Fields:
    """With an image that has several windows, and with groups that divide the channels."""
    inputs, outputs = max(d["c"] // d["g"], 1), max(d["f"] // d["g"], 1)
    high = (d["kh"] - 1) * d["dh"] + 1 + 2 * d["sh"]
    wide = (d["kw"] - 1) * d["dw"] + 1 + 2 * d["sw"]
    more = {} if d["c"] % d["g"] == d["f"] % d["g"] == 0 else {"c": inputs * d["g"], "f": outputs * d["g"]}
    return {**d, **more, "h": max(d["h"], high), "w": max(d["w"], wide)}


def unseen(experiment: Experiment) -> list[ConvSpec]:
    """Geometries that nobody has looked at, small ones and larger ones in turn."""
    several = [spec for pair in zip(plan.small_ones(200, 320), plan.wide_ones(140, 260), strict=True) for spec in pair]
    fresh = experiment.bent(several)
    return [spec for spec in fresh if spec not in experiment.observed and spec.macs <= _CHEAP]


def _distinct(experiment: Experiment, models: Sequence[Model]) -> list[Model]:
    """The plainest of those that give the same on all that passes."""
    found: dict[tuple[object, ...], Model] = {}
    passing = [one.spec for one in experiment.passing()]
    for model in models[:_COMPARED]:
        found.setdefault(tuple(experiment.foretold(model, spec) for spec in passing), model)
    return list(found.values())


def _under_condition(experiment: Experiment, model: Model) -> Name | None:
    condition = condition_of(experiment, experiment.failing()[0].spec, lambda spec: experiment.differs(model, spec))
    if condition is None or not _true_of_all(experiment, [model]):
        return None
    # The search runs what parts conditions, not what parts models: those that are one on short axes, say.
    more = [spec for spec in _multiplied(experiment) if condition.holds(spec) and experiment.differs(model, spec)]
    experiment.run_all(more[: _UNSEEN // 2])
    if any(seen.ok for spec in more if (seen := experiment.observed.get(spec)) is not None):
        return None
    if not _true_of_all(experiment, [model]):
        return None
    passing = [one for one in experiment.passing() if experiment.differs(model, one.spec)]
    return Name(model, condition, len(_told(experiment)), len(passing), condition.unseen)


def _look_around(experiment: Experiment) -> None:
    """The neighbours of what fails: a name needs several."""
    for one in _told(experiment)[:_FEWEST]:
        experiment.run_all(experiment.bent(nearby.neighbours(one.spec)))
