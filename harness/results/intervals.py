"""A median and the interval that holds it, from order statistics: no distribution is assumed, nothing is resampled."""

from __future__ import annotations

import math
from collections.abc import Sequence

CONFIDENCE = 0.95


def median(values: Sequence[float]) -> float:
    """The middle value, or the mean of the two middle ones. Raises `ValueError` when there is none."""
    if not values:
        raise ValueError("the median of no values is not defined")
    ordered, middle = sorted(values), len(values) // 2
    return ordered[middle] if len(values) % 2 else (ordered[middle - 1] + ordered[middle]) / 2


def median_interval(values: Sequence[float]) -> tuple[float, float, float]:
    """(median, low, high): the sign-test interval of the median at 95 %.

    Fewer than six values cannot give 95 %; then low and high are the smallest and the largest (2 values: 50 %).

    >>> median_interval([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11])
    (6, 2, 10)
    """
    ordered, n = sorted(values), len(values)
    rank, tail = 0, 0.0
    while rank < n // 2:
        tail += math.comb(n, rank) / 2**n
        if 2 * tail > 1 - CONFIDENCE:
            break
        rank += 1
    rank = max(rank, 1)
    return median(values), ordered[rank - 1], ordered[n - rank]


def geomean(values: Sequence[float]) -> float:
    """Geometric mean of positive values. Raises `ValueError` when there is none."""
    if not values:
        raise ValueError("the geometric mean of no values is not defined")
    return math.exp(sum(map(math.log, values)) / len(values))
