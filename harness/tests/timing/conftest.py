"""A clock in the hands of the test, for every test that asks for it."""

from __future__ import annotations

import pytest

from harness.tests.helpers.timing.fake_clock import FakeClock
from harness.timing import clock as the_clock
from harness.timing import cold


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> FakeClock:
    """The only clock of the project, replaced; before cold calls no more other data than nobody waits for."""
    fake = FakeClock()
    monkeypatch.setattr(the_clock, "now", fake.now)
    monkeypatch.setattr(the_clock, "sleep", fake.sleep)
    monkeypatch.setattr(cold, "size_of_others", lambda: 4096)
    return fake
