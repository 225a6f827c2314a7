"""The stages of a call in a group: kept where they give the right result, and never at the cost of the call's time."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from msgspec import Struct

from harness.contract.status import CellStatus
from harness.geometry.spec import ConvSpec, Op
from harness.oracle import by_taps
from harness.results.records import Cell, StageTime
from harness.tests.helpers.timing.fake_backend import FakeBackend, Held
from harness.tests.helpers.timing.fake_clock import FakeClock
from harness.tests.helpers.timing.groups import SPEC, a_group, cells, child_of
from harness.timing.calling import messages as m


def cell(clock: FakeClock, last: Any, seconds: float = 2**-6) -> Cell:
    """Of a backend whose im2col has two stages: the second makes of the result what it is told."""

    def stages(op: Op, spec: ConvSpec) -> Any:
        assert (op, spec) == ("im2col", SPEC)
        return [("pad", pad), ("gather", gather)]

    def pad(x: Held) -> tuple[Held]:
        clock.time += 2**-8
        return (x,)

    def gather(x: Held) -> Any:
        clock.time += 2**-7
        return last(x)

    fake = FakeBackend(clock, lambda op, spec: seconds)
    return cells(child_of(a=fake.complete("a", stages=stages)), a_group("a"))["a"]


def right(x: Held) -> Held:
    return Held(by_taps.run("im2col", SPEC, x.value).astype(np.float32))


def raises(x: Held) -> Held:
    raise ValueError("worn out")


def test_the_stages_stand_beside_the_time(clock: FakeClock) -> None:
    found = cell(clock, right)
    assert (found.status, found.reason, len(found.samples)) == (CellStatus.OK, "", 5)
    assert found.stages == [StageTime(name="pad", seconds=2**-8), StageTime(name="gather", seconds=2**-7)]


@pytest.mark.parametrize(
    ("last", "why"),
    [
        (lambda x: Held(right(x).value + np.float32(1)), "sums over all elements are not right"),
        (lambda x: Held(right(x).value[:1]), "returned float32 (1, 18, 28), expected float32 (2, 18, 28)"),
        (lambda x: Held([1.0]), "returned list, not an array"),  # type: ignore[arg-type]
        (raises, "raised ValueError: worn out"),
    ],
)
def test_wrong_stages_are_not_shown_and_the_time_stays(clock: FakeClock, last: Any, why: str) -> None:
    found = cell(clock, last)
    assert (found.status, found.stages, len(found.samples)) == (CellStatus.OK, [], 5)
    assert found.reason.startswith("its stages are not shown: ")
    assert found.reason.endswith(why)


def test_stages_of_long_calls_are_not_asked_for(clock: FakeClock) -> None:
    found = cell(clock, raises, 0.125)
    assert (found.status, found.stages, found.reason) == (CellStatus.OK, [], "")


def test_stages_that_change_their_inputs_are_not_shown_and_harm_nobody(clock: FakeClock) -> None:
    """They have copies: calls of others come after them, on the same inputs."""
    seen: list[np.ndarray] = []

    def changing(x: Held) -> Held:
        seen.append(x.value)
        made = right(x)
        x.value.reshape(-1)[0] += 1
        return made

    fake = FakeBackend(clock)
    stages = [("gather", changing)]
    children = child_of(a=fake.complete("a", stages=lambda op, spec: stages))
    held = children.worker_of("a").child

    def look(message: Struct) -> None:
        if isinstance(message, m.Digest):  # the next that is asked
            assert held.held is not None
            assert seen
            assert not any(np.shares_memory(a, seen[0]) for one in held.held.sets for a in one)

    children.worker_of("a").instead = look
    found = cells(children, a_group("a"))["a"]
    assert (found.status, found.stages, len(found.samples)) == (CellStatus.OK, [], 5)
    assert found.reason.startswith("its stages are not shown: ")
