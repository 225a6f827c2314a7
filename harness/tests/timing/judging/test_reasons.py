"""Why a cell has no time: each reason costs its own cell, and none of the others."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest

from harness.calls.limits import memory
from harness.geometry.spec import Op
from harness.tests.helpers.timing.fake_backend import FakeBackend
from harness.tests.helpers.timing.fake_clock import FakeClock
from harness.tests.helpers.timing.groups import LARGE, SPEC, a_group, cells, child_of
from harness.timing import clock as the_clock
from harness.timing.judging import expected as the_expected
from harness.timing.judging import inputs as the_inputs

# -- over budget ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("budget", "status", "reason"),
    [
        (0.078125, "ok", ""),  # five calls of 1/64 s are just allowed
        (0.078, "over_budget", "predicted 16 ms a call; 5 calls exceed the budget of 78 ms"),
    ],
)
@pytest.mark.parametrize("op", ["im2col", "conv2d"])
def test_five_calls_must_fit_the_budget(clock: FakeClock, op: Op, budget: float, status: str, reason: str) -> None:
    fake = FakeBackend(clock, lambda op, spec: 2**-6)
    (cell,) = cells(child_of(a=fake.complete()), a_group("a", op=op, budget=budget)).values()
    assert (cell.status, cell.reason, cell.predicted_seconds) == (status, reason, 2**-6)
    assert cell.native == (op == "im2col")
    if status != "ok":
        assert (cell.samples, cell.first_seconds, len(fake.calls)) == ([], None, 2)


def test_a_prediction_is_believed_only_if_five_such_calls_fit(clock: FakeClock) -> None:
    """By the first probe a call takes 1/8 s: too long for five in half a second, so all is tried, and takes 1/64 s."""
    fake = FakeBackend(clock, lambda op, spec: 2**-6)
    cell = cells(child_of(a=fake.complete()), a_group("a", spec=LARGE, budget=0.5))["a"]
    assert (cell.status, cell.predicted_seconds) == ("ok", 2**-6)


# -- why a cell has no time ----------------------------------------------------------------------------------------


def test_a_backend_that_is_missing_is_unavailable_with_its_reason(clock: FakeClock) -> None:
    child = child_of(a=FakeBackend(clock).complete())
    child.missing["b"] = "no such card"
    found = cells(child, a_group("b", "a"))
    assert (found["b"].status, found["b"].reason) == ("unavailable", "no such card")
    assert found["a"].status == "ok"


def test_a_refusal_is_asked_of_this_very_case(clock: FakeClock) -> None:
    asked: list[Any] = []

    def unsupported(*case: Any) -> str:
        asked.append(case)
        return "not yet"

    fake = FakeBackend(clock)
    found = cells(child_of(a=fake.complete(unsupported=unsupported)), a_group("a", op="col2im", dtype="float64"))
    assert (found["a"].status, found["a"].reason, found["a"].native) == ("unsupported", "not yet", True)
    assert asked == [("col2im", SPEC, "float64")]
    assert fake.calls == []


def worn_out(after: int, error: Exception = ValueError("worn out")) -> Any:  # noqa: B008
    """A result that is right so many times, and then an error."""
    left = [after]

    def spoil(result: np.ndarray) -> np.ndarray:
        left[0] -= 1
        if left[0] < 0:
            raise error
        return result

    return spoil


def exits(result: np.ndarray) -> np.ndarray:
    raise SystemExit(0)


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (lambda result: result + 1, r"\d+ of \d+ sampled elements differ, first at \[0, 0, 0\]: got .*"),
        (lambda result: result[0], r"returned float32 \(18, 28\), expected float32 \(2, 18, 28\)"),
        (lambda result: None, "returned NoneType, not an array"),
        (worn_out(0), "raised ValueError: worn out"),
        (worn_out(3), "raised ValueError: worn out"),  # the calls that are checked
        (worn_out(8), "while timed, it raised ValueError: worn out"),
        (worn_out(11), "while timed, it raised ValueError: worn out"),
        (exits, "raised SystemExit: 0"),
    ],
)
def test_what_is_wrong_costs_its_own_cell_alone(
    clock: FakeClock, monkeypatch: pytest.MonkeyPatch, spoil: Any, reason: str
) -> None:
    monkeypatch.setattr(the_clock, "SHORTEST_BLOCK", 1e-7)  # what has failed takes no time on this clock
    bad, good = FakeBackend(clock, spoil=spoil), FakeBackend(clock)
    found = cells(child_of(bad=bad.complete(), good=good.complete()), a_group("bad", "good"))
    assert (found["bad"].status, found["bad"].samples, found["bad"].native) == ("fail", [], True)
    assert re.fullmatch(reason, found["bad"].reason)
    assert (found["good"].status, len(found["good"].samples)) == ("ok", 5)


def raising(error: BaseException) -> Any:
    """A member that raises."""

    def member(*arguments: Any) -> Any:
        raise error

    return member


@pytest.mark.parametrize("member", ["unsupported", "from_numpy", "to_numpy", "synchronize"])
def test_any_member_that_raises_is_the_backends_fault(clock: FakeClock, member: str) -> None:
    broken = FakeBackend(clock).complete(**{member: raising(KeyError("lost"))})
    (cell,) = cells(child_of(a=broken), a_group("a", op="conv2d")).values()
    assert (cell.status, cell.reason, cell.native) == ("fail", "raised KeyError: 'lost'", False)


def test_a_wrong_result_of_a_derived_op_is_marked_as_derived(clock: FakeClock) -> None:
    fake = FakeBackend(clock, spoil=lambda result: -result)
    (cell,) = cells(child_of(a=fake.complete()), a_group("a", op="conv2d")).values()
    assert (cell.status, cell.native) == ("fail", False)


def test_ctrl_c_is_nobodys_fault(clock: FakeClock) -> None:
    broken = FakeBackend(clock).complete(synchronize=raising(KeyboardInterrupt()))
    with pytest.raises(KeyboardInterrupt):
        cells(child_of(a=broken), a_group("a"))


# -- memory --------------------------------------------------------------------------------------------------------


def test_what_the_machine_has_no_memory_for_is_said_of_all_that_are_there(
    clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before anything is made; a backend that is missing is missing all the same."""
    asked: list[float] = []

    def shortage(needed: float) -> str:
        asked.append(needed)
        return "it needs 9 GiB of 8 GiB"

    monkeypatch.setattr(memory, "shortage", shortage)
    monkeypatch.setattr(the_inputs, "make", raising(AssertionError("inputs were made")))
    fake = FakeBackend(clock)
    child = child_of(a=fake.complete(), b=fake.complete())
    child.missing["c"] = "no such card"
    found = cells(child, a_group(*"acb", op="conv2d", dtype="float64"))
    assert {name: (cell.status, cell.reason) for name, cell in found.items()} == {
        "a": ("no_memory", "it needs 9 GiB of 8 GiB"),
        "c": ("unavailable", "no such card"),
        "b": ("no_memory", "it needs 9 GiB of 8 GiB"),
    }
    assert asked == [memory.timed("conv2d", SPEC, "float64")]
    assert fake.calls == []


@pytest.mark.parametrize(
    ("module", "name", "reason"),
    [
        (the_inputs, "make", "there is not enough memory for its inputs: Unable to allocate 9 GiB"),
        (the_expected, "Gate", "there is not enough memory to judge it: Unable to allocate 9 GiB"),
    ],
)
def test_memory_that_runs_out_before_any_call_is_nobodys_fault(
    clock: FakeClock, monkeypatch: pytest.MonkeyPatch, module: Any, name: str, reason: str
) -> None:
    monkeypatch.setattr(module, name, raising(MemoryError("Unable to allocate 9 GiB")))
    found = cells(child_of(a=FakeBackend(clock).complete(), b=FakeBackend(clock).complete()), a_group(*"ab"))
    assert {(cell.status, cell.reason) for cell in found.values()} == {("no_memory", reason)}
    assert set(found) == {"a", "b"}


@pytest.mark.parametrize(
    ("after", "reason"), [(3, "raised MemoryError: 9 GiB"), (8, "while timed, it raised MemoryError: 9 GiB")]
)
def test_memory_that_runs_out_in_a_call_is_no_fault(
    clock: FakeClock, monkeypatch: pytest.MonkeyPatch, after: int, reason: str
) -> None:
    """Nor is it one of any other."""
    monkeypatch.setattr(the_clock, "SHORTEST_BLOCK", 1e-7)
    fake = FakeBackend(clock, spoil=worn_out(after, MemoryError("9 GiB")))
    found = cells(child_of(a=fake.complete(), b=FakeBackend(clock).complete()), a_group(*"ab"))
    assert (found["a"].status, found["a"].reason, found["a"].samples) == ("no_memory", reason, [])
    assert found["b"].status == "ok"
