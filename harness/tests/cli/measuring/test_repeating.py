"""Fresh processes: what each is to measure, what is measured again, and what a backend makes against itself."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from harness.cli.measured import repeating
from harness.cli.measured.repeating import Comparing
from harness.contract import targets
from harness.contract.status import CellStatus, Speed
from harness.geometry.layers import Layer
from harness.geometry.spec import ConvSpec
from harness.report.measured.load import load
from harness.results.records import Cell, RunEnd
from harness.results.run_files import RunFile
from harness.tests.helpers.plugins import called
from harness.tests.helpers.program import call
from harness.tests.helpers.records import a_cell, a_machine, some_facts
from harness.tests.helpers.timing.fake_comparison import FakeComparison, cells_of
from harness.timing import run
from harness.timing.plan import Plan

_LAYERS = [Layer(f"net:{n}", ConvSpec.parse(f"n1c{c}h8w8_f4kh3kw3")) for n, c in enumerate((4, 1, 9))]
_PLAN = Plan("some", _LAYERS, [called("a"), called("b"), called("c")], ["im2col", "conv2d", "col2im"])

Measured = dict[tuple[str, str], list[str]]  # backends by layer and op


@dataclass
class Machine:
    """Stands in for measuring: times in milliseconds by backend, in one process after the other."""

    times: Callable[[int, str, str], float | CellStatus]  # of a process, a backend and a layer
    processes: list[Measured] = field(default_factory=list)
    plans: list[Plan] = field(default_factory=list)
    ends_in: int = 99

    def __call__(self, plan: Plan, progress: Callable[[Cell], None], *more: Any) -> Iterator[Cell]:
        process = len(self.processes)
        self.plans.append(plan)
        self.processes.append({})
        for group in plan.groups("run", a_machine()):
            if process == self.ends_in:
                raise KeyboardInterrupt
            self.processes[-1][group.layer, group.op] = group.backends
            for name in group.backends:
                time = self.times(process, name, group.layer)
                if isinstance(time, CellStatus):
                    yield group.cell(name, time, "a reason")
                else:
                    yield group.cell(name, CellStatus.OK, samples=[time / 1e3] * 3)


def compared(monkeypatch: pytest.MonkeyPatch, plan: Plan, machine: Machine, processes: int = 3) -> Comparing:
    """Everything that `harness compare` measures of a plan."""
    monkeypatch.setattr(run, "measure", machine)
    found = Comparing(plan, processes)
    found.run()
    return found


def apart(process: int, name: str, layer: str) -> float:
    """Times that leave nothing unclear."""
    return {"a": 1.0, "b": 2.0, "c": 3.0}[name[0]]


def test_every_process_measures_everything_and_the_first_against_itself_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    """In the first op on the smallest layer, and in conv2d on the largest; interleaved like any other."""
    machine = Machine(apart)
    found = compared(monkeypatch, _PLAN, machine)
    assert len(machine.processes) == 3
    for process in machine.processes:
        assert len(process) == 9
        assert {key: names for key, names in process.items() if names != ["a", "b", "c"]} == {
            ("net:1", "im2col"): ["a", "b", "c", "a.again"], ("net:2", "conv2d"): ["a", "b", "c", "a.again"],
        }  # fmt: skip
    assert [plan.cells for plan in machine.plans] == [29, 29, 29]
    assert [cell.process for cell in found.of_named()] == [0] * 27 + [1] * 27 + [2] * 27
    assert {(row.verdict, row.processes, row.pairs) for row in found.rows} == {(Speed.FASTER, 3, 6)}
    assert [(row.b, row.shape, row.op, row.verdict) for row in found.itself] == [
        ("a.again", "net:1", "im2col", Speed.SAME), ("a.again", "net:2", "conv2d", Speed.SAME),
    ]  # fmt: skip


def test_what_is_unclear_is_measured_again_until_it_is_clear(monkeypatch: pytest.MonkeyPatch) -> None:
    """And nothing else but the first against itself; in no more than four times as many processes."""

    def times(process: int, name: str, layer: str) -> float:
        """Of b on net:0: half as long in the first process, the same in the second, then twice."""
        odd = (name, layer) == ("b", "net:0")
        return [0.5, 1.0, 2.0][process % 3] if odd else apart(process, name, layer)

    machine = Machine(times)
    found = compared(monkeypatch, _PLAN, machine)
    assert len(machine.processes) == 12
    assert [plan.rounds for plan in machine.plans] == [11] * 3 + [61] * 9
    for process in machine.processes[3:]:
        assert process == {
            **{("net:0", op): ["a", "b", "c"] for op in _PLAN.ops},
            ("net:1", "im2col"): ["a", "a.again"], ("net:2", "conv2d"): ["a", "a.again"],
        }  # fmt: skip
    unclear = [row for row in found.rows if row.verdict is Speed.UNCLEAR]
    assert {(row.b, row.shape, row.processes) for row in unclear} == {("b", "net:0", 12)}
    assert {row.processes for row in found.rows if row.shape != "net:0"} == {3}


def test_who_asks_for_one_process_gets_one(monkeypatch: pytest.MonkeyPatch) -> None:
    machine = Machine(lambda process, name, layer: {"a": 1.1, "b": 1.0, "c": 3.0, "a.again": 1.25}[name])
    found = compared(monkeypatch, _PLAN, machine, processes=1)
    assert len(machine.processes) == 1
    assert {(row.b, row.verdict) for row in found.rows} == {("b", Speed.UNCLEAR), ("c", Speed.FASTER)}


def test_the_noise_of_the_machine_is_known_before_anything_is_clear(monkeypatch: pytest.MonkeyPatch) -> None:
    """A tenth more is no difference where a backend differs from itself by a seventh."""
    machine = Machine(lambda process, name, layer: {"a": 1.1, "b": 1.0, "c": 3.0, "a.again": 1.25}[name])
    found = compared(monkeypatch, _PLAN, machine)
    assert found.floor == pytest.approx(1.25 / 1.1 - 1)
    assert {(row.b, row.verdict) for row in found.rows} == {("b", Speed.UNCLEAR), ("c", Speed.FASTER)}
    assert len(machine.processes) == 12


def test_what_as_many_processes_again_make_clear_is_not_measured_more(monkeypatch: pytest.MonkeyPatch) -> None:
    """One odd process of three leaves it unclear, one of six does not."""

    def times(process: int, name: str, layer: str) -> float:
        odd = (name, layer, process) == ("b", "net:0", 1)
        return 0.99 if odd else apart(process, name, layer)

    machine = Machine(times)
    found = compared(monkeypatch, _PLAN, machine)
    assert [("net:0", "im2col") in process for process in machine.processes] == [True] * 6
    assert {row.verdict for row in found.rows if (row.b, row.shape) == ("b", "net:0")} == {Speed.FASTER}


def test_what_has_no_time_is_not_tried_again_nor_what_it_leaves_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    def times(process: int, name: str, layer: str) -> float | CellStatus:
        lost = name == "c" or (name, layer) == ("b", "net:0") or (name[0], layer) == ("a", "net:2")
        return CellStatus.HUNG if lost else apart(process, name, layer)

    machine = Machine(times)
    found = compared(monkeypatch, _PLAN, machine)
    assert [len(process) for process in machine.processes] == [9, 3, 3]
    assert machine.processes[1] == machine.processes[2] == {
        ("net:1", "im2col"): ["a", "b", "a.again"], ("net:1", "conv2d"): ["a", "b"], ("net:1", "col2im"): ["a", "b"],
    }  # fmt: skip
    assert {row.shape for row in found.rows if row.verdict is Speed.FASTER} == {"net:1"}
    assert {row.status for row in found.rows if row.verdict is Speed.NO_DATA} == {CellStatus.HUNG}


def test_who_is_barred_is_so_against_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    machine = Machine(apart)
    compared(monkeypatch, Plan("some", _LAYERS, _PLAN.backends, barred={"a": "wrong"}), machine)
    assert machine.plans[0].barred == {"a": "wrong", "a.again": "wrong"}


def test_of_one_layer_two_ops_tell_the_noise(monkeypatch: pytest.MonkeyPatch) -> None:
    machine = Machine(apart)
    compared(monkeypatch, Plan("some", _LAYERS[:1], _PLAN.backends, ["im2col", "col2im"]), machine)
    assert [names[-1] for names in machine.processes[0].values()] == ["a.again", "a.again"]


def test_the_second_name_is_nobody_elses(monkeypatch: pytest.MonkeyPatch) -> None:
    plan = Plan("some", _LAYERS, [called("a"), called("a.again")])
    assert Comparing(plan, 1).twin.name == "a.again_"


def test_what_an_interrupted_process_measured_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    machine = Machine(apart, ends_in=2)
    found = compared(monkeypatch, _PLAN, machine)
    assert {(row.verdict, row.processes) for row in found.rows} == {(Speed.FASTER, 2)}


@pytest.mark.parametrize(("pairs", "processes", "each"), [(30, 3, 11), (1, 1, 2), (7, 3, 4), (3, 5, 2), (10, 1, 11)])
def test_pairs_are_shared(pairs: int, processes: int, each: int) -> None:
    """One more for each process, as its first does not count."""
    assert repeating.rounds(pairs, processes) == each


# -- what is kept --------------------------------------------------------------------------------------------------


def test_a_comparison_is_kept_as_a_run_that_the_report_reads(
    measured: FakeComparison, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """Every process, without the first against itself; each comparison in a file of its own."""
    again = a_cell("a.again", [1.0] * 3, layer="net:1", group="net:1/im2col/float32")
    measured.cells = [*cells_of("net:1", "im2col", "float32", a=[1.0] * 3, b=[4.0] * 3), again]
    measured.described = [some_facts("a"), some_facts("b"), some_facts("a.again")]
    words = ("a=numpy_fancy", "b=numpy_fancy", "--shapes", "n1c2h6w6_f4kh3kw3", "--ops", "im2col", "--results", "kept")
    assert call(monkeypatch, "compare", *words) == 0
    assert call(monkeypatch, "compare", *words) == 0
    files = list(tmp_path.glob("kept/runs/some-cpu_4c8t/*.jsonl"))
    said = [line for line in capsys.readouterr().err.splitlines() if line.startswith("kept")]
    assert sorted(said) == sorted(f"kept in {file.relative_to(tmp_path)}" for file in files)
    assert len(files) == 2
    records = RunFile(files[0]).records()
    assert isinstance(records[-1], RunEnd)
    cells = [record for record in records if isinstance(record, Cell)]
    assert [(cell.backend, cell.process) for cell in cells] == [(n, p) for p in range(3) for n in "ab"]
    data = load(tmp_path / "kept")
    assert [(row.cell.backend, row.seconds.median if row.seconds else None) for row in data.rows] == [
        ("a", 1.0), ("b", 4.0)
    ]  # fmt: skip
    assert data.left_out == []


def test_a_comparison_that_was_interrupted_is_kept_without_an_end(
    measured: FakeComparison, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    measured.cells = cells_of("net:1", "im2col", "float32", a=[1.0] * 3, b=[4.0] * 3)
    measured.interrupted = True
    assert call(monkeypatch, "compare", "a=numpy_fancy", "b=numpy_fancy", "--results", "kept") == 130
    (file,) = tmp_path.glob("kept/runs/*/*.jsonl")
    *_, last = RunFile(file).records()
    assert isinstance(last, Cell)


def test_a_folder_that_cannot_be_written_is_told_before_anything_is_measured(
    measured: FakeComparison, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("kept").touch()
    assert call(monkeypatch, "compare", "a=numpy_fancy", "b=numpy_fancy", "--results", "kept") == 2
    assert "folder 'kept/runs' cannot be written" in capsys.readouterr().err
    assert measured.plans == []


@pytest.mark.parametrize(("second", "is_apart"), [("numba_loops", False), ("mine.py", True)])
def test_the_first_meets_itself_as_it_meets_the_others(tmp_path: Path, second: str, is_apart: bool) -> None:
    """Across two processes, if one of the others is not built in: what lies between two processes is noise as well."""
    (tmp_path / "mine.py").write_text("def im2col(x, spec): ...\n")
    there = second if "." not in second else str(tmp_path / second)
    plan = replace(_PLAN, backends=[targets.resolve("numpy_fancy"), targets.resolve(there)])
    assert Comparing(plan, 3).twin.is_apart is is_apart
