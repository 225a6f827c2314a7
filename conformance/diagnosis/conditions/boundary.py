"""Geometries on the boundary of a condition: only next to it do thresholds show exactly where they are."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import product

import numpy as np

from conformance.cases.fields import NAMES, fields_of, spec_of
from conformance.diagnosis.conditions.atoms import Atom, holds
from conformance.diagnosis.conditions.features import QUANTITIES, Features, features
from conformance.diagnosis.conditions.search import Joined
from conformance.diagnosis.experiment.nearby import shrunk
from harness.contract.protocol import Array
from harness.geometry.spec import ConvSpec

_BETWEEN = 24  # values between a failing and a passing one that are tried, where there are more
_ACROSS = 2  # by how much one of two numbers that are compared is made larger, at most
_QUESTIONS = 40  # to make a passing geometry plain

Passes = Callable[[ConvSpec], bool]


def edges(
    joined: Joined, plain: ConvSpec, failing: Sequence[ConvSpec], passing: Sequence[ConvSpec], passes: Passes
) -> Iterator[tuple[ConvSpec, list[ConvSpec]]]:
    """For each comparison with a number: geometries next to its limit, and some that lie between two of these.

    `failing` and `passing` are known, and have at least one each; `plain` is the plainest that fails.
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
            nearest = _plainest(nearest, atom, joined, passes)
        yield nearest, list(_between(atom.left, plain, fails, nearest))


def crossed(joined: Joined, spec: ConvSpec) -> Iterator[ConvSpec]:
    """For each comparison of two numbers of a geometry: either equal to the other and larger, also in one group."""
    for atom in joined.atoms:
        if atom.left not in NAMES or not isinstance(atom.right, str) or atom.right not in NAMES:
            continue
        own = fields_of(spec)
        for value, more in product((own[atom.left], own[atom.right]), range(_ACROSS + 1)):
            for names in ((atom.left, atom.right), (atom.right, atom.left)):
                d = {**own, **dict(zip(names, (value, value + more), strict=True))}
                yield from (made for e in (d, {**d, "g": 1}) if (made := spec_of(e)) is not None)


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


def _plainest(spec: ConvSpec, atom: Atom, joined: Joined, passes: Passes) -> ConvSpec:
    """Of the passing geometries that this atom alone excludes."""

    def still(smaller: ConvSpec) -> bool:
        return bool(_excluded_by(atom, joined, features([smaller]))[0]) and passes(smaller)

    return shrunk(spec, still, _QUESTIONS)


def _between(name: str, plain: ConvSpec, one: ConvSpec, other: ConvSpec) -> Iterator[ConvSpec]:
    """With the values of a number that lie between those of two geometries.

    Of what is a product, such as OH*OW: the plain geometry as one row, as one pixel deep, as one window of one row.
    """
    low, high = sorted(int(value) for value in features([one, other])[name])
    values = np.unique(np.linspace(low, high, min(high - low + 1, _BETWEEN)).astype(int))
    own = fields_of(plain)
    for value in map(int, values):
        if name in NAMES:
            tried = [{**fields_of(spec), name: value} for spec in (one, other)]
        else:
            tried = [{**own, "w": value}, {**own, "g": 1, "c": value}, {**own, "kw": value, "w": value}]
        yield from (made for d in tried if (made := spec_of(d)) is not None)
