"""What may take long before a command has anything to show: it is said what is waited for, each by its name."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from harness.cli import gpu, terminal
from harness.cli.commands import check
from harness.contract import registry, targets
from harness.contract.protocol import BackendUnavailable
from harness.tests.helpers.cli.reports import a_report
from harness.tests.helpers.cli.running import Run
from harness.tests.helpers.plugins import GOOD, Write


@pytest.fixture
def waited(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """In the order in which it began."""
    told: list[str] = []

    @contextmanager
    def waiting(what: str) -> Iterator[None]:
        told.append(what)
        yield

    monkeypatch.setattr(terminal, "waiting", waiting)
    return told


def test_known_failures_may_come_from_a_pipe(
    run: Run, write: Write, waited: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(check, "run_here", lambda *asked: ([a_report()], False))
    write("known.txt", "law.shift  # slow\n")
    assert run("check", "numpy_fancy", "--xfails", "known.txt").code == 0
    assert waited == ["known failures 'known.txt' to be read"]


def test_every_listed_backend_loads_and_answers(
    run: Run, write: Write, waited: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    file = str(write("good.py", GOOD))
    monkeypatch.setattr(targets, "names", lambda: ["numpy_fancy", file])
    assert run("backends").code == 0
    assert waited == [
        "numpy_fancy to load", "numpy_fancy to say what it does not do",
        f"{file} to load", f"{file} to say what it does not do",
    ]  # fmt: skip


def test_layers_may_come_from_a_pipe(run: Run, waited: list[str]) -> None:
    assert run("bench", "numpy_fancy", "--shapes", "none.csv").code == 2
    assert waited == ["the layers of 'none.csv' to be read"]


def test_a_gpu_is_told_by_the_name_that_the_user_gave_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def load(target: Any) -> None:
        raise BackendUnavailable("no card; get one")

    monkeypatch.setattr(registry, "load", load)
    assert gpu.reasons(["mine=cupy_kernels", "torch_native_cuda"]) == {
        "mine": "no card", "torch_native_cuda": "no card",
    }  # fmt: skip
    assert gpu.main(["mine=cupy_kernels", "no_such_backend"]) == 3
    told = capsys.readouterr().err
    assert told.startswith("harness: nothing was run, no backend of a GPU is available here: mine: no card; ")
    assert "no_such_backend: unknown backend 'no_such_backend'" in told
    assert told.count("\n") == 1
