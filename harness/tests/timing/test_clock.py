"""The clock, on a time that stands still between calls: calibration, blocks, rounds, budgets, order, gaps."""

from __future__ import annotations

import gc
import time

import pytest

from harness.tests.helpers.timing.fake_clock import FakeClock
from harness.timing import clock as the_clock
from harness.timing.clock import Timed, interleave, seconds

_LONG = 0.125  # seconds; longer than 0.1, so that no warm-up precedes a block


def test_the_clock_is_the_finest_of_the_system() -> None:
    assert (the_clock.now, the_clock.sleep) == (time.perf_counter, time.sleep)


def test_seconds_is_the_time_of_one_call(clock: FakeClock) -> None:
    assert seconds(clock.takes(0.375, 8.0)) == 0.375


# -- calibration ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("durations", "estimate"),
    [
        ((0.5, 0.25), 0.5),  # long: not called again
        ((0.1, 0.0625), 0.0625),  # at the limit: called again, as cold code overstates
        ((0.0625, 0.03125, 0.015625), 0.03125),  # no shorter than a block: nothing else is called
        ((0.03125, 0.0625), 0.03125),
        ((2**-9, 2**-9, 2**-10, 2**-11, 2**-10), (2**-10 + 2**-11 + 2**-10) / 3),  # a block of three
        ((2**-9, 2**-10, 2**-8), 2**-10),  # a block of five, slower than the call alone
        ((2**-10, 2**-9, 2**-8), 2**-10),
    ],
)
def test_the_estimate_is_the_least_of_two_calls_and_of_a_block(
    clock: FakeClock, durations: tuple[float, ...], estimate: float
) -> None:
    timed = Timed(clock.takes(*durations, _LONG))
    interleave([timed], rounds=1, budget=64)
    assert timed.estimate == pytest.approx(estimate, abs=1e-12)


def test_a_long_call_is_made_once_before_its_first_block(clock: FakeClock) -> None:
    log: list[str] = []
    interleave([Timed(clock.takes(_LONG, log=log))], rounds=3, budget=64)
    assert len(log) == 1 + 3


def test_a_call_below_the_resolution_of_the_clock_has_blocks_that_end(
    clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(the_clock, "SHORTEST_BLOCK", 1e-7)
    timed = Timed(clock.takes(0.0))
    interleave([timed], rounds=3, budget=64)
    assert (timed.estimate, timed.repetitions, timed.samples) == (1e-9, 100, [0.0] * 3)


# -- blocks --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("duration", "repetitions"), [(2**-8, 2), (2**-9, 3), (2**-10, 6), (2**-12, 21), (2**-7, 1), (_LONG, 1)]
)
def test_a_block_is_as_many_calls_as_fill_five_milliseconds(
    clock: FakeClock, duration: float, repetitions: int
) -> None:
    timed = Timed(clock.takes(duration))
    interleave([timed], rounds=3, budget=64)
    assert (timed.repetitions, timed.samples) == (repetitions, [duration] * 3)


def test_a_call_of_exactly_a_block_is_a_block(clock: FakeClock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(the_clock, "SHORTEST_BLOCK", 2**-7)
    timed = Timed(clock.takes(2**-7))
    interleave([timed], rounds=3, budget=64)
    assert timed.repetitions == 1


def test_a_call_of_exactly_the_limit_is_not_long(clock: FakeClock, monkeypatch: pytest.MonkeyPatch) -> None:
    """Called twice to calibrate; a warm-up precedes each block, and is part of what a round costs."""
    monkeypatch.setattr(the_clock, "LONG_CALL", _LONG)
    log: list[str] = []
    timed = Timed(clock.takes(_LONG, log=log))
    interleave([timed], rounds=8, budget=1.0)
    assert (len(timed.samples), len(log)) == (4, 2 + 4 * 2)


def test_a_sample_is_the_mean_of_its_block_without_the_warm_up(clock: FakeClock) -> None:
    """Calibration: two calls of 4 ms and a block of two. Then, each round, a slow warm-up and a block of two."""
    step = 2**-8
    calibration, rounds = [step] * 4, [8 * step, 1 * step, 3 * step, 16 * step, 2 * step, 5 * step]
    timed = Timed(clock.takes(*calibration, *rounds))
    interleave([timed], rounds=2, budget=64)
    assert timed.repetitions == 2
    assert timed.samples == [2 * step, 3.5 * step]


@pytest.mark.parametrize(("duration", "calls_a_round"), [(0.1, 2), (_LONG, 1)])
def test_only_a_short_call_is_warmed_up(clock: FakeClock, duration: float, calls_a_round: int) -> None:
    log: list[str] = []
    timed = Timed(clock.takes(duration, log=log))
    interleave([timed], rounds=4, budget=64)
    calibration = 1 if duration == _LONG else 2
    assert len(log) == calibration + 4 * calls_a_round


# -- a device's own clock ------------------------------------------------------------------------------------------


def test_device_time_replaces_the_wall_clock(clock: FakeClock) -> None:
    """The mean of its block, of as many calls as the wall clock says; and a warm-up by the wall clock before each."""
    log: list[str] = []
    device = iter([1.0, 2.0, 6.0, 10.0, 11.0, 12.0])

    def device_seconds() -> float:
        log.append("device")
        return next(device)

    timed = Timed(clock.takes(2**-9, log=log, name="wall"), device_seconds)
    interleave([timed], rounds=2, budget=64)
    assert timed.repetitions == 3
    assert timed.samples == [3.0, 11.0]
    assert log[-8:] == ["wall", "device", "device", "device"] * 2


@pytest.mark.parametrize(("duration", "repetitions"), [(2**-11, 11), (2**-12, 16), (2**-14, 16)])
def test_a_block_by_a_devices_clock_has_sixteen_calls_at_most(
    clock: FakeClock, duration: float, repetitions: int
) -> None:
    timed = Timed(clock.takes(duration), lambda: 0.5)
    interleave([timed], rounds=1, budget=64)
    assert timed.repetitions == repetitions


def test_a_long_call_is_not_warmed_up_before_the_devices_clock(clock: FakeClock) -> None:
    log: list[str] = []
    timed = Timed(clock.takes(_LONG, log=log), lambda: 0.5)
    interleave([timed], rounds=3, budget=64)
    assert (len(log), timed.samples) == (1, [0.5] * 3)


# -- rounds and budgets --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("duration", "rounds", "budget", "samples"),
    [
        (_LONG, 11, 1.0, 8),  # one call a round
        (_LONG, 11, 0.99, 7),
        (_LONG, 11, 64.0, 11),
        (_LONG, 11, 0.01, 3),  # never below three
        (_LONG, 2, 0.01, 2),  # unless fewer are asked for
        (_LONG, 1, 64.0, 1),
        (2**-6, 40, 1.0, 32),  # a warm-up and one call a round
        (2**-9, 40, 0.25, 32),  # a warm-up and three calls a round
        (2**-9, 40, 0.0, 3),
    ],
)
def test_the_budget_bounds_the_rounds(
    clock: FakeClock, duration: float, rounds: int, budget: float, samples: int
) -> None:
    timed = Timed(clock.takes(duration))
    interleave([timed], rounds, budget)
    assert timed.samples == [duration] * samples


def test_a_call_that_has_used_up_its_budget_drops_out_and_the_others_go_on(clock: FakeClock) -> None:
    log: list[str] = []
    slow, fast = (Timed(clock.takes(duration, log=log, name=name)) for name, duration in (("s", 1.0), ("f", 0.125)))
    interleave([slow, fast], rounds=6, budget=1.0)
    assert (len(slow.samples), len(fast.samples)) == (3, 6)
    assert "".join(log[2:]) == "sf" + "fs" + "sf" + "f" + "f" + "f"


def test_rounds_alternate_their_order_so_that_drift_divides_out(clock: FakeClock) -> None:
    log: list[str] = []
    three = [Timed(clock.takes(_LONG, log=log, name=name)) for name in "abc"]
    interleave(three, rounds=4, budget=64)
    assert "".join(log) == "abc" + "abc" + "cba" + "abc" + "cba"


def test_samples_of_one_round_have_the_same_index(clock: FakeClock) -> None:
    first, second = (Timed(clock.takes(0.5, *times)) for times in ((1.0, 2.0, 3.0), (4.0, 5.0, 6.0)))
    interleave([first, second], rounds=3, budget=64)
    assert (first.samples, second.samples) == ([1.0, 2.0, 3.0], [4.0, 5.0, 6.0])


def test_a_gap_precedes_every_block_and_is_in_no_sample(clock: FakeClock, monkeypatch: pytest.MonkeyPatch) -> None:
    log: list[str] = []
    two = [Timed(clock.takes(_LONG, log=log, name="call")) for _ in range(2)]

    def sleep(seconds: float) -> None:
        log.append("gap")
        clock.sleep(seconds)

    monkeypatch.setattr(the_clock, "sleep", sleep)
    interleave(two, rounds=3, budget=64, gap=0.25)
    assert clock.slept == [0.25] * 6
    assert log == ["call", "call"] + ["gap", "call"] * 6
    assert [one.samples for one in two] == [[_LONG] * 3] * 2


def test_without_a_gap_no_time_is_slept(clock: FakeClock) -> None:
    interleave([Timed(clock.takes(_LONG))], rounds=3, budget=64)
    assert sum(clock.slept) == 0.0


def test_nothing_to_time_is_no_error(clock: FakeClock) -> None:
    interleave([], rounds=3, budget=64)
    assert clock.time == 64.0


# -- the collector -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("collecting", [True, False])
@pytest.mark.parametrize("fails", [False, True])
def test_garbage_is_not_collected_while_the_clock_runs(clock: FakeClock, collecting: bool, fails: bool) -> None:
    """And afterwards it is as it was, even if a call raises."""
    seen: list[bool] = []

    def call() -> None:
        seen.append(gc.isenabled())
        clock.time += _LONG
        if fails and len(seen) == 3:
            raise ValueError("worn out")

    before = gc.isenabled()
    (gc.enable if collecting else gc.disable)()
    try:
        interleave([Timed(call)], rounds=3, budget=64)
    except ValueError:
        assert fails
    finally:
        after = gc.isenabled()
        (gc.enable if before else gc.disable)()
    assert seen[1:] == [False] * (2 if fails else 3)
    assert after == collecting
