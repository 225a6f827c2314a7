"""Geometries that conditions are compared on: those that were run, and many that may be, with what was seen of them."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import cache

import numpy as np

from conformance.cases.fields import NAMES
from conformance.diagnosis.conditions.predicates import Predicates
from conformance.diagnosis.experiment import nearby, plan
from conformance.diagnosis.experiment.experiment import Experiment
from harness.contract.protocol import Array
from harness.geometry.spec import ConvSpec

_MOST_WORK = 4_000_000  # of a geometry that may be run only to tell conditions apart
_LOOKED_AT = 30  # of the largest in a number, until one tells
_BENT_SMALL, _BENT_WIDE = 250, 600  # of the pool, where all have to be bent first

Relevant = Callable[[ConvSpec], bool]


class Universe:
    """Its geometries have places. `relevant` is False of one that says nothing if it passes."""

    def __init__(
        self,
        experiment: Experiment,
        near: Sequence[ConvSpec],
        more: Sequence[ConvSpec] = (),
        relevant: Relevant | None = None,
    ) -> None:
        """With the neighbours of the geometries `near`, and with `more`."""
        self.experiment, self._relevant = experiment, relevant
        around = [*more, *(other for spec in near for other in nearby.neighbours(spec))]
        taken = experiment.bent([spec for spec in (*around, *_pool(experiment)) if _is_quick(spec)])
        self.specs = list(dict.fromkeys([*experiment.observed, *taken]))
        self._places = {spec: place for place, spec in enumerate(self.specs)}
        self._untried = np.ones(len(self.specs), bool)
        self._untried[: len(experiment.observed)] = False
        self.predicates = Predicates(self.specs, [self._places[s] for s in experiment.observed], self.failing())
        self._work = np.array([spec.macs + spec.work("im2col") for spec in self.specs])

    def failing(self) -> list[int]:
        """Places of those that fail."""
        return [self._places[seen.spec] for seen in self.experiment.failing() if seen.spec in self._places]

    def passing(self) -> list[int]:
        """Places of those that pass, and say something by it."""
        return [
            self._places[seen.spec]
            for seen in self.experiment.passing()
            if seen.spec in self._places and self.says_something(seen.spec)
        ]

    def says_something(self, spec: ConvSpec) -> bool:
        """Whether it could be seen there that something is wrong."""
        return math.prod(spec.output_shape(self.experiment.op)) > 0 and (self._relevant is None or self._relevant(spec))

    def run(self, places: Sequence[int]) -> None:
        """All of these."""
        self._untried[list(places)] = False
        self.experiment.run_all([self.specs[place] for place in places])

    def fails(self, spec: ConvSpec) -> bool | None:
        """Run it. None if that says nothing: it cannot be run, fails in another way, or passes where all would."""
        seen = self.experiment.run(spec)
        if seen is None:
            return None
        if not seen.ok:
            return True if self.experiment.focus in (None, seen.kind) else None
        return False if self.says_something(spec) else None

    def untried(self) -> Array:
        """Where geometries are that were not run."""
        return self._untried

    def lightest(self, scores: Array) -> Array:
        """Places by score, the largest first; among equals the least work."""
        order: Array = np.lexsort((self._work, -scores))
        return order

    def extremes(self, where: Array, tells: Relevant) -> list[int]:
        """Of these geometries the largest in each number that tells, by little work: a rare exception is seen there."""
        found: dict[int, None] = {}
        for name in NAMES:
            largest = self.lightest(np.where(where, self.predicates.features[name], -1))[:_LOOKED_AT]
            place = next((int(place) for place in largest if where[place] and tells(self.specs[place])), None)
            if place is not None:
                found[place] = None
        return list(found)


@cache
def shows_most(spec: ConvSpec) -> bool:
    """Whether every window reads the image: of one that reads padding alone most mistakes make zeros, as is right."""
    sizes = zip(
        spec.output_size, spec.stride, spec.kernel_size, spec.dilation, spec.padding[::2], spec.input_size, strict=True
    )
    return spec.batch > 0 and all(_reads(*axis) for axis in sizes)


def _reads(windows: int, stride: int, taps: int, dilation: int, before: int, size: int) -> bool:
    """Whether every window reads a pixel of the image, along one axis."""
    pixels = stride * np.arange(windows)[:, None] + dilation * np.arange(taps) - before
    return bool(((pixels >= 0) & (pixels < size)).any(1).all())


def _pool(experiment: Experiment) -> Sequence[ConvSpec]:
    """All of it where the backend takes most; where it does not, a part, as bending takes time."""
    pool = plan.pool()
    if all(map(experiment.takes, plan.first())):
        return pool
    return (*pool[:_BENT_SMALL], *pool[plan.POOL_SMALL : plan.POOL_SMALL + _BENT_WIDE])


def _is_quick(spec: ConvSpec) -> bool:
    return max(spec.macs, spec.work("im2col")) <= _MOST_WORK
