"""The geometries of the plan, those that are bent into a backend's domain, and those nearby."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from conformance.diagnosis.experiment import draw, nearby, plan
from conformance.diagnosis.experiment.bending import Bending
from harness.geometry.spec import ConvSpec

Takes = Callable[[ConvSpec], bool]


def test_the_first_ones_are_small_and_many() -> None:
    first = plan.first()
    assert len(set(first)) == len(first) == len(plan.plain()) + 75
    assert max(spec.macs for spec in first) < 20_000
    assert sum(spec.work("im2col") for spec in first) < 60_000


@pytest.mark.parametrize(
    "varies",
    [
        lambda s: s.input_size[0] != s.input_size[1],
        lambda s: s.kernel_size[0] != s.kernel_size[1],
        lambda s: s.stride[0] != s.stride[1],
        lambda s: s.dilation[0] != s.dilation[1],
        lambda s: s.padding[0] != s.padding[1],
        lambda s: s.padding[2] != s.padding[3],
        lambda s: s.padding[0] != s.padding[2],
        lambda s: s.groups > 1,
        lambda s: s.batch > 1,
        lambda s: s.in_channels != s.out_channels,
        lambda s: s.left_over != (0, 0),
        lambda s: s.stride[0] > s.reach[0],
        lambda s: s.groups == s.in_channels > 1,
    ],
)
def test_the_first_ones_vary_in_everything(varies: Takes) -> None:
    assert 3 <= sum(map(varies, plan.first())) < len(plan.first()) - 3


@pytest.mark.parametrize(
    "is_large",
    [
        lambda s: s.batch > 16,
        lambda s: s.batch == 0,
        lambda s: s.in_channels // s.groups > 64,
        lambda s: s.out_channels // s.groups > 32,
        lambda s: s.groups > 8,
        lambda s: s.input_size[0] > 128,
        lambda s: s.output_size[1] > 256,
        lambda s: s.positions > 4096,
        lambda s: s.in_channels // s.groups * s.taps > 576,
    ],
)
def test_the_larger_ones_are_beyond_the_blocks_that_people_choose(is_large: Takes) -> None:
    assert any(map(is_large, plan.larger()))
    assert not any(map(is_large, plan.first()))


def test_the_same_are_drawn_each_time_and_none_twice() -> None:
    assert list(map(str, draw.small(2, seed=7))) == ["n1c2h4w7_f1kh3kw3", "n1c3h3w3_f1kh4kw2_pt0pb1pl1pr0_dh1dw3"]
    assert draw.small(50, seed=7) != draw.small(50, seed=8)
    assert len(set(plan.pool())) == len(plan.pool())
    assert str(draw.small(1, seed=7)[0]) == str(draw.small(5, seed=7)[0])


RESTRICTED: dict[str, Takes] = {
    "one group": lambda s: s.groups == 1,
    "square and even": lambda s: (
        s.groups == 1
        and len(set(s.padding)) == 1
        and s.stride[0] == s.stride[1]
        and s.dilation == (1, 1)
        and s.kernel_size[0] == s.kernel_size[1]
        and s.input_size[0] == s.input_size[1]
    ),
    "windows tile": lambda s: s.left_over == (0, 0),
    "depthwise": lambda s: s.groups == s.in_channels == s.out_channels > 1,
    "3 x 3 without stride": lambda s: s.kernel_size == (3, 3) and s.stride == (1, 1),
    "multiples of 4 channels": lambda s: s.in_channels % 4 == 0,
    "one channel": lambda s: s.in_channels == 1,
    "no padding, no stride, no dilation": lambda s: (
        s.padding == (0, 0, 0, 0) and s.stride == s.dilation == (1, 1) and s.groups == 1
    ),
}


@pytest.mark.parametrize("takes", RESTRICTED.values(), ids=list(RESTRICTED))
def test_a_part_of_the_domain_is_reached(takes: Takes) -> None:
    bent = Bending(takes).bent(plan.first())
    assert all(map(takes, bent))
    assert len(set(bent)) == len(bent) >= 20
    assert set(filter(takes, plan.first())) <= set(bent)


def test_what_is_taken_is_left_as_it_is() -> None:
    assert Bending(lambda spec: True).bent(plan.first()) == list(plan.first())


def test_where_nothing_is_taken_not_everything_is_asked_for_ever() -> None:
    asked: list[ConvSpec] = []

    def never(spec: ConvSpec) -> bool:
        asked.append(spec)
        return False

    bending = Bending(never)
    assert bending.bent(plan.pool()) == []
    assert len(asked) < 10_000
    before = len(asked)
    assert bending.bent(plan.pool()) == []
    assert len(asked) == before


def test_what_helped_is_tried_first() -> None:
    asked: list[ConvSpec] = []

    def takes(spec: ConvSpec) -> bool:
        asked.append(spec)
        return spec.groups == 1 and spec.dilation == (1, 1)

    first = [spec for spec in plan.first() if not takes(spec)]
    bending = Bending(takes)
    bending.bent(first[:10])
    asked.clear()
    bending.bent(first[10:])
    assert len(asked) < 5 * len(first[10:])


def test_neighbours_differ_a_little() -> None:
    spec = ConvSpec.parse("n2c4h9w8_f4kh3kw2_sh2sw1_pt1pb0pl2pr1_g2")
    near = nearby.neighbours(spec)
    assert len(set(near)) == len(near) > 80
    assert spec not in near
    for other in (
        replace(spec, batch=3), replace(spec, stride=(1, 1)), replace(spec, stride=(1, 2)), replace(spec, groups=4),
        replace(spec, input_size=(9, 9)), replace(spec, padding=(0, 0, 0, 0)), replace(spec, kernel_size=(2, 3)),
    ):  # fmt: skip
        assert other in near


def test_a_failing_geometry_is_made_plain() -> None:
    spec = ConvSpec.parse("n3c6h12w11_f9kh3kw2_sh2sw3_pt1pb2pl2pr1_dh1dw2_g3")
    plain = nearby.shrunk(spec, lambda s: s.stride[1] > 1 and s.kernel_size[0] > 2)
    assert plain == ConvSpec.parse("n1c1h3w1_f1kh3kw1_sh1sw2")


def test_shrinking_ends_in_time_with_one_that_fails() -> None:
    asked: list[ConvSpec] = []

    def fails(spec: ConvSpec) -> bool:
        asked.append(spec)
        return spec.macs % 2 == 1 or len(asked) % 3 == 0

    start = ConvSpec.parse("n3c65h32w31_f9kh3kw5_sh2sw3_pt1pb2pl2pr1_dh1dw2")
    found = nearby.shrunk(start, fails, most=25)
    assert len(asked) == 25
    assert found in asked


def test_a_part_of_what_is_drawn_is_what_the_whole_begins_with() -> None:
    assert draw.wide(9, seed=77)[:5] == draw.wide(5, seed=77)
    assert draw.small(4, seed=77) == draw.small(9, seed=77)[:4]
    assert plan.pool()[200:320] == tuple(plan.small_ones(200, 320))
    assert plan.pool()[640:760] == tuple(plan.wide_ones(140, 260))
