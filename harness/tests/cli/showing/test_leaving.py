"""How the program ends after a Ctrl-C, and one that comes where nothing can be raised."""

from __future__ import annotations

import atexit
import os
import signal
import sys
import threading
from typing import Any

import pytest

from harness.cli import main, streams
from harness.cli.commands import app
from harness.contract import own_packages


@pytest.mark.parametrize(
    ("code", "done"), [(0, []), (1, []), (3, []), (4, []), (130, ["at exit", "flushed", "ended with 130"])]
)
def test_only_an_interrupted_program_ends_at_once(monkeypatch: pytest.MonkeyPatch, code: int, done: list[str]) -> None:
    """What was to be done at the exit is done all the same, and what was said is seen."""
    seen: list[str] = []

    class Stderr:
        def flush(self) -> None:
            seen.append("flushed")

    with monkeypatch.context() as inside:
        inside.setattr(atexit, "_run_exitfuncs", lambda: seen.append("at exit"))
        inside.setattr(os, "_exit", lambda code: seen.append(f"ended with {code}"))
        inside.setattr(sys, "stderr", Stderr())
        with pytest.raises(SystemExit) as left:
            main._leave(code)
    assert (left.value.code, seen) == (code, done)


def a_lost(kind: type[BaseException]) -> Any:
    """What Python hands to the hook."""

    class Lost:
        exc_type = kind

    return Lost()


def test_a_ctrl_c_that_was_lost_is_repeated_a_moment_later(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[Any] = []

    class Timer:
        daemon = False

        def __init__(self, *given: Any) -> None:
            made.append(given)

        def start(self) -> None:
            made.append(self.daemon)

    monkeypatch.setattr(threading, "Timer", Timer)
    main._not_lost(a_lost(KeyboardInterrupt))
    ident = threading.main_thread().ident
    assert made == [(0.05, signal.pthread_kill, [ident, signal.SIGINT]), True]


def test_another_error_that_was_lost_is_shown_as_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    shown: list[Any] = []
    monkeypatch.setattr(sys, "__unraisablehook__", shown.append)
    monkeypatch.setattr(threading, "Timer", lambda *given: pytest.fail("it is no Ctrl-C"))
    lost = a_lost(ValueError)
    main._not_lost(lost)
    assert shown == [lost]


@pytest.mark.parametrize("ends", [3, KeyboardInterrupt()], ids=["by itself", "by Ctrl-C"])
def test_the_first_steps_come_before_the_commands(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], ends: Any
) -> None:
    seen: list[Any] = []

    def run() -> int:
        seen.append(("run", sys.unraisablehook))
        if isinstance(ends, BaseException):
            raise ends
        return int(ends)

    monkeypatch.setattr(sys, "unraisablehook", sys.unraisablehook)
    monkeypatch.setattr(streams, "take_over", lambda: seen.append("streams"))
    monkeypatch.setattr(own_packages, "come_first", lambda: seen.append("our own first"))
    monkeypatch.setattr(app, "run", run)
    monkeypatch.setattr(streams, "settled", lambda code: 1000 + code)
    monkeypatch.setattr(main, "_leave", seen.append)
    main.main()
    code, said = (3, "") if ends == 3 else (130, "harness: interrupted\n")
    assert seen == ["streams", "our own first", ("run", main._not_lost), 1000 + code]
    assert capsys.readouterr() == ("", said)
