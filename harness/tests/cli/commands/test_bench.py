"""`harness bench`: what each option does to the plan, what is told, and the exit code; the measuring is a fake."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from harness.cli import measuring
from harness.contract import targets
from harness.contract.status import CellStatus
from harness.geometry.spec import OPS
from harness.results.records import Cell
from harness.results.run_files import RunFile
from harness.tests.helpers.cli.running import Run
from harness.tests.helpers.plugins import GOOD, Write
from harness.tests.helpers.records import a_cell
from harness.timing import asv_bridge
from harness.timing import run as timing_run
from harness.timing.plan import Plan

_SPEC = "n1c2h6w5_f3kh2kw3"


@dataclass
class FakeTiming:
    """In place of the measuring: it finds `cells`, and remembers the plan and the folder."""

    cells: Sequence[Cell] = (a_cell(samples=[1.0]),)
    plans: list[Plan] = field(default_factory=list)
    folders: list[Path] = field(default_factory=list)
    recorded: list[Path] = field(default_factory=list)
    left_out: str = ""

    def run(self, plan: Plan, folder: Path, progress: Callable[[Cell], None], *more: Any) -> RunFile:
        """As `run.run`."""
        self.plans.append(plan)
        self.folders.append(folder)
        for cell in self.cells:
            progress(cell)
        return RunFile(folder / "machine" / "run.jsonl")

    def record(self, path: Path) -> str:
        """As `asv_bridge.record`."""
        self.recorded.append(path)
        return "asv recorded it"


@pytest.fixture
def timing(monkeypatch: pytest.MonkeyPatch) -> FakeTiming:
    """What measures instead, and nothing is checked before."""
    fake = FakeTiming()
    monkeypatch.setattr(timing_run, "run", fake.run)
    monkeypatch.setattr(asv_bridge, "left_out", lambda path: fake.left_out)
    monkeypatch.setattr(asv_bridge, "record", fake.record)
    return fake


def test_a_plain_call_measures_the_quick_set_on_every_backend(
    run: Run, timing: FakeTiming, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(targets, "names", lambda: ["numpy_fancy", "matlab_loop"])
    ran = run("bench")
    assert (ran.code, ran.lines[-1]) == (0, "results/runs/machine/run.jsonl")
    (plan,) = timing.plans
    assert ([t.name for t in plan.backends], plan.shapes, len(plan.layers)) == (
        ["numpy_fancy", "matlab_loop"], "quick", 6,
    )  # fmt: skip
    assert (tuple(plan.ops), plan.dtypes, plan.threads, plan.allocator, plan.budget, plan.batch, plan.rounds) == (
        OPS, ("float32",), 1, "steady", 2.0, None, 11,
    )  # fmt: skip
    assert timing.folders == [Path("results/runs")]


@pytest.mark.parametrize(
    ("words", "name", "value"),
    [
        (["--ops", "conv2d,im2col,conv2d"], "ops", ["conv2d", "im2col"]),
        (["--dtype", "float64,float32"], "dtypes", ["float64", "float32"]),
        (["--budget", "0.25"], "budget", 0.25),
        (["--threads", "2"], "threads", 2),
        (["--allocator", "default"], "allocator", "default"),
        (["--batch", "3"], "batch", 3),
        (["--shapes", "core"], "shapes", "core"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_an_option_reaches_the_plan(run: Run, timing: FakeTiming, words: list[str], name: str, value: object) -> None:
    assert run("bench", "numpy_fancy", *words).code == 0
    assert getattr(timing.plans[0], name) == value


def test_the_layers_are_those_asked_for_with_so_many_images(run: Run, timing: FakeTiming) -> None:
    run("bench", "numpy_fancy", "--shapes", _SPEC, "--batch", "3")
    assert [(layer.name, layer.spec.batch) for layer in timing.plans[0].layers] == [(f"{_SPEC}@3", 3)]


def test_the_results_go_where_they_should(run: Run, timing: FakeTiming) -> None:
    assert run("bench", "numpy_fancy", "--results", "there").lines[-1] == "there/runs/machine/run.jsonl"
    assert timing.folders == [Path("there/runs")]


def test_what_was_measured_is_counted_and_what_failed_is_told(run: Run, timing: FakeTiming) -> None:
    bad = [a_cell("mine", status=CellStatus.FAIL, reason=f"reason {number}", op="col2im") for number in range(9)]
    bad += [a_cell("mine", status=CellStatus.HUNG, reason="no answer", layer="net:large"),
            a_cell("mine", status=CellStatus.CRASHED, reason="is not shown")]  # fmt: skip
    quiet = [a_cell(status=CellStatus.UNSUPPORTED), a_cell(status=CellStatus.UNSUPPORTED),
             a_cell(status=CellStatus.OVER_BUDGET)]  # fmt: skip
    timing.cells = [*bad, *quiet, *[a_cell(samples=[1.0])] * 5]
    timing.left_out = "asv step left out: no reason"
    ran = run("bench", "numpy_fancy")
    assert ran.code == 1
    assert ran.err.splitlines() == [
        "measured 5 of 19 cells, 9 fail, 1 crashed, 1 hung, 1 over_budget, 2 unsupported",
        *[f"  fail: mine col2im net:small: reason {number}" for number in range(9)],
        "  hung: mine im2col net:large: no answer",
        "asv step left out: no reason",
    ]


def test_a_layer_without_room_is_told_once(run: Run, timing: FakeTiming) -> None:
    timing.cells = [
        a_cell(samples=[1.0]),
        a_cell("a", status=CellStatus.NO_MEMORY, reason="needs 9 GiB", layer="net:large", op="im2col"),
        a_cell("b", status=CellStatus.NO_MEMORY, reason="needs 8 GiB", layer="net:large", op="col2im"),
        a_cell("a", status=CellStatus.NO_MEMORY, reason="needs 7 GiB", layer="net:huge", op="conv2d"),
    ]
    timing.left_out = "asv step left out: no reason"
    assert run("bench", "numpy_fancy").err.splitlines() == [
        "measured 1 of 4 cells, 3 no_memory",
        "  no_memory: net:large: im2col: needs 9 GiB",
        "  no_memory: net:huge: conv2d: needs 7 GiB",
        "asv step left out: no reason",
    ]


@pytest.mark.parametrize(
    ("cells", "named", "code"),
    [
        ([a_cell(samples=[1.0])], True, 0),
        ([a_cell(samples=[1.0]), a_cell(status=CellStatus.UNSUPPORTED)], True, 0),
        ([a_cell(samples=[1.0]), a_cell(status=CellStatus.OVER_BUDGET)], True, 0),
        ([a_cell(samples=[1.0]), a_cell(status=CellStatus.FAIL)], True, 1),
        ([a_cell(samples=[1.0]), a_cell(status=CellStatus.HUNG)], True, 1),
        ([a_cell(samples=[1.0]), a_cell(status=CellStatus.CRASHED)], False, 1),
        ([a_cell(status=CellStatus.UNSUPPORTED)], True, 3),
        ([], True, 3),
        ([a_cell(samples=[1.0]), a_cell(status=CellStatus.UNAVAILABLE)], True, 3),
        ([a_cell(samples=[1.0]), a_cell("matlab_loop", status=CellStatus.UNAVAILABLE)], True, 0),
        ([a_cell(samples=[1.0]), a_cell(status=CellStatus.UNAVAILABLE)], False, 0),
    ],
)
def test_the_cells_are_the_exit_code(
    run: Run, timing: FakeTiming, monkeypatch: pytest.MonkeyPatch, cells: list[Cell], named: bool, code: int
) -> None:
    monkeypatch.setattr(targets, "names", lambda: ["numpy_fancy"])
    timing.cells = cells
    assert run("bench", *["numpy_fancy"] * named).code == code


def test_asv_records_what_is_not_left_out_and_says_so_before(run: Run, timing: FakeTiming) -> None:
    assert run("bench", "numpy_fancy").err.splitlines()[1:] == ["asv records the run ..", "asv recorded it"]
    assert timing.recorded == [Path("results/runs/machine/run.jsonl")]
    timing.left_out = "asv step left out: a reason"
    assert run("bench", "numpy_fancy").err.splitlines()[1:] == ["asv step left out: a reason"]
    timing.left_out = ""
    assert run("bench", "numpy_fancy", "--no-asv").err.splitlines()[1:] == []
    assert len(timing.recorded) == 1


def test_a_folder_that_cannot_be_written_is_told_before_anything_is_checked(
    run: Run, timing: FakeTiming, write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    write("file", "")
    write("mine.py", GOOD)
    monkeypatch.setattr(measuring, "run_here", lambda *asked, **more: pytest.fail("something was checked"))
    for folder, said in (("file", "folder 'file/runs' cannot be written: Not a directory"),
                         ("file/sub", "folder 'file/sub/runs' cannot be written: Not a directory")):  # fmt: skip
        ran = run("bench", "./mine.py", "--results", folder)
        assert ran == (2, "", f"harness: {said}\n")
    assert timing.plans == []


def test_an_interruption_is_130(run: Run, timing: FakeTiming, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*asked: object) -> RunFile:
        raise KeyboardInterrupt

    monkeypatch.setattr(timing_run, "run", interrupted)
    assert run("bench", "numpy_fancy") == (130, "", "harness: interrupted\n")
    assert timing.recorded == []


def test_the_table_has_a_line_for_each_cell_then_the_means(run: Run, timing: FakeTiming) -> None:
    """Against NumPy, as torch has no time; of a backend that is unavailable throughout its name alone."""

    def of(layer: str, op: str, **seconds: float) -> list[Cell]:
        where: dict[str, Any] = dict(op=op, layer=layer, group=f"{op}/{layer}")
        return [a_cell(name, [time] * 3, **where) for name, time in seconds.items()]

    timing.cells = [
        *of("net:small", "im2col", mine=1e-6, numpy_fancy=4e-6),
        *of("net:large", "im2col", mine=1e-6, numpy_fancy=1e-6),
        *of("net:small", "conv2d", numpy_fancy=2e-6, mine=5e-6),
        a_cell("torch_native", status=CellStatus.UNSUPPORTED, reason="x" * 70),
        a_cell("cupy_kernels", status=CellStatus.UNAVAILABLE, reason="no card"),
    ]  # fmt: skip
    timing.left_out = "asv step left out"
    assert run("bench", "mine=numpy_fancy", "numpy_fancy", "--no-asv").lines == [
        "1 thread, steady allocator",
        "layer      op      dtype    backend       time         rate           against numpy_fancy",
        "net:small  im2col  float32  mine          1.00 us      1.44 GB/s      4.0x faster, 0.250 [0.250, 0.250]",
        "net:small  im2col  float32  numpy_fancy   4.00 us      0.360 GB/s     baseline",
        "net:large  im2col  float32  mine          1.00 us      1.44 GB/s      same, 1.00 [1.00, 1.00]",
        "net:large  im2col  float32  numpy_fancy   1.00 us      1.44 GB/s      baseline",
        "net:small  conv2d  float32  numpy_fancy   2.00 us      1.15 GFLOP/s   baseline",
        "net:small  conv2d  float32  mine          5.00 us      0.461 GFLOP/s  2.5x slower, 2.50 [2.50, 2.50]",
        f"net:small  im2col  float32  torch_native  unsupported                 {'x' * 59}…",
        "unavailable: cupy_kernels",
        "",
        "geometric means",
        "op      dtype    backend  against numpy_fancy  layers",
        "im2col  float32  mine     2.0x faster          2",
        "conv2d  float32  mine     2.5x slower          1",
        "results/runs/machine/run.jsonl",
    ]


def test_without_a_time_there_is_no_table(run: Run, timing: FakeTiming) -> None:
    timing.cells = [a_cell(status=CellStatus.UNSUPPORTED)]
    assert run("bench", "numpy_fancy", "--no-asv").out == "results/runs/machine/run.jsonl\n"
