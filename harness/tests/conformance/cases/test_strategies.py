"""What the search of tier 3 draws in few cases already: all that a geometry can have, and nothing that is too large."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import TypeVar

import pytest
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from conformance.cases import strategies
from conformance.cases.case import Case
from harness.calls.memory_layouts import MEMORY_LAYOUTS
from harness.geometry.spec import OPS, ConvSpec

T = TypeVar("T")
Number = Callable[[ConvSpec], tuple[int, ...]]


def drawn_of(strategy: st.SearchStrategy[T], count: int) -> tuple[T, ...]:
    """So many examples, as the search would try them but for its shrinking."""
    found: list[T] = []

    @seed(3)
    @settings(
        max_examples=count, database=None, deadline=None, suppress_health_check=list(HealthCheck),
        phases=[Phase.generate],
    )  # fmt: skip
    @given(strategy)
    def look(one: T) -> None:
        found.append(one)

    look()
    return tuple(found)


@cache
def drawn() -> tuple[Case, ...]:
    """Cases of every op in two dtypes."""
    return drawn_of(strategies.cases(OPS, ("float32", "int32")), 150)


# Of a geometry, all that may be drawn (from, to), and so far up that none is left out.
REACHED: dict[str, tuple[Number, int, int, int]] = {
    "batch": (lambda s: (s.batch,), 1, 3, 3),
    "groups": (lambda s: (s.groups,), 1, 4, 4),
    "channels of a group": (lambda s: (s.in_channels // s.groups,), 1, 5, 5),
    "filters of a group": (lambda s: (s.out_channels // s.groups,), 1, 5, 5),
    "kernel": (lambda s: s.kernel_size, 1, 5, 5),
    "stride": (lambda s: s.stride, 1, 12, 12),
    "dilation": (lambda s: s.dilation, 1, 4, 4),
    "padding": (lambda s: s.padding, 0, 9, 9),
    "size": (lambda s: s.input_size, 1, 34 + 17, 20),
}


@pytest.mark.parametrize("name", REACHED)
def test_a_number_is_drawn_from_its_least_to_its_most(name: str) -> None:
    number, least, most, reached = REACHED[name]
    found = {value for case in drawn() for value in number(case.spec)}
    assert (min(found), max(found) <= most) == (least, True)
    assert {*range(least, reached + 1)} - found == set()


def test_a_case_is_of_every_op_dtype_and_layout() -> None:
    assert {case.check for case in drawn()} == {"values.random"}
    assert {(case.op, case.dtype) for case in drawn()} == {(op, dtype) for op in OPS for dtype in ("float32", "int32")}
    assert len({case.layout for case in drawn()}) > len(MEMORY_LAYOUTS) // 2
    assert set(drawn_of(strategies.layouts(), 100)) == set(MEMORY_LAYOUTS)
    assert set(drawn_of(strategies.layouts(["step2", "F"]), 20)) == {"step2", "F"}


def test_a_convolution_is_tried_with_and_without_bias() -> None:
    """The other ops have none to leave out."""
    assert {case.bias for case in drawn() if case.op == "conv2d"} == {True, False}
    assert {case.bias for case in drawn() if case.op != "conv2d"} == {True}


def test_the_data_differ_from_case_to_case() -> None:
    seeds = {case.seed for case in drawn()}
    assert len(seeds) > 20
    assert (min(seeds), max(seeds) < 1000) == (0, True)


def test_axes_are_drawn_each_for_itself() -> None:
    specs = [case.spec for case in drawn()]
    for pair in ("input_size", "kernel_size", "stride", "dilation"):
        values = [getattr(spec, pair) for spec in specs]
        assert any(a < b for a, b in values)
        assert any(a > b for a, b in values)
    assert sum(len(set(spec.padding)) == 4 for spec in specs) > 10


def test_a_case_stays_small_enough_for_plain_loops() -> None:
    work = [case.spec.macs for case in drawn()]
    assert max(work) <= strategies.MOST_WORK == 20_000
    assert sorted(work)[len(work) * 9 // 10] > 1000  # and they are not all tiny


@pytest.mark.parametrize("most", [1, 500])
def test_what_is_too_large_loses_channels_and_images_before_its_geometry(most: int) -> None:
    for spec in drawn_of(strategies.geometries(most), 12):
        assert spec.macs <= most or spec == ConvSpec.of(
            batch=1, in_channels=1, out_channels=1, input_size=spec.input_size, kernel_size=spec.kernel_size,
            stride=spec.stride, padding=spec.padding, dilation=spec.dilation,
        )  # fmt: skip
