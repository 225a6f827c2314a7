"""`harness bench --scheduler`: one measurement a kind of machine, and only what is a result of it is kept."""

from __future__ import annotations

import json
import signal
import threading
import time
from pathlib import Path

import pytest

from harness.cli.clusters import benching
from harness.cli.clusters.there import Measured
from harness.results import machine
from harness.tests.helpers.children.clusters import cluster
from harness.tests.helpers.plugins import GOOD
from harness.tests.helpers.program import harness

pytest.importorskip("distributed", reason="dask.distributed is not installed")

_RUNS = sorted((machine.project_root() or Path()).glob("results/runs/*/*.jsonl"))
_ASKED = ("--ops", "im2col", "--shapes", "layer.txt", "--budget", "0.05")


@pytest.fixture(scope="module")
def run() -> Path:
    """A committed run file."""
    assert _RUNS
    return min(_RUNS, key=lambda file: file.stat().st_size)


def test_a_run_is_kept_under_the_name_of_its_machine(run: Path, tmp_path: Path) -> None:
    name, content = run.parent.name, run.read_bytes()
    assert benching.kept(name, Measured(1, "", {f"{name}/{run.name}": content}), tmp_path) == 1
    assert [(file.relative_to(tmp_path).as_posix(), file.read_bytes()) for file in tmp_path.rglob("*.jsonl")] == [
        (f"runs/{name}/{run.name}", content)
    ]


@pytest.mark.parametrize("what", ["other machine", "no run", "there already"])
def test_what_a_worker_sends_is_looked_at_before_it_is_kept(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], what: str
) -> None:
    """Nothing is written over a file, or where it would spoil a report."""
    name, content, results = run.parent.name, run.read_bytes(), tmp_path / "results"
    there = results / "runs" / name / run.name
    if what == "there already":
        there.parent.mkdir(parents=True)
        there.write_text("mine", encoding="utf-8")
    named = "another" if what == "other machine" else name
    sent = {f"{name}/{run.name}": b"{}\n" if what == "no run" else content}
    assert benching.kept(named, Measured(0, "", sent), results) == 3
    assert f"{named}: {run.name} is not kept: " in capsys.readouterr().err
    assert (there.read_text(encoding="utf-8") == "mine") if what == "there already" else not results.exists()


def test_a_path_of_a_worker_leads_nowhere_else(run: Path, tmp_path: Path) -> None:
    name, results = run.parent.name, tmp_path / "results"
    assert benching.kept(name, Measured(0, "", {"../../../evil.jsonl": run.read_bytes()}), results) == 0
    assert [file.relative_to(tmp_path).as_posix() for file in tmp_path.rglob("*.jsonl")] == [
        f"results/runs/{name}/evil.jsonl"
    ]


def test_what_was_said_is_told_where_nothing_was_measured(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert benching.kept("some_machine", Measured(2, "one line\nharness: no such backend", {}), tmp_path) == 2
    assert capsys.readouterr().err == "some_machine: nothing was measured: harness: no such backend\n"


def test_how_a_measurement_ended_is_told(run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    name, files = run.parent.name, {f"{run.parent.name}/{run.name}": run.read_bytes()}
    assert benching.kept(name, Measured(-9, "", files), tmp_path / "one") == 3
    assert "it was ended by signal 9" in capsys.readouterr().err
    assert benching.kept(name, Measured(1, "measured 0 of 1 cells, 1 wrong", files), tmp_path / "two") == 1
    assert "measured 0 of 1 cells, 1 wrong" in capsys.readouterr().err


@pytest.mark.heavy
def test_one_worker_of_a_machine_measures_and_another_one_if_it_ends(tmp_path: Path) -> None:
    """With a plug-in that is not there on the workers, and a file of layers."""
    begun = tmp_path / "begun"
    tell = f"begun = Path({str(begun)!r})\n"
    tell += "begun.exists() or begun.write_text(' '.join(str(one.pid) for one in psutil.Process().parents()) + ' .')\n"
    (tmp_path / "mine.py").write_text(f"import psutil\nfrom pathlib import Path\n{tell}{GOOD}\n", encoding="utf-8")
    (tmp_path / "layer.txt").write_text("n1c2h6w5_f2kh3kw2\n", encoding="utf-8")
    (tmp_path / "there").mkdir()
    with cluster(tmp_path / "there") as there:
        workers = [there.worker("a"), there.worker("b")]

        def end() -> None:
            """The worker that measures."""
            while not (begun.exists() and begun.read_text(encoding="utf-8").endswith(".")):
                time.sleep(0.01)
            above = begun.read_text(encoding="utf-8").split()
            next(one for one in workers if str(one.pid) in above).send_signal(signal.SIGKILL)

        threading.Thread(target=end, daemon=True).start()
        _both_there(there.scheduler)
        done = harness(tmp_path, "bench", "./mine.py", *_ASKED, "--scheduler", there.scheduler)
    assert done.returncode == 0, done.stderr
    (file,) = (Path(tmp_path, line) for line in done.stdout.splitlines())
    records = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
    assert records[0]["machine"]["name"] == file.parent.name == machine.facts().name
    assert [(one["backend"], one["status"]) for one in records if one["kind"] == "cell"] == [("mine", "ok")]
    assert records[-1]["kind"] == "end"
    measured = [line.partition(" is measured by worker ")[2][:1] for line in done.stderr.splitlines()]
    assert sorted(filter(None, measured)) == ["a", "b"]


def _both_there(scheduler: str) -> None:
    """Wait for two workers."""
    from distributed import Client

    with Client(scheduler, set_as_default=False) as client:
        client.wait_for_workers(2, timeout=120)
