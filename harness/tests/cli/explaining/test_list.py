"""`harness list`: checks, layers, backends and cases, all of them or those of a pattern."""

from __future__ import annotations

import sys

import pytest

from conformance.cases.case import Case
from conformance.checks.registration import CHECKS
from harness import names
from harness.tests.helpers.cli.running import Run


def test_every_check_is_listed_once(run: Run) -> None:
    ran = run("list", "checks")
    assert (ran.code, ran.err) == (0, "")
    assert [line.split()[0] for line in ran.lines[1:]] == list(CHECKS)
    (line,) = (line for line in ran.lines if line.startswith("values.grid "))
    assert line.split()[:3] == ["values.grid", "values", "2"]


def test_a_pattern_takes_some(run: Run) -> None:
    assert [line.split()[0] for line in run("list", "checks", "law.*").lines[1:]] == [
        check for check in CHECKS if check.startswith("law.")
    ]


def test_layers_of_a_set(run: Run) -> None:
    ran = run("list", "shapes", "alexnet")
    assert len(ran.lines) == 11
    assert {line.split()[0] for line in ran.lines[1:]} == {"alexnet"}


def test_backends_are_listed_and_not_loaded(run: Run) -> None:
    before = {name for name in sys.modules if name.startswith("backends.")}
    ran = run("list", "backends")
    assert [line.split()[0] for line in ran.lines[1:]] == names()
    assert {name for name in sys.modules if name.startswith("backends.")} == before


def test_cases_are_ids(run: Run) -> None:
    ran = run("list", "cases", "values.golden")
    assert ran.code == 0
    assert {Case.parse(line).check for line in ran.lines} == {"values.golden"}
    assert len(run("list", "cases").lines) > 1000


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["check"], "there are lists of checks, shapes, backends, cases, got 'check', did you mean 'checks'?"),
        (["checks", "lore.*"], "none of the checks matches 'lore.*'; `harness list checks` shows all"),
    ],
)
def test_a_wrong_call_is_told_in_one_line(run: Run, words: list[str], said: str) -> None:
    ran = run("list", *words)
    assert (ran.code, ran.out) == (2, "")
    assert said in ran.err
