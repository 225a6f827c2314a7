"""Two backends timed in pairs: the ratio of their times, its interval, and what that says.

A ratio is of one process and one machine at one time of day. Pairs within a process tell how noisy its clock is; only
fresh processes tell what memory layout and code placement add, as within one these are the same in every pair.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from harness.contract.status import Speed

Logs = NDArray[np.float64]

LEAST_FLOOR = 0.01  # of a ratio: what a quiet machine leaves between two runs of one program
SAME_WITHIN = 0.03  # of a ratio: less is nothing to choose a backend by
SAME_AT_MOST = 0.05  # however noisy the machine is, two times that may differ by more are not the same
NOTABLE = 0.1  # of a ratio: two times are not the same as long as their interval holds a difference like this
_AGREE = 0.8  # of the processes, which is all of three and four of five
# How many standard errors the mean of so few processes may be off, at 95 %, by Student: a bootstrap draws the same few
# over and over, and does not know how far the next one might be from them. One process alone says nothing of others.
_STUDENT = {2: 12.71, 3: 4.30, 4: 3.18, 5: 2.78}
_RESAMPLES = 1000
_ENDS = (2.5, 97.5)  # per cent: an interval of 95 %
_SEED = 20261129


@dataclass(frozen=True, slots=True)
class PairedTimes:
    """Time / time of the other: the median over processes of the median of each, with its interval."""

    ratio: float
    low: float
    high: float
    pairs: int
    sides: tuple[float, ...]  # the ratio that each process alone saw

    def against(self, floor: float) -> Speed:
        """What they say where the machine itself makes differences of `floor`.

        A tight interval around 1 is the same whichever side it is on; of a wide one the ratio has to be near 1, and a
        notable difference excluded.
        """
        least, band = math.log1p(floor), math.log1p(min(max(floor, SAME_WITHIN), SAME_AT_MOST))
        low, high = math.log(self.low), math.log(self.high)
        if -band <= low and high <= band:
            return Speed.SAME
        sides = np.log(self.sides)
        if low > least and _agree(sides, least):
            return Speed.SLOWER
        if high < -least and _agree(-sides, least):
            return Speed.FASTER
        notable = math.log1p(NOTABLE)
        if abs(math.log(self.ratio)) <= band and -notable < low and high < notable:
            return Speed.SAME
        return Speed.UNCLEAR


def _agree(sides: Logs, least: float) -> bool:
    """Whether the processes agree that it is longer, by more than `least`; of a small difference few cannot tell."""
    count = sides.size
    if np.count_nonzero(sides > 0) < _AGREE * count:
        return False
    if count not in _STUDENT:
        return True
    off = _STUDENT[count] * float(sides.std(ddof=1)) / math.sqrt(count)
    return float(sides.mean()) - off > least and float(np.median(sides)) > math.log1p(SAME_AT_MOST)


def log_ratios(a: Sequence[float], b: Sequence[float]) -> Logs:
    """Of the samples of one process that meet; without the first pair, which meets cold caches, if there is another."""
    count = min(len(a), len(b))
    found = np.log(np.asarray(a[:count], np.float64)) - np.log(np.asarray(b[:count], np.float64))
    return found[1:] if count > 1 else found


def paired(processes: Iterable[Logs]) -> PairedTimes | None:
    """The ratio over processes, from the log-ratios of each; None if there is no pair."""
    known = [logs for logs in processes if logs.size]
    if not known:
        return None
    sides = [float(np.median(logs)) for logs in known]
    low, high = _interval(known)
    middle = float(np.median(sides))
    return PairedTimes(
        ratio=math.exp(middle), low=math.exp(min(low, middle)), high=math.exp(max(high, middle)),
        pairs=sum(logs.size for logs in known), sides=tuple(math.exp(side) for side in sides),
    )  # fmt: skip


def _interval(processes: Sequence[Logs]) -> tuple[float, float]:
    """Of the median of medians, by a bootstrap that draws processes, then pairs within each that was drawn."""
    generator, count = np.random.default_rng(_SEED), len(processes)
    medians = np.empty((_RESAMPLES, count, count))  # resample, place, process
    for number, logs in enumerate(processes):
        drawn = generator.integers(0, logs.size, (_RESAMPLES, count, logs.size))
        medians[:, :, number] = np.median(logs[drawn], axis=-1)
    chosen = generator.integers(0, count, (_RESAMPLES, count, 1))
    middles = np.median(np.take_along_axis(medians, chosen, axis=-1)[:, :, 0], axis=1)
    low, high = np.percentile(middles, _ENDS)
    return float(low), float(high)
