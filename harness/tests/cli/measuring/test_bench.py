"""`harness bench` as its users meet it: what each option changes, what is said at the end, and the exit code."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from harness.cli import measuring
from harness.contract import targets
from harness.contract.status import CellStatus
from harness.contract.targets import resolve_all
from harness.geometry.layers import Layer, read_layers
from harness.geometry.spec import OPS, ConvSpec
from harness.results.records import BackendFacts, Ceilings, Cell, RunEnd, RunHeader
from harness.results.run_files import RunFile
from harness.tests.helpers.plugins import GOOD, IM2COL_ALONE, Write, edited
from harness.tests.helpers.program import at_start, call, harness
from harness.tests.helpers.records import a_cell
from harness.timing import asv_bridge, run
from harness.timing.plan import Plan

pytestmark = pytest.mark.heavy

_SPEC = "n2c3h9w8_f4kh3kw2"
_ONE = ("numpy_fancy", "--shapes", _SPEC, "--no-asv")
_NO_CARD = "class BackendUnavailable(Exception):\n    pass\n\n\nraise BackendUnavailable('no such card')\n"


@dataclass
class Measured:
    """Stands in for measuring: it remembers what was asked, and shows the cells that the test wants."""

    cells: list[Cell] = field(default_factory=lambda: [a_cell(samples=[0.5, 0.25])])
    interrupted: bool = False
    plans: list[Plan] = field(default_factory=list)
    folders: list[Path] = field(default_factory=list)

    def __call__(self, plan: Plan, folder: Path, progress: Callable[[Cell], None], *more: Any) -> RunFile:
        self.plans.append(plan)
        self.folders.append(folder)
        for cell in self.cells:
            progress(cell)
        if self.interrupted:
            raise KeyboardInterrupt
        return RunFile(folder / "box" / "run.jsonl")


@pytest.fixture
def measured(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Measured:
    """Nothing is measured, and nothing is checked before."""
    found = Measured()
    monkeypatch.setattr(run, "run", found)
    monkeypatch.chdir(tmp_path)
    return found


# -- options -------------------------------------------------------------------------------------------------------


def test_without_options_everything_is_measured_on_the_quick_set(
    measured: Measured, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert call(monkeypatch, "bench", "--no-asv") == 0
    assert measured.plans == [Plan("quick", read_layers("quick"), resolve_all(targets.names()))]
    (plan,) = measured.plans
    assert (plan.ops, plan.dtypes, plan.threads, plan.allocator) == (OPS, ("float32",), 1, "steady")
    assert (plan.budget, plan.batch) == (2.0, None)
    assert measured.folders == [Path("results/runs")]


def test_every_option_reaches_the_plan(measured: Measured, monkeypatch: pytest.MonkeyPatch) -> None:
    words = (
        "matlab_loop", "mine=numpy_fancy", "--shapes", _SPEC, "--batch", "5", "--ops", "conv2d,col2im", "--dtype",
        "float64,int32", "--budget", "0.5", "--threads", "2", "--allocator", "default", "--results", "elsewhere",
        "--no-asv",
    )  # fmt: skip
    monkeypatch.setattr(measuring, "run_here", lambda *arguments: pytest.fail("built-in backends are not checked"))
    assert call(monkeypatch, "bench", *words) == 0
    layer = Layer(f"{_SPEC}@5", ConvSpec.parse("n5c3h9w8_f4kh3kw2"))
    assert measured.plans == [
        Plan(
            _SPEC, [layer], resolve_all(["matlab_loop", "mine=numpy_fancy"]), ["conv2d", "col2im"],
            ["float64", "int32"], threads=2, allocator="default", budget=0.5, batch=5,
        )
    ]  # fmt: skip
    assert [target.name for target in measured.plans[0].backends] == ["matlab_loop", "mine"]
    assert measured.folders == [Path("elsewhere/runs")]


def test_a_file_of_layers_is_measured(measured: Measured, monkeypatch: pytest.MonkeyPatch) -> None:
    Path("some.txt").write_text(f"{_SPEC}\nn1c2h6w7_f2kh2kw2  # small\n")
    assert call(monkeypatch, "bench", "numpy_fancy", "--shapes", "some.txt", "--no-asv") == 0
    assert [str(layer.spec) for layer in measured.plans[0].layers] == [_SPEC, "n1c2h6w7_f2kh2kw2"]


@pytest.mark.parametrize(
    ("option", "left_out", "said"),
    [
        ((), "", ["asv records the run ..", "asv has recorded it"]),
        (("--asv",), "", ["asv records the run ..", "asv has recorded it"]),
        ((), "left out for a reason", ["left out for a reason"]),
        (("--no-asv",), "", []),
    ],
)
def test_asv_records_the_run_unless_it_is_told_not_to(
    measured: Measured,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    option: tuple[str, ...],
    left_out: str,
    said: list[str],
) -> None:
    file = Path("results/runs/box/run.jsonl")
    monkeypatch.setattr(asv_bridge, "left_out", {file: left_out}.__getitem__)
    monkeypatch.setattr(asv_bridge, "record", {file: "asv has recorded it"}.__getitem__)
    assert call(monkeypatch, "bench", *_ONE[:3], *option) == 0
    assert capsys.readouterr().err.splitlines()[1:] == said


# -- what is said --------------------------------------------------------------------------------------------------


def test_what_became_of_the_cells_is_counted_and_the_bad_ones_are_named(
    measured: Measured, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The last line of stdout is the file, for scripts."""
    measured.cells = [
        a_cell("a", [0.5]), a_cell("b", [0.5]), a_cell("c", [0.5]),
        a_cell("a", status=CellStatus.UNSUPPORTED, reason="not yet"),
        a_cell("b", status=CellStatus.UNSUPPORTED, reason="never"),
        a_cell("a", status=CellStatus.HUNG, reason="no answer within 9 s", op="col2im", layer="net:large"),
        a_cell("a", status=CellStatus.OVER_BUDGET, reason="too long"),
        a_cell("b", status=CellStatus.FAIL, reason="it is wrong"),
        a_cell("c", status=CellStatus.CRASHED, reason="killed by SIGSEGV", op="conv2d"),
        a_cell("d", status=CellStatus.UNAVAILABLE, reason="no such card"),
    ]  # fmt: skip
    assert call(monkeypatch, "bench", *_ONE) == 1
    said = capsys.readouterr()
    assert said.err.splitlines() == [
        "measured 3 of 10 cells, 1 fail, 1 crashed, 1 hung, 1 over_budget, 1 unavailable, 2 unsupported",
        "  hung: a col2im net:large: no answer within 9 s",
        "  fail: b im2col net:small: it is wrong",
        "  crashed: c conv2d net:small: killed by SIGSEGV",
    ]
    assert said.out.splitlines()[-1] == "results/runs/box/run.jsonl"


def test_of_many_bad_cells_the_first_ten_are_named(
    measured: Measured, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    measured.cells = [a_cell("a", status=CellStatus.FAIL, reason=f"wrong {i}") for i in range(12)]
    assert call(monkeypatch, "bench", *_ONE) == 1
    head, *lines = capsys.readouterr().err.splitlines()
    assert head == "measured 0 of 12 cells, 12 fail"
    assert [line.rpartition(" ")[2] for line in lines] == [str(i) for i in range(10)]


def test_a_layer_that_is_too_large_for_the_machine_is_named_once(
    measured: Measured, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """With the first of its ops; ten layers at most."""
    large: dict[str, Any] = dict(status=CellStatus.NO_MEMORY, backend="a")
    measured.cells = [a_cell(samples=[0.5]), a_cell(op="conv2d", layer="net:0", reason="it needs 9 GiB", **large)]
    measured.cells += [a_cell(layer=f"net:{i}", reason=f"it needs {i} TiB", **large) for i in range(12)]
    assert call(monkeypatch, "bench", *_ONE) == 0
    assert capsys.readouterr().err.splitlines() == [
        "measured 1 of 14 cells, 13 no_memory",
        "  no_memory: net:0: conv2d: it needs 9 GiB",
        *(f"  no_memory: net:{i}: im2col: it needs {i} TiB" for i in range(1, 10)),
    ]


def test_a_run_in_which_all_went_well_says_so_in_one_line(
    measured: Measured, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    measured.cells = [a_cell(samples=[0.5]), a_cell(samples=[0.25])]
    assert call(monkeypatch, "bench", *_ONE) == 0
    assert capsys.readouterr().err == "measured 2 of 2 cells\n"


# -- exit codes ----------------------------------------------------------------------------------------------------

_OK = a_cell("numpy_fancy", [0.5])
_CODES = {
    "hung": ([_OK, a_cell("numpy_fancy", status=CellStatus.HUNG)], 1),
    "crashed": ([_OK, a_cell("numpy_fancy", status=CellStatus.CRASHED)], 1),
    "fail": ([a_cell("numpy_fancy", status=CellStatus.FAIL), _OK], 1),
    "bad and unavailable": (
        [a_cell("torch_native_cuda", status=CellStatus.UNAVAILABLE), a_cell(status=CellStatus.FAIL)], 1
    ),
    "named and unavailable": ([_OK, a_cell("torch_native_cuda", status=CellStatus.UNAVAILABLE)], 3),
    "refused": ([_OK, a_cell("torch_native_cuda", status=CellStatus.UNSUPPORTED)], 0),
    "too long": ([_OK, a_cell("torch_native_cuda", status=CellStatus.OVER_BUDGET)], 0),
    "nothing measured": ([a_cell(status=CellStatus.UNSUPPORTED), a_cell(status=CellStatus.OVER_BUDGET)], 3),
    "nothing to measure": ([], 3),
}  # fmt: skip


@pytest.mark.parametrize(("cells", "code"), _CODES.values(), ids=_CODES)
def test_the_exit_code_says_how_it_went(
    measured: Measured, monkeypatch: pytest.MonkeyPatch, cells: list[Cell], code: int
) -> None:
    measured.cells = cells
    assert call(monkeypatch, "bench", "numpy_fancy", "torch_native_cuda", *_ONE[1:]) == code


def test_only_a_backend_that_was_named_must_be_available(measured: Measured, monkeypatch: pytest.MonkeyPatch) -> None:
    measured.cells = [_OK, a_cell("torch_native_cuda", status=CellStatus.UNAVAILABLE)]
    assert call(monkeypatch, "bench", *_ONE[1:]) == 0
    assert call(monkeypatch, "bench", *_ONE) == 0  # it was not the one


def test_ctrl_c_is_no_verdict(
    measured: Measured, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    measured.interrupted = True
    assert call(monkeypatch, "bench", *_ONE) == 130
    said = capsys.readouterr()
    assert (said.out, said.err) == ("", "harness: interrupted\n")


def test_a_broken_registered_backend_does_not_hide_the_others(
    measured: Measured, monkeypatch: pytest.MonkeyPatch, write: Write
) -> None:
    """It is for the measuring child to say that it cannot be loaded; nobody named it."""
    broken = str(write("broken.py", "raise KeyError('lost')\n"))
    monkeypatch.setattr(targets, "names", lambda: ["numpy_fancy", broken])
    assert call(monkeypatch, "bench", *_ONE[1:]) == 0
    assert [(plan.backends[1].name, plan.barred) for plan in measured.plans] == [("broken", {})]


# -- truly ---------------------------------------------------------------------------------------------------------


def test_a_run_is_measured_told_and_kept(write: Write, tmp_path: Path) -> None:
    """A right plug-in, one that raises once it is timed, one that this machine cannot run, and one that is wrong."""
    write("good.py", GOOD + IM2COL_ALONE)
    worn = at_start("import sys; assert sys._getframe(1).f_code.co_name != 'by_wall', 'worn out'")
    write("worn.py", worn + IM2COL_ALONE)
    write("card.py", _NO_CARD)
    write("wrong.py", edited("spec.columns_shape)", "spec.columns_shape) + 1") + IM2COL_ALONE)
    words = ("good.py", "worn.py", "card.py", "wrong.py", "--shapes", _SPEC, "--ops", "im2col", "--budget", "1")
    done = harness(tmp_path, "bench", *words, "--results", "kept")
    assert done.returncode == 1, done.stderr
    lines = done.stderr.splitlines()  # where the machine is busy, it also says what it is at
    summary, *bad, asv = lines[[line.startswith("measured") for line in lines].index(True) :]
    assert summary == "measured 1 of 4 cells, 2 fail, 1 unavailable"
    assert [line.partition(": ")[2].partition(": ")[0] for line in bad] == [
        f"worn im2col {_SPEC}", f"wrong im2col {_SPEC}"
    ]  # fmt: skip
    assert "while timed, it raised AssertionError: worn out" in bad[0]
    assert "not timed, it fails tier 1 of the conformance suite: " in bad[1]
    assert asv.startswith("asv step left out: ")
    (path,) = (tmp_path / "kept" / "runs").glob("*/*.jsonl")
    *table, last = done.stdout.splitlines()
    assert (tmp_path / last).resolve() == path.resolve()
    assert table[0].strip() == "1 thread, steady allocator"
    (line,) = (line.split() for line in table if " good " in line and "GB/s" in line)
    assert (line[:4], line[5], line[7:]) == ([_SPEC, "im2col", "float32", "good"], "us", ["GB/s", "baseline"])
    assert [line for line in table if line.startswith("unavailable")] == ["unavailable: card"]
    header, *records, end = RunFile(path).records()
    assert isinstance(header, RunHeader)
    assert isinstance(end, RunEnd)
    assert 0 < (end.measured_seconds or 0) < (end.calls_seconds or 0) < (end.wall_seconds or 0)
    assert (header.plan.budget, header.plan.ops, header.plan.specs) == (1.0, ["im2col"], [_SPEC])
    facts = [record for record in records if isinstance(record, BackendFacts)]
    assert [(f.backend, f.target, f.available, f.reason) for f in facts] == [
        ("good", "good.py", True, ""), ("worn", "worn.py", True, ""), ("card", "card.py", False, "no such card")
    ]  # fmt: skip
    (limits,) = (record for record in records if isinstance(record, Ceilings))
    assert set(limits.copy_gbs) == {"l1", "l2", "cache", "dram"}
    assert set(limits.matmul_gflops) == {"float32", "float64"}
    cells = [record for record in records if isinstance(record, Cell)]
    assert [(c.backend, c.status, bool(c.samples)) for c in cells] == [
        ("good", "ok", True), ("worn", "fail", False), ("card", "unavailable", False), ("wrong", "fail", False)
    ]  # fmt: skip
    assert min(cells[0].samples) > 0
    assert cells[0].native
    assert cells[0].first_in_process
