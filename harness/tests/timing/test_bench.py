"""Measuring through the child process: gate, reasons, resuming, crashes, and what asv makes of a run."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from harness.calls.worker import Worker, WorkerDied, environment
from harness.contract.targets import resolve_all
from harness.geometry.layers import Layer
from harness.geometry.spec import ConvSpec
from harness.results import machine, ratios, run_files
from harness.results.records import BackendFacts, Ceilings, Cell, Line, RunEnd, RunHeader
from harness.timing import child, run
from harness.timing.plan import Plan

_LAYERS = [Layer(text, ConvSpec.parse(text)) for text in ("n2c3h9w8_f4kh3kw2_sh2sw1_pt1", "n1c2h6w7_f2kh2kw2")]

_PLUGIN = """
import os, sys, time
import numpy as np
from harness.oracle import by_taps


def im2col(x, spec):
    {im2col}
    return np.ascontiguousarray(by_taps.run("im2col", spec, x).astype(x.dtype))


def col2im(columns, spec):
    return np.ascontiguousarray(by_taps.run("col2im", spec, columns).astype(columns.dtype))
"""


def plugin(folder: Path, name: str, im2col: str = "pass") -> str:
    """A plug-in file whose im2col begins with the given line."""
    path = folder / f"{name}.py"
    path.write_text(_PLUGIN.format(im2col=im2col))
    return str(path)


def plan(*backends: str, **changes: object) -> Plan:
    """A small plan of im2col on one layer."""
    fields = {
        "shapes": "test",
        "layers": _LAYERS[:1],
        "backends": resolve_all(backends),
        "ops": ["im2col"],
        "budget": 0.2,
        "rounds": 5,
    }
    return Plan(**{**fields, **changes})  # type: ignore[arg-type]


def cells(file: run_files.RunFile) -> list[Cell]:
    """The cells of a run."""
    return [record for record in file.records() if isinstance(record, Cell)]


def test_a_run_holds_plan_machine_backends_ceilings_cells_and_end(tmp_path: Path) -> None:
    shown: list[Cell] = []
    file = run.run(plan("numpy_fancy", "matlab_loop", layers=_LAYERS, ops=["im2col", "conv2d"]), tmp_path, shown.append)
    kinds: list[type[Line]] = [type(record) for record in file.records()]
    assert kinds[0] is RunHeader
    assert kinds[-1] is RunEnd
    assert (kinds.count(BackendFacts), kinds.count(Ceilings), kinds.count(Cell)) == (2, 1, 8)
    assert shown == cells(file)
    for cell in cells(file):
        assert cell.status == "ok", cell.reason
        assert len(cell.samples) >= 3
        assert min(cell.samples) > 0
        assert cell.checked_points >= 8
    header = run_files.header(file.path)
    assert header.machine.name == file.path.parent.name == machine.facts().name
    ceilings = next(r for r in file.records() if isinstance(r, Ceilings))
    assert ceilings.copy_gbs["dram"] > 0.5
    assert ceilings.matmul_gflops["float32"] > ceilings.matmul_gflops["float64"] / 2 > 0
    assert all(entry.kernel for entry in ceilings.blas)


@pytest.mark.parametrize(
    ("im2col", "reason"),
    [
        ("return np.zeros(spec.columns_shape, x.dtype)", "sampled elements differ"),
        ("return np.full(spec.columns_shape, np.nan, x.dtype)", "sampled elements differ"),
        ("return x", "returned float32"),
        ("return np.zeros(spec.columns_shape)", "returned float64"),
        ("raise ValueError('no such thing')", "raised ValueError: no such thing"),
        ("sys.exit(0)", "raised SystemExit"),
    ],
)
def test_a_wrong_backend_is_never_timed(tmp_path: Path, im2col: str, reason: str) -> None:
    file = run.run(plan(plugin(tmp_path, "wrong", im2col), "numpy_fancy"), tmp_path)
    by_name = {cell.backend: cell for cell in cells(file)}
    assert by_name["wrong"].status == "fail"
    assert reason in by_name["wrong"].reason
    assert by_name["wrong"].samples == []
    assert by_name["numpy_fancy"].status == "ok"


def test_what_a_backend_prints_is_not_taken_for_a_result(tmp_path: Path) -> None:
    chatty = plugin(tmp_path, "chatty", "print('{}'); os.write(1, b'[1, 2]'); sys.stdout.flush()")
    (cell,) = cells(run.run(plan(chatty), tmp_path))
    assert cell.status == "ok"


def test_reasons_of_cells_without_a_time_are_kept(tmp_path: Path) -> None:
    slow = plugin(tmp_path, "slow", "time.sleep(x.size * 1e-3)")
    file = run.run(plan(slow, "torch_native_cuda", "numpy_fancy", dtypes=["float32", "int32"]), tmp_path)
    status = {(c.backend, c.dtype): (c.status, c.reason) for c in cells(file)}
    assert status["slow", "float32"][0] == "over_budget"
    assert "predicted" in status["slow", "float32"][1]
    assert status["torch_native_cuda", "float32"][0] == "unavailable"
    assert status["torch_native_cuda", "float32"][1]
    assert status["numpy_fancy", "int32"] == ("unsupported", "dtype int32 is not claimed")


def test_a_first_call_that_compiles_is_no_reason_against_the_others(tmp_path: Path) -> None:
    compiling = plugin(tmp_path, "compiling", "sys.warm = getattr(sys, 'warm', 0) or time.sleep(0.5) or 1")
    (cell,) = cells(run.run(plan(compiling), tmp_path))
    assert cell.status == "ok", cell.reason
    assert cell.first_seconds is not None
    assert cell.first_seconds > 0.5


def test_a_crash_costs_only_its_group(tmp_path: Path) -> None:
    crashing = plugin(tmp_path, "crashing", "os.kill(os.getpid(), 11)")
    file = run.run(plan(crashing, "numpy_fancy", ops=["im2col", "col2im"]), tmp_path)
    status = {(c.op, c.backend): c.status for c in cells(file)}
    assert status["im2col", "crashing"] == "crashed"
    assert status["col2im", "crashing"] == "ok"
    assert status["col2im", "numpy_fancy"] == "ok"
    assert "SIGSEGV" in next(c.reason for c in cells(file) if c.status == "crashed")


def test_a_silent_child_is_ended(tmp_path: Path) -> None:
    hanging = plugin(tmp_path, "hanging", "time.sleep(600)")
    whole = plan(hanging)
    group = next(whole.groups("run", machine.facts()))
    with Worker("harness.timing.child", child.Replies, environment(1, "steady")) as worker:
        list(worker.request(child.Load(whole.backends[0]), 60))
        with pytest.raises(WorkerDied, match="no answer within 2 s") as death:
            list(worker.request(child.MeasureGroup(group), 2))
    assert death.value.hung


def test_a_run_that_was_interrupted_continues(tmp_path: Path) -> None:
    whole = plan("numpy_fancy", "matlab_loop", layers=_LAYERS, ops=["im2col", "col2im"])
    seen: list[Cell] = []

    def interrupt(cell: Cell) -> None:
        seen.append(cell)
        if len(seen) == 4:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run.run(whole, tmp_path, interrupt)
    (path,) = tmp_path.glob("*/*.jsonl")
    first = cells(run_files.RunFile(path))
    assert len(first) == 4
    with path.open("a") as file:
        file.write('{"kind": "cell", "torn')
    again: list[Cell] = []
    finished = run.run(whole, tmp_path, again.append)
    assert finished.path == path
    assert cells(finished)[:4] == first
    assert len(cells(finished)) == len(again) == whole.cells == 8
    assert run.run(whole, tmp_path).path != path  # finished runs are not continued


def test_threads_and_allocator_reach_the_child() -> None:
    steady, default = environment(3, "steady"), environment(1, "default")
    assert steady["OMP_NUM_THREADS"] == steady["NUMBA_NUM_THREADS"] == "3"
    assert steady["MALLOC_MMAP_MAX_"] == "0"
    assert "MALLOC_MMAP_MAX_" not in default


def test_steady_memory_is_not_given_back() -> None:
    """Large fresh results fault no pages once the allocator has them; glibc as it comes maps them anew each time."""
    code = (
        "import resource, numpy as np\n"
        "f = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_minflt\n"
        "for _ in range(3): np.ones(40 << 20, np.uint8)\n"
        "before = f()\nfor _ in range(20): np.ones(40 << 20, np.uint8)\nprint(f() - before)"
    )
    if not sys.platform.startswith("linux"):
        pytest.skip("the steady allocator is glibc's")
    faults = {}
    for name in ("steady", "default"):
        done = subprocess.run(
            [sys.executable, "-c", code], env=environment(1, name), capture_output=True, text=True, check=True
        )
        faults[name] = int(done.stdout)
    assert faults["steady"] < 200
    assert faults["default"] > 10 * (faults["steady"] + 1)


def test_a_backend_against_itself_is_the_same(tmp_path: Path) -> None:
    """The floor of the method: one implementation under two names."""
    first, second = plugin(tmp_path, "first"), plugin(tmp_path, "second")
    found = list(run.measure(plan(first, second, rounds=21, budget=2.0)))
    (row,) = ratios.rows(found, ["first", "second"])
    assert row.status == "ok"
    assert None not in (row.ratio, row.low, row.high)
    assert 0.8 < row.ratio < 1.25  # type: ignore[operator]
    assert row.low <= row.ratio <= row.high  # type: ignore[operator]


def test_code_state_ignores_results(tmp_path: Path) -> None:
    state = machine.code()
    root = machine.project_root()
    if root is None:
        pytest.skip("not in a git checkout")
    marker = root / "results" / "ignored-by-dirty.jsonl.tmp.test"
    marker.write_text("x")
    try:
        assert machine.code() == state
    finally:
        marker.unlink()
