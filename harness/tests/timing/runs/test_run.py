"""A plan through its child: what it is asked, in which order, under which conditions, and what is kept."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from harness.results.records import BackendFacts, Ceilings, Cell, RunEnd, RunHeader
from harness.tests.helpers.plugins import called
from harness.tests.helpers.records import a_machine, some_facts
from harness.tests.helpers.timing.fake_worker import Answer, answers
from harness.tests.helpers.timing.runs import KILLED, LAYERS, Begin, a_plan, cells, instead, is_first_layer
from harness.timing import child, run
from harness.timing.child import At, Load, MeasureCpu, MeasureDevice, MeasureGroup

# -- all goes well -------------------------------------------------------------------------------------------------


def test_a_run_is_kept_line_by_line(begin: Begin, tmp_path: Path) -> None:
    """Plan and machine, what the backends are, the limits of the CPU, the cells group by group, the end."""
    children = begin()
    shown: list[Cell] = []
    plan = a_plan("a", "b", ops=["im2col", "col2im"])
    file = run.run(plan, tmp_path, shown.append)
    header, *rest, end = file.records()
    assert isinstance(header, RunHeader)
    assert (header.plan, header.machine, end) == (plan.record(), a_machine(), RunEnd(run=header.run))
    assert file.path.parent == tmp_path / "some-cpu_4c8t"
    assert rest[:3] == [
        some_facts("a"), some_facts("b"), Ceilings(threads=3, allocator="default", copy_gbs={"dram": 20.0})
    ]  # fmt: skip
    found = [record for record in rest[3:] if isinstance(record, Cell)]
    assert found == shown == rest[3:]
    assert [(c.layer, c.op, c.backend) for c in found] == [
        (layer, op, name) for layer in ("net:0", "net:1") for op in ("im2col", "col2im") for name in "ab"
    ]
    assert [(c.run, c.samples, c.repetitions) for c in found] == 4 * [
        (header.run, [1.0] * 3, 1), (header.run, [2.0] * 3, 2)
    ]  # fmt: skip
    assert children.closed == [1]


def test_one_child_is_asked_for_all_in_order(begin: Begin, tmp_path: Path) -> None:
    children = begin()
    run.run(a_plan("a", "b"), tmp_path)
    assert [message for _, message, _ in children.asked[:5]] == [
        Load(called("a")), Load(called("b")), MeasureCpu(3, "default"), MeasureDevice("a", 3, "default"),
        MeasureDevice("b", 3, "default"),
    ]  # fmt: skip
    assert children.groups == [(1, "im2col", "net:0", ["a", "b"]), (1, "im2col", "net:1", ["a", "b"])]
    (group, _) = children.of_kind(MeasureGroup)
    assert (group.group.budget, group.group.rounds, group.group.threads, group.group.gap) == (1.5, 5, 3, 0.03)


def test_threads_and_allocator_are_set_before_the_child_starts(
    begin: Begin, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever this process has inherited."""
    counts = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")
    mallocs = ("MALLOC_MMAP_MAX_", "MALLOC_TRIM_THRESHOLD_", "MALLOC_TOP_PAD_")
    for name in (*counts, *mallocs, "SOMETHING_ELSE"):
        monkeypatch.setenv(name, "77")
    children = begin()
    run.run(a_plan("a"), tmp_path)
    list(run.measure(a_plan("a", threads=2, allocator="steady")))
    for (module, messages, environment), threads, malloc in zip(
        children.started, "32", ([None] * 3, ["0", "4611686018427387904", "67108864"]), strict=True
    ):
        assert (module, messages) == ("harness.timing.child", child.Replies)
        assert [environment[name] for name in counts] == [threads] * 4
        assert [environment.get(name) for name in mallocs] == malloc
        assert environment["SOMETHING_ELSE"] == "77"


def test_a_group_may_be_silent_for_twice_its_budgets_and_two_minutes(begin: Begin, tmp_path: Path) -> None:
    children = begin()
    run.run(a_plan("a", "b", "c"), tmp_path)
    deadlines = {(type(message), seconds) for _, message, seconds in children.asked}
    assert deadlines == {(Load, 60.0), (MeasureCpu, 120.0), (MeasureDevice, 120.0), (MeasureGroup, 120 + 2 * 1.5 * 3)}


def test_a_comparison_keeps_nothing_and_measures_no_cpu(begin: Begin, tmp_path: Path) -> None:
    own = Ceilings(backend="b", device="card", threads=3, allocator="default")
    children = begin(instead(lambda m: isinstance(m, MeasureDevice) and m.backend == "b", own))
    shown: list[Cell] = []
    described: list[BackendFacts | Ceilings] = []
    found = list(run.measure(a_plan("a", "b"), shown.append, described.append))
    assert [(c.layer, c.backend) for c in found] == [("net:0", "a"), ("net:0", "b"), ("net:1", "a"), ("net:1", "b")]
    assert found == shown
    assert {c.run for c in found} == {"compare"}
    assert described == [some_facts("a"), some_facts("b"), own]
    assert children.of_kind(MeasureCpu) == []
    assert children.closed == [1]


def test_a_comparison_that_is_left_ends_its_child(begin: Begin) -> None:
    children = begin()
    going_on: Any = run.measure(a_plan("a", "b"))
    next(going_on)
    assert children.closed == []
    going_on.close()
    assert children.closed == [1]


def test_limits_are_measured_once(begin: Begin, tmp_path: Path) -> None:
    """Though the child that told them ends, and another one takes its place."""
    own = Ceilings(backend="b", device="card", threads=3, allocator="default")

    def script(message: Any) -> Iterator[Answer]:
        if isinstance(message, MeasureDevice) and message.backend == "b":
            yield own
        elif is_first_layer(message):
            yield from (At("a"), KILLED) if "a" in message.group.backends else answers(message)
        else:
            yield from answers(message)

    children = begin(script)
    records = run.run(a_plan("a", "b"), tmp_path).records()
    assert len(children.started) == 2
    assert len(children.of_kind(MeasureCpu)) == 1
    assert [r for r in records if isinstance(r, Ceilings) and r.backend] == [own]
    assert [m.backend for m in children.of_kind(MeasureDevice)] == ["a", "b"]


def test_what_takes_long_is_named_while_it_takes_long(begin: Begin, tmp_path: Path) -> None:
    """Each within the time that it is waited for, and nothing else."""
    log: list[str] = []

    @contextmanager
    def waiting(what: str) -> Iterator[None]:
        log.append(f"+{what}")
        yield
        log.append(f"-{what}")

    def script(message: Any) -> Iterator[Answer]:
        log.append(type(message).__name__)
        yield from answers(message)

    begin(script)
    run.run(a_plan("a", layers=LAYERS[:1]), tmp_path, waiting=waiting)
    load = "a to load, 60 s (6 times the deadline of a call, 30 s at least) at most"
    cpu, device = "the limits of the CPU to be measured", "a to measure the limits of its device"
    assert log == [
        f"+{load}", "Load", f"-{load}", f"+{cpu}", "MeasureCpu", f"-{cpu}", f"+{device}", "MeasureDevice", f"-{device}",
        "MeasureGroup",
    ]  # fmt: skip
    log.clear()
    list(run.measure(a_plan("a", layers=LAYERS[:1]), waiting=waiting))
    assert [line[1:] for line in log if line[0] == "+"] == [load, device]


# -- backends that must not be timed -------------------------------------------------------------------------------


def test_a_barred_backend_is_not_even_loaded(begin: Begin, tmp_path: Path) -> None:
    children = begin()
    file = run.run(a_plan("a", "b", "c", barred={"b": "not timed, it is wrong"}), tmp_path)
    found = [r for r in file.records() if isinstance(r, Cell)]
    assert [(c.backend, c.status, c.reason) for c in found[:3]] == [
        ("a", "ok", ""), ("b", "fail", "not timed, it is wrong"), ("c", "ok", "")
    ]  # fmt: skip
    assert [m.target.name for m in children.of_kind(Load)] == ["a", "c"]
    assert [m.backend for m in children.of_kind(MeasureDevice)] == ["a", "c"]
    assert {tuple(names) for *_, names in children.groups} == {("a", "c")}


def test_if_all_are_barred_no_child_is_started(begin: Begin) -> None:
    children = begin()
    barred = {"a": "one", "b": "another"}
    found = cells(a_plan("a", "b", barred=barred))
    assert found == [
        (layer, *rest) for layer in ("net:0", "net:1") for rest in (("a", "fail", "one"), ("b", "fail", "another"))
    ]
    assert children.started == []
