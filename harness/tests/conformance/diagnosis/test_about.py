"""What is told of a check; and the list of public bugs: each of a check that there is, once, with a report."""

from __future__ import annotations

import re

import pytest

from conformance.checks.registration import CHECKS
from conformance.diagnosis.about import GRADES, about, public_bugs, seen_in_public
from harness.contract.status import Grade


def test_every_bug_is_of_a_check_that_there_is() -> None:
    assert len(public_bugs()) > 100
    assert {bug.check for bug in public_bugs()} - CHECKS.keys() == set()


def test_every_bug_stands_there_once_and_says_what_and_where() -> None:
    bugs = public_bugs()
    assert len({bug.bug for bug in bugs}) == len(bugs)
    assert [bug for bug in bugs if not (bug.what and bug.source) or not re.fullmatch(r"[a-z0-9-]+", bug.bug)] == []
    assert [bug for bug in bugs if "seed" in bug.source] == []


def test_reports_name_a_repository_and_a_number() -> None:
    reports = [part for bug in public_bugs() for part in bug.source.split("; ") if "#" in part]
    assert len(reports) > 90
    assert [text for text in reports if not re.match(r"[\w.-]+/[\w.-]+ (PR )?#\d+", text)] == []


@pytest.mark.parametrize("check", CHECKS)
def test_every_check_says_what_it_asks(check: str) -> None:
    found = about(check)
    assert all(question.asks.endswith((".", ")")) for question in found.questions)
    assert found.grade in GRADES
    assert [bug.check for bug in found.bugs] == [check] * len(found.bugs)


def test_facts_of_some() -> None:
    adjoint, grid, bounds = about("law.adjoint"), about("values.grid"), about("contract.bounds")
    assert adjoint.questions[0].ops == ("im2col",)
    assert adjoint.questions[0].needs == ("col2im",)
    assert adjoint.questions[0].geometries > 5
    assert (adjoint.tier, grid.tier, grid.questions[0].geometries) == (1, 2, 0)
    assert bounds.grade is Grade.SAFETY
    assert about("errors.bias").is_optional
    assert "col2im-float-row-index" in {bug.bug for bug in about("values.exact").bugs}


def test_an_unknown_check_is_refused() -> None:
    with pytest.raises(KeyError):
        about("law.nothing")


def test_a_bug_is_told_by_its_report() -> None:
    known = "AlexeyAB/darknet PR #8660 (proposed, declined) (col2im-assign-instead-of-add)"
    assert seen_in_public("col2im-assign-instead-of-add") == known
    assert seen_in_public("pytorch/pytorch #50042") == "pytorch/pytorch #50042"
    assert seen_in_public("") == ""
