"""`--watch`: the same call again once a file is saved, until Ctrl-C."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from harness.cli.checking import watching
from harness.contract.targets import resolve
from harness.tests.helpers.cli.running import Run
from harness.tests.helpers.plugins import GOOD, Write, edited


def test_the_files_of_targets_and_those_beside_them_are_watched(
    write: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    for name in ("mine.py", "beside.py", "alone_here.py"):
        write(name, GOOD)
    write("below/deep.py", GOOD)
    found = watching.watched([resolve("mine.py"), resolve("below/deep.py"), resolve("numpy_fancy")])
    assert [path.name for path in found] == ["mine.py", "alone_here.py", "beside.py", "deep.py"]
    assert watching.watched([resolve("alone_here:Mine")]) == [tmp_path / "alone_here.py"]
    assert watching.watched([resolve("numpy_fancy")]) == []


def test_a_backend_without_a_file_cannot_be_watched(run: Run) -> None:
    ran = run("check", "numpy_fancy", "--watch")
    assert (ran.code, ran.out, len(ran.err.splitlines())) == (2, "", 1)
    assert "--watch needs a backend that is a file or a module" in ran.err


def test_a_wrong_option_is_told_before_anything_is_watched(run: Run, write: Write) -> None:
    write("mine.py", GOOD)
    assert run("check", "mine.py", "--watch", "--dtype", "float128").code == 2


@pytest.mark.parametrize("change", ["another text", "gone for a moment"])
def test_a_change_is_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change: str) -> None:
    monkeypatch.setattr(watching, "_PAUSE", 0.01)
    monkeypatch.setattr(watching, "_SETTLED", 0.01)
    file = tmp_path / "mine.py"
    file.write_text("a = 1\n")
    ended = threading.Event()

    def wait() -> None:
        watching.wait_for_a_change([file], before)
        ended.set()

    before = watching.stamps([file])
    waiter = threading.Thread(target=wait, daemon=True)
    waiter.start()
    assert not ended.wait(0.1)
    if change == "gone for a moment":
        file.unlink()
        assert not ended.wait(0.1)
    file.write_text("a = 2, and more\n")
    assert ended.wait(60)


def test_it_runs_again_when_a_file_is_saved_and_ctrl_c_ends_it(write: Write, tmp_path: Path) -> None:
    write("mine.py", edited("] += taps[", "] = taps["))
    words = ["check", "mine.py", "--watch", "--ops", "col2im", "--dtype", "float32", "--tier", "0", "--no-diagnose"]
    with subprocess.Popen(
        [sys.executable, "-m", "harness", *words], cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        text=True, start_new_session=True,
    ) as process:  # fmt: skip
        assert process.stdout is not None
        told = []
        for line in process.stdout:
            told.append(line)
            if "Ctrl-C ends this" not in line:
                continue
            if sum("Ctrl-C ends this" in one for one in told) == 2:
                os.killpg(process.pid, signal.SIGINT)
                break
            write("mine.py", GOOD)
        rest = process.stdout.read()
    assert process.returncode == 130
    verdicts = [line.split()[1] for line in told if line.startswith("mine ")]
    assert verdicts == ["fail", "pass"]
    assert rest.splitlines()[-1] == "harness: interrupted"
