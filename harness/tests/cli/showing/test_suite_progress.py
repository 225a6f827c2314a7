"""How a command runs the suite: what it hands on, what is waited for, and what an interruption leaves."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest

from conformance.cases.selection import Selection
from conformance.parallel import parent
from conformance.parallel.parent import JobProgress
from conformance.reports import summary
from conformance.reports.causes import of_runs
from conformance.run.suite_run import Options, SuiteRun
from harness.cli import suite_progress, terminal
from harness.contract.targets import resolve

_OPTIONS = Options(Selection(ops=["im2col"], dtypes=["float32"], tier=0), budget=7.0, diagnose=False)
_ASKED = [resolve("numpy_fancy"), resolve("a=matlab_loop")]


@pytest.fixture
def events(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What is waited for, and since when no longer."""
    told: list[str] = []

    @contextmanager
    def waiting(what: str) -> Iterator[None]:
        told.append(f"waiting for {what}")
        yield
        told.append(f"no longer for {what}")

    monkeypatch.setattr(terminal, "waiting", waiting)
    return told


def test_processes_are_waited_for_until_the_last_has_its_plan(
    monkeypatch: pytest.MonkeyPatch, events: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(terminal, "_LINE_EVERY", 0.0)
    asked: list[Any] = []

    def run(*given: Any) -> tuple[list[Any], bool]:
        *rest, progress = given
        asked.extend(rest)
        for number, planned, cases, check_id in ((2, 50, 0, ""), (2, 50, 3, "law.b"), (1, 40, 0, ""), (3, 60, 0, ""),
                                                 (1, 40, 5, "law.a"), (2, 50, 4, "law.c")):  # fmt: skip
            progress(JobProgress(number, planned, cases, check_id))
            events.append(f"job {number}, {cases}")
        return ["reports"], True

    monkeypatch.setattr(parent, "run", run)
    ended: Any = suite_progress.run_in_jobs(3, _OPTIONS, _ASKED, False, ["torch"])
    assert ended == (["reports"], True)
    assert asked == [3, _OPTIONS, _ASKED, False, ["torch"]]
    what = "3 processes to load and plan numpy_fancy, a"
    assert events == [
        f"waiting for {what}", "job 2, 0", "job 2, 3", "job 1, 0", f"no longer for {what}", "job 3, 0", "job 1, 5",
        "job 2, 4",
    ]  # fmt: skip
    assert capsys.readouterr().err.splitlines() == [
        "job 2 of 3: check: 0 of 50 (0 s) ", "job 2 of 3: check: 3 of 50 (0 s) law.b",
        "job 1 of 3: check: 0 of 40 (0 s) ", "job 3 of 3: check: 0 of 60 (0 s) ",
        "job 1 of 3: check: 5 of 40 (0 s) law.a", "job 2 of 3: check: 7 of 50 (0 s) law.c",
    ]  # fmt: skip


def test_each_process_is_told_of_while_a_case_takes_long(monkeypatch: pytest.MonkeyPatch, events: list[str]) -> None:
    """From its plan on until all have ended."""
    log: list[str] = []

    class Beating(terminal.Ticker):
        def __enter__(self) -> terminal.Ticker:
            log.append("begins")
            return self

        def __exit__(self, *error: object) -> None:
            log.append("ends")

    def run(*given: Any) -> tuple[list[Any], bool]:
        for number in (1, 1, 2):
            given[-1](JobProgress(number, 9, 1, "law.a"))
        log.append("all have ended")
        return [], True

    monkeypatch.setattr(suite_progress, "Ticker", Beating)
    monkeypatch.setattr(parent, "run", run)
    suite_progress.run_in_jobs(2, _OPTIONS, _ASKED, False, [])
    assert log == ["begins", "begins", "all have ended", "ends", "ends"]


def test_processes_that_never_plan_are_no_longer_waited_for(monkeypatch: pytest.MonkeyPatch, events: list[str]) -> None:
    monkeypatch.setattr(parent, "run", lambda *given: ([], False))
    assert suite_progress.run_in_jobs(2, _OPTIONS, _ASKED[:1], True, []) == ([], False)
    what = "2 processes to load and plan numpy_fancy"
    assert events == [f"waiting for {what}", f"no longer for {what}"]


def test_in_this_process_each_backend_is_waited_for(
    monkeypatch: pytest.MonkeyPatch, events: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(terminal, "_LINE_EVERY", 0.0)
    reports, interrupted = suite_progress.run_here(_OPTIONS, _ASKED, True)
    assert not interrupted
    assert [report.backend for report in reports] == ["numpy_fancy", "a"]
    started = [event.removeprefix("waiting for ") for event in events if event.startswith("waiting for ")]
    assert [event.split(", ")[0] for event in started] == [
        "numpy_fancy to load", "numpy_fancy to say what it does not do", "a to load", "a to say what it does not do",
    ]  # fmt: skip
    lines, planned = capsys.readouterr().err.splitlines(), sum(report.planned for report in reports)
    assert [line.split(" (")[0] for line in lines] == [f"check: {n} of {planned}" for n in range(1, planned + 1)]
    assert {line.rpartition(") ")[2] for line in lines} == {c.id for report in reports for c in report.checks}


@pytest.mark.parametrize("interrupted", [True, False])
def test_libraries_are_asked_and_an_interruption_is_told(monkeypatch: pytest.MonkeyPatch, interrupted: bool) -> None:
    monkeypatch.setattr(SuiteRun, "run_until_interrupted", lambda self, progress: interrupted)
    monkeypatch.setattr(summary, "reports", lambda suite_run, *libraries: libraries)
    ended: Any = suite_progress.run_here(_OPTIONS, _ASKED[:1], True, ["scipy"])
    assert ended == ((["scipy"],), interrupted)


def test_ctrl_c_while_libraries_are_asked_leaves_them_out(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Any] = []

    def reports(suite_run: SuiteRun, libraries: Any = ()) -> list[str]:
        asked.append(libraries)
        if libraries:
            raise KeyboardInterrupt
        return ["finished"]

    monkeypatch.setattr(SuiteRun, "run_until_interrupted", lambda self, progress: False)
    monkeypatch.setattr(summary, "reports", reports)
    ended: Any = suite_progress.run_here(_OPTIONS, _ASKED[:1], True, ["scipy"])
    assert ended == (["finished"], True)
    assert asked == [["scipy"], ()]


# -- the diagnosis -----------------------------------------------------------------------------------------------------


class Diagnosed:
    """In place of the diagnosis: remembers what it is given."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, interrupted: bool = False) -> None:
        self.callers: list[Any] = []
        self.interrupted = interrupted
        monkeypatch.setattr(of_runs, "diagnosed", self)

    def __call__(self, reports: Any, targets: Any, callers: Any, options: Options, *rest: Any) -> list[str]:
        assert len(reports) == len(targets) == len(callers)
        self.callers = list(callers)
        if self.interrupted:
            raise KeyboardInterrupt
        return ["diagnosed"]


_DIAGNOSED = replace(_OPTIONS, diagnose=True)


def test_what_ran_here_is_diagnosed_by_its_caller(monkeypatch: pytest.MonkeyPatch) -> None:
    made = Diagnosed(monkeypatch)
    ended: Any = suite_progress.run_here(_DIAGNOSED, _ASKED[:1], True)
    assert ended == (["diagnosed"], False)
    assert [caller.name for caller in made.callers] == ["numpy_fancy"]
    suite_progress.run_here(_OPTIONS, _ASKED, True)
    assert len(made.callers) == 1


@pytest.mark.parametrize("interrupted", [True, False])
def test_what_ran_in_jobs_is_diagnosed_here(monkeypatch: pytest.MonkeyPatch, interrupted: bool) -> None:
    """Its children are gone; after Ctrl-C nobody waits for a diagnosis."""
    made = Diagnosed(monkeypatch)
    made.callers = ["not asked"]
    monkeypatch.setattr(parent, "run", lambda *given: (["a report"], interrupted))
    ended: Any = suite_progress.run_in_jobs(2, _DIAGNOSED, _ASKED[:1], True, [])
    assert ended == ((["a report"], True) if interrupted else (["diagnosed"], False))
    assert made.callers == (["not asked"] if interrupted else [None])


def test_ctrl_c_during_the_diagnosis_keeps_the_reports(monkeypatch: pytest.MonkeyPatch) -> None:
    Diagnosed(monkeypatch, interrupted=True)
    monkeypatch.setattr(parent, "run", lambda *given: (["a report"], False))
    ended: Any = suite_progress.run_in_jobs(2, _DIAGNOSED, _ASKED[:1], True, [])
    assert ended == (["a report"], True)
    reports, interrupted = suite_progress.run_here(_DIAGNOSED, _ASKED[:1], True)
    assert ([report.backend for report in reports], interrupted) == (["numpy_fancy"], True)


@pytest.mark.parametrize(("asked", "given", "said"), [(1, 1, False), (3, 3, False), (4, 3, True), (99, 3, True)])
def test_no_more_processes_than_threads(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], asked: int, given: int, said: bool
) -> None:
    monkeypatch.setattr(suite_progress, "usable", lambda: 3)
    assert suite_progress.at_most(asked) == given
    line = f"--jobs {asked} is capped at 3, the hardware threads of this machine\n"
    assert capsys.readouterr() == ("", line * said)
