"""A condition that was planted in a right backend is found exactly; what cannot be foretold is not stated."""

from __future__ import annotations

import math
import zlib
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
import pytest

from conformance.diagnosis.conditions.foretell import Condition, condition_of
from conformance.diagnosis.conditions.universe import shows_most
from conformance.diagnosis.experiment import draw, plan
from conformance.diagnosis.experiment.experiment import Experiment
from conformance.diagnosis.experiment.observed import Kind
from harness.contract.protocol import Array
from harness.geometry.spec import ConvSpec, Op
from harness.tests.helpers.planted.faults import Planted, one_more, planted

Holds = Callable[[ConvSpec], bool]
OTHERS = [*draw.small(400, seed=90), *draw.wide(400, seed=91)]  # none of them is used for finding conditions


def found(holds: Holds, op: Op = "im2col", relevant: Holds | None = None, **more: Any) -> Condition | None:
    """What is said of a backend that is wrong where `holds`."""
    experiment = Experiment(planted(Planted(op, holds, **more)), op, "float64")
    experiment.run_all(experiment.bent(plan.first()))
    if len(experiment.failing()) < 4:
        experiment.run_all(experiment.bent(plan.larger()))
    return condition_of(experiment, experiment.failing()[-1].spec, relevant)


def mistaken(condition: Condition, holds: Holds) -> list[str]:
    """Geometries that it is wrong about, of those where anything could be."""
    seen = [s for s in OTHERS if math.prod(s.columns_shape)]
    return [str(s) for s in seen if condition.holds(s) != holds(s)]


PLANTED: dict[str, Holds] = {
    "stride in width > 1": lambda s: s.stride[1] > 1,
    "H < W": lambda s: s.input_size[0] < s.input_size[1],
    "depthwise (groups == C > 1)": lambda s: s.groups == s.in_channels > 1,
    "the stride leaves rows or columns over": lambda s: max(s.left_over) > 0,
    "top padding != left padding": lambda s: s.padding[0] != s.padding[2],
    "kernel is 3 x 3": lambda s: s.kernel_size == (3, 3),
    "stride in width > 1 and KH != KW": lambda s: s.stride[1] > 1 and s.kernel_size[0] != s.kernel_size[1],
    "top padding > 1 or dilation in width > 1": lambda s: s.padding[0] > 1 or s.dilation[1] > 1,
    "groups == 1 and top padding > 0 and kernel is 3 x 3": lambda s: (
        s.groups == 1 and s.padding[0] > 0 and s.kernel_size == (3, 3)
    ),
    "positions OH*OW > 256": lambda s: s.positions > 256,
    "N*OH*OW <= 138": lambda s: s.batch * s.positions < 139,
    "rows covered by windows > H + 2 * top padding or columns covered by windows > W + 2 * left padding": lambda s: (
        s.padded_size[0] - s.left_over[0] > s.input_size[0] + 2 * s.padding[0]
        or s.padded_size[1] - s.left_over[1] > s.input_size[1] + 2 * s.padding[2]
    ),
    "groups == 1 and stride in both axes == 1 and dilation in both axes == 1 and kernel is 3 x 3 and OH or OW is odd": (
        lambda s: (
            s.groups == 1
            and {*s.stride, *s.dilation} == {1}
            and s.kernel_size == (3, 3)
            and any(size % 2 for size in s.output_size)
        )
    ),
    "left padding is a multiple of 6": lambda s: s.padding[2] % 6 == 0,
    "KW == 5": lambda s: s.kernel_size[1] == 5,
    "padded pixels > 256": lambda s: math.prod(s.padded_size) > 256,
    "top padding >= H or bottom padding >= H": lambda s: max(s.padding[:2]) >= s.input_size[0],
    "DW > 1 and KW > 1 and OW is odd": lambda s: (
        s.dilation[1] > 1 and s.kernel_size[1] > 1 and s.output_size[1] % 2 == 1
    ),
}


@cache
def found_of(text: str) -> Condition:
    """Of one that is planted."""
    condition = found(PLANTED[text])
    assert condition is not None
    return condition


@pytest.mark.parametrize("text", PLANTED)
def test_what_was_planted_is_found(text: str) -> None:
    condition = found_of(text)
    assert condition.text == text
    assert mistaken(condition, PLANTED[text]) == []
    assert condition.unseen >= 6
    assert condition.failing > 10
    assert condition.passing > 10


@pytest.mark.parametrize("text", PLANTED)
def test_the_line_that_declares_it_says_the_same(text: str) -> None:
    condition = found_of(text)
    unsupported = eval(f"lambda spec: ({condition.declare.removeprefix('return ')})")
    assert [unsupported(s) for s in OTHERS] == [text if condition.holds(s) else None for s in OTHERS]


@pytest.mark.parametrize("op", ["col2im", "conv2d", "conv2d_weight_grad"])
def test_of_other_ops(op: Op) -> None:
    condition = found(lambda s: s.dilation[0] > 1, op)
    assert condition is not None
    assert condition.text == "dilation in height > 1"


def by_lot(spec: ConvSpec) -> bool:
    """What no condition says."""
    return zlib.crc32(str(spec).encode()) % 2 == 0


def test_what_cannot_be_foretold_is_not_stated() -> None:
    assert found(by_lot) is None


def test_what_is_nearly_a_condition_is_not_stated() -> None:
    """One in eight geometries does not keep to it."""
    assert found(lambda s: (s.stride[0] > 1) != (zlib.crc32(str(s).encode()) % 8 == 0)) is None


def test_what_fails_everywhere_has_no_condition() -> None:
    assert found(lambda s: True) is None


def test_a_limit_that_only_large_ones_keep_is_found() -> None:
    def holds(spec: ConvSpec) -> bool:
        return spec.in_channels < 32

    condition = found(holds)
    assert condition is not None
    assert mistaken(condition, holds) == []


def test_a_passing_geometry_where_nothing_would_show_says_nothing() -> None:
    """The mistake shows only where the kernel is not square, and is made where the stride is not 1."""

    def shows(spec: ConvSpec) -> bool:
        return spec.kernel_size[0] != spec.kernel_size[1]

    def wrong(spec: ConvSpec) -> bool:
        return shows(spec) and spec.stride[0] > 1

    condition, all_of_it = found(wrong, relevant=shows), found(wrong)
    assert condition is not None
    assert condition.text == "stride in height > 1"
    assert all_of_it is not None
    assert all_of_it.text == "stride in height > 1 and KH != KW"


def test_a_comparison_is_tried_on_either_side_of_it() -> None:
    """Of C and F without groups few geometries of the pool have the larger C."""

    def wrong(spec: ConvSpec) -> bool:
        return spec.out_channels > 2 and spec.in_channels != spec.out_channels

    def less(spec: ConvSpec) -> bool:
        return wrong(spec) and (spec.groups > 1 or spec.in_channels < spec.out_channels)

    assert getattr(found(wrong), "text", "") == "F > 2 and C != F"
    condition = found(less)
    assert condition is None or not condition.holds(ConvSpec.parse("n1c4h2w2_f3kh1kw1"))


def test_geometries_of_which_windows_read_padding_alone_may_pass() -> None:
    """There most mistakes make zeros, as is right. What fails there speaks against the condition all the same."""

    def wrong(spec: ConvSpec) -> bool:
        return spec.padded_size[1] % 2 == 1 and shows_most(spec)

    condition = found(wrong)
    assert condition is not None
    assert condition.text == "padded width is odd"
    assert found(lambda s: not shows_most(s) or wrong(s) or by_lot(s)) is None


def test_a_condition_of_padding_alone_is_not_made_of_what_was_left_out() -> None:
    """Of a few that fail, with as much padding as the kernel reaches, when most of these pass."""
    found_one = found(lambda s: s.padding[0] >= s.reach[0] and zlib.crc32(str(s).encode()) % 4 == 0)
    assert found_one is None


def test_a_failure_of_another_kind_is_on_neither_side() -> None:
    def spoil(result: Array) -> Array:
        if result.shape[0] == 2:
            raise IndexError
        return one_more(result)

    experiment = Experiment(planted(Planted("im2col", lambda s: s.padding[1] > 0, spoil)), "im2col", "float64")
    experiment.run_all(plan.first())
    experiment.focus = Kind.VALUE
    values = condition_of(experiment, experiment.failing()[0].spec)
    experiment.focus = Kind.CRASH
    crashes = condition_of(experiment, experiment.failing()[0].spec)
    assert values is not None
    assert values.text == "bottom padding > 0"  # with two images there is no value, which says nothing
    assert crashes is not None
    assert crashes.text == "bottom padding > 0"


def test_inside_a_small_domain_it_is_asked_only_there() -> None:
    def refuses(spec: ConvSpec) -> bool:
        return spec.groups > 1 or spec.dilation != (1, 1) or spec.stride[0] != spec.stride[1]

    condition = found(lambda s: s.stride[0] > 1, refuses=refuses)
    assert condition is not None
    here = [s for s in OTHERS if not refuses(s)]
    assert [condition.holds(s) for s in here] == [s.stride[0] > 1 for s in here]


def test_without_time_nothing_is_said() -> None:
    experiment = Experiment(planted(Planted("im2col", lambda s: s.stride[0] > 1)), "im2col", "float64")
    experiment.run_all(plan.first())
    start = experiment.failing()[0].spec
    experiment.exhausted = True
    assert condition_of(experiment, start) is None


def test_it_is_the_same_in_every_run() -> None:
    text = "top padding > 1 or dilation in width > 1"
    one, other = found_of(text), found(PLANTED[text])
    assert other is not None
    assert (one.text, one.failing, one.passing) == (other.text, other.failing, other.passing)


def test_it_holds_on_a_geometry_as_on_many() -> None:
    condition = found_of("the stride leaves rows or columns over")
    assert np.array_equal([condition.holds(s) for s in OTHERS], [max(s.left_over) > 0 for s in OTHERS])
