"""All atoms that tell some geometries of a universe apart from others, as the rows of one table of bools.

Atoms that agree on every geometry of the universe are one: the plainest wording stays.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from conformance.cases.fields import NAMES
from conformance.diagnosis.conditions.atoms import BOTH, COMPARISONS, NAMED, Atom, holds
from conformance.diagnosis.conditions.features import QUANTITIES, Features, features
from harness.contract.protocol import Array
from harness.geometry.spec import ConvSpec

# Numbers that people choose for limits, and what lies next to them.
_CHOSEN = np.array(
    sorted(
        {m * 2**b for b in range(3, 23) for m in (1, 3, 5, 9)}
        | {2**b - 1 for b in range(5, 24)}
        | {m * 10**b for b in range(2, 8) for m in (1, 2, 5)}
    )
)
_MANY, _FEW = 70, 60  # different values of a quantity
_LOWEST, _KNOWN, _AROUND = 40, 220, 40  # of many values: the smallest, those that were run, those near failing ones
_DIVISORS = (*range(2, 11), 12, 16, 32, 64)
_EVERY_REST = 9  # the largest divisor of which each remainder may be a condition, of what loops run over
_LOOPED = (*NAMES, "cg", "fg", "taps", "rh", "rw", "oh", "ow", "l", "nl", "k")
_NOT_DIVIDED = ("rest h", "rest w", "macs")
_SIDES = (1, 2, 3, 4, 5, 7)
_COMPARED = (
    ("h", "w"), ("oh", "ow"), ("kh", "kw"), ("sh", "sw"), ("dh", "dw"), ("pt", "pb"), ("pl", "pr"), ("pt", "pl"),
    ("pb", "pr"), ("c", "f"), ("c", "g"), ("f", "g"), ("kh", "sh"), ("kw", "sw"), ("pt", "kh"), ("pl", "kw"),
    ("pb", "kh"), ("pr", "kw"), ("sh", "dh"), ("sw", "dw"), ("h", "kh"), ("w", "kw"), ("ph", "rh"), ("pw", "rw"),
    ("pt", "rh"), ("pl", "rw"), ("pt", "h"), ("pb", "h"), ("pl", "w"), ("pr", "w"), ("cg", "fg"),
    ("n", "c"), ("n", "g"), ("rh", "sh"), ("rw", "sw"), ("n", "f"),
)  # fmt: skip


class Predicates:
    """`rows[i]` is where `atoms[i]` holds; in order of cost."""

    def __init__(self, universe: Sequence[ConvSpec], known: Sequence[int] = (), failing: Sequence[int] = ()) -> None:
        """`known` are places of geometries that were run, `failing` of those that fail: their values are limits."""
        self.features = v = features(universe)
        atoms: list[Atom] = []
        blocks: list[Array] = []
        costs: list[float] = []
        for some, rows, prices in _blocks(v, list(known), list(failing)):
            atoms += some
            blocks.append(rows)
            costs += prices
        table, cost = np.concatenate(blocks), np.array(costs)
        order = np.argsort(cost, kind="stable")
        keep = _first_of_equal(table, order)
        self.atoms: list[Atom] = [atoms[i] for i in keep]
        self.rows: Array = table[keep]
        self.cost: Array = cost[keep]


def _first_of_equal(table: Array, order: Array) -> list[int]:
    """Places in that order, without those whose row came before and without rows that tell nothing apart."""
    packed = np.packbits(table, axis=1)
    tells: Array = np.asarray(table.any(1) & ~table.all(1))
    seen: set[bytes] = set()
    keep = []
    for i in order[tells[order]]:
        row = packed[i].tobytes()
        if row not in seen:
            seen.add(row)
            keep.append(int(i))
    return keep


_Block = tuple[list[Atom], Array, list[float]]


def _blocks(v: Features, known: list[int], failing: list[int]) -> Iterator[_Block]:
    for name, quantity in QUANTITIES.items():
        yield from _of_limits(name, quantity.cost, v[name], known, failing)
        if name not in _NOT_DIVIDED:
            yield _of_remainders(name, quantity.cost, v[name])
    compared = [Atom(a, sign, b) for a, b in _COMPARED for sign in COMPARISONS]
    yield _of_each(compared, v, [2.1 if atom.sign in ("<=", ">=", "!=") else 2.0 for atom in compared])
    both = [Atom(name, "both", side) for name in BOTH for side in _SIDES]
    yield _of_each(both, v, [1.9] * len(both))
    yield _of_each([Atom(name, "is") for name in NAMED], v, [named.cost for named in NAMED.values()])


def _of_each(atoms: list[Atom], v: Features, costs: list[float]) -> _Block:
    return atoms, np.array([holds(atom, v) for atom in atoms]), costs


def _of_limits(name: str, cost: float, a: Array, known: list[int], failing: list[int]) -> Iterator[_Block]:
    """Above and below each value; equal to it or not, if there are few."""
    values = np.unique(a)
    limits = _limits(values, a, known, failing)
    prices = [cost + _price(int(limit)) for limit in limits]
    above = a > limits[:, None]
    yield [Atom(name, ">", int(limit)) for limit in limits], above, prices
    yield [Atom(name, "<=", int(limit)) for limit in limits], ~above, [price + 0.05 for price in prices]
    chosen = [n for n, limit in enumerate(limits) if len(values) <= _FEW or limit < 9]
    some = limits[chosen]
    equal = a == some[:, None]
    dearer = [prices[n] + (0.3 if some[k] != values[0] else 0.0) for k, n in enumerate(chosen)]
    yield [Atom(name, "==", int(limit)) for limit in some], equal, dearer
    yield [Atom(name, "!=", int(limit)) for limit in some], ~equal, [prices[n] + 0.6 for n in chosen]


def _limits(values: Array, a: Array, known: list[int], failing: list[int]) -> Array:
    if len(values) <= _MANY:
        return values
    some = [values[:_LOWEST], np.unique(a[known])[:_KNOWN], _CHOSEN]
    for edge in (a[failing].min(), a[failing].max()) if failing else ():
        place = int(np.searchsorted(values, edge))
        some.append(values[max(place - _AROUND, 0) : place + _AROUND])
    return np.unique(np.concatenate(some))


def _price(limit: int) -> float:
    """Of a number in a condition: 0 and 1 are plain, powers of two and round numbers are what people write."""
    is_round = limit & (limit - 1) == 0 or limit & (limit + 1) == 0 or limit % 10 == 0
    return (0.2 if limit <= 1 else 0.8) + (0.1 if is_round else 0.3)


def _of_remainders(name: str, cost: float, a: Array) -> _Block:
    atoms, rows, costs = [], [], []
    for divisor in _DIVISORS:
        rests = a % divisor
        wanted = [("%", 0, 1.2), ("not %", 0, 1.3)]
        if name in _LOOPED and divisor <= _EVERY_REST:
            wanted += [("%", rest, 1.6) for rest in range(1, divisor) if divisor > 2]
        elif divisor > 2:
            wanted += [("%", divisor - 1, 1.6), ("%", 1, 1.6)]
        for sign, rest, price in wanted:
            atoms.append(Atom(name, sign, divisor, rest))
            rows.append(rests == rest if sign == "%" else rests != rest)
            costs.append(cost + price)
    return atoms, np.array(rows), costs
