"""Why an op is wrong: it is called on geometries of our own, a mistake is named or its condition stated, or nothing.

One kind of failure is looked at after the other: a crash on an odd geometry must not hide wrong values on plain ones.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from conformance.diagnosis import telling, where
from conformance.diagnosis.cause import Cause
from conformance.diagnosis.conditions.foretell import Condition, condition_of
from conformance.diagnosis.experiment import plan
from conformance.diagnosis.experiment.experiment import Experiment
from conformance.diagnosis.experiment.observed import Kind
from conformance.diagnosis.inputs.claim import Claim
from conformance.diagnosis.inputs.placed import placed_of
from conformance.diagnosis.models import catalogue
from conformance.diagnosis.models.model import Model
from conformance.diagnosis.naming import layouts, pairs, probes
from conformance.diagnosis.naming.later_calls import Later, later_of
from conformance.diagnosis.naming.names import conditional_name_of, name_of
from conformance.diagnosis.naming.shapes import Hint, shape_of
from conformance.diagnosis.unwritten import unwritten_of
from harness.calls.caller import Caller
from harness.geometry.spec import ConvSpec, Op
from harness.results.words import plural

_FEW = 4  # failing geometries, below which larger ones are asked about as well
_DESCRIBED = 6  # failing results of which it is said where they are wrong


@dataclass(frozen=True, slots=True)
class Found:
    """A cause, and what it says as functions: the model or the hint, and when it holds (None: everywhere)."""

    cause: Cause
    model: Model | None = None
    hint: Hint | None = None
    condition: Condition | None = None
    focus: Kind | None = None  # the way to fail that it is about; None: wrong values and wrong shapes
    claim: Claim | None = None  # of memory


def diagnose(caller: Caller, op: Op, dtype: str, *, seconds: float = 5.0) -> list[Cause]:
    """The root causes of what is wrong with one op in one dtype, at most one for each way to fail.

    Wrong values come before wrong shapes, and those before crashes; nothing if nothing is wrong. `seconds` is what the
    calls may take in all.
    """
    experiment = Experiment(caller, op, dtype, seconds=seconds)
    return [found.cause for found in findings(experiment, known(op))]


def known(op: Op) -> tuple[Model, ...]:
    """All models of one op, layouts of its result included."""
    return (*layouts.models(op), *catalogue.of(op))


def findings(experiment: Experiment, models: Sequence[Model]) -> list[Found]:
    """The same with what was found as functions; of mistakes, `models` alone are known."""
    experiment.run_all(experiment.bent(plan.first()))
    if len(experiment.failing()) < _FEW:
        experiment.run_all(experiment.bent(plan.larger()))
    if not experiment.failing():
        return _where_plain_calls_are_right(experiment)
    unwritten = unwritten_of(experiment)
    if unwritten is not None:
        return [Found(telling.of_unwritten(experiment, unwritten))]
    later = _changing(experiment)
    if later is not None:
        return [Found(telling.of_later(experiment, later))]
    several = _by_kind(experiment, models)
    if several[0].cause.kind != "later call" and all(
        one.kind is Kind.CRASH for one in experiment.observed.values() if not one.ok
    ):
        experiment.focus = Kind.VALUE
        beside = _where_whole_numbers_are_right(experiment)
        if beside is not None:
            several.insert(0, beside)
    return several


def _where_plain_calls_are_right(experiment: Experiment) -> list[Found]:
    """What whole numbers do not show, and what arrays in C order do not."""
    found = _where_whole_numbers_are_right(experiment)
    if found is not None and found.cause.kind == "later call":
        return [found]  # other calls came before, in whatever memory
    placed = [Found(telling.of_placed(experiment, one), claim=one.claim) for one in placed_of(experiment)]
    return placed if found is None else [found, *placed]


def _by_kind(experiment: Experiment, models: Sequence[Model]) -> list[Found]:
    """One of each way to fail; what a later call shows is all, as then nothing else that was seen can be trusted."""
    kinds, found = {one.kind for one in experiment.failing()}, list[Found]()
    if Kind.SHAPE in kinds:
        together = _values_and_shapes(experiment, models, Kind.VALUE in kinds)
        if together is not None:
            found.append(together)
            kinds -= {Kind.VALUE, Kind.SHAPE}
    nameless = list[Kind]()
    for kind in (kind for kind in Kind if kind in kinds):  # values, shapes, crashes
        experiment.focus = kind
        one = _named_of_kind(experiment, kind, models)
        if one is None:
            nameless.append(kind)
            continue
        if one.cause.kind == "later call":
            return [one]
        found.append(replace(one, focus=kind))
    if not found and len(nameless) > 1:
        experiment.focus = None
        all_of_them = _under_condition(experiment)
        if all_of_them is not None:
            return [all_of_them]
    for kind in nameless:
        experiment.focus = kind
        _add(experiment, found, replace(_under_condition(experiment) or _located(experiment), focus=kind))
    return found


def _add(experiment: Experiment, found: list[Found], one: Found) -> None:
    """What has no name, beside a mistake that has one, may come of it: a crash over shapes, or where it shows."""
    named = next((place for place, other in enumerate(found) if other.cause.id), None)
    if named is None or one.cause.id:
        found.append(one)
    elif experiment.focus is not Kind.CRASH:
        found.append(replace(one, cause=telling.after_a_name(one.cause)))
    elif telling.is_of_shapes(one.cause) or all(
        _shows(experiment, found[named], spec) for spec in _with_a_result(experiment)
    ):
        found[named] = replace(found[named], cause=telling.with_a_crash(found[named].cause, experiment.failing()[0]))
    else:
        found.append(one)


def _with_a_result(experiment: Experiment) -> list[ConvSpec]:
    """Failing geometries whose result has an element: elsewhere nothing can be seen of a mistake."""
    return [one.spec for one in experiment.failing() if experiment.right(one.spec).size]


def _shows(experiment: Experiment, found: Found, spec: ConvSpec) -> bool:
    """Whether the mistake gives another result than the right one, or none."""
    if found.condition is not None and not found.condition.holds(spec):
        return False
    if found.model is not None:
        return experiment.differs(found.model, spec)
    return found.hint is not None and found.hint.shape(spec) != spec.output_shape(experiment.op)


def _named_of_kind(experiment: Experiment, kind: Kind, models: Sequence[Model]) -> Found | None:
    if kind is Kind.VALUE:
        return _value(experiment, models)
    if kind is Kind.SHAPE:
        return _shape(experiment, models)
    later = later_of(experiment)  # what was kept of other calls may fit so badly that it raises
    return None if later is None else Found(telling.of_later(experiment, later))


def _under_condition(experiment: Experiment) -> Found | None:
    """What has no name, but a condition."""
    condition = condition_of(experiment, experiment.failing()[0].spec) if experiment.passing() else None
    if condition is None:
        return None
    return Found(telling.of_condition(experiment, condition, _described(experiment)), condition=condition)


def _located(experiment: Experiment) -> Found:
    return Found(telling.of_place(experiment, _described(experiment)))


def _values_and_shapes(experiment: Experiment, models: Sequence[Model], both: bool) -> Found | None:
    """A misread geometry, or a layout, which is wrong in shapes here and in values there."""
    experiment.focus = None
    found = _named(experiment, models)
    return _named_where(experiment, models) if found is None and both else found


def _value(experiment: Experiment, models: Sequence[Model]) -> Found | None:
    found = _named(experiment, models)
    if found is not None:
        return found
    later = later_of(experiment)
    if later is not None:
        return Found(telling.of_later(experiment, later))
    number = probes.number_of(experiment)
    if number is not None:
        return Found(telling.of_number(experiment, number), number.model)
    return _named(experiment, pairs.fitting(experiment)) or _named_where(experiment, models)


def _shape(experiment: Experiment, models: Sequence[Model]) -> Found | None:
    shown = shape_of(experiment)
    if shown is not None:
        return Found(telling.of_shape(experiment, shown), hint=shown.hint, condition=shown.condition)
    later = later_of(experiment)  # a table that was kept for another geometry
    if later is not None:
        return Found(telling.of_later(experiment, later))
    return _named_where(experiment, models)


def _named(experiment: Experiment, models: Sequence[Model]) -> Found | None:
    name = name_of(experiment, models)
    return None if name is None else Found(telling.of_name(experiment, name), name.model)


def _named_where(experiment: Experiment, models: Sequence[Model]) -> Found | None:
    name = conditional_name_of(experiment, models)
    return None if name is None else Found(telling.of_name(experiment, name), name.model, condition=name.condition)


def _where_whole_numbers_are_right(experiment: Experiment) -> Found | None:
    """No bias, real numbers, later calls: what the geometries do not show."""
    later = later_of(experiment)
    if later is not None:
        return Found(telling.of_later(experiment, later))
    number = probes.without_bias(experiment) or probes.number_of(experiment)
    if isinstance(number, Later):
        return Found(telling.of_later(experiment, number))
    return None if number is None else Found(telling.of_number(experiment, number), number.model)


def _changing(experiment: Experiment) -> Later | None:
    """Whether the same call gives another result now: then nothing that was seen can be trusted."""
    asked = [*experiment.failing()[:3], *experiment.passing()[:3]]
    if all(experiment.again(one.spec) for one in asked if experiment.right(one.spec).size):
        return None
    return later_of(experiment)


def _described(experiment: Experiment) -> str:
    """Where the results are wrong, if that is the same for several; a sentence, and a space."""
    said = set()
    failing = experiment.failing()
    half = _DESCRIBED // 2
    for one in (*failing[:half], *failing[half:][-half:]):  # the plainest and the largest
        got, right = experiment.raw(one.spec, experiment.given(one.spec).arrays), experiment.right(one.spec)
        if isinstance(got, str) or got.shape != right.shape:
            return ""
        said.add(where.describe(experiment.op, one.spec, np.asarray(got != right)))
    if len(said) > 1 or "" in said:
        return ""
    several = plural(min(len(failing), _DESCRIBED), "failing result")
    return f"In {several} that were looked at, what is wrong is {said.pop()}. "
