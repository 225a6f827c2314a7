"""A plan through its children: what they are asked, within which deadlines, and whose fault it is if one ends."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from harness.calls.worker import WorkerDied, WorkerError
from harness.geometry.layers import Layer
from harness.geometry.spec import ConvSpec
from harness.results import machine
from harness.results.records import BackendFacts, Ceilings, Cell, RunEnd, RunHeader
from harness.results.run_files import RunFile
from harness.tests.helpers.plugins import called
from harness.tests.helpers.records import a_machine, some_facts
from harness.tests.helpers.timing.fake_worker import Answer, Children, Script, answers
from harness.timing import child, run
from harness.timing.child import At, Load, MeasureCpu, MeasureDevice, MeasureGroup
from harness.timing.plan import Plan

_LAYERS = [Layer(f"net:{i}", ConvSpec.parse(text)) for i, text in enumerate(("n2c3h9w8_f4kh3kw2", "n1c2h6w7_f2kh2kw2"))]
_NO_ANSWER = WorkerDied("no answer within 9 s", hung=True)
_KILLED = WorkerDied("killed by SIGSEGV", hung=False)


def a_plan(*names: str, **changed: Any) -> Plan:
    """One op on two layers, under conditions that are nobody's default."""
    fields: dict[str, Any] = dict(
        shapes="test", layers=_LAYERS, backends=[called(name) for name in names], ops=["im2col"], threads=3,
        allocator="default", budget=1.5, rounds=5,
    )  # fmt: skip
    return Plan(**{**fields, **changed})


Begin = Callable[..., Children]


@pytest.fixture
def begin(monkeypatch: pytest.MonkeyPatch) -> Begin:
    """`begin(script)` puts children that answer by it in the place of real ones."""
    monkeypatch.setattr(machine, "facts", a_machine)

    def put(script: Script = answers) -> Children:
        children = Children(script)
        monkeypatch.setattr(run, "Worker", children)
        return children

    return put


def instead(when: Callable[[Any], bool], *said: Answer) -> Script:
    """The script in which all goes well, but for a message that is answered otherwise."""

    def script(message: Any) -> Iterator[Answer]:
        yield from (iter(said) if when(message) else answers(message))

    return script


def is_first_layer(message: Any) -> bool:
    """Whether it is the group of the first layer."""
    return isinstance(message, MeasureGroup) and message.group.layer == "net:0"


def cells(plan: Plan) -> list[tuple[str, str, str, str]]:
    """What becomes of every cell."""
    return [(cell.layer, cell.backend, str(cell.status), cell.reason) for cell in run.measure(plan)]


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


def test_a_group_may_take_twice_its_budgets_and_two_minutes(begin: Begin, tmp_path: Path) -> None:
    children = begin()
    run.run(a_plan("a", "b", "c"), tmp_path)
    deadlines = {(type(message).__name__, seconds) for _, message, seconds in children.asked}
    assert ("MeasureGroup", 120 + 2 * 1.5 * 3) in deadlines
    assert min(seconds for _, seconds in deadlines) >= 30


def test_a_comparison_keeps_nothing_and_measures_no_cpu(begin: Begin, tmp_path: Path) -> None:
    own = Ceilings(backend="b", device="card", threads=3, allocator="default")
    children = begin(instead(lambda m: isinstance(m, MeasureDevice) and m.backend == "b", own))
    shown: list[Cell] = []
    described: list[BackendFacts | Ceilings] = []
    found = list(run.measure(a_plan("a", "b"), shown.append, described.append))
    assert [(c.layer, c.backend) for c in found] == [("net:0", "a"), ("net:0", "b"), ("net:1", "a"), ("net:1", "b")]
    assert found == shown
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


def test_the_limits_of_a_device_are_kept_once(begin: Begin, tmp_path: Path) -> None:
    """Though the child that told them ends, and another one takes its place."""
    own = Ceilings(backend="b", device="card", threads=3, allocator="default")

    def script(message: Any) -> Iterator[Answer]:
        if isinstance(message, MeasureDevice) and message.backend == "b":
            yield own
        elif is_first_layer(message):
            yield from (At("a"), _KILLED) if "a" in message.group.backends else answers(message)
        else:
            yield from answers(message)

    children = begin(script)
    records = run.run(a_plan("a", "b"), tmp_path).records()
    assert len(children.started) == 2
    assert [r for r in records if isinstance(r, Ceilings) and r.backend] == [own]
    assert [m.backend for m in children.of_kind(MeasureDevice)] == ["a", "b"]


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


# -- deaths --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("death", "status", "reason"),
    [(_KILLED, "crashed", "killed by SIGSEGV"), (_NO_ANSWER, "hung", "no answer within 9 s")],
)
def test_who_was_called_when_the_child_ended_is_to_blame_alone(
    begin: Begin, death: WorkerDied, status: str, reason: str
) -> None:
    """The others are asked again, of a new child; what had been told of one is not asked again."""

    def script(message: Any) -> Iterator[Answer]:
        if is_first_layer(message) and "c" in message.group.backends:
            unavailable = message.group.cell("b", "unavailable", "no such card")
            yield from (At(""), At("a"), At("b"), unavailable, At("c"), death)
        else:
            yield from answers(message)

    children = begin(script)
    assert cells(a_plan("a", "b", "c", "d")) == [
        ("net:0", "a", "ok", ""),
        ("net:0", "b", "unavailable", "no such card"),
        ("net:0", "c", status, reason),
        ("net:0", "d", "ok", ""),
        *(("net:1", name, "ok", "") for name in "abcd"),
    ]
    assert children.groups == [
        (1, "im2col", "net:0", ["a", "b", "c", "d"]),
        (2, "im2col", "net:0", ["a", "d"]),
        (2, "im2col", "net:1", ["a", "b", "c", "d"]),
    ]
    assert children.closed == [1, 2]


def test_if_it_ends_while_all_are_timed_all_cells_are_lost_but_those_told(begin: Begin) -> None:
    def script(message: Any) -> Iterator[Answer]:
        if is_first_layer(message):
            told = message.group.cell("b", "over_budget", "too long")
            yield from (At("a"), At("b"), told, At("c"), At(""), _KILLED)
        else:
            yield from answers(message)

    children = begin(script)
    assert cells(a_plan("a", "b", "c")) == [
        ("net:0", "a", "crashed", "killed by SIGSEGV"),
        ("net:0", "b", "over_budget", "too long"),
        ("net:0", "c", "crashed", "killed by SIGSEGV"),
        *(("net:1", name, "ok", "") for name in "abc"),
    ]
    assert [number for number, *_ in children.groups] == [1, 2]


def test_two_may_end_their_child_one_after_the_other(begin: Begin) -> None:
    def script(message: Any) -> Iterator[Answer]:
        if is_first_layer(message) and len(message.group.backends) > 1:
            yield from (At(message.group.backends[0]), _KILLED)
        else:
            yield from answers(message)

    children = begin(script)
    assert [status for layer, _, status, _ in cells(a_plan("a", "b", "c")) if layer == "net:0"] == [
        "crashed", "crashed", "ok"
    ]  # fmt: skip
    assert [names for *_, names in children.groups[:3]] == [["a", "b", "c"], ["b", "c"], ["c"]]


def test_the_deadline_of_those_that_are_left_is_theirs(begin: Begin) -> None:
    children = begin(instead(lambda m: is_first_layer(m) and len(m.group.backends) == 3, At("a"), _KILLED))
    cells(a_plan("a", "b", "c"))
    assert [seconds for _, m, seconds in children.asked if isinstance(m, MeasureGroup)] == [129.0, 126.0, 129.0]


def test_a_child_that_ends_over_the_limits_of_a_device_costs_no_cell(begin: Begin) -> None:
    described: list[BackendFacts | Ceilings] = []
    children = begin(instead(lambda m: isinstance(m, MeasureDevice) and m.backend == "a", _KILLED))
    found = list(run.measure(a_plan("a", "b"), described=described.append))
    assert {cell.status for cell in found} == {"ok"}
    assert described == [
        some_facts("a"), some_facts("b"),
        Ceilings(backend="a", threads=3, allocator="default", reason="killed by SIGSEGV"),
    ]  # fmt: skip
    assert [(number, m.backend) for number, m, _ in children.asked if isinstance(m, MeasureDevice)] == [
        (1, "a"),
        (2, "b"),
    ]
    assert [number for number, *_ in children.groups] == [2, 2]


def test_an_error_in_the_child_itself_is_a_fault_of_the_harness(begin: Begin, tmp_path: Path) -> None:
    """What was measured until then is kept, and the run can go on later."""
    lost = WorkerError("KeyError", "'lost'")
    children = begin(instead(lambda m: isinstance(m, MeasureGroup) and not is_first_layer(m), lost))
    with pytest.raises(run.Broken, match="KeyError: 'lost'"):
        run.run(a_plan("a"), tmp_path)
    assert children.closed == [1]
    (path,) = tmp_path.glob("*/*.jsonl")
    assert isinstance(RunFile(path).records()[-1], Cell)
