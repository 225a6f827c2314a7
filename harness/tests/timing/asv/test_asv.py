"""What asv makes of a run: which runs it records, and that its files hold what plain `asv run` would write."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import msgspec
import pytest

from harness.contract import own_packages, targets
from harness.results import machine, run_files
from harness.results.records import Code, RunHeader
from harness.tests.helpers.runfiles import MACHINE, SPECS, make_cell, write_run
from harness.timing import asv_bridge

pytestmark = pytest.mark.heavy

_RUN = "20260101T000000-a"
_LAYERS = list(SPECS)[:2]
_CODE = Code(commit="ab" * 20, dirty=False, changes="")


def written(results: Path, *backends: str, **code: Any) -> Path:
    """A finished run of `backends`, one line of which is a layer that failed."""
    cells = [
        make_cell(name, [0.1 * (1 + b), 0.3 * (1 + b), 0.2 * (1 + b)], layer, op=op)
        for b, name in enumerate(backends) for layer in _LAYERS for op in ("im2col", "conv2d")
    ]  # fmt: skip
    cells[0] = make_cell(backends[0], None, "net:small", op="im2col", status="fail", reason="3 of 4 elements differ")
    cells[1] = make_cell(backends[0], None, "net:small", op="conv2d", status="over_budget", reason="too slow")
    write_run(results, _RUN, cells)
    path = results / "runs" / MACHINE / f"{_RUN}.jsonl"
    first, *lines = path.read_text().splitlines(keepends=True)
    header = {**json.loads(first), "code": msgspec.to_builtins(replace_code(code))}
    path.write_text(json.dumps(header) + "\n" + "".join(lines))
    return path


def replace_code(changes: dict[str, Any]) -> Code:
    """The code of the checkout, changed."""
    return msgspec.structs.replace(_CODE, **changes)


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """What the harness takes for its checkout."""
    monkeypatch.setattr(machine, "project_root", lambda: tmp_path)
    monkeypatch.setattr(machine, "code", lambda: _CODE)
    return tmp_path


# -- which runs ----------------------------------------------------------------------------------------------------


def test_a_run_of_built_in_backends_in_the_checkout_is_recorded(checkout: Path) -> None:
    assert asv_bridge.left_out(written(checkout / "results" / "gpu", "numpy_fancy", "naive_loops")) == ""


@pytest.mark.parametrize("foreign", ["mine.py", "a=numpy_fancy", "gone.py"])
def test_nothing_of_a_strangers_is_recorded(checkout: Path, monkeypatch: pytest.MonkeyPatch, foreign: str) -> None:
    monkeypatch.chdir(checkout)
    (checkout / "mine.py").touch()
    file = written(checkout / "results", "numpy_fancy", foreign)
    said = f"asv step left out: it keeps the history of built-in backends, and this run has {foreign}"
    assert asv_bridge.left_out(file) == said


def test_nothing_of_another_folder_is_recorded(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = written(checkout / "elsewhere", "numpy_fancy")
    assert asv_bridge.left_out(file) == f"asv step left out: it keeps what lies in {checkout / 'results'}"
    monkeypatch.setattr(machine, "project_root", lambda: None)
    assert asv_bridge.left_out(file) == "asv step left out: not in a git checkout of the harness"


@pytest.mark.parametrize("code", [{"dirty": True}, {"commit": "cd" * 20}, {"changes": "00000001"}])
def test_only_the_commit_itself_is_recorded(checkout: Path, code: dict[str, Any]) -> None:
    file = written(checkout / "results", "numpy_fancy", **code)
    commit = code.get("commit", _CODE.commit)[:8]
    assert asv_bridge.left_out(file) == f"asv step left out: the working tree is not the commit {commit} alone"


def test_without_asv_the_step_is_left_out(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = written(checkout / "results", "numpy_fancy")
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert asv_bridge.left_out(file).startswith("asv step left out: asv is not installed")


# -- what is recorded ----------------------------------------------------------------------------------------------


def test_what_asv_calls_a_machine(tmp_path: Path) -> None:
    header = run_files.header(written(tmp_path, "numpy_fancy"))
    plan = msgspec.structs.replace(header.plan, threads=3, allocator="default")
    assert asv_bridge.conditions(RunHeader(**{**_fields(header), "plan": plan})) == {
        "machine": f"{MACHINE}-t3-default", "cpu": "CPU X", "num_cpu": "4", "os": "Linux", "ram": "8.0",
        "arch": "Linux", "threads": "3", "allocator": "default", "numpy": "2.4.6",
    }  # fmt: skip


def test_the_suite_has_the_layers_of_the_run_and_every_backend(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(asv_bridge.RUN_VARIABLE, str(written(tmp_path, "numpy_fancy", "mine")))
    assert asv_bridge.parameters() == (_LAYERS, ["float32"], [*targets.names(), "mine"])
    found = asv_bridge.cells()
    assert len(found) == 8
    assert found["im2col", "float32", "net:small", "numpy_fancy"].status == "fail"
    assert found["conv2d", "float32", "net:large", "mine"].samples == [0.2, 0.6, 0.4]


def test_a_failure_of_asv_is_told_in_its_last_line(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    code = "import os; print('first'); print(os.environ['IM2COL_HARNESS_RUN'][-8:], os.getcwd()); raise SystemExit(7)"
    monkeypatch.setattr(own_packages, "command", lambda module: [sys.executable, "-c", code])
    told = asv_bridge.record(written(checkout / "results", "numpy_fancy"))
    assert told == f"asv step failed with exit code 7: -a.jsonl {checkout}"


def test_the_files_are_those_of_plain_asv_run(tmp_path: Path) -> None:
    """In a clone of the checkout: `record`, then `asv run` on the same run, then `asv publish`."""
    root = machine.project_root()
    if root is None:
        pytest.skip("not in a git checkout")
    pytest.importorskip("asv", reason="asv is not installed")
    clone = tmp_path / "clone"
    subprocess.run(["git", "clone", "-q", str(root), str(clone)], check=True)
    for package in ("harness", "backends", "conformance"):  # as they are now
        shutil.copytree(root / package, clone / package, dirs_exist_ok=True)
    file = written(clone / "results" / "new", "numpy_fancy", "naive_loops")
    environ = {**os.environ, "HOME": str(tmp_path), "PYTHONPATH": str(clone), "IM2COL_HARNESS_RUN": str(file)}
    name, commit = f"{MACHINE}-t1-steady", _git(clone, "rev-parse", "HEAD")
    folder, suite = clone / "results" / "asv" / name, clone / "results" / "asv" / "benchmarks.json"

    def started(*words: str, code: int = 0) -> str:
        done = subprocess.run([sys.executable, *words], cwd=clone, env=environ, capture_output=True, text=True,
                              check=False)  # fmt: skip
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout.strip()

    code = "import pathlib, sys; from harness.timing import asv_bridge as a; print(a.record(pathlib.Path(sys.argv[1])))"
    assert started("-c", code, str(file)) == f"asv recorded commit {'ab' * 4} for machine {name} in results/asv"
    assert not (tmp_path / ".asv-machine.json").exists()  # nothing outside the checkout
    (kept,) = folder.glob(f"{commit[:8]}-*.json")
    ours, our_suite = _recorded(kept), suite.read_text()
    assert json.loads((folder / "machine.json").read_text())["cpu"] == "CPU X"
    kept.unlink()
    suite.unlink()
    started("-m", "asv", "machine", "--yes", "--machine", name)
    started("-m", "asv", "run", "-E", "existing:same", "-m", name, "--set-commit-hash", "HEAD", "--record-samples",
            "-b", "Im2col", "-b", r"Conv2d\.", code=2)  # fmt: skip  # one benchmark failed, as it should
    theirs = _recorded(kept)
    assert sorted(theirs) == ["bench_ops.Conv2d.track_seconds", "bench_ops.Im2col.track_seconds"]
    assert ({name: ours[name] for name in theirs}, our_suite) == (theirs, suite.read_text())
    assert len(ours) == 6
    started("-m", "asv", "publish")
    assert (clone / ".asv/html/index.html").is_file()


def _recorded(kept: Path) -> dict[str, dict[str, Any]]:
    """Results by benchmark and column, without when and how long asv ran."""
    found = json.loads(kept.read_text().replace("NaN", '"skipped"'))
    rows = {
        name: dict(zip(found["result_columns"], row, strict=False)) for name, row in found["results"].items()
    }  # fmt: skip
    for row in rows.values():
        del row["started_at"], row["duration"]
    return rows


def _git(folder: Path, *words: str) -> str:
    return subprocess.run(["git", "-C", str(folder), *words], capture_output=True, text=True, check=True).stdout.strip()


def _fields(header: RunHeader) -> dict[str, Any]:
    return {name: getattr(header, name) for name in header.__struct_fields__}
