"""Whether what a diagnosis says of a fault is so: by results on geometries that it did not use, never by words."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Literal

import numpy as np

from conformance.diagnosis.diagnose import Found, findings
from conformance.diagnosis.experiment import draw
from conformance.diagnosis.experiment.experiment import Experiment
from conformance.diagnosis.experiment.observed import Kind, Observed
from conformance.diagnosis.models.model import Given, Model
from conformance.diagnosis.naming.sums import SUMS
from conformance.power.fault import Fault, Implementation, load
from harness.contract.protocol import Array
from harness.geometry.spec import ConvSpec

Truth = Literal["right", "wrong", "silent"]

_SMALL, _WIDE = 170, 90  # geometries that are compared
_CHEAP = 2_000_000  # multiply-adds
_OF_NUMBERS = 24  # geometries on which numbers are compared that are not whole
_NEAR = 1e-6  # of the largest: how far a sum in another order may be off
_SHOWN = 3  # geometries on which a fault must show, so that a model can be said to be its own


@dataclass(frozen=True, slots=True)
class Compared:
    """What became of one found cause: the name, if there is one, and the condition, if one was stated."""

    truth: Truth
    condition: Literal["", "exact", "off"] = ""


class Unseen:
    """A fault on geometries that no diagnosis looks at: what it gives there."""

    def __init__(self, fault: Fault, dtype: str) -> None:
        self.experiment = Experiment(load(Implementation(fault)), fault.op, dtype, seconds=60.0)
        self.experiment.run_all(self.experiment.bent(_geometries()))

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
    """What a diagnosis says against what the fault gives, on geometries other than those it has looked at."""
    cause = found.cause
    if cause.kind == "later call":
        return Compared(_later(unseen, cause.id))
    if cause.kind == "numbers":
        return Compared("silent" if found.model is None else _numbers(unseen, found.model))
    known = set(looked_at)
    new = [one for one in unseen.observed if one.spec not in known]
    condition: Literal["", "exact", "off"] = ""
    if found.condition is not None:
        condition = "exact" if all(_holds(unseen, found, one) for one in new) else "off"
    if found.model is not None:
        right = all(_is_foretold(unseen, found, one) for one in new)
    elif found.hint is not None:
        right = all(_has_the_shape(unseen, found, one) for one in new)
    else:
        return Compared("silent", condition)
    return Compared("right" if right else "wrong", condition)


def _made(found: Found, spec: ConvSpec) -> bool:
    """Whether the mistake is made there."""
    return found.condition is None or found.condition.holds(spec)


def _is_foretold(unseen: Unseen, found: Found, one: Observed) -> bool:
    if one.kind is Kind.CRASH:
        return True  # which another cause tells
    assert found.model is not None
    e = unseen.experiment
    foretold = e.foretold(found.model, one.spec) if _made(found, one.spec) else e.right_digest(one.spec)
    return foretold == (e.right_digest(one.spec) if one.ok else one.digest)


def _has_the_shape(unseen: Unseen, found: Found, one: Observed) -> bool:
    if one.kind is Kind.CRASH:
        return True
    assert found.hint is not None
    right = one.spec.output_shape(unseen.experiment.op)
    return (found.hint.shape(one.spec) if _made(found, one.spec) else right) == one.shape


def _holds(unseen: Unseen, found: Found, one: Observed) -> bool:
    """Whether the condition is true of what fails in its way; what the fault does not change says nothing."""
    assert found.condition is not None
    holds, e = found.condition.holds(one.spec), unseen.experiment
    if not one.ok:
        other = found.cause.kind == "crash" and one.kind is not Kind.CRASH
        return holds or other or (found.cause.kind != "crash" and one.kind is Kind.CRASH)
    if found.model is not None:
        return not holds or not e.differs(found.model, one.spec)
    return not holds or not e.right(one.spec).size


@cache
def _geometries() -> tuple[ConvSpec, ...]:
    wide = [spec for spec in draw.wide(_WIDE * 2, seed=91) if spec.macs <= _CHEAP]
    return tuple(dict.fromkeys((*draw.small(_SMALL, seed=90), *wide[:_WIDE])))


# -- numbers ----------------------------------------------------------------------------------------------------------


def _numbers(unseen: Unseen, model: Model) -> Truth:
    """On real numbers, tiny ones, and with NaN and infinities."""
    e = unseen.experiment
    several = [one.spec for one in unseen.observed if one.ok and e.right(one.spec).size and one.spec.macs < _CHEAP]
    judged = 0
    for number, spec in enumerate(several[:_OF_NUMBERS]):
        for make in _DATA:
            arrays = make(np.random.default_rng(number), e.given(spec).arrays, e.dtype)
            got = e.raw(spec, arrays)
            if isinstance(got, str):
                return "wrong"
            judged += 1
            given = Given(e.op, spec, arrays)
            coarse = model.id.startswith(SUMS)
            if not (_is_coarse(got, model) if coarse else _agrees(got, model, given, e.dtype)):
                return "wrong"
    return "right" if judged else "silent"


def _agrees(got: Array, model: Model, given: Given, dtype: str) -> bool:
    with np.errstate(all="ignore"):
        made = model.gives(given).astype(dtype).astype(np.float64)
        finite = made[np.isfinite(made)]
        near = max(_NEAR, 8 * float(np.finfo(np.dtype(dtype)).eps)) * float(np.abs(finite).max(initial=0))
        return got.shape == made.shape and bool(np.allclose(got, made, rtol=0, atol=near, equal_nan=True))


def _is_coarse(got: Array, model: Model) -> bool:
    """Whether the results are numbers that such an accumulator can hold."""
    coarse = np.float16 if model.id.endswith("half") else np.float32
    with np.errstate(all="ignore"):
        return bool(np.array_equal(got, got.astype(coarse).astype(got.dtype), equal_nan=True))


_Arrays = tuple[Array | None, ...]
_Make = Callable[[np.random.Generator, _Arrays, str], _Arrays]


def _real(rng: np.random.Generator, arrays: _Arrays, dtype: str) -> _Arrays:
    size = 10 ** rng.uniform(-1, 2)
    return _cast([None if a is None else np.asarray(rng.normal(0, size, a.shape)) for a in arrays], dtype)


def _tiny(rng: np.random.Generator, arrays: _Arrays, dtype: str) -> _Arrays:
    """The first argument over many sizes, the others about 1."""
    first, *rest = arrays
    assert first is not None
    small = np.asarray(rng.normal(0, 1, first.shape) * 10.0 ** rng.integers(-9, 1, first.shape))
    return _cast([small, *(None if a is None else np.sign(a) for a in rest)], dtype)


def _cast(arrays: Sequence[Array | None], dtype: str) -> _Arrays:
    return tuple(None if a is None else a.astype(dtype).astype(np.float64) for a in arrays)


_DATA: tuple[_Make, ...] = (_real, _tiny)


# -- later calls --------------------------------------------------------------------------------------------------


def _later(unseen: Unseen, name: str) -> Truth:
    """A second implementation of the fault, diagnosed afresh, is told the same. There is no result to compare."""
    caller = unseen.experiment.caller
    again = Experiment(caller, unseen.experiment.op, unseen.experiment.dtype, seconds=20.0)
    return "right" if any(found.cause.id == name for found in findings(again, ())) else "wrong"
