"""The interval of a median: ranks of the sign test, as statistical tables print them for 95 %."""

from __future__ import annotations

from statistics import StatisticsError

import pytest

from harness.results.intervals import Interval, median_interval


@pytest.mark.parametrize(
    ("n", "low", "high"),
    [
        (1, 1, 1), (2, 1, 2), (3, 1, 3), (5, 1, 5), (6, 1, 6), (8, 1, 8), (9, 2, 8), (10, 2, 9), (11, 2, 10),
        (12, 3, 10), (15, 4, 12), (17, 5, 13), (20, 6, 15), (25, 8, 18), (30, 10, 21), (50, 18, 33), (100, 40, 61),
    ],
)  # fmt: skip
def test_the_ends_are_the_printed_ranks(n: int, low: int, high: int) -> None:
    found = median_interval([float(value) for value in reversed(range(1, n + 1))])
    assert found == ((n + 1) / 2, low, high)


def test_values_count_and_not_their_order() -> None:
    assert median_interval([9, 1, 4, 100]) == Interval(median=6.5, low=1, high=100)


def test_no_values_have_no_median() -> None:
    with pytest.raises(StatisticsError):
        median_interval([])
