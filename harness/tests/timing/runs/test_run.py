"""A plan through its children: what they are asked, in which order, under which conditions, and what is kept."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from harness.results.records import BackendFacts, Ceilings, Cell, RunEnd, RunHeader
from harness.tests.helpers.records import a_machine, some_facts
from harness.tests.helpers.timing.fake_clock import FakeClock
from harness.tests.helpers.timing.fake_worker import Answer
from harness.tests.helpers.timing.runs import KILLED, LAYERS, Begin, a_plan, a_target, cells, instead, of
from harness.timing import run
from harness.timing.calling import messages as m

_NATIVE = ["col2im", "im2col"]
_CPU = Ceilings(threads=3, allocator="default", copy_gbs={"dram": 20.0})
_LIMITS = 1  # child that measures the limits of the CPU; no backend here is one whose product counts

# -- all goes well -------------------------------------------------------------------------------------------------


def test_a_run_is_kept_line_by_line(begin: Begin, tmp_path: Path, clock: FakeClock) -> None:
    """Plan and machine, the limits of the CPU, what the backends are, the cells group by group, the end."""
    children = begin()
    children.seconds = {"a": 0.125, "b": 0.25}
    shown: list[Cell] = []
    plan = a_plan("a", "b", ops=["im2col", "col2im"])
    started = clock.time
    file = run.run(plan, tmp_path, shown.append)
    header, *rest, end = file.records()
    assert isinstance(header, RunHeader)
    assert (header.plan, header.machine) == (plan.record(), a_machine())
    assert file.path.parent == tmp_path / "some-cpu_4c8t"
    assert rest[:3] == [_CPU, some_facts("a", native=_NATIVE), some_facts("b", native=_NATIVE)]
    found = [record for record in rest[3:] if isinstance(record, Cell)]
    assert found == shown == rest[3:]
    assert [(c.layer, c.op, c.backend) for c in found] == [
        (layer, op, name) for layer in ("net:0", "net:1") for op in ("im2col", "col2im") for name in "ab"
    ]
    assert [(c.run, c.samples, c.repetitions) for c in found] == 4 * [
        (header.run, [0.125] * 5, 1), (header.run, [0.25] * 5, 1)
    ]  # fmt: skip
    assert end == RunEnd(
        run=header.run, measured_seconds=4 * 5 * 0.375, calls_seconds=4 * (5 + 6) * 0.375,
        wall_seconds=clock.time - started,
    )  # fmt: skip  # beside five rounds: two probes, three calls that are checked, and one on new data


def test_built_in_backends_share_a_child_and_strangers_have_their_own(begin: Begin, tmp_path: Path) -> None:
    children = begin()
    run.run(a_plan("a", "./x.py", "b", "./y.py"), tmp_path)
    one, two, three = (_LIMITS + n for n in (1, 2, 3))
    assert children.loaded == [(one, "a"), (one, "b"), (two, "./x.py"), (three, "./y.py")]
    assert children.predicted[:4] == [
        (one, "im2col", "a"), (two, "im2col", "./x.py"), (one, "im2col", "b"), (three, "im2col", "./y.py")
    ]  # fmt: skip
    assert sorted(children.closed) == [1, one, two, three]


def test_rounds_go_through_all_children_and_back(begin: Begin) -> None:
    children = begin()
    list(run.measure(a_plan("a", "./x.py", "b", layers=LAYERS[:1], rounds=3)))
    blocks = [(number, message.backend) for number, message, _ in children.asked if isinstance(message, m.Block)]
    there = [(1, "a"), (2, "./x.py"), (1, "b")]
    assert blocks == there + there[::-1] + there


def test_inputs_are_given_to_each_child_once_a_group(begin: Begin) -> None:
    """And new ones at its end; then all are forgotten."""
    children = begin()
    list(run.measure(a_plan("a", "./x.py", "b", layers=LAYERS[:1])))
    told = [(number, message.timed) for number, message, _ in children.asked if isinstance(message, m.Hold)]
    assert told == [(1, 4), (2, 4), (1, 1), (2, 1)]
    assert [number for number, message, _ in children.asked if isinstance(message, m.Drop)] == [1, 2]


def test_threads_and_allocator_are_set_before_the_child_starts(
    begin: Begin, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever this process has inherited."""
    counts = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")
    mallocs = ("MALLOC_MMAP_MAX_", "MALLOC_TRIM_THRESHOLD_", "MALLOC_TOP_PAD_")
    for name in (*counts, *mallocs, "SOMETHING_ELSE"):
        monkeypatch.setenv(name, "77")
    children = begin()
    list(run.measure(a_plan("a", "./x.py")))
    list(run.measure(a_plan("a", threads=2, allocator="steady")))
    for (module, messages, environment), threads, malloc in zip(
        children.started, "332", ([None] * 3, [None] * 3, ["0", "4611686018427387904", "67108864"]), strict=True
    ):
        assert (module, messages) == ("harness.timing.calling.child", m.Replies)
        assert [environment[name] for name in counts] == [threads] * 4
        assert [environment.get(name) for name in mallocs] == malloc
        assert environment["SOMETHING_ELSE"] == "77"


def test_a_child_may_be_silent_for_two_minutes_and_twice_the_budget_before_it_is_timed(begin: Begin) -> None:
    children = begin()
    list(run.measure(a_plan("a")))
    deadlines = {type(message).__name__: seconds for _, message, seconds in children.asked}
    assert deadlines["Load"] == 60.0
    assert {deadlines[name] for name in ("Predict", "MakeOwn", "CallOnce")} == {120 + 2 * 1.5}
    assert {deadlines[name] for name in ("MakeReady", "Block", "Settle", "Digest")} == {120}


def test_a_comparison_keeps_nothing_and_measures_no_cpu(begin: Begin) -> None:
    own = Ceilings(backend="b", device="card", threads=3, allocator="default")
    children = begin(instead(of(m.MeasureDevice, "b"), own))
    shown: list[Cell] = []
    described: list[BackendFacts | Ceilings] = []
    found = list(run.measure(a_plan("a", "b"), shown.append, described.append))
    assert [(c.layer, c.backend) for c in found] == [("net:0", "a"), ("net:0", "b"), ("net:1", "a"), ("net:1", "b")]
    assert found == shown
    assert {c.run for c in found} == {"compare"}
    assert described == [some_facts("a", native=_NATIVE), some_facts("b", native=_NATIVE), own]
    assert children.of_kind(m.MeasureCpu) == []
    assert children.closed == [1]


def test_a_comparison_that_is_left_ends_its_children(begin: Begin) -> None:
    children = begin()
    going_on: Any = run.measure(a_plan("a", "./x.py"))
    next(going_on)
    assert children.closed == []
    going_on.close()
    assert sorted(children.closed) == [1, 2]


def test_limits_are_measured_once(begin: Begin, tmp_path: Path) -> None:
    """Though the child that told them ends, and another one takes its place."""
    own = Ceilings(backend="b", device="card", threads=3, allocator="default")
    dies = instead(of(m.Block, "a"), KILLED, times=1)

    def script(number: int, message: Any) -> list[Answer] | None:
        return [own] if of(m.MeasureDevice, "b")(message) else dies(number, message)

    children = begin(script)
    records = run.run(a_plan("a", "b"), tmp_path).records()
    assert len(children.started) == _LIMITS + 2
    assert len(children.of_kind(m.MeasureCpu)) == 1
    assert [r for r in records if isinstance(r, Ceilings) and r.backend] == [own]
    assert [message.backend for message in children.of_kind(m.MeasureDevice)] == ["a", "b"]


def test_what_takes_long_is_named_while_it_takes_long(begin: Begin, tmp_path: Path) -> None:
    """Each within the time that it is waited for, and nothing else."""
    log: list[str] = []

    @contextmanager
    def waiting(what: str) -> Iterator[None]:
        log.append(f"+{what}")
        yield
        log.append(f"-{what}")

    def script(number: int, message: Any) -> None:
        log.append(type(message).__name__)

    begin(script)
    run.run(a_plan("a", layers=LAYERS[:1]), tmp_path, waiting=waiting)
    load = "a to load, 60 s (6 times the deadline of a call, 30 s at least) at most"
    cpu, device = "the limits of the CPU to be measured", "a to measure the limits of its device"
    assert log[:10] == [
        f"+{cpu}", "MeasureCpu", f"-{cpu}", f"+{load}", "Load", f"-{load}",
        f"+{device}", "MeasureDevice", f"-{device}", "Predict",
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
    assert [name for _, name in children.loaded] == ["a", "c"]
    assert [message.backend for message in children.of_kind(m.MeasureDevice)] == ["a", "c"]
    assert {name for *_, name in children.predicted} == {"a", "c"}


def test_if_all_are_barred_no_child_is_started(begin: Begin) -> None:
    children = begin()
    barred = {"a": "one", "b": "another"}
    found = cells(a_plan("a", "b", barred=barred))
    assert found == [
        (layer, *rest) for layer in ("net:0", "net:1") for rest in (("a", "fail", "one"), ("b", "fail", "another"))
    ]
    assert children.started == []


def test_targets_of_tests_are_ours_or_strangers() -> None:
    assert [a_target(name).is_builtin for name in ("a", "./x.py")] == [True, False]
