"""The only clock of the project: interleaved blocks of calls, so that drift of the machine divides out of a ratio.

Round 0 runs the backends in the order A B C, round 1 in the order C B A, and so on (ABBA). Sample i of every backend
comes from round i; a backend that has used up its time drops out, so ratios pair samples by their index.
"""

from __future__ import annotations

import gc
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

Call = Callable[[], object]
now, sleep = time.perf_counter, time.sleep  # all that this module knows of time: tests put their own in its place

SHORTEST_BLOCK = 5e-3  # seconds; many times the resolution of the clock
LONG_CALL = 0.1  # seconds; from here on a warm-up call before each block would cost more than it clarifies
FEWEST_ROUNDS = 3
MOST_DEVICE_CALLS = 16  # of a block by a device's clock, which resolves one call, and waits for each


@dataclass(slots=True)
class Timed:
    """A call to be timed, with its samples in seconds a call.

    `device_seconds`, where given, replaces the wall clock: it makes one call, in its own way, and gives its time. The
    wall clock still decides how many calls make a block.
    """

    call: Call
    device_seconds: Callable[[], float] | None = None
    repetitions: int = 1
    estimate: float = 0.0
    samples: list[float] = field(default_factory=list)


def seconds(call: Call) -> float:
    """Wall-clock time of one call."""
    start = now()
    call()
    return now() - start


def interleave(timed: Sequence[Timed], rounds: int, budget: float, gap: float = 0.0) -> None:
    """Fill the samples: up to `rounds` each, fewer (but at least three) for a call that exceeds `budget` seconds.

    `gap` seconds of sleep precede each block, so that another library's spinning threads park.
    """
    for one in timed:
        one.estimate = max(_calibrate(one), 1e-9)
        calls = max(1, math.ceil(SHORTEST_BLOCK / one.estimate))
        one.repetitions = calls if one.device_seconds is None else min(calls, MOST_DEVICE_CALLS)
    allowed = [_rounds_within(one, rounds, budget) for one in timed]
    collecting = gc.isenabled()
    gc.disable()
    try:
        for number in range(max(allowed, default=0)):
            order = range(len(timed)) if number % 2 == 0 else reversed(range(len(timed)))
            for index in order:
                if number < allowed[index]:
                    sleep(gap)
                    timed[index].samples.append(_block(timed[index]))
    finally:
        if collecting:
            gc.enable()


def _calibrate(one: Timed) -> float:
    """Time of one call: the least of two calls and, as cold code and the clock itself overstate these, of a block."""
    first = seconds(one.call)
    if first > LONG_CALL:
        return first
    alone = min(first, seconds(one.call))
    calls = math.ceil(SHORTEST_BLOCK / max(alone, 1e-9))
    return min(alone, seconds(lambda: [one.call() for _ in range(calls)]) / calls) if calls > 1 else alone


def _rounds_within(one: Timed, rounds: int, budget: float) -> int:
    calls = one.repetitions + (0 if one.estimate > LONG_CALL else 1)
    return max(min(FEWEST_ROUNDS, rounds), min(rounds, int(budget / (calls * one.estimate))))


def _block(one: Timed) -> float:
    """Mean time of the block's calls, after one untimed call unless the call is long."""
    if one.estimate <= LONG_CALL:
        one.call()
    if one.device_seconds is not None:
        return sum(one.device_seconds() for _ in range(one.repetitions)) / one.repetitions
    start = now()
    for _ in range(one.repetitions):
        one.call()
    return (now() - start) / one.repetitions
