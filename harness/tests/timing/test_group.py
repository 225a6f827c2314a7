"""One group in the measuring child: predicted, checked, then timed together; each reason why a cell has no time."""

from __future__ import annotations

import re
import weakref
from typing import Any

import numpy as np
import pytest

from harness.contract import registry
from harness.contract.status import CellStatus
from harness.contract.targets import resolve
from harness.geometry.spec import ConvSpec, Op
from harness.oracle import data
from harness.oracle.gate import sample_points
from harness.results.records import BackendFacts, Ceilings, Cell
from harness.tests.helpers.plugins import GOOD, Write
from harness.tests.helpers.timing.fake_backend import FakeBackend, Held
from harness.tests.helpers.timing.fake_clock import FakeClock
from harness.timing import clock as the_clock
from harness.timing import group as the_group
from harness.timing.group import MeasuringChild
from harness.timing.plan import Group

_SPEC = ConvSpec.parse("n2c3h9w8_f4kh3kw2_sh2sw1_pt1")
_LARGE = ConvSpec.parse("n1c16h34w34_f4kh3kw3")  # the first probe of its im2col is an eighth of it, the second all


def a_group(*backends: str, op: Op = "im2col", spec: ConvSpec = _SPEC, **changed: Any) -> Group:
    """A group with unequal conditions."""
    fields: dict[str, Any] = dict(
        run="run", group=f"run/{op}/float32/{spec}", op=op, dtype="float32", layer="net:one", spec=str(spec),
        backends=list(backends), threads=3, allocator="default", budget=2.0, rounds=5, gap=0.0, machine="box",
        commit="ab" * 20,
    )  # fmt: skip
    return Group(**{**fields, **changed})


def child_of(**backends: Any) -> MeasuringChild:
    """A child that has these loaded."""
    return MeasuringChild(loaded=dict(backends))


def cells(child: MeasuringChild, group: Group) -> dict[str, Cell]:
    """The cells of a group by backend, each once."""
    found = [one for one in child.measure(group) if isinstance(one, Cell)]
    assert len({cell.backend for cell in found}) == len(found)
    return {cell.backend: cell for cell in found}


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
        checked_points=len(sample_points("im2col", _SPEC)), first_seconds=8.0, first_in_process=True,
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
    expected = make("conv2d", _SPEC, "float32", f"bench/conv2d/float32/{_SPEC}")
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
    cell = cells(child, a_group("a", spec=_LARGE))["a"]
    assert (cell.status, cell.first_in_process) == ("ok", False)


def test_a_refusal_is_no_call(clock: FakeClock) -> None:
    fake = FakeBackend(clock)
    child = child_of(a=fake.complete(unsupported=lambda op, spec, dtype: "not yet" if spec == _SPEC else None))
    assert cells(child, a_group("a"))["a"].status == "unsupported"
    assert cells(child, a_group("a", spec=_LARGE))["a"].first_in_process


# -- over budget ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("budget", "status", "reason"),
    [
        (1.25, "ok", ""),  # five calls of 0.25 s are just allowed
        (1.24, "over_budget", "predicted 250 ms a call; 5 calls exceed the budget of 1.2 s"),
    ],
)
def test_five_calls_must_fit_the_budget(clock: FakeClock, budget: float, status: str, reason: str) -> None:
    fake = FakeBackend(clock, lambda op, spec: 0.25)
    (cell,) = cells(child_of(a=fake.complete()), a_group("a", op="conv2d", budget=budget)).values()
    assert (cell.status, cell.reason, cell.predicted_seconds, cell.native) == (status, reason, 0.25, False)
    if status != "ok":
        assert (cell.samples, cell.first_seconds, len(fake.calls)) == ([], None, 2)


def test_a_prediction_is_believed_only_if_five_such_calls_fit(clock: FakeClock) -> None:
    """By the first probe a call takes 1/8 s: too long for five in half a second, so all is tried, and takes 1/64 s."""
    fake = FakeBackend(clock, lambda op, spec: 2**-6)
    cell = cells(child_of(a=fake.complete()), a_group("a", spec=_LARGE, budget=0.5))["a"]
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
    assert asked == [("col2im", _SPEC, "float64")]
    assert fake.calls == []


def worn_out(after: int) -> Any:
    """A result that is right so many times, and then an error."""
    left = [after]

    def spoil(result: np.ndarray) -> np.ndarray:
        left[0] -= 1
        if left[0] < 0:
            raise ValueError("worn out")
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
        (worn_out(2), "raised ValueError: worn out"),  # the call that is checked
        (worn_out(3), "while timed, it raised ValueError: worn out"),
        (worn_out(9), "while timed, it raised ValueError: worn out"),
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


# -- loading -------------------------------------------------------------------------------------------------------

_MORE = "\n\nnumerics = 'direct'\n\n\ndef info():\n    return {'device': 'abacus'}\n"


def test_a_loaded_backend_is_described(write: Write, clock: FakeClock, monkeypatch: pytest.MonkeyPatch) -> None:
    load = registry.load

    def slowly(target: Any) -> Any:
        clock.time += 1.5
        return load(target)

    monkeypatch.setattr(registry, "load", slowly)
    path = write("mine.py", GOOD + _MORE)
    child = MeasuringChild()
    assert child.load(resolve(f"own={path}")) == BackendFacts(
        backend="own", target=f"own={path}", available=True, info={"device": "abacus"}, numerics="direct",
        native=["col2im", "im2col"], load_seconds=1.5,
    )  # fmt: skip
    assert set(child.loaded) == {"own"}
    assert child.missing == {}


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("raise ImportError('no such card')", "cannot be imported: ImportError: no such card"),
        ("class BackendUnavailable(Exception): pass\nraise BackendUnavailable('no such card')", "no such card"),
        ("x = 1", "has no im2col(x, spec) and col2im(columns, spec)"),
    ],
)
def test_a_backend_that_cannot_be_loaded_says_why(write: Write, source: str, reason: str) -> None:
    path = write("mine.py", source)
    child = MeasuringChild()
    facts = child.load(resolve(f"own={path}"))
    assert (facts.backend, facts.target, facts.available, facts.load_seconds) == ("own", f"own={path}", False, None)
    assert reason in facts.reason
    assert child.missing == {"own": facts.reason}
    assert child.loaded == {}


def test_only_a_backend_that_measures_its_device_has_ceilings_of_its_own(clock: FakeClock) -> None:
    own = {
        "device": "card", "copy_gbs": {"cache": 80.0, "dram": 20.0}, "copy_bytes": {"cache": 1.0, "dram": 2.0},
        "matmul_gflops": {"float32": 200.0},
    }  # fmt: skip
    child = child_of(a=FakeBackend(clock).complete("a", ceilings=lambda: own), b=FakeBackend(clock).complete("b"))
    child.missing["c"] = "no such card"
    assert [list(child.device_ceilings(name, 3, "default")) for name in "bc"] == [[], []]
    assert list(child.device_ceilings("a", 3, "default")) == [
        Ceilings(
            threads=3, allocator="default", backend="a", device="card", copy_gbs={"cache": 80.0, "dram": 20.0},
            copy_bytes={"cache": 1, "dram": 2}, matmul_gflops={"float32": 200.0},
        )
    ]  # fmt: skip
