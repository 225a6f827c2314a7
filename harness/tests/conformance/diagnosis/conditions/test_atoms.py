"""Quantities and comparisons mean what they say, in words, in Python and in arrays."""

from __future__ import annotations

import numpy as np
import pytest

from conformance.diagnosis.conditions.atoms import BOTH, NAMED, Atom, code, holds, words
from conformance.diagnosis.conditions.features import QUANTITIES, features
from conformance.diagnosis.conditions.predicates import Predicates
from conformance.diagnosis.conditions.search import separating
from conformance.diagnosis.experiment import draw, plan

SPECS = [*plan.first(), *plan.stress(), *draw.wide(200, seed=17)]


def evaluated(expression: str) -> list[object]:
    """A Python expression on every geometry."""
    value = eval(f"lambda spec: {expression}")
    return [value(spec) for spec in SPECS]


@pytest.mark.parametrize("name", QUANTITIES)
def test_a_quantity_is_its_expression(name: str) -> None:
    assert features(SPECS)[name].tolist() == evaluated(QUANTITIES[name].code)


@pytest.mark.parametrize("name", NAMED)
def test_a_name_is_its_expression_and_tells_something(name: str) -> None:
    where = holds(Atom(name, "is"), features(SPECS))
    assert where.tolist() == evaluated(NAMED[name].code)
    assert 0 < where.sum() < len(SPECS)


def test_every_atom_is_its_expression() -> None:
    table = Predicates(SPECS)
    v = features(SPECS)
    assert len(table.atoms) > 2000
    for atom, row in list(zip(table.atoms, table.rows, strict=True))[::7]:
        assert row.tolist() == holds(atom, v).tolist() == evaluated(code(atom)), words(atom)


def test_an_expression_may_be_negated_and_joined() -> None:
    """Whatever is in it: `a or b` beside `and` is another condition."""
    for name in NAMED:
        inner = code(Atom(name, "is"))
        joined = evaluated(f"{inner} and spec.batch > 1")
        apart = [bool(a) and spec.batch > 1 for a, spec in zip(evaluated(inner), SPECS, strict=True)]
        assert [bool(x) for x in joined] == apart


@pytest.mark.parametrize(
    ("atom", "text"),
    [
        (Atom("sw", ">", 1), "stride in width > 1"),
        (Atom("w", ">", "h"), "W > H"),
        (Atom("c", "%", 2), "C is even"),
        (Atom("c", "not %", 2), "C is odd"),
        (Atom("c", "%", 8), "C is a multiple of 8"),
        (Atom("ow", "not %", 4), "OW is no multiple of 4"),
        (Atom("ow", "%", 8, 7), "OW % 8 == 7"),
        (Atom("kernel", "both", 3), "kernel is 3 x 3"),
        (Atom("rest", "is"), "the stride leaves rows or columns over"),
    ],
)
def test_words(atom: Atom, text: str) -> None:
    assert words(atom) == text


def test_words_are_not_used_twice() -> None:
    said = [quantity.words for quantity in QUANTITIES.values()] + [named.words for named in NAMED.values()] + [*BOTH]
    assert len(set(said)) == len(said)


def test_atoms_that_agree_are_told_once_in_the_plainest_words() -> None:
    square = [spec for spec in SPECS if spec.stride[0] == spec.stride[1]]
    table = Predicates(square)
    rows = {row.tobytes() for row in table.rows}
    assert len(rows) == len(table.rows)
    assert list(table.cost) == sorted(table.cost)
    said = set(map(words, table.atoms))
    assert "stride in height > 1" in said
    assert not said & {"stride in width > 1", "stride in both axes > 1", "stride in either axis > 1"}


def test_atoms_that_tell_nothing_apart_are_left_out() -> None:
    table = Predicates([spec for spec in SPECS if spec.groups == 1])
    assert not any(atom.left == "g" and not isinstance(atom.right, str) for atom in table.atoms)
    assert (table.rows.any(1) & ~table.rows.all(1)).all()


@pytest.mark.parametrize("joint", ["and", "or"])
def test_all_plain_pairs_that_separate_are_found(joint: str) -> None:
    """Against every pair, one by one."""
    table, many = Predicates(plan.plain()), 400
    table.atoms, table.rows, table.cost = table.atoms[:many], table.rows[:many], table.cost[:many]
    v = features(plan.plain())
    apart = (v["kh"] == 3) & (v["sw"] > 1) if joint == "and" else (v["n"] > 1) | (v["pr"] > 0)
    failing, passing = np.flatnonzero(apart).tolist(), np.flatnonzero(~apart).tolist()
    found = separating(table, failing, passing, most=100_000)
    single = {a for a in range(many) if np.array_equal(table.rows[a], apart)}
    join = np.logical_and if joint == "and" else np.logical_or
    pairs = {
        (a, b)
        for a in range(many)
        for b in np.flatnonzero((join(table.rows[a], table.rows) == apart).all(1)).tolist()
        if a < b and not {a, b} & single
    }
    told = {one.places for one in found if len(one.places) == 2 and one.joint == joint}
    assert single == {one.places[0] for one in found if len(one.places) == 1}
    assert told <= pairs
    assert told
    dearest = found[0].cost + 2 if single else np.inf
    assert {(a, b) for a, b in pairs if table.cost[a] + table.cost[b] + 1 <= dearest} <= told


def test_what_is_found_is_in_order_and_separates() -> None:
    table = Predicates(SPECS)
    v = features(SPECS)
    apart = (v["sh"] > 1) & (v["kh"] != v["kw"]) & (v["g"] == 1)
    found = separating(table, np.flatnonzero(apart).tolist(), np.flatnonzero(~apart).tolist())
    assert [one.cost for one in found] == sorted(one.cost for one in found)
    assert all(np.array_equal(one.where, apart) for one in found)
    best = found[0].joined(table)
    assert set(str(best).split(" and ")) == {"stride in height > 1", "KH != KW", "groups == 1"}
    assert np.array_equal(best.holds(v), apart)


def test_words_of_the_larger_and_the_smaller_mean_what_holds() -> None:
    said = {words(Atom("max stride", sign, 1)) for sign in (">", "<=", "==")}
    assert said == {"stride in either axis > 1", "stride in both axes <= 1", "stride in both axes == 1"}
    assert words(Atom("max padding", "==", 0)) == "there is no padding"
    assert words(Atom("min padding", "<=", 1)) == "padding on any side <= 1"
    assert words(Atom("max padding", "==", 2)) == "the largest padding == 2"
    assert words(Atom("min kernel", "%", 2)) == "the smaller kernel is even"
