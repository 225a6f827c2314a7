"""One group in the measuring child: checked, then timed together, on which inputs, and which call was the first."""

from __future__ import annotations

import weakref
from typing import Any

import numpy as np
import pytest

from harness.contract.status import CellStatus
from harness.geometry.spec import ConvSpec, Op
from harness.oracle import data
from harness.oracle.gate import sample_points
from harness.results.records import Cell
from harness.tests.helpers.timing.fake_backend import FakeBackend, Held
from harness.tests.helpers.timing.fake_clock import FakeClock
from harness.tests.helpers.timing.groups import LARGE, SPEC, a_group, cells, child_of
from harness.timing import group as the_group

# -- what is measured ----------------------------------------------------------------------------------------------


def test_a_cell_says_what_was_measured_and_under_which_conditions(clock: FakeClock) -> None:
    """Two probes, the call that is checked, calibration; then, as the calls are long, one call a round."""
    costs = [8.0, 0.25, 0.5, 0.75, 0.125, 0.25, 0.5]
    fake = FakeBackend(clock, lambda op, spec: costs.pop(0))
    (cell,) = cells(child_of(a=fake.complete("a")), a_group("a", group="run/7", rounds=3)).values()
    assert cell == Cell(
        run="run", group="run/7", op="im2col", dtype="float32",
        layer="net:one", spec="n2c3h9w8_f4kh3kw2_sh2sw1_pt1pb0pl0pr0", threads=3, allocator="default", machine="box",
        commit="ab" * 20, backend="a", status=CellStatus.OK, native=True, predicted_seconds=0.25,
        checked_points=len(sample_points("im2col", SPEC)), first_seconds=8.0, first_in_process=True,
        samples=[0.125, 0.25, 0.5], repetitions=1,
    )  # fmt: skip
    assert cell.checked_points > 8


def test_only_the_op_of_the_group_is_called(clock: FakeClock) -> None:
    for op in ("col2im", "conv2d", "conv2d_input_grad", "conv2d_weight_grad", "conv2d_bias_grad"):
        fake = FakeBackend(clock)
        (cell,) = cells(child_of(a=fake.complete()), a_group("a", op=op)).values()
        assert (cell.op, cell.status, cell.native) == (op, "ok", op == "col2im")
        assert {called for called, _ in fake.calls} == {op}


def test_all_are_timed_together_in_alternating_order(clock: FakeClock) -> None:
    order: list[str] = []

    def launch(name: str) -> Any:
        def cost(op: Op, spec: ConvSpec) -> float:
            order.append(name)
            return 0.125

        return cost

    backends = {name: FakeBackend(clock, launch(name)).complete(name) for name in "abc"}
    found = cells(child_of(**backends), a_group(*"abc", rounds=3, gap=0.5))
    assert "".join(order) == "aaabbbccc" + "abc" + "abc" + "cba" + "abc"  # probes and gates, calibration, three rounds
    assert [len(cell.samples) for cell in found.values()] == [3, 3, 3]
    assert clock.slept == [0.5] * 9


def test_the_budget_of_the_group_bounds_the_rounds(clock: FakeClock) -> None:
    fake = FakeBackend(clock, lambda op, spec: 0.125)
    (cell,) = cells(child_of(a=fake.complete()), a_group("a", budget=1.0, rounds=40)).values()
    assert len(cell.samples) == 8


def test_signs_of_life_say_whose_call_it_is(clock: FakeClock) -> None:
    """Nobody's before the first and while all are timed; what has no time is told at once."""
    fake = FakeBackend(clock)
    child = child_of(a=fake.complete("a"), c=fake.complete("c"))
    child.missing["b"] = "no such card"
    said = [one if isinstance(one, str) else f"{one.backend} is {one.status}" for one in child.measure(a_group(*"abc"))]
    assert said == ["", "a", "b", "b is unavailable", "c", "", "a is ok", "c is ok"]


def test_the_result_is_waited_for_before_it_is_checked(clock: FakeClock) -> None:
    """A device has not computed it before that."""
    fake = FakeBackend(clock)
    cells(child_of(a=fake.complete()), a_group("a"))
    checked = fake.log.index("to_numpy")
    assert fake.log[: checked + 1] == ["im2col", "wait"] * 3 + ["to_numpy"]


def test_a_device_clock_times_what_it_is_given(clock: FakeClock) -> None:
    fake = FakeBackend(clock, lambda op, spec: 2**-9)
    times = iter(range(1, 100))
    backend = fake.complete(seconds=lambda call: (call(), float(next(times)))[1])
    (cell,) = cells(child_of(a=backend), a_group("a", rounds=3)).values()
    assert (cell.samples, cell.repetitions) == ([2.0, 5.0, 8.0], 3)


@pytest.mark.parametrize("clocked", [False, True])
def test_the_memory_of_a_group_is_free_when_its_cells_are_told(clock: FakeClock, clocked: bool) -> None:
    held: list[weakref.ref[Held]] = []

    def from_numpy(a: np.ndarray) -> Held:
        one = Held(a.copy())
        held.append(weakref.ref(one))
        return one

    fake = FakeBackend(clock)
    more: dict[str, Any] = {"seconds": lambda call: (call(), 0.5)[1]} if clocked else {}
    backend = fake.complete(from_numpy=from_numpy, **more)
    for one in child_of(a=backend).measure(a_group("a")):
        if isinstance(one, Cell):
            fake.last = ()
            assert [ref for ref in held if ref() is not None] == []
    assert len(held) == (1 + 64 if clocked else 2)  # a probe, and the sets


# -- inputs --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("most", "is_pooled"), [(432, False), (431, True)])
def test_large_inputs_are_cut_from_a_pool(
    clock: FakeClock, monkeypatch: pytest.MonkeyPatch, most: int, is_pooled: bool
) -> None:
    """The largest argument counts: x has 432 elements, w 72."""
    monkeypatch.setattr(the_group, "_MOST_DRAWN", most)
    fake = FakeBackend(clock)
    cells(child_of(a=fake.complete()), a_group("a", op="conv2d"))
    make = data.pooled if is_pooled else data.exact
    expected = make("conv2d", SPEC, "float32", f"bench/conv2d/float32/{SPEC}")
    assert [held.value.tolist() for held in fake.last] == [a.tolist() for a in expected]


def test_inputs_that_are_large_are_larger_than_any_layer_that_ships() -> None:
    assert the_group._MOST_DRAWN == 268_435_456


def test_sums_that_no_dtype_holds_are_said_of_every_backend(clock: FakeClock) -> None:
    fake = FakeBackend(clock)
    group = a_group(*"ab", op="conv2d_weight_grad", spec=ConvSpec.parse("n1c1h64w64_f1kh1kw1"), dtype="float16")
    found = cells(child_of(a=fake.complete(), b=fake.complete()), group)
    assert {(c.backend, c.status, c.reason) for c in found.values()} == {
        (name, "unsupported", "sums of 4096 terms are not exact in float16") for name in "ab"
    }
    assert fake.calls == []


# -- the first call ------------------------------------------------------------------------------------------------


def test_the_first_call_of_an_op_in_the_process_is_marked(clock: FakeClock) -> None:
    """Each op, dtype and backend has a first call of its own; another layer has none."""
    child = child_of(a=FakeBackend(clock).complete("a"), b=FakeBackend(clock).complete("b"))
    other = ConvSpec.parse("n1c2h6w5_f3kh2kw2")
    asked = [
        (a_group("a"), True), (a_group("a"), False), (a_group("a", spec=other), False), (a_group("b"), True),
        (a_group("a", op="col2im"), True), (a_group("a", dtype="float64"), True),
        (a_group("a", dtype="float64"), False),
    ]  # fmt: skip
    for group, is_first in asked:
        (cell,) = cells(child, group).values()
        assert (cell.status, cell.first_in_process) == ("ok", is_first)


def test_a_first_call_that_led_to_no_time_was_the_first_all_the_same(clock: FakeClock) -> None:
    """What it has set up is not paid again."""
    fake = FakeBackend(clock, lambda op, spec: 1.0)
    child = child_of(a=fake.complete())
    assert cells(child, a_group("a"))["a"].status == "over_budget"
    fake.launch = lambda op, spec: 2**-6
    cell = cells(child, a_group("a", spec=LARGE))["a"]
    assert (cell.status, cell.first_in_process) == ("ok", False)


def test_a_refusal_is_no_call(clock: FakeClock) -> None:
    fake = FakeBackend(clock)
    child = child_of(a=fake.complete(unsupported=lambda op, spec, dtype: "not yet" if spec == SPEC else None))
    assert cells(child, a_group("a"))["a"].status == "unsupported"
    assert cells(child, a_group("a", spec=LARGE))["a"].first_in_process


@pytest.mark.parametrize(("numerics", "status"), [("gemm", CellStatus.FAIL), ("winograd", CellStatus.OK)])
def test_an_inexact_method_passes_the_gate_by_its_bound(clock: FakeClock, numerics: str, status: CellStatus) -> None:
    fake = FakeBackend(clock, spoil=lambda result: result + np.float32(1e-4))
    (cell,) = cells(child_of(a=fake.complete(numerics=numerics)), a_group("a", op="conv2d")).values()
    assert cell.status is status


def test_what_compiles_for_each_geometry_is_timed_after_that(clock: FakeClock) -> None:
    """The first call of all takes 3 s, and the first of every geometry half a second."""
    called: dict[str, int] = {}

    def cost(op: Op, spec: ConvSpec) -> float:
        called[str(spec)] = called.get(str(spec), 0) + 1
        compiling = 3.0 if sum(called.values()) == 1 else 0.5 if called[str(spec)] == 1 else 0.0
        return compiling + 2**-18 * spec.work(op)

    (cell,) = cells(child_of(a=FakeBackend(clock, cost).complete("a")), a_group("a", spec=LARGE, budget=8.0)).values()
    assert (cell.status, cell.reason, cell.first_seconds and cell.first_seconds > 3) == (CellStatus.OK, "", True)
    assert cell.samples == pytest.approx([2**-18 * LARGE.work("im2col")] * 5)


def test_a_geometry_that_compiles_twice_is_timed_after_the_second(clock: FakeClock) -> None:
    """A block of calls is as long as it must be for calls of a millisecond, not for one that compiles."""
    compiling = [2.0, 0.5]

    def cost(op: Op, spec: ConvSpec) -> float:
        return 2**-10 + (compiling.pop(0) if spec == LARGE and compiling else 0.0)

    (cell,) = cells(child_of(a=FakeBackend(clock, cost).complete("a")), a_group("a", spec=LARGE, budget=8.0)).values()
    assert (cell.status, cell.repetitions) == (CellStatus.OK, 6)
    assert cell.samples == pytest.approx([2**-10] * 5)
