"""Faults reported in public, written as their authors might have: what is told of each, and whether it is so."""

from __future__ import annotations

from functools import cache

import pytest

from conformance.diagnosis.diagnose import Found, findings, known
from conformance.diagnosis.experiment import draw
from conformance.diagnosis.experiment.experiment import Experiment
from conformance.diagnosis.experiment.observed import Kind
from harness.tests.helpers.catalogue.bugs import BUGS, caller_of
from harness.tests.helpers.catalogue.expected import EXPECTED

pytestmark = pytest.mark.slow

_NAMED = sorted(bug for bug, (kind, _) in EXPECTED.items() if kind == "name")


@cache
def _found(bug: str) -> tuple[Experiment, Found]:
    experiment = Experiment(caller_of(BUGS[bug]), BUGS[bug].op, "float64", seconds=60.0)
    return experiment, findings(experiment, known(BUGS[bug].op))[0]


@pytest.mark.parametrize("bug", sorted(EXPECTED))
def test_a_public_bug_is_told(bug: str) -> None:
    cause = _found(bug)[1].cause
    assert (cause.kind, cause.id) == EXPECTED[bug]


@pytest.mark.parametrize("bug", _NAMED)
def test_the_name_is_what_the_bug_does_elsewhere(bug: str) -> None:
    """On geometries that the diagnosis did not see. A crash has no numbers: it is told by itself."""
    experiment, found = _found(bug)
    model, condition = found.model, found.condition
    assert model is not None
    elsewhere = Experiment(caller_of(BUGS[bug]), BUGS[bug].op, "float64", seconds=60.0)
    wrong = []
    for spec in elsewhere.bent([*draw.small(60, seed=987), *draw.wide(20, seed=654)]):
        seen = elsewhere.run(spec)
        if spec in experiment.observed or seen is None or seen.kind is Kind.CRASH:
            continue
        if condition is not None and not condition.holds(spec):
            as_told = seen.ok
        elif seen.ok:
            as_told = not elsewhere.differs(model, spec)
        else:
            as_told = elsewhere.foretold(model, spec) == seen.digest
        if not as_told:
            wrong.append(str(spec))
    assert not wrong


def test_every_bug_has_something_that_is_expected() -> None:
    assert set(EXPECTED) == set(BUGS)
