"""What the program does before its commands are imported: a Ctrl-C and a folder that is gone end in one line."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import harness
from harness.contract import protocol, registry
from harness.geometry import spec

_STARTS = {"module": [sys.executable, "-m", "harness"], "script": [str(Path(sys.executable).parent / "harness")]}


def started(folder: Path, *command: str, path: str = "") -> tuple[int, str, str]:
    """Exit code, stdout and stderr of a command, with `path` searched before the installed packages."""
    done = subprocess.run(
        command, cwd=folder, env={**os.environ, "PYTHONPATH": path}, capture_output=True, text=True, check=False,
        timeout=900,
    )  # fmt: skip
    return done.returncode, done.stdout, done.stderr


@pytest.mark.parametrize("start", _STARTS)
def test_a_folder_that_is_gone_is_a_wrong_call(tmp_path: Path, start: str) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    command = " ".join([*_STARTS[start], "check", "numpy_fancy"])
    said = "harness: the current folder is gone (No such file or directory); go to one that exists\n"
    assert started(tmp_path, "sh", "-c", f"cd gone && rmdir ../gone && {command}") == (2, "", said)


_QUICK = "import os, signal\nos.kill(os.getpid(), signal.SIGINT)\n"
_IN_A_DESTRUCTOR = """import os, signal, time
class Lost:
    def __del__(self):
        os.kill(os.getpid(), signal.SIGINT)
Lost()
time.sleep(90)
raise SystemExit("the Ctrl-C was lost")
"""
# What a library has begun may keep Python from ending, or end it by a fault; its exit handlers run all the same.
_HALF_IMPORTED = f"""import atexit, sys, threading, time
threading.Thread(target=time.sleep, args=(3600,)).start()
atexit.register(lambda: print("handled", file=sys.stderr))
{_QUICK}"""


@pytest.mark.parametrize("start", _STARTS)
@pytest.mark.parametrize("source", [_QUICK, _IN_A_DESTRUCTOR, _HALF_IMPORTED], ids=["quick", "in a destructor", "half"])
def test_ctrl_c_while_the_commands_are_imported_ends_in_one_line(tmp_path: Path, start: str, source: str) -> None:
    """A library that sends the Ctrl-C as it is imported stands for a user who is quick."""
    library, here = tmp_path / "library", tmp_path / "here"
    library.mkdir()
    here.mkdir()
    (library / "psutil.py").write_text(source)
    found = started(here, *_STARTS[start], "check", "--ops", "none", path=str(library))
    handled = "handled\n" * (source == _HALF_IMPORTED)
    assert found == (130, "", f"harness: interrupted\n{handled}")


def test_the_public_names_are_those_of_their_rooms() -> None:
    homes = (protocol, registry, spec)
    found = {name: getattr(harness, name) for name in harness.__all__}
    assert len(found) == 13
    for name, value in found.items():
        assert any(getattr(home, name, None) is value for home in homes), name
    with pytest.raises(AttributeError, match="no attribute 'Conv'"):
        harness.Conv  # noqa: B018


def test_the_public_names_are_listed_before_they_are_used() -> None:
    code = "import sys, harness; print('numpy' in sys.modules, set(harness.__all__) <= set(dir(harness)))"
    assert started(Path.cwd(), sys.executable, "-c", code) == (0, "False True\n", "")
