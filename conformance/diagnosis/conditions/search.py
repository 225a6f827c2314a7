"""Which conditions separate failing from passing geometries: single atoms, two joined, three where no two suffice.

More are joined only where it is asked for, and then not all ways are tried: the atom is taken that does most for its
cost, one after the other.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from conformance.diagnosis.conditions.atoms import Atom, code, holds, words
from conformance.diagnosis.conditions.features import Features
from conformance.diagnosis.conditions.predicates import Predicates
from harness.contract.protocol import Array

_PAIRED, _STRONG = 4000, 1000  # atoms that are tried in pairs, the cheapest
_OF_THREE = 1400  # and in threes, where one that leaves less at no higher cost takes the place of others
_THIRD = 300  # of these, in the end
_OF_ONE = 8  # conditions of three atoms that share the first
_DEARER = 2.0  # than the plainest condition: what costs more has no vote, and is not looked for
_AND, _OR, _THREE = 0.6, 1.0, 1.2  # what joining costs
_MOST_JOINED = {"and": 6, "or": 4}
_STARTS = 8  # atoms that are taken first, each for a condition of its own


@dataclass(frozen=True, slots=True)
class Joined:
    """Atoms that all hold, or of which one does."""

    atoms: tuple[Atom, ...]
    joint: str  # "and", "or"
    cost: float

    def __str__(self) -> str:
        return f" {self.joint} ".join(map(words, self.atoms))

    @property
    def code(self) -> str:
        """A Python expression on `spec`."""
        return f" {self.joint} ".join(map(code, self.atoms))

    def holds(self, v: Features) -> Array:
        """Where, of the geometries of these features."""
        rows = np.array([holds(atom, v) for atom in self.atoms])
        return _together(rows, self.joint)


@dataclass(frozen=True, slots=True)
class Candidate:
    """Places of atoms in the table, and where in its universe they hold together."""

    places: tuple[int, ...]
    joint: str
    cost: float
    where: Array

    def joined(self, predicates: Predicates) -> Joined:
        """In atoms."""
        return Joined(tuple(predicates.atoms[i] for i in self.places), self.joint, self.cost)


_Found = tuple[float, tuple[int, ...], str]


def separating(
    predicates: Predicates, failing: Sequence[int], passing: Sequence[int], most: int = 80, *, many: bool = False
) -> list[Candidate]:
    """The cheapest conditions that hold on all of `failing` and on none of `passing`, which are places.

    With `many` also some of more than three atoms, if no shorter one does.
    """
    on_failing, on_passing = predicates.rows[:, failing], predicates.rows[:, passing]
    on_all, on_none = on_failing.all(1), ~on_passing.any(1)
    found: list[_Found] = [(float(predicates.cost[i]), (int(i),), "and") for i in np.flatnonzero(on_all & on_none)]
    # A pair joined by "and" leaves no passing one, if no passing one is under both; by "or" likewise with failing ones.
    limit = min((one[0] for one in found), default=np.inf) + _DEARER - predicates.cost.min(initial=np.inf)
    paired = predicates.cost <= limit
    found += _pairs(predicates.cost, np.flatnonzero(on_all & ~on_none & paired), on_passing, "and", most)
    found += _pairs(predicates.cost, np.flatnonzero(on_none & ~on_all & paired), ~on_failing, "or", most)
    if not found:
        found = _threes(predicates.cost, np.flatnonzero(on_all), on_passing)
    if not found and many:
        found = _of_many(predicates.cost, np.flatnonzero(on_all), on_passing, "and")
        found += _of_many(predicates.cost, np.flatnonzero(on_none), ~on_failing, "or")
    return [_candidate(predicates, one) for one in sorted(found, key=lambda one: one[0])[:most]]


def _candidate(predicates: Predicates, found: _Found) -> Candidate:
    cost, places, joint = found
    return Candidate(places, joint, cost, _together(predicates.rows[list(places)], joint))


def _together(rows: Array, joint: str) -> Array:
    together: Array = np.logical_and.reduce(rows) if joint == "and" else np.logical_or.reduce(rows)
    return together


def _pairs(cost: Array, places: Array, left: Array, joint: str, most: int) -> list[_Found]:
    """`left[i]` is what atom i alone leaves wrong: of a pair nothing is left in common.

    So one of them leaves at most half, which few do; these are tried with all.
    """
    places = places[:_PAIRED]
    wrong = left[places].astype(np.float32)
    strong = np.flatnonzero(2 * wrong.sum(1) <= wrong.shape[1])[:_STRONG]
    first, second = np.nonzero(wrong[strong] @ wrong.T == 0)
    first = strong[first]
    once = (first < second) | ~np.isin(second, strong)
    one, two = places[first[once]], places[second[once]]
    prices = cost[one] + cost[two] + (_AND if joint == "and" else _OR)
    cheapest = np.argsort(prices, kind="stable")[:most]
    return [(float(prices[n]), (int(min(one[n], two[n])), int(max(one[n], two[n]))), joint) for n in cheapest]


def _threes(cost: Array, places: Array, left: Array) -> list[_Found]:
    places = _useful(places[:_OF_THREE], left)[:_THIRD]
    wrong = left[places]
    found: list[_Found] = []
    limit = np.inf
    for n, place in enumerate(places):
        if 3 * cost[place] + _THREE > limit:  # the others cost as much or more
            break
        first, second = _disjoint(wrong[n + 1 :][:, wrong[n]])
        if len(first):
            two, three = places[n + 1 + first], places[n + 1 + second]
            prices = cost[place] + cost[two] + cost[three] + _THREE
            found += [
                (float(prices[m]), (int(place), int(two[m]), int(three[m])), "and")
                for m in np.argsort(prices, kind="stable")[:_OF_ONE]
            ]
            limit = min(limit, float(prices.min()) + _DEARER)
    return found


def _useful(places: Array, left: Array) -> Array:
    """Without atoms that leave all that a plainer one leaves."""
    wrong = left[places].astype(np.float32)
    contains = wrong @ wrong.T == wrong.sum(1)[:, None]  # what i leaves is among what j leaves
    useful: Array = places[~np.triu(contains, 1).any(0)]
    return useful


def _disjoint(sets: Array) -> tuple[Array, Array]:
    """Pairs of rows without an element in common."""
    as_numbers = sets.astype(np.float32)
    first, second = np.nonzero(np.triu(as_numbers @ as_numbers.T == 0, 1))
    return first, second


def _of_many(cost: Array, places: Array, left: Array, joint: str) -> list[_Found]:
    """`left[i]` is what atom i alone leaves wrong; each of the best is joined with what does most beside it."""
    if not len(places):
        return []
    prices, wrong = cost[places], left[places]
    found = {}
    for start in np.argsort(-_gain(wrong, prices, np.ones(wrong.shape[1], bool)), kind="stable")[:_STARTS]:
        chosen = _plainest(_joined_with(int(start), wrong, prices, _MOST_JOINED[joint]), wrong, prices)
        if chosen:
            price = float(prices[chosen].sum()) + (_AND if joint == "and" else _OR) * (len(chosen) - 1)
            found[tuple(sorted(int(places[i]) for i in chosen))] = price
    return [(price, atoms, joint) for atoms, price in found.items()]


def _gain(wrong: Array, prices: Array, remaining: Array) -> Array:
    """How much of what remains each atom settles, for its price."""
    gain: Array = (~wrong[:, remaining]).sum(1) / prices
    return gain


def _joined_with(start: int, wrong: Array, prices: Array, most: int) -> list[int]:
    """Rows that leave nothing together; none if so many do not do."""
    chosen, remaining = [start], wrong[start].copy()
    while remaining.any() and len(chosen) < most:
        chosen.append(int(np.argmax(_gain(wrong, prices, remaining))))
        remaining &= wrong[chosen[-1]]
    return [] if remaining.any() else chosen


def _plainest(chosen: list[int], wrong: Array, prices: Array) -> list[int]:
    """The same without rows that the others make needless, and with the cheapest that does the work of two or one."""
    rows = sorted(chosen, key=lambda i: -prices[i])
    for some in (*combinations(rows, 2), *((row,) for row in rows)):
        if not set(some) <= set(chosen):
            continue
        others = [i for i in chosen if i not in some]
        due = np.logical_and.reduce(wrong[others]) if others else np.ones(wrong.shape[1], bool)
        does = np.flatnonzero(~wrong[:, due].any(1))
        if not due.any():
            chosen = others
        elif len(does):
            chosen = [*others, int(does[np.argmin(prices[does])])]
    return chosen
