"""Shell completion: the program offers it, and completes commands, options, and names of backends."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from harness.tests.helpers.program import harness

_STARTED = "from harness.cli.main import main; import sys; sys.argv[0] = 'harness'; main()"


def completed(folder: Path, *words: str) -> list[str]:
    """What bash offers for the last of these words."""
    given = {"_HARNESS_COMPLETE": "complete_bash", "COMP_WORDS": " ".join(words), "COMP_CWORD": str(len(words) - 1)}
    done = subprocess.run(
        [sys.executable, "-c", _STARTED], cwd=folder, env={**os.environ, **given}, capture_output=True, text=True,
        check=False, timeout=900,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        (["harness", "ch"], ["check"]),
        (["harness", "new", "mine", "--lib"], ["--library"]),
        (["harness", "check", "numpy"], ["numpy_fancy"]),
        (["harness", "compare", "numpy_fancy", "matlab"], ["matlab_loop"]),
        (["harness", "check", "./no"], []),  # bash itself completes files then
    ],
)
def test_what_is_offered(tmp_path: Path, words: list[str], offered: list[str]) -> None:
    assert completed(tmp_path, *words) == offered


def test_the_program_says_how_it_is_switched_on(tmp_path: Path) -> None:
    done = harness(tmp_path, "--help")
    assert "--install-completion" in done.stdout
