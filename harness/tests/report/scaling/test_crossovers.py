"""Where the order of two backends changes."""

from __future__ import annotations

import pytest

from harness.report.scaling.crossovers import Crossover, crossovers


def cross(before: str, after: str, last: int, first: int) -> Crossover:
    """One change."""
    return Crossover(before=before, after=after, last=last, first=first)


def test_one_change_whatever_the_order_of_the_values() -> None:
    times = {"a": {4: 4.0, 1: 1.0, 2: 2.0}, "b": {1: 3.0, 4: 3.5, 2: 3.2}}
    assert crossovers(times) == [cross("a", "b", 2, 4)]


def test_there_and_back_again() -> None:
    times = {"a": {1: 1.0, 2: 3.0, 3: 1.0}, "b": {1: 2.0, 2: 2.0, 3: 2.0}}
    assert crossovers(times) == [cross("a", "b", 1, 2), cross("b", "a", 2, 3)]


def test_each_pair_of_backends() -> None:
    times = {"a": {1: 1.0, 2: 9.0}, "b": {1: 2.0, 2: 2.0}, "c": {1: 3.0, 2: 3.0}}
    assert crossovers(times) == [cross("a", "b", 1, 2), cross("a", "c", 1, 2)]


def test_what_is_about_the_same_is_no_change_and_does_not_hide_one() -> None:
    near = {"a": {1: 1.0, 2: 1.03, 3: 1.0}, "b": {1: 1.2, 2: 1.0, 3: 1.2}}
    assert crossovers(near) == []
    assert crossovers(near, same=0.01) == [cross("a", "b", 1, 2), cross("b", "a", 2, 3)]
    assert crossovers({"a": {1: 1.0, 2: 1.0, 3: 2.0}, "b": {1: 2.0, 2: 1.0, 3: 1.0}}) == [cross("a", "b", 1, 3)]


@pytest.mark.parametrize("times", [{}, {"a": {1: 1.0}}, {"a": {1: 1.0}, "b": {2: 1.0}}, {"a": {1: 1.0}, "b": {1: 2.0}}])
def test_without_two_values_that_both_have_there_is_none(times: dict[str, dict[int, float]]) -> None:
    assert crossovers(times) == []


def test_a_value_that_one_lacks_is_passed_over() -> None:
    assert crossovers({"a": {1: 1.0, 2: 5.0, 3: 5.0}, "b": {1: 2.0, 3: 2.0}}) == [cross("a", "b", 1, 3)]
