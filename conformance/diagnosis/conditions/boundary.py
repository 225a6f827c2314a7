"""Geometries on the boundary of a condition: only next to it do thresholds show exactly where they are."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from itertools import product

import numpy as np

from conformance.cases.fields import NAMES, Fields, fields_of, spec_of
from conformance.diagnosis.conditions.atoms import Atom, holds
from conformance.diagnosis.conditions.features import QUANTITIES, Features, features
from conformance.diagnosis.conditions.search import Joined
from conformance.diagnosis.experiment.nearby import shrunk
from harness.contract.protocol import Array
from harness.geometry.spec import ConvSpec

_BETWEEN = 24  # values between a failing and a passing one that are tried, where there are more
_ACROSS = 2  # by how much one of two numbers that are compared is made larger, at most
_QUESTIONS = 40  # to make a passing geometry plain
_STEPS = (*range(2, 11), 12)  # remainders that conditions are made of
_TIMES = 4  # multiples that are tried
_A_GROUP = {"cg": "c", "fg": "f"}
_DIVIDED = (*NAMES, *_A_GROUP)  # numbers that can be set

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


def repeated(joined: Joined, spec: ConvSpec) -> Iterator[ConvSpec]:
    """For each value that a number shall have, and each remainder: others that share a remainder with it.

    "Padding == 0" and "padding is a multiple of 6" are one until a padding is 6, which no pool has.
    """
    own = fields_of(spec)
    for atom in joined.atoms:
        if isinstance(atom.right, str):
            continue
        if atom.sign in ("==", "!=") and atom.left in _DIVIDED:
            values = [atom.right + step for step in _STEPS]
        elif atom.sign in ("%", "not %") and atom.left in _DIVIDED:
            values = [atom.rest + part * times for part in _parts(atom.right) for times in range(1, _TIMES + 1)]
            values.insert(0, atom.rest)
        else:
            continue
        yield from (made for value in values if (made := spec_of(_with(own, atom.left, value))) is not None)


def _parts(divisor: int) -> list[int]:
    """The divisor, and its half and its quarter, of which it might be: no multiple of 16 are all but some of 8."""
    return [divisor // part for part in (1, 2, 4) if divisor % part == 0 and divisor // part > 1]


def as_seen(joined: Joined, failing: Sequence[ConvSpec]) -> Joined:
    """With the value in place of a remainder, where all that fail have one value: no other could be tried."""
    if joined.joint == "or":
        return joined
    v = features(failing)
    return replace(joined, atoms=tuple(_as_seen(atom, v[atom.left]) if atom.sign == "%" else atom
                                       for atom in joined.atoms))  # fmt: skip


def _as_seen(atom: Atom, values: Array) -> Atom:
    first = int(values[0])
    return Atom(atom.left, "==", first) if (values == first).all() else atom


def _with(own: Fields, name: str, value: int) -> Fields:
    """With another value of a number, in an image that holds the kernel, and groups that divide the channels."""
    d = {**own, name: value}
    if name in _A_GROUP:
        whole = _A_GROUP[name]
        d = {**own, whole: value * own["g"]}
    elif name == "g":
        d |= {other: own[other] // own["g"] * value for other in ("c", "f")}
    for size, kernel, step, before, after in (("h", "kh", "dh", "pt", "pb"), ("w", "kw", "dw", "pl", "pr")):
        d[size] = max(d[size], (d[kernel] - 1) * d[step] + 1 - d[before] - d[after])
    return d


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
