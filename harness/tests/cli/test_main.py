"""The program's frame: exit codes of all findings, lines of progress, and how a call ends that does not end itself."""

from __future__ import annotations

import threading
from types import SimpleNamespace

import pytest

from harness import __version__
from harness.cli import exit_codes, gpu, streams, terminal
from harness.cli.commands import app
from harness.contract import registry
from harness.contract.protocol import BackendUnavailable
from harness.contract.status import CellStatus, Verdict
from harness.tests.helpers.cli.reports import a_report
from harness.tests.helpers.cli.running import Run
from harness.tests.helpers.records import a_cell
from harness.tests.helpers.suite.fakes import Clock

_PASS, _FAIL, _SHORT, _LOST = Verdict.PASS, Verdict.FAIL, Verdict.INCOMPLETE, Verdict.UNAVAILABLE


@pytest.mark.parametrize(
    ("verdicts", "named", "not_named"),
    [
        ([], 0, 0), ([_PASS], 0, 0), ([_FAIL], 1, 1), ([_SHORT], 3, 3), ([_LOST], 3, 0), ([_PASS, _LOST], 3, 0),
        ([_LOST, _FAIL], 1, 1), ([_SHORT, _FAIL, _PASS], 1, 1), ([_PASS, _SHORT], 3, 3),
    ],
)  # fmt: skip
def test_the_exit_code_of_verdicts(verdicts: list[Verdict], named: int, not_named: int) -> None:
    reports = [a_report(verdict=verdict) for verdict in verdicts]
    assert (exit_codes.of_reports(reports, True), exit_codes.of_reports(reports, False)) == (named, not_named)


def test_the_exit_code_of_cells() -> None:
    ok, other = a_cell("a", [1.0]), a_cell("b", [1.0])
    for status in CellStatus:
        lost = a_cell("c", status=status)
        bad = status in (CellStatus.FAIL, CellStatus.CRASHED, CellStatus.HUNG, CellStatus.IMPLAUSIBLE)
        gone = status is CellStatus.UNAVAILABLE
        assert exit_codes.of_cells([ok, lost, other], ["a", "c"]) == (1 if bad else 3 if gone else 0)
        assert exit_codes.of_cells([ok, lost, other], ["a", "b"]) == (1 if bad else 0)
        if status is not CellStatus.OK:
            assert exit_codes.of_cells([lost], []) == (1 if bad else 3)


def test_version_help_and_a_bare_call(run: Run) -> None:
    assert run("--version") == (0, f"{__version__}\n", "")
    helped, bare = run("--help"), run()
    assert (helped.code, helped.err, bare.code, bare.err) == (0, "", 2, "")
    for text in (helped.out, bare.out):
        assert [c for c in ("backends", "check", "bench", "compare", "report", "faults") if c not in text] == []


@pytest.mark.parametrize("error", [KeyboardInterrupt(), RuntimeError("broken")], ids=["Ctrl-C", "fault"])
def test_how_a_call_ends_that_does_not_end_itself(
    run: Run, monkeypatch: pytest.MonkeyPatch, error: BaseException
) -> None:
    def ends(**more: object) -> None:
        raise error

    monkeypatch.setattr(app, "program", lambda typed: ends)
    ran = run("check")
    if isinstance(error, KeyboardInterrupt):
        assert ran == (130, "", "harness: interrupted\n")
    else:
        assert ran.code == 4
        assert ran.err.splitlines()[-2:] == [
            "RuntimeError: broken",
            "harness: this is a fault of the harness itself, please report it with the lines above",
        ]


def test_what_is_counted_is_told_every_four_seconds(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    clock = Clock()
    monkeypatch.setattr(terminal, "time", clock)
    with terminal.Ticker("check", 40) as ticker:
        for later, count in ((3.0, 2), (1.0, 3), (3.9, 4), (0.2, 5), (12.5, 1)):
            clock.pass_by(later)
            ticker.step(f"step {count}", count)
    out, err = capsys.readouterr()
    assert out == ""
    assert err.splitlines() == [
        "check: 5 of 40 (4 s) step 3", "check: 14 of 40 (8 s) step 5", "check: 15 of 40 (21 s, about 34 s left) step 1",
    ]  # fmt: skip


def test_how_long_it_may_still_take_is_told_after_a_while_until_the_end(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    clock = Clock()
    monkeypatch.setattr(terminal, "time", clock)
    with terminal.Ticker("bench", 400) as ticker:
        for later, count in ((19.0, 5), (41.0, 0), (4.0, 11), (36.0, 384)):
            clock.pass_by(later)
            ticker.step("net", count)
    told = [line.partition("(")[2] for line in capsys.readouterr().err.splitlines()]
    assert told == ["19 s) net", "60 s, about 79 min left) net", "64 s, about 26 min left) net", "100 s) net"]


class _Scripted:
    """An event that never comes: it notes for how long it is waited for, lets a clock pass by, and ends after a few."""

    def __init__(self, clock: Clock, left: int) -> None:
        self.waits: list[float] = []
        self._clock, self._left = clock, left

    def wait(self, seconds: float) -> bool:
        self.waits.append(seconds)
        self._clock.pass_by(seconds)
        self._left -= 1
        return self._left < 0

    def set(self) -> None:
        """The end, which the script has set already."""


def _scripted(monkeypatch: pytest.MonkeyPatch, left: int) -> _Scripted:
    """A clock and an event in the place of the true ones."""
    clock = Clock()
    event = _Scripted(clock, left)
    monkeypatch.setattr(terminal, "time", clock)
    monkeypatch.setattr(terminal, "threading", SimpleNamespace(Event=lambda: event, Thread=threading.Thread))
    return event


def test_what_is_waited_for_is_told_after_two_seconds_and_every_four(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    event = _scripted(monkeypatch, 3)
    with terminal.waiting("a plug-in"):
        pass
    assert event.waits == [2.0, 4.0, 4.0, 4.0]
    assert capsys.readouterr().err == "".join(f"waiting for a plug-in{more}\n" for more in ("", " (6 s)", " (10 s)"))


def test_a_step_that_takes_long_is_no_silence(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    event = _scripted(monkeypatch, 2)
    with terminal.Ticker("bench", 9):
        pass
    assert event.waits == [4.0, 4.0, 4.0]
    assert capsys.readouterr().err == "bench: 0 of 9 (4 s) \nbench: 0 of 9 (8 s) \n"


def test_nothing_is_said_of_what_was_quick(capsys: pytest.CaptureFixture[str]) -> None:
    with terminal.waiting("a plug-in"), terminal.Ticker("bench", 9):
        pass
    assert capsys.readouterr() == ("", "")


def test_a_gpu_that_is_lacking_is_told_by_its_reason(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    why = {"cupy_kernels": "no CuPy; install it", "torch_native_cuda": "no card", "cupy_implicit": "no CuPy; install"}

    def load(target: object) -> None:
        name = getattr(target, "name", "")
        if name in why:
            raise BackendUnavailable(why[name])

    monkeypatch.setattr(registry, "load", load)
    assert gpu.main(list(why)) == 3
    text = "cupy_kernels, cupy_implicit: no CuPy; torch_native_cuda: no card"
    assert capsys.readouterr() == (
        "", f"harness: nothing was run, no backend of a GPU is available here: {text}\n",
    )  # fmt: skip
    assert gpu.main(["numpy_fancy", *why]) == 0
    assert capsys.readouterr() == ("", "")


def test_only_a_full_stdout_changes_a_code(monkeypatch: pytest.MonkeyPatch) -> None:
    assert [streams.settled(code) for code in (0, 1, 3, 130)] == [0, 1, 3, 130]
