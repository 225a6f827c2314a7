"""Faults that were reported in public, written as their authors might have: what is told of each, and whether it is so."""

from __future__ import annotations

from functools import cache

import pytest

from conformance.diagnosis.diagnose import Found, findings, known
from conformance.diagnosis.experiment import draw
from conformance.diagnosis.experiment.experiment import Experiment
from conformance.diagnosis.experiment.observed import Kind
from harness.tests.helpers.catalogue.bugs import BUGS, caller_of
from harness.tests.helpers.catalogue.expected import EXPECTED
from harness.tests.helpers.catalogue.common import Bug

pytestmark = pytest.mark.heavy


@pytest.mark.parametrize("name", sorted(EXPECTED))
def test_a_public_bug_is_told(name: str) -> None:
    assert [(found.cause.kind, found.cause.id) for found in _told(name)[1]][:1] == [EXPECTED[name]]


@pytest.mark.parametrize("name", sorted(name for name, (kind, _) in EXPECTED.items() if kind == "name"))
def test_the_name_gives_what_the_bug_gives_on_other_geometries(name: str) -> None:
    """On geometries that the diagnosis did not see; a crash has no numbers."""
    experiment, found = _told(name)
    model, condition = found[0].model, found[0].condition
    assert model is not None
    wrong = []
    for seen in _elsewhere(BUGS[name], experiment):
        here = condition is None or condition.holds(seen.spec)
        if seen.kind is not Kind.CRASH and here and not _agrees(experiment, found[0], seen):
            wrong.append(str(seen.spec))
        if not here and not seen.ok:
            wrong.append(str(seen.spec))
    assert not wrong


def test_every_bug_has_something_that_is_expected() -> None:
    assert set(EXPECTED) == set(BUGS)
