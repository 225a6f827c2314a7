"""One process of a run that several share: how often it tells how far it is, and what it says at its end."""

from __future__ import annotations

import os
import pickle
import signal

import pytest
from msgspec import Struct

from conformance.parallel import answering, child
from conformance.parallel.child import Finished, Planned, Step, Work, WrongCall, answer
from conformance.parallel.known import Heard
from conformance.run.suite_run import Options, SuiteRun
from harness.calls import pipe
from harness.contract import own_packages
from harness.contract.targets import Target


def work(*targets: Target, named: bool = True, libraries: tuple[str, ...] = ()) -> Work:
    """What the process is sent."""
    return Work(pickle.dumps(Options()), list(targets), named, list(libraries))


def test_steps_are_told_a_few_times_a_second_and_none_is_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr("time.monotonic", lambda: now[0])
    told: list[Struct] = []
    steps = child._Steps(told.append)
    for later, cases, check_id in ((1 / 8, 2, "a"), (0, 1, "b"), (1 / 8, 4, "c"), (3 / 16, 8, "d"), (1 / 16, 16, "e")):
        now[0] += later
        steps.add(cases, check_id)
    assert told == [Step(7, "c"), Step(24, "e")]
    now[0] += 0.1
    steps.add(32, "f")
    assert len(told) == 2
    steps.tell()
    steps.tell()
    assert told[2:] == [Step(32, "f")]


def test_all_backends_are_opened_as_asked_and_the_plan_is_told_first(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[object] = []

    def add_all(self: SuiteRun, targets: list[Target], named: bool) -> None:
        seen.append((targets, named))
        self.add_unavailable(targets[0], "no card")

    def run(self: SuiteRun, progress: object) -> bool:
        seen.append("run")
        return True

    monkeypatch.setattr(SuiteRun, "add_all", add_all)
    monkeypatch.setattr(SuiteRun, "planned", property(lambda self: 42))
    monkeypatch.setattr(SuiteRun, "run_until_interrupted", run)
    monkeypatch.setattr(SuiteRun, "close", lambda self: seen.append("closed"))
    monkeypatch.setattr("conformance.reports.summary.reports", lambda suite_run, libraries: list(libraries))
    target = Target("a.py", "a", "a.py")
    made = answer(work(target, named=False, libraries=("torch",)), seen.append)
    assert seen == [([target], False), Planned(42), "run", "closed"]
    assert isinstance(made, Finished)
    assert (pickle.loads(made.reports), made.interrupted) == ([("torch", Heard(frozenset(), []))], True)


def test_a_wrong_call_is_told_in_text_that_can_be_sent() -> None:
    made = answer(work(Target("\udcff.py", "x", "./no/\udcff.py")), lambda message: None)
    assert isinstance(made, WrongCall)
    assert "does not exist" in made.text or "cannot be imported" in made.text
    made.text.encode()


def test_a_second_ctrl_c_does_not_spoil_what_is_told() -> None:
    before = signal.getsignal(signal.SIGINT)
    try:
        with pytest.raises(KeyboardInterrupt):
            answering._once()
        assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGINT, before)


@pytest.mark.parametrize("asked", [True, False], ids=["asked", "left alone"])
def test_a_process_answers_once_and_ends_whatever_a_backend_has_left(
    monkeypatch: pytest.MonkeyPatch, asked: bool
) -> None:
    """Our own packages come first, and Ctrl-C is taken before anything is read; without a request it just ends."""
    seen: list[object] = []
    request, given = work(), object()

    def read(stream: object, kind: object) -> object:
        seen.append(("read", stream, kind))
        return (request, []) if asked else None

    def take_over() -> tuple[object, object]:
        seen.append("took over")
        return given, seen.append

    def ended(code: int) -> None:
        seen.append(("ended", code))

    monkeypatch.setattr(own_packages, "come_first", lambda: seen.append("our own first"))
    monkeypatch.setattr(answering, "take_over", take_over)
    monkeypatch.setattr(signal, "signal", lambda *what: seen.append(what))
    monkeypatch.setattr(pipe, "read", read)
    monkeypatch.setattr(os, "_exit", ended)
    answering.once(Work, lambda work, tell: ("answer", work, tell))  # type: ignore[arg-type, return-value]
    told = [("answer", request, seen.append), pipe.Done()] if asked else []
    assert seen == [
        "our own first", "took over", (signal.SIGINT, answering._once), ("read", given, Work), *told, ("ended", 0),
    ]  # fmt: skip
