"""Which records count: the newest of each key, of one machine, under one set of conditions, in a fixed order."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from harness.contract.status import Verdict
from harness.report.measured import load
from harness.report.measured.load import Config
from harness.report.measured.pairing import with_ratios
from harness.report.measured.rows import PairedRatio
from harness.report.verdicts import ConformanceVerdict
from harness.results.intervals import Interval
from harness.results.records import Ceilings, Code
from harness.results.writing import ResultsError
from harness.tests.helpers.runfiles import CPU, FLAT, MACHINE, make_cell, make_facts, make_header, make_row, write_run

_FIRST, _SECOND, _THIRD = "20260101T000000-a", "20260102T000000-b", "20260103T000000-c"


# -- the newest record of each key -------------------------------------------------------------------------------------


def test_a_cell_that_was_measured_again_counts_as_it_was_last(tmp_path: Path) -> None:
    write_run(tmp_path, _SECOND, [make_cell("mine", [5.0, 2.0, 3.0])])
    write_run(tmp_path, _FIRST, [make_cell("mine", [9.0] * 3), make_cell("other", [8.0] * 3)])
    mine, other = load.load(tmp_path).rows
    assert (mine.cell.run, mine.cell.samples, mine.seconds) == (_SECOND, [5.0, 2.0, 3.0], Interval(3.0, 2.0, 5.0))
    assert (other.cell.run, other.seconds) == (_FIRST, Interval(8.0, 8.0, 8.0))


def test_runs_are_as_old_as_their_names_say_whatever_their_files_are_called(tmp_path: Path) -> None:
    write_run(tmp_path, _SECOND, [make_cell("mine", [2.0])]).rename(tmp_path / "runs" / MACHINE / "a copy.jsonl")
    write_run(tmp_path, _FIRST, [make_cell("mine", [1.0])])
    data = load.load(tmp_path)
    assert [run.name for run in data.runs] == [_FIRST, _SECOND]
    assert [row.cell.samples for row in data.rows] == [[2.0]]


def test_within_a_run_the_last_line_of_a_cell_counts(tmp_path: Path) -> None:
    cells = [make_cell("mine", [2.0]), make_cell("numpy_fancy", FLAT), make_cell("mine", status="hung", reason="late")]
    write_run(tmp_path, _FIRST, cells)
    (row,) = load.load(tmp_path).rows[1:]
    assert (row.cell.status, row.cell.reason, row.seconds) == ("hung", "late", None)


@pytest.mark.parametrize(
    "other",
    [
        {"backend": "other"}, {"op": "im2col"}, {"dtype": "float64"}, {"spec": "n1c1h3w3_f1kh1kw1"}, {"threads": 2},
        {"allocator": "default"},
    ],
    ids=lambda other: next(iter(other)),
)  # fmt: skip
def test_a_cell_that_differs_in_its_key_replaces_none(tmp_path: Path, other: dict[str, Any]) -> None:
    changed = replace(make_cell("mine", [2.0]), **other)
    write_run(tmp_path, _FIRST, [make_cell("mine", [1.0])])
    write_run(tmp_path, _SECOND, [changed])
    assert sorted(row.cell.samples for row in load.load(tmp_path).rows) == [[1.0], [2.0]]


@pytest.mark.parametrize(
    "other", [{"layer": "net:twin"}, {"native": False}, {"reason": "x"}, {"repetitions": 7}, {"first_seconds": 2.0}],
    ids=lambda other: next(iter(other)),
)  # fmt: skip
def test_a_cell_that_differs_otherwise_replaces_the_older(tmp_path: Path, other: dict[str, Any]) -> None:
    write_run(tmp_path, _FIRST, [make_cell("mine", [1.0])])
    write_run(tmp_path, _SECOND, [replace(make_cell("mine", [2.0]), **other)])
    assert [row.cell.samples for row in load.load(tmp_path).rows] == [[2.0]]


def test_a_newer_record_counts_even_without_a_time(tmp_path: Path) -> None:
    write_run(tmp_path, _FIRST, [make_cell("torch_native", FLAT), make_cell("mine", FLAT)])
    write_run(tmp_path, _SECOND, [make_cell("mine", status="fail", reason="is off")])
    mine, base = load.load(tmp_path).rows[::-1]
    assert (mine.cell.status, mine.cell.reason, mine.seconds) == ("fail", "is off", None)
    assert base.seconds == Interval(1.0, 1.0, 1.0)


def test_each_row_knows_whether_its_own_code_was_changed(tmp_path: Path) -> None:
    dirty = make_header(_FIRST, code=Code(commit="cd" * 20, dirty=True, changes="1a"))
    write_run(tmp_path, _FIRST, [make_cell("mine", FLAT), make_cell("other", FLAT)], header=dirty)
    write_run(tmp_path, _SECOND, [make_cell("other", FLAT)])
    mine, other = load.load(tmp_path).rows
    assert (mine.dirty, mine.cell.commit) == (True, "cd" * 20)
    assert (other.dirty, other.cell.commit) == (False, "ab" * 20)


def test_one_geometry_with_two_names_is_one_layer_with_both(tmp_path: Path) -> None:
    """In all rows, and each name once, in the order in which they were met."""
    cells = [make_cell("mine", FLAT), make_cell("mine", FLAT, "net:large"), make_cell("torch_native", FLAT)]
    write_run(tmp_path, _FIRST, cells)
    write_run(tmp_path, _SECOND, [make_cell("mine", FLAT, "net:twin", spec=cells[0].spec)])
    found = {(row.cell.backend, row.cell.spec): row.cell.layer for row in load.load(tmp_path).rows}
    assert found == {
        ("mine", cells[0].spec): "net:small = net:twin", ("torch_native", cells[0].spec): "net:small = net:twin",
        ("mine", cells[1].spec): "net:large",
    }  # fmt: skip


def test_rows_are_by_op_then_as_the_newest_plan_has_its_layers_then_as_the_registry_has_its_backends(
    tmp_path: Path,
) -> None:
    """Layers that only an older run has come last; backends that are not registered by name, after all others."""
    specs = [f"n1c1h{h}w9_f1kh1kw1" for h in (9, 3, 7, 5)]
    header = make_header(_FIRST, specs=[specs[3], specs[0]], layers=["3", "0"])
    older = [make_cell(name, FLAT, "3", spec=specs[3]) for name in ("zeta", "alpha", "torch_native", "naive_loops")]
    write_run(tmp_path, _FIRST, [*older, make_cell("alpha", FLAT, "0", spec=specs[0])], header=header)
    header = make_header(_SECOND, specs=[specs[1], specs[0]], layers=["1", "0"])
    newer = [
        make_cell("alpha", FLAT, "2", spec=specs[2]), make_cell("alpha", FLAT, "1", spec=specs[1]),
        make_cell("alpha", FLAT, "0", spec=specs[0], op="im2col"), make_cell("alpha", FLAT, "0", spec=specs[0]),
    ]  # fmt: skip
    write_run(tmp_path, _SECOND, newer, header=header)
    assert [(row.cell.op, row.cell.layer, row.cell.backend) for row in load.load(tmp_path).rows] == [
        ("im2col", "0", "alpha"), ("conv2d", "1", "alpha"), ("conv2d", "0", "alpha"), ("conv2d", "2", "alpha"),
        ("conv2d", "3", "naive_loops"), ("conv2d", "3", "torch_native"), ("conv2d", "3", "alpha"),
        ("conv2d", "3", "zeta"),
    ]  # fmt: skip


def test_an_ok_cell_without_samples_has_no_time(tmp_path: Path) -> None:
    write_run(tmp_path, _FIRST, [make_cell("mine"), make_cell("torch_native", FLAT)])
    assert [row.seconds is None for row in load.load(tmp_path).rows] == [False, True]


# -- samples, which pair within a group only ---------------------------------------------------------------------------


def test_samples_are_kept_of_every_group_and_of_ok_cells_only(tmp_path: Path) -> None:
    cells = [
        make_cell("mine", [1.0], group="g1"), make_cell("mine", [2.0], group="g2"),
        make_cell("torch_native", [3.0], group="g1"), make_cell("lame", [4.0], group="g1", status="fail"),
    ]  # fmt: skip
    write_run(tmp_path, _FIRST, cells)
    write_run(tmp_path, _SECOND, [make_cell("mine", [5.0], group="g3")])
    assert load.load(tmp_path).samples == {
        ("g1", "mine"): {0: [1.0]}, ("g2", "mine"): {0: [2.0]}, ("g1", "torch_native"): {0: [3.0]},
        ("g3", "mine"): {0: [5.0]},
    }  # fmt: skip


def test_of_a_group_that_was_measured_twice_the_samples_of_the_first_time_are_gone(tmp_path: Path) -> None:
    """The base crashed the second time: what it did the first time was in other rounds."""
    cells = [
        make_cell("torch_native", [1.0], group="g"), make_cell("mine", [2.0], group="g"),
        make_cell("torch_native", status="crashed", reason="signal 11", group="g"), make_cell("mine", [3.0], group="g"),
    ]  # fmt: skip
    write_run(tmp_path, _FIRST, cells)
    assert load.load(tmp_path).samples == {("g", "mine"): {0: [3.0]}}


def test_processes_of_one_group_are_pooled(tmp_path: Path) -> None:
    """The second process lost torch: there its time ends, and only the pairs of the first are left."""
    cells = [
        make_cell("torch_native", [1.0, 2.0], group="g"), make_cell("mine", [4.0, 4.0], group="g"),
        make_cell("torch_native", status="crashed", reason="signal 11", group="g", process=1),
        make_cell("mine", [6.0, 8.0], group="g", process=1),
    ]  # fmt: skip
    write_run(tmp_path, _FIRST, cells)
    data = load.load(tmp_path)
    assert data.samples == {("g", "mine"): {0: [4.0, 4.0], 1: [6.0, 8.0]}, ("g", "torch_native"): {0: [1.0, 2.0]}}
    told = {row.cell.backend: (row.cell.status, row.cell.samples) for row in data.rows}
    assert told == {"mine": ("ok", [4.0, 4.0, 6.0, 8.0]), "torch_native": ("crashed", [])}
    ratios = {row.cell.backend: row.ratio for row in with_ratios(data.rows, data, "torch_native")}
    assert ratios == {"torch_native": None, "mine": PairedRatio(2.0, 2.0, 2.0, 1)}


# -- conditions --------------------------------------------------------------------------------------------------------


def test_conditions_are_apart_and_the_most_recent_come_first(tmp_path: Path) -> None:
    """Of the same age: fewer threads first, then by the names of the allocator and the dtype."""
    others: list[dict[str, Any]] = [{"threads": 2}, {"allocator": "default"}, {"dtype": "float64"}, {}]
    write_run(tmp_path, _FIRST, [make_cell("mine", [1.0], **other) for other in others])
    write_run(tmp_path, _SECOND, [make_cell("mine", [3.0], threads=2, dtype="float64")])
    data = load.load(tmp_path)
    assert data.configs() == [
        Config(2, "steady", "float64"), Config(1, "default", "float32"), Config(1, "steady", "float32"),
        Config(1, "steady", "float64"), Config(2, "steady", "float32"),
    ]  # fmt: skip
    assert [len(data.select(config)) for config in data.configs()] == [1] * 5
    assert [row.cell.samples for row in data.select(Config(2, "steady", "float64"))] == [[3.0]]
    assert data.select(Config(3, "steady", "float64")) == []


def test_conditions_are_as_recent_as_their_newest_cell(tmp_path: Path) -> None:
    write_run(tmp_path, _FIRST, [make_cell("mine", FLAT), make_cell("mine", FLAT, "net:large"),
                                 make_cell("mine", FLAT, allocator="default")])  # fmt: skip
    write_run(tmp_path, _SECOND, [make_cell("mine", FLAT, threads=2), make_cell("mine", FLAT, "net:large")])
    write_run(tmp_path, _THIRD, [make_cell("mine", FLAT, threads=2)])
    data = load.load(tmp_path)
    configs = [Config(2, "steady", "float32"), Config(1, "steady", "float32"), Config(1, "default", "float32")]
    assert data.configs() == configs
    assert [data.last_run(config).name for config in configs] == [_THIRD, _SECOND, _FIRST]


def test_conditions_in_words_and_in_file_names() -> None:
    assert str(Config(1, "steady", "float32")) == "float32, 1 thread, steady allocator"
    assert str(Config(2, "default", "float64")) == "float64, 2 threads, default allocator"
    assert Config(2, "default", "float64").slug == "float64-t2-default"


# -- machines ----------------------------------------------------------------------------------------------------------


def test_the_machine_is_the_one_measured_last(tmp_path: Path) -> None:
    """One whose newest run measured nothing counts all the same; one that never measured anything does not."""
    write_run(tmp_path, _SECOND, [make_cell("mine", [2.0])], machine="m-middle")
    write_run(tmp_path, _FIRST, [make_cell("mine", [1.0])], machine="a-old")
    write_run(tmp_path, _FIRST, [make_cell("mine", [1.0])], machine="z-old")
    write_run(tmp_path, _THIRD, [make_cell("mine", status="unavailable", reason="gone")], machine="n-nothing")
    data = load.load(tmp_path)
    assert (data.machine.name, [row.cell.samples for row in data.rows]) == ("m-middle", [[2.0]])
    assert load.load(tmp_path, "z-old").machine.name == "z-old"
    with pytest.raises(ResultsError) as e:
        load.load(tmp_path, "n-nothing")
    assert str(e.value) == (
        f"no measured results of machine 'n-nothing' in '{tmp_path / 'runs'}'; known: a-old, m-middle, z-old"
    )


def test_a_machine_is_as_recent_as_its_newest_run(tmp_path: Path) -> None:
    for run, machine in ((_FIRST, "long-used"), (_SECOND, "m-middle"), (_THIRD, "long-used")):
        write_run(tmp_path, run, [make_cell("mine", FLAT)], machine=machine)
    assert load.load(tmp_path).machine.name == "long-used"


def test_the_facts_are_those_of_the_newest_run(tmp_path: Path) -> None:
    for run, memory in ((_SECOND, 16.0), (_FIRST, 8.0)):
        header = make_header(run)
        header = replace(header, machine=replace(header.machine, memory_gib=memory))
        write_run(tmp_path, run, [make_cell("mine", FLAT)], header=header)
    assert load.load(tmp_path).machine.memory_gib == 16.0


@pytest.mark.parametrize("machine", [None, MACHINE])
def test_without_a_measured_cell_there_is_nothing_to_report(tmp_path: Path, machine: str | None) -> None:
    said = f"no measured results in '{tmp_path / 'runs'}'; `harness bench` writes them"
    if machine:
        said = f"no measured results of machine '{machine}' in '{tmp_path / 'runs'}'; known: none"
    for _ in range(2):  # without a folder, and with a run that measured nothing
        with pytest.raises(ResultsError) as e:
            load.load(tmp_path, machine)
        assert str(e.value) == said
        write_run(tmp_path, _FIRST, [make_cell("mine", status="unavailable", reason="gone")])


# -- backends, ceilings, verdicts --------------------------------------------------------------------------------------


def test_the_newest_record_of_each_backend_counts(tmp_path: Path) -> None:
    for run, version in ((_SECOND, "2.0"), (_FIRST, "1.0")):
        more = [make_facts("mine", info={"mine": version}), make_facts("torch_native", info={"torch": version})]
        write_run(tmp_path, run, [make_cell("mine", FLAT)], more=more)
    write_run(tmp_path, _THIRD, [make_cell("alpha", FLAT)])
    found = load.load(tmp_path).backends
    assert [(name, facts.info) for name, facts in found.items()] == [
        ("torch_native", {"torch": "2.0"}), ("alpha", {"device": "cpu"}), ("mine", {"mine": "2.0"}),
    ]  # fmt: skip


def test_ceilings_of_the_cpu_are_the_newest_for_the_same_threads_and_allocator(tmp_path: Path) -> None:
    def cpu(gflops: float, threads: int = 1, allocator: str = "steady", backend: str = "") -> Ceilings:
        return replace(CPU, matmul_gflops={"float32": gflops}, threads=threads, allocator=allocator, backend=backend)

    cells = [make_cell("mine", FLAT)]
    write_run(tmp_path, _FIRST, cells, ceilings=cpu(1.0), more=[cpu(2.0, 2), cpu(3.0, 1, "default")])
    write_run(tmp_path, _SECOND, cells, ceilings=cpu(4.0), more=[cpu(5.0, 2, "default"), cpu(6.0, backend="mine")])
    data = load.load(tmp_path)

    def limit(threads: int, allocator: str) -> float | None:
        found = data.cpu_ceilings(Config(threads, allocator, "float32"))
        return found.matmul_gflops["float32"] if found else None

    assert [limit(1, "steady"), limit(2, "steady"), limit(1, "default"), limit(2, "default"), limit(3, "steady")] == [
        4.0, 2.0, 3.0, 5.0, None,
    ]  # fmt: skip


def test_ceilings_of_a_device_are_the_newest_of_its_backend_whatever_the_threads(tmp_path: Path) -> None:
    for run, threads in ((_SECOND, 2), (_FIRST, 1)):
        own = [replace(CPU, backend=name, device=f"{name} {run}", threads=threads) for name in ("mine", "other")]
        write_run(tmp_path, run, [make_cell("mine", FLAT)], more=own[: 3 - threads])
    found = load.load(tmp_path).device_ceilings()
    assert {name: c.device for name, c in found.items()} == {"mine": f"mine {_SECOND}", "other": f"other {_FIRST}"}


def test_a_verdict_is_that_of_the_backend(tmp_path: Path) -> None:
    write_run(tmp_path, _FIRST, [make_cell("mine", FLAT)])
    data = load.load(tmp_path)
    assert (data.verdicts, data.verdicts_lost, data.verdict("mine")) == (None, False, None)
    (tmp_path / "conformance.json").write_text(
        '[{"backend": "mine", "verdict": "fail", "planned": 9, "executed": 8}, {"backend": "a", "verdict": "pass"}]'
    )
    data = load.load(tmp_path)
    assert (data.verdict("mine"), data.verdict("a"), data.verdict("new")) == (Verdict.FAIL, Verdict.PASS, None)
    assert data.verdicts is not None
    assert data.verdicts["mine"] == ConformanceVerdict(backend="mine", verdict=Verdict.FAIL, planned=9, executed=8)


@pytest.mark.parametrize(
    ("measured", "base"),
    [
        (["mine", "torch_native_cuda", "numpy_fancy", "torch_native"], "torch_native"),
        (["mine", "torch_native_cuda", "numpy_fancy"], "numpy_fancy"),
        (["mine", "torch_native_cuda"], "torch_native_cuda"),
        (["mine", "alpha"], "mine"),
        ([], ""),
    ],
)
def test_the_baseline_is_torch_else_numpy_else_the_first_that_was_measured(measured: list[str], base: str) -> None:
    """The lost one is the first of all, and never it."""
    rows = [make_row("torch_native", status="unavailable"), make_row("lost", status="fail")]
    assert load.baseline([*rows, *(make_row(name, 1.0) for name in measured)]) == base


def test_backends_are_in_the_order_of_the_registry_and_then_by_name() -> None:
    names = ["zeta", "torch_native", "alpha", "naive_loops", "numpy_fancy", "alpha"]
    assert load.order(names) == ["naive_loops", "numpy_fancy", "torch_native", "alpha", "zeta"]
