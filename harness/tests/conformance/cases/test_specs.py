"""Each geometry of the suite is what its name says: one that no longer is lets a fault through."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from conformance.cases.specs import ALL, DISTINCT, GEOMETRIES, TIER0, some
from harness.geometry.spec import ConvSpec

Is = Callable[[ConvSpec], bool]


def both(holds: Callable[[int, int, int], bool]) -> Is:
    """Of input size, kernel and stride of each axis."""
    return lambda s: all(holds(*axis) for axis in zip(s.input_size, s.kernel_size, s.stride, strict=True))


def left_over(s: ConvSpec) -> tuple[int, ...]:
    """Rows and columns behind the last window."""
    spans = zip(s.padded_size, s.reach, s.stride, strict=True)
    return tuple((size - reach) % stride for size, reach, stride in spans)


def padded(s: ConvSpec, *sides: int) -> bool:
    """Whether these sides are padded (0: top, 1: bottom, 2: left, 3: right), and no other."""
    return [i for i, pad in enumerate(s.padding) if pad] == list(sides)


def plain_but(s: ConvSpec, *what: str) -> bool:
    """Whether only these are unlike those of a plain convolution."""
    usual = {"stride": (1, 1), "padding": (0, 0, 0, 0), "dilation": (1, 1), "groups": 1}
    return {name for name, value in usual.items() if getattr(s, name) != value} == set(what)


def has_room(s: ConvSpec) -> bool:
    """Whether a row and a column more or less, of image or padding, can leave the output as large as it is."""
    return min(s.stride) > 2 and s.padding[0] > 0 and s.padding[2] > 0


_DISTINCT: Is = lambda s: plain_but(s, "stride", "padding", "dilation", "groups") and s.batch > 1  # noqa: E731
MEANT: dict[str, Is] = {
    "distinct_g3": lambda s: _DISTINCT(s) and s.groups == 3,
    "distinct_tall_kernel": lambda s: _DISTINCT(s) and s.kernel_size[0] > s.kernel_size[1] + 1,
    "distinct_wide": lambda s: _DISTINCT(s) and s.input_size[1] > s.input_size[0] and s.stride[1] > s.stride[0],
    "plain": lambda s: plain_but(s) and len({*s.input_size, *s.kernel_size, s.out_channels}) == 5,
    "pad_symmetric": lambda s: plain_but(s, "padding") and len(set(s.padding)) == 1,
    "pad_axes_differ": lambda s: s.padding[0] == s.padding[1] != s.padding[2] == s.padding[3],
    "pad_bottom_right": lambda s: padded(s, 1, 3),
    "pad_top_left": lambda s: padded(s, 0, 2),
    "pad_beyond_kernel": lambda s: min(s.padding) >= max(s.kernel_size) and len(set(s.padding)) > 2,
    "pad_wider_than_image": lambda s: min(s.padding[2:]) > s.input_size[1] and min(s.padding[:2]) > s.input_size[0],
    "pad_one_row_only": lambda s: s.padding == (1, 1, 0, 0) and s.kernel_size[1] == 1,
    "same_stride2": lambda s: s.output_size == tuple(-(-n // 2) for n in s.input_size) and s.stride == (2, 2),
    "same_lower_even": lambda s: s.output_size == s.input_size and s.padding[0] > s.padding[1],
    "valid": lambda s: plain_but(s) and s.kernel_size[0] > s.kernel_size[1],
    "full": lambda s: s.padding == (s.reach[0] - 1,) * 2 + (s.reach[1] - 1,) * 2 and s.padding[0] != s.padding[2],
    "stride_beyond_kernel": both(lambda size, kernel, stride: size > stride > kernel),
    "stride_not_tiling": lambda s: all(left_over(s)) and not any(s.padding),
    "stride_beyond_input": both(lambda size, kernel, stride: stride > size),
    "stride_axes_differ": lambda s: sorted(s.stride) == [1, 2] and s.kernel_size[0] == s.kernel_size[1],
    "pointwise_strided": lambda s: s.kernel_size == (1, 1) and min(s.stride) > 1 and s.stride[0] != s.stride[1],
    "dilated": lambda s: plain_but(s, "dilation") and 1 < s.dilation[0] != s.dilation[1] > 1,
    "dilated_exactly_fits": lambda s: s.reach == s.input_size and min(s.dilation) > 1,
    "dilated_strided_padded": lambda s: plain_but(s, "dilation", "stride", "padding") and len(set(s.padding)) == 3,
    "grouped": lambda s: plain_but(s, "groups") and 1 < s.in_channels // s.groups != s.out_channels // s.groups > 1,
    "depthwise": lambda s: s.groups == s.in_channels == s.out_channels > 1,
    "depthwise_multiplier": lambda s: s.groups == s.in_channels > 1 and s.out_channels == 2 * s.groups,
    "grouped_strided": lambda s: plain_but(s, "groups", "stride", "padding") and s.in_channels > s.groups,
    "one_channel_a_group_many_filters": lambda s: s.groups == s.in_channels and s.out_channels >= 4 * s.groups,
    "pointwise": lambda s: plain_but(s) and s.kernel_size == (1, 1) and 1 < s.in_channels != s.out_channels > 1,
    "pointwise_padded": lambda s: s.kernel_size == (1, 1) and all(s.padding) and len(set(s.padding)) > 1,
    "kernel_is_image": lambda s: s.kernel_size == s.input_size and s.output_size == (1, 1) and s.batch > 1,
    "kernel_even": lambda s: not any(n % 2 for n in s.kernel_size) and s.kernel_size[0] != s.kernel_size[1],
    "kernel_row": lambda s: s.kernel_size[0] == 1 < s.kernel_size[1] and padded(s, 2, 3),
    "kernel_column": lambda s: s.kernel_size[1] == 1 < s.kernel_size[0] and padded(s, 0, 1),
    "one_pixel": lambda s: s.x_shape == (1, 1, 1, 1) and s.w_shape == (1, 1, 1, 1),
    "one_pixel_padded": lambda s: s.input_size == (1, 1) and all(s.padding) and min(s.kernel_size) > 1,
    "output_1x1": lambda s: s.output_size == (1, 1) and s.batch > 3,
    "one_row": lambda s: s.input_size[0] == 1 < s.output_size[1] and s.stride[1] > 1,
    "one_column": lambda s: s.input_size[1] == 1 < s.output_size[0] and s.stride[0] > 1,
    "one_filter": lambda s: s.out_channels == 1 < s.in_channels and s.batch > 1,
    "batch_of_7": lambda s: s.batch == 7,
    "empty_batch": lambda s: s.batch == 0 and s.groups == 1,
    "empty_batch_grouped": lambda s: s.batch == 0 and s.groups > 1,
    "tiny": lambda s: s.macs == 32 and s.positions == 2,
    "neighbours_grouped": lambda s: s.groups == 2 and has_room(s),
    "neighbours_dilated": lambda s: s.dilation == (2, 1) and has_room(s),
    "neighbours_square": lambda s: s.kernel_size == (3, 3) and len(set(s.padding)) == 1 and s.stride == (3, 3),
    "batch_1283": lambda s: s.batch == s.macs == 1283,
    "channels_1283": lambda s: s.in_channels == s.macs == 1283,
    "filters_1283": lambda s: s.out_channels == s.macs == 1283,
    "width_4099": lambda s: s.input_size[1] == s.macs == 4099,
    "channels_17_filters_15": lambda s: (s.in_channels, s.out_channels, s.groups) == (17, 15, 1),
    "width_33": lambda s: s.input_size[1] == s.output_size[1] == 33,
    "positions_65": lambda s: s.positions == 65,
    "many_channels": lambda s: s.in_channels == 64 and s.groups == 1,
    "wide_strided": lambda s: s.input_size[1] == 40 and min(s.stride) > 1,
}


def test_every_geometry_has_a_meaning_in_the_order_of_the_suite() -> None:
    assert list(ALL) == [*TIER0, *GEOMETRIES] == list(MEANT)
    assert some("distinct_g3", "distinct_tall_kernel", "distinct_wide") == DISTINCT


@pytest.mark.parametrize("name", MEANT)
def test_a_geometry_is_what_its_name_says(name: str) -> None:
    assert MEANT[name](ALL[name])
    assert (ALL[name].batch == 0) == name.startswith("empty_")
