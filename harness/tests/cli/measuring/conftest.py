"""Comparisons of which every time is given."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.results import machine
from harness.tests.helpers.records import a_machine
from harness.tests.helpers.timing.fake_comparison import FakeComparison
from harness.timing import run


@pytest.fixture
def measured(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> FakeComparison:
    """Nothing is measured, and nothing is checked before."""
    found = FakeComparison()
    monkeypatch.setattr(run, "measure", found)
    monkeypatch.setattr(machine, "facts", a_machine)
    monkeypatch.chdir(tmp_path)
    return found
