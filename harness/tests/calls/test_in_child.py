"""What the parent of a backend's child makes of its answers and its ends: each costs what it must, and says why."""

from __future__ import annotations

import os
from typing import Any

import numpy as np
import pytest

from harness.calls import child, in_child
from harness.calls.caller import CallFacts, Conditions
from harness.calls.in_child import InChild
from harness.calls.limits import memory
from harness.calls.worker import WorkerDied, WorkerError
from harness.contract.protocol import BackendUnavailable
from harness.contract.targets import RegistryError
from harness.geometry.spec import ConvSpec
from harness.tests.helpers.children.calls import calls_of
from harness.tests.helpers.children.scripted_children import (
    MINE,
    SPEC,
    Answers,
    Children,
    Script,
    opened,
    right,
    scripted,
)

_LARGE = ConvSpec.parse("n8c16h200w200_f4kh3kw3")
_X = [np.ones(SPEC.x_shape, "f4")]
_HUNG = WorkerDied("no answer within 2 s", hung=True)
_DEAD = WorkerDied("exited with code 3", hung=False)


def test_what_the_backend_says_of_itself_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    backend, children = opened(monkeypatch)
    assert (backend.name, backend.numerics, backend.info) == ("mine", "winograd", {"device": "abacus"})
    assert backend.native == ["im2col", "col2im"]
    assert children.asked == [(child.Open(MINE, 1000), 30.0, 0)]
    (environment,) = children.started
    assert environment == dict(os.environ)


def test_loading_has_a_limit_that_follows_the_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    _, children = opened(monkeypatch, deadline=20)
    assert children.asked[0][1] == 120
    children.script = scripted(Open=_HUNG)
    with pytest.raises(RegistryError) as wrong:
        InChild(MINE, 20)
    assert str(wrong.value) == (
        "backend './mine.py' cannot be loaded: its import or its info() did not end within "
        "120 s (6 times the deadline of a call, 30 s at least)"
    )
    assert children.closed == 1


@pytest.mark.parametrize(
    ("end", "kind", "text"),
    [
        (_DEAD, RegistryError, "backend './mine.py' cannot be loaded: its process died: exited with code 3"),
        (WorkerError("RegistryError", "no im2col"), RegistryError, "no im2col"),
        (WorkerError("BackendUnavailable", "no card"), BackendUnavailable, "no card"),
        (KeyboardInterrupt(), KeyboardInterrupt, ""),
    ],
)
def test_a_backend_that_cannot_be_loaded_leaves_no_child(
    end: Exception, kind: type[Exception], text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    children = Children(scripted(Open=end))
    monkeypatch.setattr(in_child, "Worker", children)
    with pytest.raises(kind) as wrong:
        InChild(MINE)
    assert (str(wrong.value), children.closed) == (text, 1)


def test_a_question_is_asked_once_with_the_deadline_of_a_call(monkeypatch: pytest.MonkeyPatch) -> None:
    backend, children = opened(monkeypatch)
    assert [backend.unsupported("conv2d", SPEC, "float32") for _ in range(2)] == ["no groups"] * 2
    assert backend.unsupported("im2col", SPEC, "float32") is None
    assert backend.unsupported("im2col", SPEC, "int32") is None
    assert backend.unsupported("im2col", _LARGE, "int32") is None
    asked = [child.Ask("conv2d", str(SPEC), "float32"), child.Ask("im2col", str(SPEC), "float32"),
             child.Ask("im2col", str(SPEC), "int32"), child.Ask("im2col", str(_LARGE), "int32")]  # fmt: skip
    assert children.asked[1:] == [(one, 2.0, 0) for one in asked]


def test_what_was_asked_ahead_is_not_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(in_child, "_AT_ONCE", 2)
    backend, children = opened(monkeypatch)
    third = ConvSpec.parse("n1c1h1w1_f1kh1kw1")
    backend.ask_ahead("im2col", [_LARGE, SPEC, third], "int32")
    assert [(m.op, len(m.specs), m.dtype) for m in children.of(child.AskAll)] == [
        ("im2col", 2, "int32"), ("im2col", 1, "int32"),
    ]  # fmt: skip
    assert [backend.unsupported("im2col", s, "int32") for s in (_LARGE, SPEC, third)] == [None, "small", None]
    assert children.of(child.Ask) == []


@pytest.mark.parametrize(("end", "closed"), [(_DEAD, 1), (_HUNG, 1), (WorkerError("KeyError", "'lost'"), 0)])
def test_where_asking_ahead_fails_each_is_asked_by_itself(
    end: Exception, closed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    backend, children = opened(monkeypatch, scripted(AskAll=end))
    backend.ask_ahead("conv2d", [SPEC], "float32")
    assert (children.closed, len(children.started)) == (closed, 1)
    assert backend.unsupported("conv2d", SPEC, "float32") == "no groups"


def test_one_hang_of_unsupported_is_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    backend, children = opened(monkeypatch, scripted(Ask=_HUNG))
    with pytest.raises(RuntimeError, match=r"^hung: no answer within 2 s$"):
        backend.unsupported("im2col", SPEC, "float32")
    for op in ("im2col", "col2im"):
        with pytest.raises(RuntimeError, match=r"^was not asked: unsupported hung before$"):
            backend.unsupported(op, SPEC, "float32")
    assert len(children.of(child.Ask)) == 1
    assert backend.call("im2col", SPEC, _X).error == ""  # in a new child
    assert len(children.started) == 2


def test_three_deaths_of_unsupported_are_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    backend, children = opened(monkeypatch, scripted(Ask=_DEAD))
    for _ in range(3):
        with pytest.raises(RuntimeError, match=r"^ended its process: exited with code 3$"):
            backend.unsupported("im2col", SPEC, "float32")
    with pytest.raises(RuntimeError, match="was not asked: unsupported had died 3 times, last it ended its process"):
        backend.unsupported("im2col", SPEC, "float32")
    assert len(children.of(child.Ask)) == 3


def test_what_unsupported_raises_is_raised(monkeypatch: pytest.MonkeyPatch) -> None:
    backend, children = opened(monkeypatch, scripted(Ask=WorkerError("KeyError", "'lost'")))
    for _ in range(4):
        with pytest.raises(RuntimeError, match=r"^KeyError: 'lost'$"):
            backend.unsupported("im2col", SPEC, "float32")
    assert len(children.started) == 1


def test_a_call_has_its_conditions_its_arrays_and_its_facts(monkeypatch: pytest.MonkeyPatch) -> None:
    backend, children = opened(monkeypatch)
    conditions = Conditions("F", 3, True)
    found = backend.call("im2col", SPEC, [*_X, None], conditions)
    assert (found.kind, found.shape, found.result.tolist()) == ("kind 0", (0,), [0])
    assert children.asked[-1] == (child.Call("im2col", str(SPEC), conditions), 6.0, 2)


def test_the_first_call_of_each_op_has_three_times_the_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    backend, children = opened(monkeypatch)
    for op in ("im2col", "im2col", "col2im", "im2col", "col2im"):
        backend.call(op, SPEC, _X)
    assert [deadline for _, deadline, _ in children.asked[1:]] == [6, 2, 6, 2, 2]


def test_calls_together_are_one_request(monkeypatch: pytest.MonkeyPatch) -> None:
    backend, children = opened(monkeypatch)
    found = backend.together(calls_of("conv2d", SPEC, [[*_X, None]] * 3))
    assert [one.kind for one in found] == ["kind 0", "kind 1", "kind 2"]
    call = child.Call("conv2d", str(SPEC))
    assert children.asked[-1] == (child.Several([call] * 3, "together"), 18.0, 6)
    children.script = scripted(Several=_DEAD)
    dead = backend.together(calls_of("conv2d", SPEC, [[*_X, None]] * 3))
    assert [one.error for one in dead] == ["ended its process: exited with code 3"] * 3


def test_each_call_has_its_answer_and_the_last_is_the_one_that_died(monkeypatch: pytest.MonkeyPatch) -> None:
    backend, children = opened(monkeypatch)
    calls = calls_of("im2col", SPEC, [_X] * 3)
    assert [one.kind for one in backend.each(calls)] == ["kind 0", "kind 1", "kind 2"]
    children.script = scripted(Several=[*right(child.Several([child.Call("im2col", str(SPEC))] * 2, "each")), _DEAD])
    found = backend.each(calls)
    assert [one.error for one in found] == ["", "", "ended its process: exited with code 3"]
    assert [one.died for one in found] == [False, False, True]


def repeating(differs: int, in_request: int) -> Script:
    """All repeated calls give the same, but for one of a request: the first result counts from 0."""
    asked = [0]

    def script(message: Any) -> Any:
        if not isinstance(message, child.Several):
            return right(message)
        asked[0] += 1
        facts = [CallFacts(differs=differs * (asked[0] == in_request)) for _ in message.calls]
        return [(child.Results(facts), [np.full(1, n) for n in range(len(facts))])]

    return script


def test_repeated_calls_are_made_a_few_rounds_for_each_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that a slow backend need not make a thousand before a deadline; the first shows how long a round takes."""
    backend, children = opened(monkeypatch, repeating(0, 0))
    found = backend.repeat(calls_of("im2col", SPEC, [[_X[0]]] * 2), 90)
    assert [(one.result.tolist(), one.differs) for one in found] == [([0], 0), ([1], 0)]
    call = child.Call("im2col", str(SPEC))
    assert [asked.times for asked in children.of(child.Several)] == [2, 40, 40, 8]
    assert children.asked[-1] == (child.Several([call] * 2, "repeat", 8), 10.0, 2)


def test_which_of_the_repeated_calls_differs_is_counted_over_all(monkeypatch: pytest.MonkeyPatch) -> None:
    backend, children = opened(monkeypatch, repeating(7, 2))
    found = backend.repeat(calls_of("im2col", SPEC, [[_X[0]]] * 2), 90)
    assert [one.differs for one in found] == [9, 9]
    assert len(children.of(child.Several)) == 2


def test_a_result_that_changes_between_two_answers_differs(monkeypatch: pytest.MonkeyPatch) -> None:
    backend, children = opened(monkeypatch, right)
    values = iter([[1.0], [1.0], [3.0]])
    children.script = lambda message: [(child.Results([CallFacts()]), [np.array(next(values))])]
    (found,) = backend.repeat(calls_of("im2col", SPEC, [[_X[0]]]), 90)
    assert (found.differs, found.result.tolist()) == (22, [3.0])


def test_a_sample_carries_its_points(monkeypatch: pytest.MonkeyPatch) -> None:
    backend, children = opened(monkeypatch)
    found = backend.sample("im2col", SPEC, "float64", "seed", [(0, 1, 2)])
    assert found.result.tolist() == [0]
    assert children.asked[-1] == (child.Sample("im2col", str(SPEC), "float64", "seed", [(0, 1, 2)]), 6.0, 0)


def test_one_hang_bars_its_op_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    backend, children = opened(monkeypatch, scripted(Call=_HUNG))
    found = backend.call("im2col", SPEC, _X)
    assert (found.error, found.died) == ("hung: no answer within 2 s", True)
    again = backend.call("im2col", SPEC, _X)
    assert (again.error, again.died) == ("was not run: im2col hung before", True)
    assert len(children.of(child.Call)) == 1
    children.script = right
    assert backend.call("col2im", SPEC, _X).error == ""
    assert len(children.started) == 2


def test_a_hang_is_the_reason_although_deaths_came_before(monkeypatch: pytest.MonkeyPatch) -> None:
    backend, children = opened(monkeypatch, scripted(Call=_DEAD))
    for _ in range(2):
        backend.call("im2col", SPEC, _X)
    children.script = scripted(Call=_HUNG)
    assert backend.call("im2col", SPEC, _X).error == "hung: no answer within 2 s"
    assert backend.call("im2col", SPEC, _X).error == "was not run: im2col hung before"


def test_three_deaths_bar_their_op_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    backend, children = opened(monkeypatch, scripted(Call=_DEAD))
    found = [backend.call("im2col", SPEC, _X) for _ in range(5)]
    barred = "was not run: im2col had died 3 times, last it ended its process: exited with code 3"
    assert [one.error for one in found] == ["ended its process: exited with code 3"] * 3 + [barred] * 2
    assert all(one.died for one in found)
    children.script = right
    assert backend.call("col2im", SPEC, _X).error == ""
    assert len(children.started) == 4


def test_what_cannot_be_loaded_again_is_not_loaded_for_every_case(monkeypatch: pytest.MonkeyPatch) -> None:
    backend, children = opened(monkeypatch, scripted(Call=_DEAD))
    backend.call("im2col", SPEC, _X)
    children.script = scripted(Open=_HUNG)
    limit = "30 s (6 times the deadline of a call, 30 s at least)"
    why = f"was not run: backend './mine.py' cannot be loaded: its import or its info() did not end within {limit}"
    assert [backend.call("im2col", SPEC, _X).error for _ in range(2)] == [why] * 2
    assert backend.call("col2im", SPEC, _X).error == why
    with pytest.raises(RuntimeError, match="cannot be loaded"):
        backend.unsupported("im2col", SPEC, "float32")
    assert len(children.of(child.Open)) == 2


@pytest.mark.parametrize(
    "answers",
    [[], right(child.Call("im2col", str(SPEC))) * 2, [(child.Refusal(None), [])], right(child.Open(MINE, 1))],
)
def test_a_call_has_exactly_one_answer(answers: Answers, monkeypatch: pytest.MonkeyPatch) -> None:
    backend, children = opened(monkeypatch, scripted(Call=answers))
    found = backend.call("im2col", SPEC, _X)
    assert (found.error, found.died) == (f"ended its process: it gave {len(answers)} answers to one call", True)
    children.script = right
    assert backend.call("im2col", SPEC, _X).error == ""
    assert len(children.started) == 2


def test_the_child_knows_of_large_arrays_before_they_come(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only of those that are larger than all before, and anew in a new child."""
    backend, children = opened(monkeypatch)
    large = [np.ones(_LARGE.x_shape, "f4")]
    size = memory.of_call("im2col", _LARGE, "float32")
    assert size > memory.UNCOUNTED
    for _ in range(2):
        backend.call("im2col", SPEC, _X)
        backend.call("im2col", _LARGE, large)
    assert children.of(child.Allow) == [child.Allow(size)]
    assert [type(message) for message, _, _ in children.asked[2:4]] == [child.Allow, child.Call]
    backend.together(calls_of("im2col", _LARGE, [large] * 3))
    backend.sample("im2col", _LARGE, "float64", "s", [])
    assert children.of(child.Allow) == [child.Allow(size), child.Allow(3 * size)]
    backend.close()
    backend.sample("im2col", _LARGE, "float64", "s", [])
    assert children.of(child.Allow)[2:] == [child.Allow(2 * size)]


def test_a_call_that_ran_out_of_memory_costs_its_child(monkeypatch: pytest.MonkeyPatch) -> None:
    """What it hoards would fail the next call too; three times are enough."""
    short: Answers = [(child.Results([CallFacts(error="MemoryError: 8 GiB")]), [None])]
    backend, children = opened(monkeypatch, scripted(Call=short))
    found = [backend.call("im2col", SPEC, _X) for _ in range(4)]
    assert [one.error for one in found[:3]] == ["MemoryError: 8 GiB"] * 3
    assert found[3].error == "was not run: im2col had died 3 times, last it ran out of memory"
    assert (children.closed, len(children.started)) == (3, 3)
    children.script = scripted(Call=[(child.Results([CallFacts(error="ValueError: MemoryError")]), [None])])
    assert [backend.call("col2im", SPEC, _X).error for _ in range(4)] == ["ValueError: MemoryError"] * 4


def test_the_harness_may_run_out_of_memory_in_the_child_too(monkeypatch: pytest.MonkeyPatch) -> None:
    backend, children = opened(monkeypatch, scripted(Call=WorkerError("MemoryError", "8 GiB")))
    assert backend.call("im2col", SPEC, _X).error == "MemoryError: 8 GiB"
    assert children.closed == 1
    children.script = scripted(Call=WorkerError("AssertionError", "a fault of ours"))
    with pytest.raises(WorkerError, match="a fault of ours"):
        backend.call("im2col", SPEC, _X)


def test_closing_ends_the_child_once(monkeypatch: pytest.MonkeyPatch) -> None:
    backend, children = opened(monkeypatch)
    backend.close()
    backend.close()
    assert children.closed == 1
