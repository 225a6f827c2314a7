"""One group: predicted, checked, timed in turns and judged; on which inputs, and which call was the first."""

from __future__ import annotations

import re
import weakref
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from harness.contract.status import CellStatus
from harness.geometry.spec import ConvSpec, Op
from harness.oracle.gate import FEW_TERMS, sample_points
from harness.results.records import Cell
from harness.tests.helpers.timing.fake_backend import FakeBackend, Held
from harness.tests.helpers.timing.fake_clock import FakeClock
from harness.tests.helpers.timing.groups import LARGE, SPEC, LocalChildren, a_group, cells, child_of
from harness.timing import memory_use
from harness.timing.memory_use import MemoryUse

# -- what is measured ----------------------------------------------------------------------------------------------


def test_a_cell_says_what_was_measured_and_under_which_conditions(clock: FakeClock) -> None:
    """Two probes, three calls that are checked; then, as they are long, one call a round, and one on new data."""
    costs = [8.0, 0.25, 0.5, 1.0, 0.75, 0.125, 0.25, 0.5, 1.0]
    fake = FakeBackend(clock, lambda op, spec: costs.pop(0))
    (cell,) = cells(child_of(a=fake.complete("a")), a_group("a", group="run/7", rounds=3)).values()
    assert cell == Cell(
        run="run", group="run/7", op="im2col", dtype="float32",
        layer="net:one", spec="n2c3h9w8_f4kh3kw2_sh2sw1_pt1pb0pl0pr0", threads=3, allocator="default", machine="box",
        commit="ab" * 20, backend="a", status=CellStatus.OK, native=True, predicted_seconds=0.25,
        checked_points=len(sample_points("im2col", SPEC, FEW_TERMS)), first_seconds=8.0, first_in_process=True,
        samples=[0.125, 0.25, 0.5], repetitions=1, error_in_bounds=0.0,
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
    assert (
        "".join(order) == "aaaaabbbbbccccc" + "abc" + "cba" + "abc" + "abc"
    )  # probes and gates, three rounds, new data
    assert [len(cell.samples) for cell in found.values()] == [3, 3, 3]
    assert clock.slept == [0.5] * 9


def test_the_budget_of_the_group_bounds_the_rounds(clock: FakeClock) -> None:
    fake = FakeBackend(clock, lambda op, spec: 0.125)
    (cell,) = cells(child_of(a=fake.complete()), a_group("a", budget=1.0, rounds=40)).values()
    assert len(cell.samples) == 8


def test_the_result_is_waited_for_before_it_is_checked(clock: FakeClock) -> None:
    """A device has not computed it before that."""
    fake = FakeBackend(clock)
    cells(child_of(a=fake.complete()), a_group("a"))
    calls = [number for number, word in enumerate(fake.log) if word == "im2col"]
    assert {fake.log[number + 1] for number in calls} == {"wait"}
    assert "to_numpy" in fake.log


def test_a_device_clock_times_what_it_is_given(clock: FakeClock) -> None:
    """That of a built-in backend is believed; another one's only where its process uses a device."""
    fake = FakeBackend(clock, lambda op, spec: 2**-9)
    times = iter(range(1, 100))
    backend = fake.complete(seconds=lambda call: (call(), float(next(times)))[1], info={"device": "card"})
    (cell,) = cells(child_of(a=backend), a_group("a", rounds=3)).values()
    assert (cell.samples, cell.repetitions) == ([3.0, 7.0, 11.0], 3)  # a warm-up and three calls each


@pytest.mark.parametrize(
    ("device", "has_device", "sample"),
    [("card", True, 0.25), ("card", False, 2**-7), ("cpu", True, 2**-7), ("CPU of mine", True, 2**-7)],
)
def test_a_strangers_own_clock_is_believed_only_on_a_device(
    clock: FakeClock, device: str, has_device: bool, sample: float
) -> None:
    fake = FakeBackend(clock, lambda op, spec: 2**-7)
    backend = fake.complete(seconds=lambda call: (call(), 0.25)[1], info={"device": device})
    children = LocalChildren({"a": backend}, foreign=("a",))
    watched: Any = children.own["a"].processes
    watched.has_device = has_device
    (cell,) = cells(children, a_group("a", rounds=3)).values()
    assert (cell.status, cell.samples) == (CellStatus.OK, [sample] * 3)


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
    found = cells(child_of(a=backend), a_group("a"))
    fake.last = ()
    assert found["a"].status is CellStatus.OK
    assert [ref for ref in held if ref() is not None] == []


def test_a_stranger_is_held_whenever_it_is_not_its_turn(clock: FakeClock) -> None:
    """And never between the parts of its turn."""
    fake, other = FakeBackend(clock), FakeBackend(clock)
    children = LocalChildren({"a": fake.complete("a"), "b": other.complete("b")}, foreign=("b",))
    watched: Any = children.own["b"].processes
    log = watched.log

    def launch(name: str) -> Callable[[Op, ConvSpec], float]:
        def cost(op: Op, spec: ConvSpec) -> float:
            log.append(name)
            return 2**-6

        return cost

    fake.launch, other.launch = launch("a"), launch("b")
    cells(children, a_group("a", "b", rounds=3))
    for number, word in enumerate(log):
        before = [one for one in log[:number] if one in ("hold", "let go")]
        assert word != "b" or before[-1] == "let go"
        assert word != "a" or not before or before[-1] == "hold"
    turns = "".join({"hold": ")", "let go": "("}.get(word, word) for word in log).replace("()", "")
    assert "(bb)" in turns  # a warm-up and a block in one turn
    assert log[-1] == "hold"


# -- inputs --------------------------------------------------------------------------------------------------------


def test_no_call_sees_inputs_that_it_has_seen_before(clock: FakeClock) -> None:
    """Of those that are timed; a block changes an element before each of its calls."""
    seen: list[bytes] = []
    fake = FakeBackend(clock, lambda op, spec: 2**-10)
    call = fake._call

    def op(*arguments: Any) -> Any:
        seen.append(b"".join(one.value.tobytes() for one in arguments[:-1]))
        return call("conv2d", *arguments)

    backend = fake.complete()
    backend.ops["conv2d"] = op
    (cell,) = cells(child_of(a=backend), a_group("a", op="conv2d", rounds=4)).values()
    assert (cell.status, cell.repetitions) == (CellStatus.OK, 6)
    timed = seen[-(4 * 7 + 1) :]
    assert len(set(timed)) == len(timed)


def test_sums_that_no_dtype_holds_are_said_of_every_backend(clock: FakeClock) -> None:
    fake = FakeBackend(clock)
    group = a_group(*"ab", op="conv2d_weight_grad", spec=ConvSpec.parse("n1c1h64w64_f1kh1kw1"), dtype="float16")
    found = cells(child_of(a=fake.complete(), b=fake.complete()), group)
    assert {(c.backend, c.status, c.reason) for c in found.values()} == {
        (name, "unsupported", "sums of 4096 terms are not exact in float16") for name in "ab"
    }
    assert fake.calls == []


# -- accuracy and memory -------------------------------------------------------------------------------------------


def test_real_numbers_are_judged_by_their_bound_before_the_clock(clock: FakeClock) -> None:
    """An error that whole numbers do not show, and that is kept where it is allowed."""

    def rounding(result: np.ndarray) -> np.ndarray:
        is_real = result.size and not float(result.flat[0] * 32).is_integer()
        return result * np.float32(1 + 1e-4 * is_real)

    group = a_group("a", op="conv2d")
    found = cells(child_of(a=FakeBackend(clock, spoil=rounding).complete()), group)["a"]
    assert found.status is CellStatus.FAIL
    assert re.fullmatch(r"of real numbers, an element is off by \S+ times what plain sums may be", found.reason)
    honest = cells(child_of(a=FakeBackend(clock).complete()), group)["a"]
    assert honest.error_in_bounds is not None
    assert 0 <= honest.error_in_bounds < 1


def test_whole_numbers_have_no_error_to_tell(clock: FakeClock) -> None:
    found = cells(child_of(a=FakeBackend(clock).complete()), a_group("a", dtype="int32"))["a"]
    assert (found.status, found.error_in_bounds) == (CellStatus.OK, None)


@pytest.mark.parametrize(("seconds", "is_measured"), [(0.1, True), (0.125, False)])
def test_the_memory_of_a_call_is_measured_unless_that_takes_long(
    clock: FakeClock, monkeypatch: pytest.MonkeyPatch, seconds: float, is_measured: bool
) -> None:
    use = MemoryUse(peak_bytes=7, resident_bytes=9)
    monkeypatch.setattr(memory_use, "measure", lambda *of: use)
    found = cells(child_of(a=FakeBackend(clock, lambda op, spec: seconds).complete()), a_group("a"))["a"]
    assert (found.peak_bytes, found.resident_bytes) == ((7, 9) if is_measured else (None, None))


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
def test_an_inexact_method_is_judged_by_its_bound(clock: FakeClock, numerics: str, status: CellStatus) -> None:
    """Before the clock and while it runs."""
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
