"""What a check asks and why, in words: from where it is registered, and from the public bugs that it would have seen.

The bugs are rows of `conformance/checks/public_bugs.csv`, each with a report that anybody can read; a bug stands in the
row of the check that tells it first or most plainly. Others may see it as well.
"""

from __future__ import annotations

import csv
import inspect
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

import conformance.checks  # noqa: F401  # its checks register themselves
from conformance.checks.registration import CHECKS
from conformance.run.unselected import tier_of
from harness.contract.status import Grade
from harness.geometry.spec import Op

GRADES: dict[Grade, str] = {
    Grade.VALUES: "what fails it gives wrong numbers: the verdict is fail",
    Grade.SAFETY: "what fails it touches memory that is not its own, or gives results that change later: the verdict "
    "is fail",
    Grade.FORM: "what fails it may have right numbers in another form than was asked for: the verdict is deviates, "
    "unless the command has --require values or safety",
}
OPTIONAL = "it is run only where it is named, and is never part of the verdict"


@dataclass(frozen=True, slots=True)
class PublicBug:
    """A bug that was in a public implementation; `source` is its report, or the article that prints it."""

    check: str
    bug: str
    what: str
    source: str


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked of some of the ops, in the words of the function that asks it."""

    ops: tuple[Op, ...]
    asks: str
    geometries: int  # standing ones, over all these ops
    needs: tuple[Op, ...]


@dataclass(frozen=True, slots=True)
class About:
    """All that is known of one check."""

    id: str
    grade: Grade
    is_optional: bool
    tier: int
    questions: Sequence[Question]
    bugs: Sequence[PublicBug]


def about(check_id: str) -> About:
    """What a check asks. Raises `KeyError` if there is none of that id."""
    checks = CHECKS[check_id]
    questions = [
        Question(
            check.ops, " ".join((inspect.getdoc(check.run) or "").split()),
            sum(len(list(check.specs(op))) for op in check.ops), check.needs,
        )
        for check in checks
    ]  # fmt: skip
    return About(
        check_id, checks[0].grade, checks[0].optional, min(map(tier_of, checks)), questions,
        [bug for bug in public_bugs() if bug.check == check_id],
    )  # fmt: skip


@cache
def public_bugs() -> tuple[PublicBug, ...]:
    """All rows, in the order of the file."""
    text = files("conformance.checks").joinpath("public_bugs.csv").read_text(encoding="utf-8")
    return tuple(PublicBug(**row) for row in csv.DictReader(text.splitlines()))


def seen_in_public(bug: str) -> str:
    """Where a bug was seen: the report of one that is in our file, by its id; anything else as it stands."""
    known = {one.bug: one.source for one in public_bugs()}
    return f"{known[bug]} ({bug})" if bug in known else bug
