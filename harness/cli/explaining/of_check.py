"""A check as an explanation: what it asks, its grade, how to run it alone, the public bugs that it would have seen."""

from __future__ import annotations

from conformance.cases.case import Case
from conformance.checks.registration import check_of
from conformance.diagnosis.about import GRADES, OPTIONAL, About, Question, about
from harness.explain.document import Block, Section, Table
from harness.geometry.spec import ALL_OPS, OPS
from harness.results.words import plural

_TIERS = (
    "the three geometries in which everything differs", "standing geometries", "every small geometry", "random search",
    "full size",
)  # fmt: skip


def sections(check_id: str) -> list[Section]:
    """All that is known of a check. Raises `KeyError` if there is none of that id."""
    found = about(check_id)
    asked = f"Asked from tier {found.tier} on ({_TIERS[found.tier]}). Alone: harness check ./mine.py --check {check_id}"
    return [
        Section(f"Check {check_id}", [_grade(found), *_asks(found), asked]),
        Section("Public bugs that it would have seen", _bugs(found)),
    ]


def of_case(case: Case) -> Section:
    """The parts of a case id, in words."""
    rows = [
        ["check", case.check], ["op", case.op], ["dtype", case.dtype], ["geometry", str(case.spec)],
        ["bias", "with one" if case.bias and case.op == "conv2d" else "none"],
        ["memory layout of the inputs", case.layout], ["seed", str(case.seed)],
    ]  # fmt: skip
    alone = f"Alone: harness check ./mine.py --check '{case}'" + (" (optional)" if check_of(case).optional else "")
    return Section(f"Case {case}", [Table(("part", "value"), rows), alone])


def _grade(found: About) -> str:
    said = OPTIONAL if found.is_optional else GRADES[found.grade]
    return f"Optional: {said}." if found.is_optional else f"Grade {found.grade}: {said}."


def _asks(found: About) -> list[Block]:
    rows = [[_ops(one), one.asks, _geometries(one)] for one in found.questions]
    return ["What it asks:", Table(("of", "asks", "on"), rows)]


def _ops(one: Question) -> str:
    known = {OPS: "every op", ALL_OPS: "every op, pooling too"}
    calls = f" (calls {', '.join(one.needs)} too)" if one.needs else ""
    return known.get(one.ops, ", ".join(one.ops)) + calls


def _geometries(one: Question) -> str:
    return plural(one.geometries, "geometry", "geometries") if one.geometries else "geometries chosen for the backend"


def _bugs(found: About) -> list[Block]:
    if not found.bugs:
        return ["None in the list of public bugs that this check would be the first to tell."]
    return [Table(("bug", "what was wrong", "where"), [[bug.bug, bug.what, bug.source] for bug in found.bugs])]
