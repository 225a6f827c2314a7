"""Children in the hands of the test, for every test that asks for them."""

from __future__ import annotations

import pytest

from harness.results import machine
from harness.tests.helpers.records import a_machine
from harness.tests.helpers.timing.fake_clock import FakeClock
from harness.tests.helpers.timing.fake_worker import FakeChildren, Script, as_usual
from harness.tests.helpers.timing.groups import Watched
from harness.tests.helpers.timing.runs import Begin
from harness.timing.judging import children as the_children
from harness.timing.judging import floors as the_floors


@pytest.fixture
def begin(clock: FakeClock, monkeypatch: pytest.MonkeyPatch) -> Begin:
    """`begin(script)` puts children that answer by it in the place of real ones."""
    monkeypatch.setattr(machine, "facts", a_machine)
    monkeypatch.setattr(the_children, "Processes", lambda guardian: Watched())

    def put(script: Script = as_usual) -> FakeChildren:
        children = FakeChildren(clock, script)
        monkeypatch.setattr(the_children, "Worker", children)
        monkeypatch.setattr(the_floors, "Worker", children)
        return children

    return put
