"""Results that are kept in the repository: in an archive of it there are none, and a test of them has no meaning."""

from __future__ import annotations

import subprocess

import pytest

from harness.tests.helpers.imports import ROOT


def committed(folder: str) -> list[str]:
    """The files of a folder that are in the repository. Skips the test where there are none."""
    command = ["git", "-C", str(ROOT), "ls-files", folder]
    found = subprocess.run(command, capture_output=True, text=True, check=False).stdout.split()
    if not found:
        pytest.skip("not a git checkout with results")
    return found
