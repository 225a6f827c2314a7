"""Stopped at ten moments of a run, by Ctrl-C and by kill -9: what was found until then is kept, and said to be a part.

The moments are spread over the time that the same run takes undisturbed here, whatever this machine does besides.
"""

from __future__ import annotations

import json
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from harness.report.folder import GENERATOR
from harness.tests.helpers.children.ended import survivors
from harness.tests.helpers.program import harness, stored

pytestmark = pytest.mark.slow

_MOMENTS = 10
_INTERRUPTED, _KILLED = 130, -signal.SIGKILL
_LEAST = 0.5  # seconds: before, Python itself may still be starting, and ends in its own way
_LAYERS = "n1c2h6w5_f3kh2kw3\nn2c3h9w8_f4kh3kw3_pt1pb1\n"
_BENCH = ("bench", "numpy_fancy", "matlab_loop", "--shapes", "layers.txt", "--ops", "im2col,col2im,conv2d")
_COMMANDS = {
    "check": ("check", "numpy_fancy", "--dtype", "float32", "--json", "out.json"),
    "compare": ("compare", "numpy_fancy", "matlab_loop", "--shapes", "layers.txt", "--json", "out.json"),
    "bench": (*_BENCH, "--budget", "0.05", "--results", "results"),
    "report": ("report", "--results", "results", "--out", "report"),
}
_OUTPUTS = {"check": ["out.json"], "compare": ["out.json"], "bench": ["results"], "report": ["report", "results"]}


@pytest.fixture(scope="module")
def start(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with layers and with results to report on."""
    folder = tmp_path_factory.mktemp("start")
    (folder / "layers.txt").write_text(_LAYERS, encoding="utf-8")
    assert harness(folder, *_BENCH, "--budget", "0.05", "--results", "results").returncode == 0
    return folder


@pytest.mark.parametrize("stop", [signal.SIGINT, signal.SIGKILL], ids=["ctrl-c", "kill -9"])
@pytest.mark.parametrize("name", _COMMANDS)
def test_ten_moments(name: str, stop: signal.Signals, start: Path, tmp_path: Path) -> None:
    """Some of the ten cut the run short; the exit code says so, and nothing of it is left running."""
    began = time.monotonic()
    whole = tmp_path / "whole"
    _prepare(whole, start, name)
    assert harness(whole, *_COMMANDS[name]).returncode == 0
    seconds = time.monotonic() - began
    chance = random.Random(f"{name} {stop}")
    codes = []
    for number in range(_MOMENTS):
        folder = tmp_path / str(number)
        _prepare(folder, start, name)
        moment = _LEAST + (number + chance.random()) * (seconds - _LEAST) / _MOMENTS
        code, said = _stopped(folder, _COMMANDS[name], moment, stop)
        assert "Traceback" not in said
        assert said.splitlines()[-1:] == ["harness: interrupted"] or code != _INTERRUPTED
        assert _strangers(folder, _OUTPUTS[name], stop) == []
        _AFTERWARDS[name](folder, whole, code)
        codes.append(code)
    cut_short = _INTERRUPTED if stop == signal.SIGINT else _KILLED
    assert set(codes) <= {0, cut_short}
    assert codes.count(0) <= _MOMENTS // 2


def _prepare(folder: Path, start: Path, name: str) -> None:
    shutil.copytree(start, folder)
    if name != "report":
        shutil.rmtree(folder / "results")


def _stopped(folder: Path, words: tuple[str, ...], seconds: float, stop: signal.Signals) -> tuple[int, str]:
    """Its exit code and stderr; it gets the signal after so many seconds, if it has not ended."""
    command = [sys.executable, "-m", "harness", *words]
    with subprocess.Popen(command, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as process:
        below: list[psutil.Process] = []
        try:
            process.wait(timeout=seconds)
        except subprocess.TimeoutExpired:
            below = psutil.Process(process.pid).children(recursive=True)
            process.send_signal(stop)
        _, said = process.communicate(timeout=300)
        assert survivors(below) == []
        return process.returncode, said


def _strangers(folder: Path, outputs: list[str], stop: signal.Signals) -> list[Path]:
    """Files that are no output of the call; a file that was just being written may be there after kill -9."""
    known = {folder / "layers.txt", *(folder / name for name in outputs)}
    found = [file for file in folder.rglob("*") if file.is_file() and known.isdisjoint([file, *file.parents])]
    halves = [file for file in folder.rglob(".harness-*.tmp") if stop != signal.SIGKILL]
    return found + halves


def _after_check(folder: Path, whole: Path, code: int) -> None:
    document = folder / "out.json"
    if not document.exists():
        assert code != 0
        return
    (found,), (full,) = stored(document), stored(whole / "out.json")
    assert found["planned"] == full["planned"]
    assert found["counts"]["not_run"] + found["executed"] == found["planned"]
    assert found["verdict"] == ("incomplete" if found["counts"]["not_run"] else "pass")
    assert found["verdict"] == "incomplete" or found["executed"] == full["executed"]
    assert found["verdict"] == "pass" or code != 0


def _after_compare(folder: Path, whole: Path, code: int) -> None:
    document = folder / "out.json"
    if not document.exists():
        assert code != 0
        return
    found, full = stored(document), stored(whole / "out.json")
    rows = [(row["op"], row["shape"]) for row in found["rows"]]
    missing = [(row["op"], row["shape"]) for row in found["missing"]]
    assert sorted(rows + missing) == sorted((row["op"], row["shape"]) for row in full["rows"])
    assert found["partial"] or missing == []  # stopped once it was written, it is whole
    assert not found["partial"] or code != 0


def _after_bench(folder: Path, whole: Path, code: int) -> None:
    """The same call goes on where it was stopped: lines that were there stay, and what was missing is measured."""
    before = [line for file in _run_files(folder) for line in _lines(file)]
    assert harness(folder, *_COMMANDS["bench"]).returncode == 0
    files = _run_files(folder)
    after = [line for file in files for line in _lines(file)]
    assert after[: len(before)] == before
    was_whole = bool(before) and json.loads(before[-1])["kind"] == "end"
    assert len(files) == 1 + was_whole
    (full,) = _run_files(whole)
    assert _cells(files[-1]) == _cells(full)


def _cells(file: Path) -> list[tuple[str, str, str]]:
    records = map(json.loads, _lines(file))
    return sorted((r["layer"], r["op"], r["backend"]) for r in records if r["kind"] == "cell")


def _run_files(folder: Path) -> list[Path]:
    return sorted((folder / "results" / "runs").rglob("*.jsonl"))


def _lines(file: Path) -> list[str]:
    """The whole lines; the last one may have been cut off."""
    return [line for line in file.read_text(encoding="utf-8").split("\n")[:-1] if line]


def _after_report(folder: Path, whole: Path, code: int) -> None:
    """A page that is there is whole; the same call writes all of it, over what the first one left."""
    page = folder / "report" / "index.html"
    if page.exists():
        assert GENERATOR in page.read_text(encoding="utf-8")
        assert page.read_text(encoding="utf-8").rstrip().endswith("</html>")
    else:
        assert code != 0
    assert harness(folder, *_COMMANDS["report"]).returncode == 0
    assert _names(folder / "report") == _names(whole / "report")


def _names(folder: Path) -> list[str]:
    return sorted(str(file.relative_to(folder)) for file in folder.rglob("*") if file.suffix != ".tmp")


_AFTERWARDS: dict[str, Callable[[Path, Path, int], None]] = {
    "check": _after_check, "compare": _after_compare, "bench": _after_bench, "report": _after_report
}  # fmt: skip
