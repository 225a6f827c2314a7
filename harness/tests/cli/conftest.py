"""The program in this process, in a folder of the test's own."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from harness.cli import terminal
from harness.tests.helpers.cli.running import Ran, Run
from harness.tests.helpers.program import call


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Run:
    """`run("check", ...)` calls the program with these words."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.setattr(terminal, "_SILENT", 600.0)  # what is told of time depends on who else uses this machine
    monkeypatch.setattr(terminal, "_LINE_EVERY", 600.0)

    def called(*arguments: object) -> Ran:
        capsys.readouterr()
        code = call(monkeypatch, *arguments)
        return Ran(code, *capsys.readouterr())

    return called
