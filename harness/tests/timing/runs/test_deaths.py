"""A child that ends, or has to be ended: whose fault it is, what it costs, and who takes its place."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from harness.calls.worker import WorkerDied, WorkerError
from harness.results.records import BackendFacts, Ceilings, Cell, RunHeader
from harness.results.run_files import RunFile
from harness.tests.helpers.records import some_facts
from harness.tests.helpers.timing.fake_worker import Answer, answers
from harness.tests.helpers.timing.runs import KILLED, NO_ANSWER, Begin, a_plan, cells, instead, is_first_layer
from harness.timing import run
from harness.timing.child import At, Load, MeasureCpu, MeasureDevice, MeasureGroup


@pytest.mark.parametrize(
    ("death", "status", "reason"),
    [(KILLED, "crashed", "killed by SIGSEGV"), (NO_ANSWER, "hung", "no answer within 9 s")],
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
            yield from (At("a"), At("b"), told, At("c"), At(""), KILLED)
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
            yield from (At(message.group.backends[0]), KILLED)
        else:
            yield from answers(message)

    children = begin(script)
    assert [status for layer, _, status, _ in cells(a_plan("a", "b", "c")) if layer == "net:0"] == [
        "crashed", "crashed", "ok"
    ]  # fmt: skip
    assert [names for *_, names in children.groups[:3]] == [["a", "b", "c"], ["b", "c"], ["c"]]


def test_the_deadline_of_those_that_are_left_is_theirs(begin: Begin) -> None:
    children = begin(instead(lambda m: is_first_layer(m) and len(m.group.backends) == 3, At("a"), KILLED))
    cells(a_plan("a", "b", "c"))
    assert [seconds for _, m, seconds in children.asked if isinstance(m, MeasureGroup)] == [129.0, 126.0, 129.0]


@pytest.mark.parametrize(
    ("death", "status", "reason"),
    [
        (KILLED, "crashed", "while it loaded: killed by SIGSEGV"),
        (NO_ANSWER, "hung", "while it loaded: no answer within 9 s"),
    ],
)
def test_what_the_child_cannot_load_is_not_loaded_again_and_costs_no_other(
    begin: Begin, death: WorkerDied, status: str, reason: str
) -> None:
    described: list[BackendFacts | Ceilings] = []
    children = begin(instead(lambda m: isinstance(m, Load) and m.target.name == "b", death))
    found = list(run.measure(a_plan("a", "b", "c"), described=described.append))
    assert [(c.layer, c.backend, c.status, c.reason) for c in found] == [
        (layer, name, status if name == "b" else "ok", reason if name == "b" else "")
        for layer in ("net:0", "net:1") for name in "abc"
    ]  # fmt: skip
    assert described == [
        some_facts("a"), BackendFacts(backend="b", target="b", available=False, reason=reason), some_facts("c")
    ]  # fmt: skip
    assert [(number, m.target.name) for number, m, _ in children.asked if isinstance(m, Load)] == [
        (1, "a"), (1, "b"), (2, "a"), (2, "c")
    ]  # fmt: skip
    assert [names for *_, names in children.groups] == [["a", "c"]] * 2
    assert [m.backend for m in children.of_kind(MeasureDevice)] == ["a", "c"]


def test_if_none_can_be_loaded_each_is_told(begin: Begin) -> None:
    children = begin(instead(lambda m: isinstance(m, Load), KILLED))
    assert {(name, status) for _, name, status, _ in cells(a_plan("a", "b"))} == {("a", "crashed"), ("b", "crashed")}
    assert children.groups == []


def test_a_child_that_ends_over_the_limits_of_the_cpu_is_no_backends_fault(begin: Begin, tmp_path: Path) -> None:
    begin(instead(lambda m: isinstance(m, MeasureCpu), KILLED))
    with pytest.raises(run.Broken, match="the limits of the CPU could not be measured: killed by SIGSEGV"):
        run.run(a_plan("a"), tmp_path)
    (path,) = tmp_path.glob("*/*.jsonl")
    assert [type(record) for record in RunFile(path).records()] == [RunHeader, BackendFacts]


def test_a_child_that_ends_over_the_limits_of_a_device_costs_no_cell(begin: Begin) -> None:
    described: list[BackendFacts | Ceilings] = []
    children = begin(instead(lambda m: isinstance(m, MeasureDevice) and m.backend == "a", KILLED))
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
