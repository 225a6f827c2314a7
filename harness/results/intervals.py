"""The interval that holds a median, from order statistics: no distribution is assumed, nothing is resampled."""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import median
from typing import NamedTuple

CONFIDENCE = 0.95


class Interval(NamedTuple):
    """A median and the ends of its interval."""

    median: float
    low: float
    high: float


def median_interval(values: Sequence[float]) -> Interval:
    """The sign-test interval of the median at 95 %. Raises `statistics.StatisticsError` for no values.

    Fewer than six values cannot give 95 %; then low and high are the smallest and the largest (2 values: 50 %).

    >>> median_interval([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11])
    Interval(median=6, low=2, high=10)
    """
    ordered, n = sorted(values), len(values)
    rank, tail = 0, 0.0
    while rank < n // 2:
        tail += math.comb(n, rank) / 2**n
        if 2 * tail > 1 - CONFIDENCE:
            break
        rank += 1
    rank = max(rank, 1)
    return Interval(median(values), ordered[rank - 1], ordered[n - rank])
