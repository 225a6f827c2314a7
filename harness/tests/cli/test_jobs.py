"""A run that several processes share: what they find is put together, and each way to end early is as with one."""

from __future__ import annotations

import os
import pickle
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from conformance.cases.case import SelectionError
from conformance.cases.selection import Selection
from conformance.cases.shard import WHOLE, Shard
from conformance.parallel import parent
from conformance.parallel.answering import Broken
from conformance.parallel.child import Finished, Planned, Step, Work, answer
from conformance.parallel.known import Heard, PartReport
from conformance.run.records import BackendReport
from conformance.run.suite_run import Options, SuiteRun
from harness.cli import suite_progress, terminal
from harness.contract.status import Status, Verdict
from harness.contract.targets import resolve
from harness.tests.helpers.plugins import GOOD, Write, edited
from harness.tests.helpers.program import assert_one_line, at_start, harness, stored, without_waiting

_IM2COL = Options(Selection(ops=["im2col"], dtypes=["float32"], pattern="contract.*"))


def work(options: Options, *names: str) -> Work:
    """What a process is sent."""
    return Work(pickle.dumps(options), [resolve(name) for name in names], True, [])


def test_two_processes_find_what_one_finds(write: Write, tmp_path: Path) -> None:
    write("plus_one.py", edited("columns[:, :, u, v] = padded", "columns[:, :, u, v] = 1 + padded"))
    counts = []
    for number in (1, 2):
        out = tmp_path / f"{number}.json"
        done = harness(
            tmp_path, "check", "plus_one.py", "--ops", "im2col", "--dtype", "float32", "--check", "values.[!d]*",
            "--jobs", number, "--json", out,
        )  # fmt: skip
        assert done.returncode == 1, done.stderr
        (found,) = stored(out)
        counts.append((found["planned"], found["executed"], found["total"], found["counts"]))
        assert found["shard"] == ""
        assert {check["executed"] for check in found["checks"]} != {0}
    assert counts[0] == counts[1]


def test_the_parts_of_a_part_are_the_part() -> None:
    texts = [f"case {k}" for k in range(1000)]
    for whole in (WHOLE, Shard(2, 3)):
        parts = [whole.part(number, 4) for number in (1, 2, 3, 4)]
        held = [text for part in parts for text in texts if part.holds(text)]
        assert sorted(held) == sorted(text for text in texts if whole.holds(text))


def test_a_process_tells_its_plan_its_progress_and_its_reports() -> None:
    told: list[object] = []
    made = answer(work(_IM2COL, "numpy_fancy"), told.append)
    assert isinstance(made, Finished)
    assert not made.interrupted
    ((report, heard),) = pickle.loads(made.reports)
    assert isinstance(report, BackendReport)
    assert heard == Heard(frozenset(), [])
    assert report.verdict is Verdict.PASS
    assert told[0] == Planned(report.planned)
    steps = [one for one in told[1:] if isinstance(one, Step)]
    assert len(steps) == len(told) - 1
    assert sum(step.cases for step in steps) == report.planned


def test_an_interrupted_process_tells_what_is_finished(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*arguments: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(SuiteRun, "run", interrupted)
    made = answer(work(_IM2COL, "numpy_fancy"), lambda message: None)
    assert isinstance(made, Finished)
    assert made.interrupted
    ((report, _),) = pickle.loads(made.reports)
    assert (report.verdict, report.executed) == (Verdict.INCOMPLETE, 0)
    monkeypatch.setattr(SuiteRun, "add", interrupted)
    made = answer(work(_IM2COL, "numpy_fancy"), lambda message: None)
    assert isinstance(made, Finished)
    assert (pickle.loads(made.reports), made.interrupted) == ([], True)


def test_progress_is_told_by_process() -> None:
    told: list[parent.JobProgress] = []
    targets = [resolve("naive_loops"), resolve("numpy_fancy")]
    reports, interrupted = parent.run(2, _IM2COL, targets, True, [], told.append)
    assert not interrupted
    assert [report.backend for report in reports] == ["naive_loops", "numpy_fancy"]
    assert all(report.verdict is Verdict.PASS and report.counts[Status.NOT_RUN] == 0 for report in reports)
    assert {one.number for one in told} == {1, 2}
    for number in (1, 2):
        mine = [one for one in told if one.number == number]
        assert sum(one.cases for one in mine) == mine[0].planned > 0
    assert sum(report.planned for report in reports) == sum(one.cases for one in told)


def test_a_wrong_call_is_told_in_one_line(write: Write, tmp_path: Path) -> None:
    write("broken.py", "raise KeyError('lost')\n")
    assert_one_line(harness(tmp_path, "check", "./broken.py", "--jobs", "2"), "broken.py", "lost")
    options = replace(
        _IM2COL, selection=Selection(pattern="values.exact/im2col/float32/n1c1h1w1_f1kh1kw1", ops=["conv2d"])
    )
    assert pickle.loads(pickle.dumps(options)) == options
    with pytest.raises(SelectionError, match="no case is selected"):
        parent.run(1, options, [resolve("numpy_fancy")], True, [], lambda progress: None)


def test_a_process_that_dies_is_a_fault_of_the_harness(write: Write, tmp_path: Path) -> None:
    write("kills.py", at_start("import os, signal\n    os.kill(os.getpid(), signal.SIGKILL)"))
    done = harness(tmp_path, "check", "kills.py", "--jobs", "2", "--no-isolate", "--ops", "im2col")
    assert done.returncode == 4
    assert "JobFailed: a job killed by SIGKILL" in done.stderr


def test_a_fault_in_a_process_keeps_its_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    def run(*arguments: object) -> None:
        raise RuntimeError("the planner broke")

    monkeypatch.setattr(SuiteRun, "add", run)
    made = answer(work(_IM2COL, "numpy_fancy"), lambda message: None)
    assert isinstance(made, Broken)
    assert "RuntimeError: the planner broke" in made.traceback


def test_ctrl_c_keeps_what_is_finished(write: Write, tmp_path: Path) -> None:
    """The terminal sends it to every process of its group."""
    statement = f"import time\n    open({str(tmp_path / 'running')!r}, 'a').close()\n    time.sleep(0.05)"
    write("slow.py", f"{at_start(statement)}")
    words = ["check", "slow.py", "--ops", "im2col", "--jobs", "2", "--json", "o.json"]
    command = [sys.executable, "-m", "harness", *words]
    with subprocess.Popen(
        command, cwd=tmp_path, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, start_new_session=True
    ) as process:
        while not (tmp_path / "running").exists():
            assert process.poll() is None
        os.killpg(process.pid, signal.SIGINT)
        _, error = process.communicate(timeout=900)
    assert (process.returncode, error.splitlines()[-1]) == (130, "harness: interrupted")
    (found,) = stored(tmp_path / "o.json")
    assert found["verdict"] == "incomplete"
    assert found["counts"]["fail"] == 0
    assert found["counts"]["not_run"] > 10


def test_a_part_that_is_missing_makes_the_whole_incomplete() -> None:
    made = answer(work(_IM2COL, "numpy_fancy"), lambda message: None)
    assert isinstance(made, Finished)
    parts: list[PartReport] = pickle.loads(made.reports)
    whole = parent._joined(parts, 2, WHOLE, resolve("numpy_fancy"))
    assert (whole.verdict, whole.cut) == (Verdict.INCOMPLETE, "1 of 2 parts were interrupted before they began")
    assert parent._joined(parts, 1, WHOLE, resolve("numpy_fancy")).verdict is Verdict.PASS


def test_lines_of_progress_name_the_process(
    write: Write, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(terminal, "_LINE_EVERY", 0.0)
    file = write("good.py", GOOD)
    suite_progress.run_in_jobs(2, _IM2COL, [resolve(str(file))], True, [])
    told = without_waiting(capsys.readouterr().err).splitlines()
    assert {line.partition(": check: ")[0] for line in told} == {"job 1 of 2", "job 2 of 2"}
