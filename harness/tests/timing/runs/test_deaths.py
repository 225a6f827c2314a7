"""A child that ends, or has to be ended: whose fault it is, what it costs, and who takes its place."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from harness.calls.worker import WorkerDied, WorkerError
from harness.contract.targets import Target
from harness.results.records import BackendFacts, Ceilings, RunHeader
from harness.results.run_files import RunFile
from harness.tests.helpers.records import some_facts
from harness.tests.helpers.timing.runs import KILLED, LAYERS, NO_ANSWER, Begin, a_plan, cells, instead, of
from harness.timing import run
from harness.timing.calling import messages as m

_NATIVE = ["col2im", "im2col"]


@pytest.mark.parametrize(
    ("death", "status", "reason"),
    [(KILLED, "crashed", "killed by SIGSEGV"), (NO_ANSWER, "hung", "no answer within 9 s")],
)
@pytest.mark.parametrize("kind", [m.Predict, m.MakeOwn, m.CallOnce, m.MakeReady, m.Block, m.Settle])
def test_who_was_called_when_the_child_of_several_ended_is_to_blame_alone(
    begin: Begin, kind: type, death: WorkerDied, status: str, reason: str
) -> None:
    """The others are asked again, of a new child."""
    children = begin(instead(of(kind, "b"), death, times=1))
    assert cells(a_plan("a", "b", "c")) == [
        ("net:0", "a", "ok", ""),
        ("net:0", "b", status, reason),
        ("net:0", "c", "ok", ""),
        *(("net:1", name, "ok", "") for name in "abc"),
    ]
    assert [number for number, _ in children.loaded] == [1, 1, 1, 2, 2, 2]
    assert [(number, name) for number, _, name in children.predicted][-5:] == [
        (2, "a"), (2, "c"), (2, "a"), (2, "b"), (2, "c")
    ]  # fmt: skip
    assert children.closed == [1, 2]


def test_a_stranger_that_dies_while_it_is_timed_costs_no_other(begin: Begin) -> None:
    """The rounds of the others go on, and the next layer has a new child for it."""
    children = begin(instead(of(m.Block, "./x.py"), KILLED, times=1))
    assert cells(a_plan("a", "./x.py", "b")) == [
        ("net:0", "a", "ok", ""),
        ("net:0", "./x.py", "crashed", "killed by SIGSEGV"),
        ("net:0", "b", "ok", ""),
        *(("net:1", name, "ok", "") for name in ("a", "./x.py", "b")),
    ]
    assert children.loaded == [(1, "a"), (1, "b"), (2, "./x.py"), (3, "./x.py")]
    assert [name for *_, name in children.predicted] == ["a", "./x.py", "b"] * 2


def test_what_was_known_of_others_before_a_death_is_not_asked_again(begin: Begin) -> None:
    """A refusal, say."""
    refused = instead(of(m.Predict, "a"), m.Predicted(native=True, refused="not yet"), times=1)
    dies = instead(of(m.Block, "b"), KILLED, times=1)
    children = begin(lambda number, message: refused(number, message) or dies(number, message))
    assert cells(a_plan("a", "b", "c", layers=LAYERS[:1])) == [
        ("net:0", "a", "unsupported", "not yet"),
        ("net:0", "b", "crashed", "killed by SIGSEGV"),
        ("net:0", "c", "ok", ""),
    ]
    assert [(number, name) for number, _, name in children.predicted] == [(1, "a"), (1, "b"), (1, "c"), (2, "c")]


def test_two_may_end_their_child_one_after_the_other(begin: Begin) -> None:
    first, second = (instead(of(m.Block, name), KILLED, times=1) for name in "ab")
    begin(lambda number, message: first(number, message) or second(number, message))
    assert [status for layer, _, status, _ in cells(a_plan("a", "b", "c")) if layer == "net:0"] == [
        "crashed", "crashed", "ok"
    ]  # fmt: skip


def test_an_answer_to_another_question_is_a_death(begin: Begin) -> None:
    begin(instead(of(m.Block, "./x.py"), m.Estimate(1.0), times=1))
    found = cells(a_plan("a", "./x.py", layers=LAYERS[:1]))
    assert found[1] == ("net:0", "./x.py", "crashed", "it did not answer what it was asked")


@pytest.mark.parametrize(
    ("death", "status", "reason"),
    [
        (KILLED, "crashed", "while it loaded: killed by SIGSEGV"),
        (NO_ANSWER, "hung", "while it loaded: no answer within 9 s"),
    ],
)
@pytest.mark.parametrize("name", ["b", "./b.py"])
def test_what_the_child_cannot_load_is_not_loaded_again_and_costs_no_other(
    begin: Begin, name: str, death: WorkerDied, status: str, reason: str
) -> None:
    described: list[BackendFacts | Ceilings] = []
    children = begin(instead(of(m.Load, name), death))
    found = list(run.measure(a_plan("a", name, "c"), described=described.append))
    assert [(c.layer, c.backend, c.status, c.reason) for c in found] == [
        (layer, one, status if one == name else "ok", reason if one == name else "")
        for layer in ("net:0", "net:1") for one in ("a", name, "c")
    ]  # fmt: skip
    assert [facts for facts in described if isinstance(facts, BackendFacts) and not facts.available] == [
        BackendFacts(backend=name, target=name, available=False, reason=reason)
    ]
    assert [one for _, one in children.loaded].count(name) == 1
    assert {one for *_, one in children.predicted} == {"a", "c"}


def test_if_none_can_be_loaded_each_is_told(begin: Begin) -> None:
    children = begin(instead(of(m.Load), KILLED))
    assert {(name, status) for _, name, status, _ in cells(a_plan("a", "./b.py"))} == {
        ("a", "crashed"), ("./b.py", "crashed")
    }  # fmt: skip
    assert children.predicted == []


def test_a_child_that_ends_over_the_limits_of_the_cpu_is_no_backends_fault(begin: Begin, tmp_path: Path) -> None:
    begin(instead(of(m.MeasureCpu), KILLED))
    with pytest.raises(run.Broken, match="the limits of the CPU could not be measured: killed by SIGSEGV"):
        run.run(a_plan("a"), tmp_path)
    (path,) = tmp_path.glob("*/*.jsonl")
    assert [type(record) for record in RunFile(path).records()] == [RunHeader]


def test_a_product_that_cannot_be_measured_is_left_out(begin: Begin, tmp_path: Path) -> None:
    """The library may not be there."""
    children = begin(instead(of(m.MeasureProduct), WorkerError("BackendUnavailable", "no torch")))
    torch = Target("torch_native", "torch_native", "torch_native")
    assert run.run(a_plan("a", backends=[torch]), tmp_path).records()[1] == Ceilings(
        threads=3, allocator="default", copy_gbs={"dram": 20.0}
    )
    assert len(children.of_kind(m.MeasureProduct)) == 1


@pytest.mark.parametrize("name", ["a", "./a.py"])
def test_a_child_that_ends_over_the_limits_of_a_device_costs_no_cell(begin: Begin, name: str) -> None:
    described: list[Any] = []
    children = begin(instead(of(m.MeasureDevice, name), KILLED))
    found = list(run.measure(a_plan(name, "b"), described=described.append))
    assert {cell.status for cell in found} == {"ok"}
    assert described.count(Ceilings(backend=name, threads=3, allocator="default", reason="killed by SIGSEGV")) == 1
    assert described.count(some_facts(name, native=_NATIVE)) == 1
    assert sorted(message.backend for message in children.of_kind(m.MeasureDevice)) == sorted([name, "b"])


def test_an_error_in_the_child_itself_is_a_fault_of_the_harness(begin: Begin, tmp_path: Path) -> None:
    """What was measured until then is kept, and the run can go on later."""
    lost = WorkerError("KeyError", "'lost'")
    small = str(LAYERS[1].spec)
    children = begin(lambda number, message: [lost] if getattr(message, "spec", "") == small else None)
    with pytest.raises(run.Broken, match="KeyError: 'lost'"):
        run.run(a_plan("a"), tmp_path)
    assert len(children.closed) == len(children.started)
    (path,) = tmp_path.glob("*/*.jsonl")
    assert RunFile(path).records()[-1].layer == "net:0"  # type: ignore[union-attr]
