"""Children in the hands of the test, for every test that asks for them."""

from __future__ import annotations

import pytest

from harness.results import machine
from harness.tests.helpers.records import a_machine
from harness.tests.helpers.timing.fake_worker import Children, Script, answers
from harness.tests.helpers.timing.runs import Begin
from harness.timing import run


@pytest.fixture
def begin(monkeypatch: pytest.MonkeyPatch) -> Begin:
    """`begin(script)` puts children that answer by it in the place of real ones."""
    monkeypatch.setattr(machine, "facts", a_machine)

    def put(script: Script = answers) -> Children:
        children = Children(script)
        monkeypatch.setattr(run, "Worker", children)
        return children

    return put
