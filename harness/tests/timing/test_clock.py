"""The clock, on a time that stands still between calls: estimates, blocks, rounds, order; and true CPU time."""

from __future__ import annotations

import gc
import os
import subprocess
import sys
import time

import pytest

from harness.tests.helpers.timing.fake_clock import FakeClock
from harness.timing import clock as the_clock
from harness.timing.clock import best, cpu_seconds, estimate, order, repetitions, rounds_within, seconds, uncollected

_LONG = 0.125  # seconds; longer than 0.1, so that no warm-up precedes a block


def test_the_clock_is_the_finest_of_the_system() -> None:
    assert (the_clock.now, the_clock.sleep) == (time.perf_counter, time.sleep)


def test_seconds_is_the_time_of_one_call(clock: FakeClock) -> None:
    assert seconds(clock.takes(0.375, 8.0)) == 0.375


@pytest.mark.parametrize(
    ("durations", "estimated"),
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
    clock: FakeClock, durations: tuple[float, ...], estimated: float
) -> None:
    assert estimate(clock.takes(*durations, _LONG)) == pytest.approx(estimated, abs=1e-12)


@pytest.mark.parametrize(
    ("estimated", "calls"), [(2**-8, 2), (2**-9, 3), (2**-10, 6), (2**-12, 21), (2**-7, 1), (_LONG, 1), (5e-3, 1)]
)
def test_a_block_is_as_many_calls_as_fill_five_milliseconds(estimated: float, calls: int) -> None:
    assert repetitions(estimated) == calls


def test_a_call_below_the_resolution_of_the_clock_has_blocks_that_end() -> None:
    assert repetitions(0.0) == 5_000_000


@pytest.mark.parametrize(("estimated", "calls"), [(2**-11, 11), (2**-12, 16), (2**-14, 16)])
def test_a_block_by_a_devices_clock_has_sixteen_calls_at_most(estimated: float, calls: int) -> None:
    assert repetitions(estimated, by_device=True) == calls


@pytest.mark.parametrize(
    ("estimated", "calls", "rounds", "budget", "allowed"),
    [
        (_LONG, 1, 11, 1.0, 8),  # no warm-up
        (_LONG, 1, 11, 0.99, 7),
        (_LONG, 1, 11, 64.0, 11),
        (_LONG, 1, 11, 0.01, 3),  # never below three
        (_LONG, 1, 2, 0.01, 2),  # unless fewer are asked for
        (_LONG, 1, 1, 64.0, 1),
        (2**-6, 1, 40, 1.0, 32),  # a warm-up and one call a round
        (2**-9, 3, 40, 0.25, 32),  # a warm-up and three calls a round
        (2**-9, 3, 40, 0.0, 3),
        (0.1, 1, 11, 1.0, 5),  # at the limit there is a warm-up
    ],
)
def test_the_budget_bounds_the_rounds(estimated: float, calls: int, rounds: int, budget: float, allowed: int) -> None:
    assert rounds_within(estimated, calls, rounds, budget) == allowed


def test_rounds_alternate_their_order_so_that_drift_divides_out() -> None:
    """Who has no more rounds drops out, and the others go on."""
    allowed = [6, 3, 4]
    assert [order(number, allowed) for number in range(6)] == [[0, 1, 2], [2, 1, 0], [0, 1, 2], [2, 0], [0], [0]]
    assert order(0, []) == []


def test_of_many_short_blocks_the_best_counts(clock: FakeClock) -> None:
    log: list[str] = []
    assert best(clock.takes(0.125, 0.0625, 0.03125, 0.25, log=log), budget=0.5) == 0.03125
    assert len(log) == 1 + 4  # the first was long: half a second is four of it
    log.clear()
    assert best(clock.takes(2**-16, log=log), budget=2**-10) == 2**-16
    calls, blocks = 4, 16  # of 2^-16 s, four are longer than 50 us, and 16 such blocks fill the budget
    assert len(log) == 2 + 328 + calls * blocks  # two calls and a block of 5 ms to estimate it


@pytest.mark.parametrize("collecting", [True, False])
@pytest.mark.parametrize("fails", [False, True])
def test_garbage_is_not_collected_while_the_clock_runs(collecting: bool, fails: bool) -> None:
    """And afterwards it is as it was, even if a call raises."""
    before, seen = gc.isenabled(), []
    (gc.enable if collecting else gc.disable)()
    try:
        with uncollected():
            seen.append(gc.isenabled())
            if fails:
                raise ValueError("worn out")
    except ValueError:
        assert fails
    finally:
        after = gc.isenabled()
        (gc.enable if before else gc.disable)()
    assert (seen, after) == ([False], collecting)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the clocks of other processes are Linux's")
def test_the_cpu_time_of_another_process_is_that_of_the_kernel() -> None:
    """Of one that has worked, and does nothing now: what it says itself."""
    code = "import sys, time\nwhile time.process_time() < 0.1: pass\nprint(time.process_time(), flush=True)\ninput()"
    with subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as working:
        assert working.stdout is not None
        said = float(working.stdout.readline())
        found = cpu_seconds(working.pid)
        working.kill()
    assert found is not None
    assert 0.1 <= said <= found <= said + 0.1
    assert cpu_seconds(working.pid) is None  # it has ended
    assert os.getpid() != working.pid
