"""The program `harness` as tests run it: in a process of its own, in a shell, or here."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from harness.cli import main
from harness.tests.helpers.plugins import edited

_BIN = str(Path(sys.executable).parent)
_BODY = "def im2col(x, spec):\n"

Done = subprocess.CompletedProcess[str]


def harness(folder: Path, *arguments: object) -> Done:
    """Run the program in `folder`."""
    command = [sys.executable, "-m", "harness", *map(str, arguments)]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, timeout=900)


def shell(folder: Path, line: str) -> Done:
    """Run a line as a user would paste it, with `harness` on the PATH."""
    environment = {**os.environ, "PATH": f"{_BIN}{os.pathsep}{os.environ['PATH']}"}
    return subprocess.run(
        ["sh", "-c", line], cwd=folder, env=environment, capture_output=True, text=True, check=False, timeout=900
    )


def at_start(statement: str) -> str:
    """The right plug-in with a statement before all others of im2col."""
    return edited(_BODY, f"{_BODY}    {statement}\n")


def call(monkeypatch: pytest.MonkeyPatch, *arguments: object) -> object:
    """Run `main` in this process; gives the exit code."""
    monkeypatch.setattr(sys, "argv", ["harness", *map(str, arguments)])
    monkeypatch.setattr(main, "_leave", sys.exit)
    with pytest.raises(SystemExit) as ended:
        main.main()
    return ended.value.code


def stored(path: Path) -> Any:
    """The JSON in a file."""
    return json.loads(path.read_text(encoding="utf-8"))


def without_waiting(text: str) -> str:
    """What was said, but for the lines about waiting, which depend on how busy the machine is."""
    return "".join(line for line in text.splitlines(keepends=True) if not line.startswith("waiting for "))


def assert_one_line(done: Done, *words: str) -> None:
    """Exit code 2 and one line on stderr, which says all of `words`; nothing on stdout.

    A line about what is waited for may come before it, on a machine that is slow to load.
    """
    lines = without_waiting(done.stderr).splitlines()
    assert (done.returncode, len(lines), done.stdout) == (2, 1, ""), done.stderr
    assert lines[0].startswith("harness: ")
    assert [w for w in words if w not in lines[0]] == []
