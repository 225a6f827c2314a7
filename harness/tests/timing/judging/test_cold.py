"""Cold calls of a group: on what, when, how they are judged, and where there are none."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from msgspec import Struct

from harness.contract.status import CellStatus
from harness.geometry.spec import ConvSpec, Op
from harness.results.records import Cell
from harness.tests.helpers.timing.fake_backend import FakeBackend, Held
from harness.tests.helpers.timing.fake_clock import FakeClock
from harness.tests.helpers.timing.groups import LocalChildren, a_group, cells, child_of
from harness.timing.calling import messages as m

_SIZE = 4096  # by the fixture of the clock
_WARM, _COLD = 2**-6, 2**-4


class Chilled:
    """A backend whose next call takes longer once other data has gone through the caches."""

    def __init__(self, clock: FakeClock, warm: float = _WARM, **more: Any) -> None:
        self.warm, self.is_cold, self.cold_calls = warm, False, 0
        self.fake = FakeBackend(clock, lambda op, spec: self._takes(), **more)
        self.children = child_of(a=self.fake.complete("a"))
        self.children.worker_of("a").instead = self._sees

    def _sees(self, message: Struct) -> None:
        if isinstance(message, m.PassOthers):
            self.is_cold = True

    def _takes(self) -> float:
        took = _COLD if self.is_cold else self.warm
        self.cold_calls += self.is_cold
        self.is_cold = False
        return took

    def cell(self, **group: Any) -> Cell:
        """What becomes of it."""
        return cells(self.children, a_group("a", **group))["a"]


def asked(children: LocalChildren) -> list[Struct]:
    """All messages, in order."""
    return children.worker_of("a").asked


def test_cold_calls_stand_beside_the_warm_ones(clock: FakeClock) -> None:
    found = Chilled(clock).cell()
    assert (found.status, found.samples) == (CellStatus.OK, [_WARM] * 5)
    assert (found.cold_samples, found.cold_bytes) == ([_COLD] * 3, _SIZE)


def test_nothing_comes_between_the_other_data_and_the_call(clock: FakeClock) -> None:
    """No warming call, no new inputs; and it comes after all that is timed warm."""
    chilled = Chilled(clock)
    chilled.cell(rounds=3)
    messages = asked(chilled.children)
    passing = [number for number, one in enumerate(messages) if isinstance(one, m.PassOthers)]
    assert [one.size for one in messages if isinstance(one, m.PassOthers)] == [_SIZE] * 3
    for number in passing:
        ready, block = messages[number - 1], messages[number + 1]
        assert isinstance(ready, m.MakeReady)
        assert isinstance(block, m.Block)
        assert (ready.warm_up, block.calls) == (False, 1)
    warm = [number for number, one in enumerate(messages) if isinstance(one, m.Block) and number - 1 not in passing]
    assert len(warm) == 3
    assert max(warm) < min(passing)


def test_the_idle_threads_of_others_may_park_before(clock: FakeClock) -> None:
    Chilled(clock).cell(rounds=3, gap=0.5)
    assert clock.slept == [0.5] * 6


@pytest.mark.parametrize(("warm", "calls"), [(0.1, 3), (0.125, 0)])
def test_long_calls_have_none(clock: FakeClock, warm: float, calls: int) -> None:
    found = Chilled(clock, warm).cell()
    assert (found.status, len(found.cold_samples), found.cold_bytes) == (CellStatus.OK, calls, _SIZE * bool(calls))


def test_a_device_has_none(clock: FakeClock) -> None:
    fake = FakeBackend(clock, lambda op, spec: 2**-9)
    backend = fake.complete("a", seconds=lambda call: (call(), 0.25)[1], info={"device": "card"})
    children = child_of(a=backend)
    found = cells(children, a_group("a"))["a"]
    assert (found.status, found.cold_samples) == (CellStatus.OK, [])
    assert not any(isinstance(one, m.PassOthers) for one in asked(children))


def test_cold_results_are_judged(clock: FakeClock) -> None:
    """By elements of each, on what its inputs are then: it is wrong once, when it is cold, and in all elements."""
    chilled = Chilled(clock)
    chilled.fake.spoil = lambda result: result + np.float32(chilled.cold_calls == 2)
    found = chilled.cell()
    assert (found.status, found.samples, found.cold_samples) == (CellStatus.FAIL, [], [])
    assert found.reason.startswith("a timed call returned a wrong result: ")


def test_no_cold_call_sees_inputs_that_another_call_has_seen(clock: FakeClock) -> None:
    seen: list[bytes] = []
    chilled = Chilled(clock)
    call = chilled.fake._call

    def op(*arguments: Any) -> Any:
        seen.append(b"".join(one.value.tobytes() for one in arguments[:-1]))
        return call("conv2d", *arguments)

    chilled.children.worker_of("a").child.loaded["a"].ops["conv2d"] = op
    assert len(chilled.cell(op="conv2d", rounds=3).cold_samples) == 3
    late = seen[-4:-1]  # the last call of all is the gate's, on new data
    assert len({*late}) == 3
    assert not set(late) & set(seen[:-4])


def delaying(clock: FakeClock, which: Callable[[int], bool]) -> Callable[[Struct], None]:
    """The machine does something else for a second before the answer to these cold calls, which their process does not
    see."""
    number, was_passing = [0], [False]

    def see(message: Struct) -> None:
        if was_passing[0] and isinstance(message, m.Block):
            number[0] += 1
            clock.time += 1.0 if which(number[0]) else 0.0
        was_passing[0] = isinstance(message, m.PassOthers)

    return see


@pytest.mark.parametrize(("kept", "which"), [(3, lambda number: number != 2), (0, lambda number: True)])
def test_a_time_that_our_clock_never_agrees_with_is_not_told(
    clock: FakeClock, kept: int, which: Callable[[int], bool]
) -> None:
    """The warm times stay: they are believed by themselves."""
    children = child_of(a=FakeBackend(clock).complete("a"))
    children.worker_of("a").instead = delaying(clock, which)
    found = cells(children, a_group("a"))["a"]
    assert (found.status, len(found.samples), len(found.cold_samples)) == (CellStatus.OK, 5, kept)
    assert found.cold_bytes == (_SIZE if kept else 0)


def test_what_ends_a_process_cold_ends_its_cell(clock: FakeClock) -> None:
    chilled = Chilled(clock)

    def exits(result: np.ndarray) -> np.ndarray:
        if chilled.cold_calls:
            raise ValueError("worn out")
        return result

    chilled.fake.spoil = exits
    found = chilled.cell()
    assert (found.status, found.samples) == (CellStatus.FAIL, [])
    assert found.reason == "while timed, it raised ValueError: worn out"


def test_no_input_is_made_anew_between_the_other_data_and_the_call(clock: FakeClock) -> None:
    """Of a backend with arrays of its own, one that is would be warm."""
    log: list[str] = []

    def from_numpy(a: np.ndarray) -> Held:
        log.append("convert")
        return Held(a.copy())

    def launch(op: Op, spec: ConvSpec) -> float:
        log.append("call")
        return _WARM

    def see(message: Struct) -> None:
        if isinstance(message, m.PassOthers):
            log.append("others")

    children = child_of(a=FakeBackend(clock, launch).complete("a", from_numpy=from_numpy))
    children.worker_of("a").instead = see
    assert len(cells(children, a_group("a"))["a"].cold_samples) == 3
    assert [log[number + 1] for number, word in enumerate(log) if word == "others"] == ["call"] * 3
