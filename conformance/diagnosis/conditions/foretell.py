"""The condition under which an op fails, stated only if it foretold geometries that had not been run.

Conditions that fit what is known vote on the others, the cheaper with more weight; that on which they disagree most is
run next. What is left is put to the test on geometries of either side, and on those next to the boundary.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, partial
from itertools import islice

import numpy as np

from conformance.diagnosis.conditions.boundary import as_seen, crossed, edges, repeated
from conformance.diagnosis.conditions.features import QUANTITIES, features
from conformance.diagnosis.conditions.search import Candidate, Joined, separating
from conformance.diagnosis.conditions.universe import Relevant, Universe, shows_most
from conformance.diagnosis.experiment import nearby, plan
from conformance.diagnosis.experiment.experiment import Experiment
from harness.contract.protocol import Array
from harness.geometry.spec import ConvSpec

_TURNS = 4  # each with new neighbours of the boundary
_VOTES = 80  # geometries that are run to tell conditions apart
_AT_ONCE = 5  # of them between two searches
_FORETOLD = 24  # on either side, in a turn
_LEAST = 3  # on either side, for a condition to be stated
_LONG, _LEAST_OF_LONG = 3, 12  # more atoms than that fit by chance what few geometries show
_FEW = 4  # of either side: then larger geometries are run
_NEAR = 7  # geometries whose neighbours are asked about
_EDGES = ("k", "l", "columns", "macs")  # quantities in which the least failing geometry is near the boundary
_CROSSED, _MOST_CROSSED = 3, 60  # passing geometries, and those that are made of them on either side of a comparison
_EVEN = 1e-9
_SHORT = 5.0  # the cost of a condition that no other is looked for beside
_SURE = 3  # the first geometries have each of the numbers up to it


@dataclass(frozen=True, slots=True)
class Condition:
    """When an op fails, in words; `declare` is the line of `unsupported` that says so."""

    text: str
    cost: float
    holds: Callable[[ConvSpec], bool]
    failing: int  # geometries run
    passing: int  # of those that say something
    unseen: int  # of both, foretold before they were run
    declare: str


def condition_of(experiment: Experiment, start: ConvSpec, relevant: Relevant | None = None) -> Condition | None:
    """The condition that holds on all geometries that fail in the way that is in focus, and on none that pass.

    `start` fails. Where `relevant` is False a passing geometry says nothing: the mistake would not show there. None if
    no short condition fits, or it foretold something wrongly, or there was no time to see.
    """
    found = _Search(experiment, start, relevant).condition()
    if relevant is not None or (found is not None and found.cost <= _SHORT):
        return found
    # Where some window reads padding alone most mistakes make zeros, as is right: passing there says nothing.
    plainer = _Search(experiment, start, shows_most, many=True).condition()
    return min((one for one in (found, plainer) if one is not None), key=lambda one: one.cost, default=None)


class _Search:
    """What is kept from turn to turn."""

    def __init__(
        self, experiment: Experiment, start: ConvSpec, relevant: Relevant | None, *, many: bool = False
    ) -> None:
        self.experiment = experiment
        self.relevant = None if relevant is None else cache(relevant)
        self.start = nearby.shrunk(start, self._fails)
        self.votes = 0
        self.unseen = {True: 0, False: 0}  # of the last turn without a miss, on either side
        self.draw = np.random.default_rng(0)
        self.many = many  # whether more than three atoms may be joined

    def condition(self) -> Condition | None:
        near, more = [self.start], list[ConvSpec]()
        self._require_both_sides()
        for turn in range(_TURNS):
            universe, before = Universe(self.experiment, near, more, self.relevant), self.votes
            best = self._sharpened(universe)
            if best is None and self.many and turn == 0:
                universe, best = self._after_neighbours(near, more)
            if best is None or self.experiment.exhausted:
                return None
            joined = best.joined(universe.predicates)
            right, is_settled = self._foretells(universe, best, joined), self.votes == before
            if right and (turn == _TURNS - 1 or (is_settled and (turn > 0 or not _has_limits(joined)))):
                return self._stated(universe, joined)
            near, more = self._boundary(universe, joined)
        return None

    def _after_neighbours(self, near: list[ConvSpec], more: list[ConvSpec]) -> tuple[Universe, Candidate | None]:
        """Each number of a failing geometry is changed for itself: that tells which of them matter."""
        self.experiment.run_all(self.experiment.bent(nearby.neighbours(self.start)))
        universe = Universe(self.experiment, near, more, self.relevant)
        return universe, self._sharpened(universe)

    def _require_both_sides(self) -> None:
        """A limit that nothing small is beyond needs larger geometries."""
        passing = [seen for seen in self.experiment.passing() if self.relevant is None or self.relevant(seen.spec)]
        if min(len(self.experiment.failing()), len(passing)) < _FEW:
            self.experiment.run_all(self.experiment.bent(plan.larger()))

    def _fails(self, spec: ConvSpec) -> bool:
        seen = self.experiment.run(spec)
        return seen is not None and not seen.ok and self.experiment.focus in (None, seen.kind)

    def _sharpened(self, universe: Universe) -> Candidate | None:
        """The cheapest condition after geometries were run on which conditions that fit disagree."""
        while True:
            passing = universe.passing()
            failing = universe.failing()
            found = separating(universe.predicates, failing, passing, many=self.many) if passing else []
            best, before = (found[0] if found else None), self.votes
            while asked := self._asked(universe, found):
                universe.run(asked)
                self.votes += len(asked)
                found = [one for one in found if self._fits(universe, one, asked)]
            if self.votes == before:
                return best

    def _fits(self, universe: Universe, candidate: Candidate, places: list[int]) -> bool:
        seen = [universe.fails(universe.specs[place]) for place in places]
        return all(fails in (None, candidate.where[place]) for fails, place in zip(seen, places, strict=True))

    def _asked(self, universe: Universe, found: list[Candidate]) -> list[int]:
        """Places that split the votes best, no two in the same way; none if all agree, or enough was asked."""
        if not found or self.votes >= _VOTES or self.experiment.exhausted:
            return []
        votes = np.array([one.where for one in found])
        weight = np.exp(-np.array([one.cost for one in found]))
        share = weight @ votes / weight.sum()
        score = np.where(universe.untried(), np.minimum(share, 1 - share), 0.0)
        asked: list[int] = []
        for place in universe.lightest(np.round(score, 3))[: 20 * _AT_ONCE]:
            if score[place] <= _EVEN or len(asked) == _AT_ONCE:
                break
            is_new = not any((votes[:, place] == votes[:, other]).all() for other in asked)
            if is_new and self._may_tell(universe, universe.specs[place]):
                asked.append(int(place))
        return asked

    def _foretells(self, universe: Universe, best: Candidate, joined: Joined) -> bool:
        """Whether it is right on geometries that had no part in finding it; how many is noted."""
        for side in (True, False):
            new = universe.untried() & (best.where == side)
            extremes = universe.extremes(new, partial(self._may_tell, universe))
            places = [*extremes, *self.draw.permutation(np.flatnonzero(new)).tolist()]
            telling = (place for place in dict.fromkeys(places) if self._may_tell(universe, universe.specs[place]))
            some = list(islice(telling, _FORETOLD))
            universe.run(some)
            specs = [universe.specs[place] for place in some]
            if len(specs) < self._least(joined):
                specs += self._more(joined, side)
            seen = [fails for spec in specs if (fails := universe.fails(spec)) is not None]
            if (not side) in seen:
                return False
            self.unseen[side] = len(seen)
        return self._foretells_crossed(universe, joined)

    def _foretells_crossed(self, universe: Universe, joined: Joined) -> bool:
        """Where it compares two numbers: whether it is right on either side of that, which few of a pool lie on.

        And where it speaks of a value or of a remainder: whether it is right on others with the same remainder.
        """
        known = [self.start, *(seen.spec for seen in self.experiment.passing()[:_CROSSED])]
        of_values = [*repeated(joined, self.start)]
        of_two = (made for spec in known for made in crossed(joined, spec))
        made = (made for made in (*of_values, *of_two) if self.experiment.takes(made))
        specs = [spec for spec in dict.fromkeys(made) if spec not in self.experiment.observed][:_MOST_CROSSED]
        self.experiment.run_all(specs)
        held = joined.holds(features(specs)) if specs else ()
        seen = ((universe.fails(spec), bool(holds)) for spec, holds in zip(specs, held, strict=True))
        return all(fails in (None, holds) for fails, holds in seen)

    def _may_tell(self, universe: Universe, spec: ConvSpec) -> bool:
        return self.relevant is None or universe.says_something(spec)

    def _more(self, joined: Joined, side: bool) -> list[ConvSpec]:
        """Neighbours of known geometries on this side: where the pool has too few."""
        known = self.experiment.failing() if side else self.experiment.passing()
        near = [other for seen in known[:_NEAR] for other in nearby.neighbours(seen.spec)]
        new = [s for s in dict.fromkeys(near) if s not in self.experiment.observed and self.experiment.takes(s)]
        if not new:
            return []
        return [new[place] for place in np.flatnonzero(joined.holds(features(new)) == side)[: 2 * self._least(joined)]]

    def _least(self, joined: Joined) -> int:
        """Geometries that are to be foretold on either side."""
        return _LEAST_OF_LONG if len(joined.atoms) > _LONG else _LEAST

    def _boundary(self, universe: Universe, joined: Joined) -> tuple[list[ConvSpec], list[ConvSpec]]:
        """Geometries whose neighbours lie on either side, and some that lie between."""
        failing = [universe.specs[place] for place in universe.failing()]
        passing = [universe.specs[place] for place in universe.passing()]
        near, more = [self.start], list[ConvSpec]()
        for spec, between in edges(joined, self.start, failing, passing, lambda s: universe.fails(s) is False):
            near.append(spec)
            more += between
        v = features(failing)
        near += [failing[int(np.argmin(v[name]))] for name in _EDGES]
        return list(dict.fromkeys(near))[:_NEAR], more

    def _stated(self, universe: Universe, joined: Joined) -> Condition | None:
        if min(self.unseen.values()) < self._least(joined):
            return None
        joined = as_seen(joined, [universe.specs[place] for place in universe.failing()])

        def holds(spec: ConvSpec) -> bool:
            where: Array = joined.holds(features([spec]))
            return bool(where[0])

        return Condition(
            text=str(joined),
            cost=joined.cost,
            holds=holds,
            failing=len(universe.failing()),
            passing=len(universe.passing()),
            unseen=sum(self.unseen.values()),
            declare=f'return "{joined}" if {joined.code} else None',
        )


def _has_limits(joined: Joined) -> bool:
    """Whether there is a number in it that might as well be another, for all that was run."""
    return any(isinstance(atom.right, int) and atom.right > _SURE and atom.left in QUANTITIES for atom in joined.atoms)
