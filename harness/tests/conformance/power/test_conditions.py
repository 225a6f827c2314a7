"""Conditions hold where they say, geometries that meet them are found, and the random ones depend on a seed alone."""

from __future__ import annotations

from random import Random

import numpy as np
import pytest

from conformance.cases.specs import MAX_WORK
from conformance.domain.pool import is_small
from conformance.power.kinds import special
from conformance.power.right.ops import Call
from conformance.power.where.conditions import ALWAYS, Condition, On, drawn, ladder
from conformance.power.where.geometries import meeting, related, smaller
from conformance.power.where.quantities import AIMS, QUANTITIES
from harness.geometry.spec import ConvSpec

_SPEC = ConvSpec.parse("n3c6h8w7_f9kh2kw3_sh1sw2_pt1pb0pl2pr1_dh2dw1_g3")


@pytest.mark.parametrize(
    ("on", "holds", "words"),
    [
        (On("N", ">", 2), True, "N > 2"), (On("N", ">", 3), False, "N > 3"), (On("N", "<", 4), True, "N < 4"),
        (On("N", "<", 3), False, "N < 3"), (On("C/G", "=", 2), True, "C/G = 2"), (On("K", "=", 12), True, "K = 12"),
        (On("W", "%", 4, 3), True, "W % 4 = 3"), (On("W", "%", 4, 2), False, "W % 4 = 2"),
        (On("W", "not %", 4), True, "W > 4, not its multiple"), (On("W", "not %", 7), False, "W > 7, not its multiple"),
        (On("H", "not %", 4), False, "H > 4, not its multiple"),
        (On("H", "not %", 16), False, "H > 16, not its multiple"), (On("SH", "<", "SW"), True, "SH < SW"),
        (On("SH", ">", "SW"), False, "SH > SW"), (On("depthwise", "=", 1), False, "depthwise = 1"),
    ],
)  # fmt: skip
def test_a_predicate_on_a_geometry(on: On, holds: bool, words: str) -> None:
    assert (on.holds(_SPEC), str(on)) == (holds, words)


def test_all_predicates_have_to_hold() -> None:
    both = Condition((On("N", ">", 2), On("SH", "<", "SW")), (special.NUMBERS[1],))
    assert str(both) == "N > 2 and SH < SW and it is the second call"
    x = np.ones(_SPEC.x_shape)
    assert [both.holds(Call("im2col", _SPEC, (x,), number)) for number in (1, 2, 3)] == [False, True, False]
    assert ALWAYS.holds(Call("im2col", _SPEC, (x,)))
    assert str(ALWAYS) == ""


def test_a_predicate_on_data_is_asked_of_one_argument() -> None:
    has_zero = next(when for when in special.data(2) if str(when) == "the second argument has a zero")
    x, w = np.zeros((1, 1, 2, 2)), np.ones((1, 1, 1, 1))
    asked = [has_zero.holds(Call("conv2d", _SPEC, arrays)) for arrays in ((x, w, None), (w, x, None), (x,), (x, None))]
    assert asked == [False, True, False, False]


@pytest.mark.parametrize("on", ladder(), ids=str)
def test_geometries_are_found_on_each_step_of_the_ladder(on: On) -> None:
    condition = Condition((on,))
    found = meeting(condition, 8)
    assert len(set(found)) == 8
    assert all(condition.fits(spec) and is_small(spec) for spec in found)
    assert [spec.macs <= MAX_WORK for spec in found] == [True] * 8


def test_what_cannot_be_met_is_not_found() -> None:
    assert meeting(Condition((On("N", ">", 4), On("N", "<", 3))), 3) == []
    assert meeting(Condition((On("C/G", ">", MAX_WORK),)), 3) == []


def test_every_quantity_has_an_aim() -> None:
    assert QUANTITIES.keys() == AIMS.keys()


def test_the_sample_of_all_geometries_is_varied() -> None:
    found = meeting(ALWAYS, 240)
    assert len(found) == 240
    for name in ("N", "C/G", "F/G", "G", "H", "W", "KH", "KW", "OH", "OW"):
        assert max(QUANTITIES[name](spec) for spec in found) > 16, name


def test_random_conditions_are_the_same_for_the_same_seed_and_join_as_many_as_asked() -> None:
    several = [drawn(Random(3), count) for count in (1, 2, 3)]
    assert several == [drawn(Random(3), count) for count in (1, 2, 3)]
    assert [len({on.name for on in condition.geometry}) for condition in several] == [1, 2, 3]
    assert drawn(Random(4), 3) != several[2]


def test_neighbours_are_smaller_or_other_and_valid() -> None:
    before = max(_SPEC.macs, _SPEC.work("im2col"))
    less = list(smaller(_SPEC))
    assert len(less) > 10
    assert all(max(spec.macs, spec.work("im2col")) <= before and spec != _SPEC for spec in less)
    others = set(related(_SPEC))
    fields = (
        "batch",
        "in_channels",
        "out_channels",
        "groups",
        "input_size",
        "kernel_size",
        "stride",
        "padding",
        "dilation",
    )
    assert [f for f in fields if all(getattr(spec, f) == getattr(_SPEC, f) for spec in others)] == []
