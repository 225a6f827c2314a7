"""Geometries on the boundary of a condition: only next to it do thresholds show exactly where they are."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np

from conformance.cases.fields import NAMES, fields_of, spec_of
from conformance.diagnosis.conditions.atoms import Atom, holds
from conformance.diagnosis.conditions.features import QUANTITIES, Features, features
from conformance.diagnosis.conditions.search import Joined
from conformance.diagnosis.experiment.nearby import shrunk
from harness.contract.protocol import Array
from harness.geometry.spec import ConvSpec

_BETWEEN = 24  # values between a failing and a passing one that are tried, where there are more
_QUESTIONS = 40  # to make a passing geometry plain

Passes = Callable[[ConvSpec], bool]


def edges(
    joined: Joined, failing: Sequence[ConvSpec], passing: Sequence[ConvSpec], passes: Passes
) -> Iterator[tuple[ConvSpec, list[ConvSpec]]]:
    """For each comparison with a number: geometries next to its limit, and some that lie between two of these.

    `failing` and `passing` are known, and have at least one each.
    """
    on_failing, on_passing = features(failing), features(passing)
    for atom in joined.atoms:
        if atom.left not in QUANTITIES or isinstance(atom.right, str) or atom.sign in ("%", "not %"):
            continue
        fails = failing[int(np.argmin(_distance(atom, on_failing)))]
        yield fails, []
        excluded = _excluded_by(atom, joined, on_passing)
        if not excluded.any():
            continue
        nearest = passing[int(np.argmin(np.where(excluded, _distance(atom, on_passing), np.inf)))]
        if atom.sign == "<=":  # the plainest that is excluded lies at the limit
            nearest = shrunk(nearest, lambda s, a=atom: passes(s) and _is_excluded(a, joined, s), _QUESTIONS)
        yield nearest, list(_between(atom.left, fails, nearest))


def _distance(atom: Atom, v: Features) -> Array:
    distance: Array = np.abs(v[atom.left] - atom.right)
    return distance


def _excluded_by(atom: Atom, joined: Joined, v: Features) -> Array:
    """Where this atom alone stands between a geometry and the condition."""
    excluded = ~holds(atom, v)
    for other in joined.atoms:
        if other != atom:
            excluded &= holds(other, v) if joined.joint == "and" else ~holds(other, v)
    return excluded


def _is_excluded(atom: Atom, joined: Joined, spec: ConvSpec) -> bool:
    return bool(_excluded_by(atom, joined, features([spec]))[0])


def _between(name: str, one: ConvSpec, other: ConvSpec) -> Iterator[ConvSpec]:
    """Each with the values of a number that lie between its own and that of the other."""
    if name not in NAMES:
        return
    low, high = sorted((fields_of(one)[name], fields_of(other)[name]))
    values = np.unique(np.linspace(low, high, min(high - low + 1, _BETWEEN)).astype(int))
    for spec in (one, other):
        for value in values[1:-1]:
            made = spec_of({**fields_of(spec), name: int(value)})
            if made is not None:
                yield made
