"""What is told while something is measured or reported: each cell as it ends, what is waited for, what is left out."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from harness import report
from harness.cli import terminal
from harness.cli.commands import backends
from harness.contract import registry
from harness.contract.protocol import BackendUnavailable
from harness.results.records import Cell
from harness.results.run_files import RunFile
from harness.tests.helpers.cli.running import Run
from harness.tests.helpers.plugins import GOOD, Write
from harness.tests.helpers.records import a_cell
from harness.timing import run as timing_run

_CELLS = [a_cell("mine", [1.0], op="im2col", layer="net:a"), a_cell("torch", [2.0], op="col2im", layer="net:b")]
_WORDS = ("--shapes", "n1c2h6w5_f3kh2kw3", "--ops", "im2col,col2im", "--dtype", "float64,int32,float32")


@pytest.fixture(autouse=True)
def every_line(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """No cell is counted in silence."""
    monkeypatch.setattr(terminal, "_LINE_EVERY", 0.0)


def test_bench_counts_its_cells_and_lets_the_measuring_say_what_it_waits_for(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    given: list[Any] = []

    def measure(plan: Any, folder: Path, progress: Callable[[Cell], None], *more: Any) -> RunFile:
        given.extend(more)
        for cell in _CELLS:
            progress(cell)
        return RunFile(folder / "run.jsonl")

    monkeypatch.setattr(timing_run, "run", measure)
    ran = run("bench", "numpy_fancy", "matlab_loop", *_WORDS, "--no-asv")
    assert given[0] == terminal.waiting
    assert ran.err.splitlines() == [
        "bench: 1 of 12 (0 s) net:a im2col mine", "bench: 2 of 12 (0 s) net:b col2im torch", "measured 2 of 2 cells",
    ]  # fmt: skip
    assert ran.lines[-1] == "results/runs/run.jsonl"


def test_compare_counts_its_cells_and_lets_the_measuring_say_what_it_waits_for(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    given: list[Any] = []

    def measure(plan: Any, progress: Callable[[Cell], None], described: Any, *more: Any) -> Iterator[Cell]:
        given.extend(more)
        for cell in _CELLS:
            progress(cell)
            yield cell

    monkeypatch.setattr(timing_run, "measure", measure)
    ran = run("compare", "numpy_fancy", "matlab_loop", *_WORDS)
    assert given[::2] == [terminal.waiting] * 3
    assert given[1] is given[3] is given[5]  # the limits of the machine are measured once
    assert ran.err.splitlines() == [
        f"compare, process {number} of 3: {count} of 14 (0 s) {text}"
        for number in (1, 2, 3)
        for count, text in ((1, "net:a im2col"), (2, "net:b col2im"))
    ]


@pytest.mark.parametrize(
    ("words", "source", "out", "machine"),
    [
        ([], "results", "results/report", None),
        (["--results", "a", "--out", "b/c", "--machine", "m-2"], "a", "b/c", "m-2"),
    ],
    ids=["plain", "with options"],
)
def test_a_report_says_what_it_leaves_out_and_where_it_is(
    run: Run, monkeypatch: pytest.MonkeyPatch, words: list[str], source: str, out: str, machine: str | None
) -> None:
    given: list[Any] = []

    def write(source: Path, out: Path, machine: str | None, left_out: Callable[[str], None]) -> Path:
        given.extend((source, out, machine))
        left_out("run 3 is cut")
        return out / "index.html"

    monkeypatch.setattr(report, "write_report", write)
    assert run("report", *words) == (0, f"{out}/index.html\n", "harness: left out: run 3 is cut\n")
    assert given == [Path(source), Path(out), machine]


class Child:
    """A plug-in in a process of its own."""

    native = frozenset({"im2col", "conv2d"})
    info: dict[str, str] = {"version": "3"}  # noqa: RUF012
    closed: list[str] = []  # noqa: RUF012

    def __init__(self, target: Any) -> None:
        self.name = target.name

    def unsupported(self, op: str, spec: Any, dtype: str) -> str | None:
        """All but 16 bits."""
        if self.name == "rude":
            raise KeyboardInterrupt
        return "no" if dtype in ("float16", "complex64") else None

    def ask_ahead(self, op: str, specs: Any, dtype: str) -> None:
        """There is no process that would be asked of many at once."""

    def close(self) -> None:
        """Noted."""
        Child.closed.append(self.name)


def test_a_process_that_was_asked_what_it_can_is_ended(monkeypatch: pytest.MonkeyPatch, write: Write) -> None:
    monkeypatch.setattr(backends, "InChild", Child)
    Child.closed.clear()
    file = write("good.py", GOOD)
    found = backends.describe(f"kind={file}")
    assert (found.available, found.reason, found.info) == (True, "", {"version": "3"})
    assert (found.native, found.derived) == (
        ["conv2d", "im2col"], "conv2d_weight_grad, conv2d_bias_grad",
    )  # fmt: skip
    assert found.dtypes == ["float32", "float64", "int32", "int64"]
    with pytest.raises(KeyboardInterrupt):
        backends.describe(f"rude={file}")
    assert Child.closed == ["kind", "rude"]


def test_one_of_ours_that_is_not_there_has_no_process_to_end(monkeypatch: pytest.MonkeyPatch) -> None:
    def load(target: Any) -> None:
        raise BackendUnavailable("no card")

    monkeypatch.setattr(registry, "load", load)
    found = backends.describe("numpy_fancy")
    assert (found.backend, found.available, found.reason, found.ops) == ("numpy_fancy", False, "no card", [])
