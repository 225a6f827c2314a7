"""Killed outright at a moment of work: no process outlives the program, and documents are whole or absent."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from harness.tests.helpers.children.ended import survivors
from harness.tests.helpers.plugins import Write
from harness.tests.helpers.program import at_start

_COMMANDS = {
    "check": ["check", "slow.py", "--ops", "im2col"],
    "check in jobs": ["check", "slow.py", "--ops", "im2col", "--jobs", "2"],
    "compare": ["compare", "slow.py", "numpy_fancy", "--ops", "im2col"],
}


@pytest.mark.parametrize("name", _COMMANDS)
def test_nothing_outlives_a_killed_program(name: str, write: Write, tmp_path: Path) -> None:
    """Not even a process that the plug-in has started in a session of its own."""
    running = tmp_path / "running"
    statement = (
        "import os, subprocess, time\n"
        f"    if not os.path.exists({str(running)!r}):\n"
        "        subprocess.Popen(['sleep', '600'], start_new_session=True)\n"
        f"        open({str(running)!r}, 'w').close()\n"
        "    time.sleep(0.2)"
    )
    write("slow.py", at_start(statement))
    command = [sys.executable, "-m", "harness", *_COMMANDS[name], "--json", "out.json"]
    with subprocess.Popen(
        command, cwd=tmp_path, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
    ) as process:
        while not running.exists():
            assert process.poll() is None, "it ended before it called the plug-in"
        below = psutil.Process(process.pid).children(recursive=True)
        assert "sleep" in [one.name() for one in below]
        process.kill()
        assert survivors(below) == []
    assert not (tmp_path / "out.json").exists()
    assert [file.name for file in tmp_path.iterdir() if file.suffix == ".tmp"] == []
