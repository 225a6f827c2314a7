"""The only clock of the project, and how many calls it takes to read it well.

Round 0 runs the backends in the order A B C, round 1 in the order C B A, and so on (ABBA), so that drift of the machine
divides out of a ratio. Sample i of every backend comes from round i; a backend that has used up its time drops out, so
ratios pair samples by their index.
"""

from __future__ import annotations

import gc
import math
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

Call = Callable[[], object]
now, sleep = time.perf_counter, time.sleep  # all that this module knows of time: tests put their own in its place

SHORTEST_BLOCK = 5e-3  # seconds; many times the resolution of the clock
LONG_CALL = 0.1  # seconds; from here on a warm-up call before each block would cost more than it clarifies
FEWEST_ROUNDS = 3
MOST_DEVICE_CALLS = 16  # of a block by a device's clock, which resolves one call, and waits for each
_UNINTERRUPTED = 5e-5  # seconds; a busy system takes the processor away for longer, but less often
_MOST_BLOCKS = 1000
_CLOCK_OF_ALL_THREADS = 2  # CPUCLOCK_SCHED of Linux, in the number of another process's clock


def seconds(call: Call) -> float:
    """Wall-clock time of one call."""
    start = now()
    call()
    return now() - start


def estimate(call: Call) -> float:
    """Time of one call: the least of two calls and, as cold code and the clock itself overstate these, of a block."""
    first = seconds(call)
    if first > LONG_CALL:
        return first
    alone = min(first, seconds(call))
    calls = math.ceil(SHORTEST_BLOCK / max(alone, 1e-9))
    return min(alone, seconds(lambda: [call() for _ in range(calls)]) / calls) if calls > 1 else alone


def repetitions(estimated: float, by_device: bool = False) -> int:
    """How many calls make a block."""
    calls = max(1, math.ceil(SHORTEST_BLOCK / max(estimated, 1e-9)))
    return min(calls, MOST_DEVICE_CALLS) if by_device else calls


def is_warmed_up(estimated: float) -> bool:
    """Whether a call that is not timed precedes each block."""
    return estimated <= LONG_CALL


def rounds_within(estimated: float, calls: int, rounds: int, budget: float) -> int:
    """Up to `rounds`, fewer (but at least three) for blocks that exceed `budget` seconds together."""
    calls += 1 if is_warmed_up(estimated) else 0
    return max(min(FEWEST_ROUNDS, rounds), min(rounds, int(budget / (calls * max(estimated, 1e-9)))))


def order(number: int, allowed: list[int]) -> list[int]:
    """Whose turn it is in a round, of those that are allowed so many rounds each; every other round backwards."""
    turns = [index for index, rounds in enumerate(allowed) if number < rounds]
    return turns if number % 2 == 0 else turns[::-1]


def best(call: Call, budget: float = 0.25) -> float:
    """The least time of a call, over blocks so short that most are not interrupted; about `budget` seconds."""
    once = max(estimate(call), 1e-9)
    calls = max(1, math.ceil(_UNINTERRUPTED / once))
    blocks = max(FEWEST_ROUNDS, min(_MOST_BLOCKS, int(budget / (calls * once))))
    with uncollected():
        return min(seconds(lambda: [call() for _ in range(calls)]) / calls for _ in range(blocks))


@contextmanager
def uncollected() -> Iterator[None]:
    """Within it, Python collects no garbage."""
    collecting = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collecting:
            gc.enable()


def cpu_seconds(process: int) -> float | None:
    """CPU time of all threads of a process, those that have ended too, as the kernel counts it; None if unknown."""
    if not sys.platform.startswith("linux"):
        return None
    try:
        return time.clock_gettime((~process << 3) | _CLOCK_OF_ALL_THREADS)
    except OSError:  # it has ended
        return None
