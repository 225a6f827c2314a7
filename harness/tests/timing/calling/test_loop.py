"""The loop that is timed: what is inside the clock, on which inputs, which result is kept, and when it is looked at."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from harness.geometry.spec import ConvSpec
from harness.tests.helpers.timing.fake_clock import FakeClock
from harness.timing.calling.loop import Lot, make

_SPEC = ConvSpec.parse("n1c1h2w3_f1kh1kw1")
_NOT_CHANGED = (0, -1, 0.0)


def a_lot(clock: FakeClock, count: int = 1, **members: Any) -> Lot:
    """A lot whose op gives a copy of its input in 1/8 s; each part that a test names is its own."""
    sets = [[np.full(_SPEC.x_shape, number, "float32")] for number in range(count)]

    def op(x: np.ndarray, spec: ConvSpec) -> np.ndarray:
        clock.time += 0.125
        return x.copy()

    fields: dict[str, Any] = dict(
        op=op, synchronize=lambda made: None, to_numpy=lambda made: made, spec=_SPEC, sets=sets,
        flat=[[a.reshape(-1) for a in one] for one in sets],
    )  # fmt: skip
    return Lot(**{**fields, **members})


def drawing(*numbers: int) -> Callable[[int], bytes]:
    """In the place of random bytes: these numbers in turn, the last one for ever."""
    rest = list(numbers)
    return lambda count: (rest.pop(0) if len(rest) > 1 else rest[0]).to_bytes(count, "little")


def seeing() -> tuple[list[list[float]], Callable[..., Any]]:
    """An op that gives what it was given, and the values that it has seen."""
    seen: list[list[float]] = []

    def op(x: np.ndarray, spec: ConvSpec) -> np.ndarray:
        seen.append(x.ravel().tolist())
        return x

    return seen, op


def takes(clock: FakeClock, seconds: float, result: Callable[[Any], Any] = lambda made: made) -> Callable[..., Any]:
    """A part that takes time."""

    def part(made: Any) -> Any:
        clock.time += seconds
        return result(made)

    return part


def test_to_wait_and_to_come_back_to_the_host_are_inside_the_clock(clock: FakeClock) -> None:
    lot = a_lot(clock, synchronize=takes(clock, 0.25), to_numpy=takes(clock, 0.5))
    assert make(clock.now)(lot, 0, [_NOT_CHANGED] * 3, 0).seconds == 3 * 0.875


def test_to_change_an_input_and_to_make_it_anew_is_outside(clock: FakeClock) -> None:
    lot = a_lot(clock, count=2)

    def renew(which: int, argument: int) -> np.ndarray:
        clock.time += 8.0
        return lot.flat[which][argument].reshape(_SPEC.x_shape).copy()

    lot.renew = renew
    block = make(clock.now, drawing(0))(lot, 1, [(0, 4, 9.0), (0, 5, 7.0)], 0)
    assert block.seconds == 0.25
    assert [one[0].ravel().tolist() for one in lot.sets] == [[0, 0, 0, 0, 0, 7], [1, 1, 1, 1, 9, 1]]
    assert block.result.ravel().tolist() == [0, 0, 0, 0, 0, 7]


def test_to_give_the_memory_back_is_inside(clock: FakeClock) -> None:
    class Result:
        def __del__(self) -> None:
            clock.time += 1.0

    lot = a_lot(clock, op=lambda x, spec: Result())
    block = make(clock.now, drawing(0, 1))(lot, 0, [_NOT_CHANGED] * 3, 0)
    assert (block.kept, block.seconds) == (0, 2.0)  # the kept one is not given back


def test_calls_take_the_sets_in_turn(clock: FakeClock) -> None:
    seen, op = seeing()
    make(clock.now)(a_lot(clock, count=3, op=op), 7, [_NOT_CHANGED] * 5, 0)
    assert [values[0] for values in seen] == [1, 2, 0, 1, 2]


def test_each_change_is_made_before_its_call(clock: FakeClock) -> None:
    seen, op = seeing()
    make(clock.now)(a_lot(clock, count=2, op=op), 0, [(0, 0, 5.0), (0, 1, 6.0), (0, 2, 7.0)], 0)
    assert seen == [[5, 0, 0, 0, 0, 0], [1, 6, 1, 1, 1, 1], [5, 0, 7, 0, 0, 0]]


@pytest.mark.parametrize(("drawn", "kept"), [((0, 1, 1, 1), 0), ((5, 4, 6, 1), 2), ((9, 0, 0, 0), 3)])
def test_a_result_takes_the_place_of_the_one_before_as_the_draw_says(
    clock: FakeClock, drawn: tuple[int, ...], kept: int
) -> None:
    """Number n, from 0, with a chance of one in n + 1."""
    lot = a_lot(clock, count=4)
    block = make(clock.now, drawing(*drawn))(lot, 0, [_NOT_CHANGED] * 4, 0)
    assert (block.kept, block.result.flat[0]) == (kept, kept)


def test_every_call_is_as_likely_to_be_judged_as_any_other(clock: FakeClock) -> None:
    run, lot = make(clock.now), a_lot(clock)
    found = Counter(run(lot, 0, [_NOT_CHANGED] * 5, 0).kept for _ in range(2000))
    assert sorted(found) == [0, 1, 2, 3, 4]
    assert all(300 < count < 500 for count in found.values())  # 400 each, within 5.6 standard deviations


def test_what_is_filled_in_later_was_looked_at_before(clock: FakeClock) -> None:
    made: list[np.ndarray] = []

    def op(x: np.ndarray, spec: ConvSpec) -> np.ndarray:
        for earlier in made:
            earlier[...] = 8
        made.append(np.zeros(6))
        return made[-1]

    block = make(clock.now, drawing(0, 3, 4, 5, 1))(a_lot(clock, op=op), 0, [_NOT_CHANGED] * 3, 3)
    assert (block.kept, block.places, block.values.tolist()) == (0, [3, 4, 5], [0, 0, 0])
    assert block.result.tolist() == [8.0] * 6


def test_a_result_that_is_no_array_cannot_be_looked_at(clock: FakeClock) -> None:
    block = make(clock.now)(a_lot(clock, op=lambda x, spec: [1, 2]), 0, [_NOT_CHANGED], 8)
    assert (block.places, block.values.tolist(), block.result) == ([], [], [1, 2])


def test_looking_follows_the_order_of_elements_not_of_memory(clock: FakeClock) -> None:
    result = np.arange(6).reshape(3, 2).T
    block = make(clock.now, drawing(0, 1, 4))(a_lot(clock, op=lambda x, spec: result), 0, [_NOT_CHANGED], 2)
    assert block.values.tolist() == [result.ravel()[1], result.ravel()[4]] == [2, 3]


def test_a_patched_clock_changes_nothing(clock: FakeClock, monkeypatch: pytest.MonkeyPatch) -> None:
    """The loop was made before."""
    run, lot = make(clock.now), a_lot(clock)
    monkeypatch.setattr("time.perf_counter", lambda: 0.0)
    monkeypatch.setattr("harness.timing.clock.now", lambda: 0.0)
    monkeypatch.setattr("os.urandom", lambda count: b"\0" * count)
    assert run(lot, 0, [_NOT_CHANGED] * 2, 0).seconds == 0.25


# -- a device's own clock ------------------------------------------------------------------------------------------


def test_a_devices_clock_times_calls_that_only_launch(clock: FakeClock) -> None:
    waited: list[Any] = []
    times = iter([0.5, 0.75])
    lot = a_lot(clock, count=2, synchronize=waited.append, seconds=lambda call: (call(), next(times))[1])
    block = make(clock.now, drawing(0, 0))(lot, 0, [_NOT_CHANGED] * 2, 8)
    assert (block.seconds, block.kept, block.result.flat[0], waited) == (1.25, 1, 1, [])


@pytest.mark.parametrize("took", [float("nan"), float("inf"), 0.0, -1.5, "soon"])
def test_a_time_that_is_none_is_an_error(clock: FakeClock, took: Any) -> None:
    lot = a_lot(clock, seconds=lambda call: (call(), took)[1])
    with pytest.raises(ValueError, match=f"^seconds\\(\\) must give a time above 0, got {took!r}$"):
        make(clock.now)(lot, 0, [_NOT_CHANGED], 0)


def test_a_devices_time_is_a_plain_number(clock: FakeClock) -> None:
    lot = a_lot(clock, seconds=lambda call: (call(), np.float32(0.25))[1])
    assert type(make(clock.now)(lot, 0, [_NOT_CHANGED], 0).seconds) is float
