"""Whether what a diagnosis says of a fault is so: by results on geometries that it did not use, never by words."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import islice

from conformance.diagnosis.cause import Cause
from conformance.diagnosis.diagnose import Found, findings
from conformance.diagnosis.experiment import draw
from conformance.diagnosis.experiment.experiment import Experiment
from conformance.diagnosis.experiment.observed import Kind, Observed
from conformance.diagnosis.models.model import Model
from conformance.diagnosis.naming.kept_data import kept_of, same
from conformance.power.diagnosed.on_memory import is_true_of_memory
from conformance.power.diagnosed.on_numbers import is_true_of_numbers
from conformance.power.fault import Fault, Implementation, load
from conformance.power.records import Stated, Truth
from conformance.power.where import geometries
from conformance.power.where.conditions import Condition
from harness.geometry.spec import ConvSpec

_SMALL, _WIDE = 170, 90  # geometries that are compared
_MEETING, _RELATED = 60, 12  # that meet the condition of the fault, and those whose neighbours are compared too
_CHEAP = 2_000_000  # multiply-adds
_SHOWN = 3  # geometries on which a fault must show, so that a model can be said to be its own
_KEPT = 8  # geometries on which it is looked at what is kept of earlier data
_TELLING = 12  # elements of their results
_OF_MANY_CALLS = ("later/cache ", "later/every ", "later/after ", "later/changes", "later/bias kept")
_RIGHT_AT_FIRST = ("later/cache ", "later/after ")


@dataclass(frozen=True, slots=True)
class Compared:
    """What became of one found cause: the name, if there is one, and the condition, if one was stated."""

    truth: Truth
    condition: Stated = ""


class Unseen:
    """A fault on geometries that no diagnosis looks at, many of them next to where it begins: what it gives there."""

    def __init__(self, fault: Fault, dtype: str) -> None:
        self.fault = fault
        self.experiment = Experiment(load(Implementation(fault)), fault.op, dtype, seconds=60.0)
        self.experiment.run_all(self.experiment.bent([*_everywhere(), *_about(fault.condition)]))

    @property
    def observed(self) -> list[Observed]:
        """All."""
        return list(self.experiment.observed.values())

    def shows(self) -> list[Observed]:
        """Where it is wrong."""
        return [one for one in self.observed if not one.ok]

    def own_models(self, models: Sequence[Model]) -> list[Model]:
        """The models that give what the fault gives, wherever it shows: it by name, also if it has a condition."""
        shown = [one for one in self.shows() if one.kind is not Kind.CRASH]
        if len(shown) < _SHOWN:
            return []
        left = list(models)
        for one in sorted(shown, key=lambda one: self.experiment.right(one.spec).size):
            left = [model for model in left if self.experiment.foretold(model, one.spec) == one.digest]
        return left


def compared(unseen: Unseen, found: Found, looked_at: Sequence[ConvSpec]) -> Compared:
    """What a diagnosis says against what the fault gives, on geometries other than those it has looked at.

    A name is right if it gives every wrong result, and, where it is said without a condition, every right one too. A
    name that shows on none of these geometries is neither right nor wrong.
    """
    if found.cause.kind == "later call":
        return Compared(_later(unseen, found.cause))
    if found.cause.kind == "numbers":
        return Compared("silent" if found.model is None else is_true_of_numbers(unseen.experiment, found.model))
    if found.claim is not None:
        return Compared(*is_true_of_memory(unseen.experiment, found.claim, looked_at))
    known = set(looked_at)
    new = [one for one in unseen.observed if one.spec not in known and _is_meant(found, one)]
    condition: Stated = ""
    if found.condition is not None:
        condition = "exact" if all(_holds(unseen, found, one) for one in new) else "off"
    if all(one.ok for one in new) or not (found.model or found.hint):
        return Compared("silent", condition)
    foretells = _foretells if found.model is not None else _foretells_the_shape
    return Compared("right" if all(foretells(unseen, found, one) for one in new) else "wrong", condition)


def _is_meant(found: Found, one: Observed) -> bool:
    """Whether the cause speaks of it: what fails in another way has a cause of its own."""
    return one.ok or (one.kind is not Kind.CRASH if found.focus is None else one.kind is found.focus)


def _foretells(unseen: Unseen, found: Found, one: Observed) -> bool:
    assert found.model is not None
    if one.ok:
        return found.condition is not None or not unseen.experiment.differs(found.model, one.spec)
    return unseen.experiment.foretold(found.model, one.spec) == one.digest


def _foretells_the_shape(unseen: Unseen, found: Found, one: Observed) -> bool:
    assert found.hint is not None
    if one.ok:
        return found.condition is not None or not _shows(unseen, found, one.spec)
    return found.hint.shape(one.spec) == one.shape


def _holds(unseen: Unseen, found: Found, one: Observed) -> bool:
    """Whether the condition holds where it fails, and nowhere else; where the mistake would not show it may hold."""
    assert found.condition is not None
    return found.condition.holds(one.spec) == (not one.ok) or (one.ok and not _shows(unseen, found, one.spec))


def _shows(unseen: Unseen, found: Found, spec: ConvSpec) -> bool:
    """Whether the mistake could be seen there."""
    e = unseen.experiment
    if found.model is not None:
        return e.differs(found.model, spec)
    if found.hint is not None:
        return found.hint.shape(spec) != spec.output_shape(e.op)
    return e.right(spec).size > 0


def _later(unseen: Unseen, cause: Cause) -> Truth:
    """Of data that are kept: by three calls on geometries that were never called, each of a fresh implementation.

    It is told without a condition, of some calls that were made: so where the fault has one, only where that holds. Of
    the rest there is no result to compare: it has to be told again after other calls, and what is wrong on a later call
    has to be right on the first one of a fresh implementation.
    """
    e, name = unseen.experiment, cause.id
    if name.startswith(_RIGHT_AT_FIRST):
        new = Experiment(load(Implementation(unseen.fault)), e.op, e.dtype)
        if not same(new.raw(cause.plainest, new.given(cause.plainest).arrays), new.right(cause.plainest)):
            return "wrong"
    if name.startswith(_OF_MANY_CALLS):
        again = findings(Experiment(load(Implementation(unseen.fault)), e.op, e.dtype, seconds=20.0), ())
        return "right" if any(found.cause.id == name for found in again) else "wrong"
    several = (spec for spec in e.observed if spec.macs <= _CHEAP and unseen.fault.condition.fits(spec))
    specs = list(islice((spec for spec in several if e.right(spec).size >= _TELLING), _KEPT))
    kept = [kept_of(Experiment(load(Implementation(unseen.fault)), e.op, e.dtype), spec) for spec in specs]
    return "right" if specs and all(one is not None and one.id == name for one in kept) else "wrong"


@cache
def _everywhere() -> tuple[ConvSpec, ...]:
    wide = [spec for spec in draw.wide(_WIDE * 2, seed=91) if spec.macs <= _CHEAP]
    return tuple(dict.fromkeys((*draw.small(_SMALL, seed=90), *wide[:_WIDE])))


def _about(condition: Condition) -> Iterator[ConvSpec]:
    """Geometries that meet the condition of a fault, and neighbours of some of them, of which not all do."""
    if condition.geometry:
        meeting = geometries.meeting(condition, _MEETING, seed=92)
        yield from meeting
        for spec in meeting[:: max(1, len(meeting) // _RELATED)]:
            yield from geometries.related(spec)
