"""The geometries that the suite uses, each named for what it would break.

Few, anisotropic and all-distinct beats many and square: one such case sees as many wrong implementations as
hundreds of square ones. Every case stays below 200,000 multiply-adds, so that plain Python loops can run it.
"""

from __future__ import annotations

from harness.geometry.spec import ConvSpec

MAX_WORK = 200_000  # a case
MAX_TOTAL_WORK = 8_000_000  # all cases of one op and dtype

# Every parameter distinct, both axes different, a remainder, more than one image and group: run before all else.
TIER0 = {
    "distinct_g3": "n3c6h8w3_f9kh2kw2_sh1sw3_pt1pb0pl2pr2_dh2dw1_g3",
    "distinct_tall_kernel": "n2c6h9w10_f6kh4kw2_sh2sw3_pt1pb2pl0pr1_dh1dw2_g2",
    "distinct_wide": "n2c6h11w13_f4kh3kw2_sh2sw3_pt1pb2pl3pr0_dh2dw1_g2",
}

GEOMETRIES = {
    "plain": "n2c3h6w7_f4kh3kw2",
    # padding
    "pad_symmetric": "n2c2h5w6_f3kh3kw3_pt1pb1pl1pr1",
    "pad_axes_differ": "n2c2h5w6_f3kh2kw3_pt2pb2pl1pr1",
    "pad_bottom_right": "n2c2h5w4_f2kh2kw2_pt0pb1pl0pr1",
    "pad_top_left": "n2c2h5w4_f2kh2kw2_pt1pb0pl1pr0",
    "pad_beyond_kernel": "n2c2h3w2_f2kh2kw3_pt3pb4pl5pr3",
    "pad_wider_than_image": "n1c2h1w2_f2kh3kw3_sh1sw2_pt2pb2pl4pr4",
    "pad_one_row_only": "n2c1h3w3_f2kh3kw1_pt1pb1pl0pr0",
    "same_stride2": str(
        ConvSpec.of(batch=2, in_channels=2, input_size=(6, 7), out_channels=3, kernel_size=3, stride=2, padding="same")
    ),
    "same_lower_even": str(
        ConvSpec.of(batch=2, in_channels=2, input_size=(5, 6), out_channels=3, kernel_size=(2, 4), padding="same_lower")
    ),
    "valid": "n1c3h7w5_f2kh4kw3",
    "full": str(
        ConvSpec.of(batch=2, in_channels=2, input_size=(3, 4), out_channels=2, kernel_size=(3, 2), padding="full")
    ),
    # stride
    "stride_beyond_kernel": "n2c2h9w11_f3kh2kw1_sh4sw3",
    "stride_not_tiling": "n2c2h8w9_f3kh3kw2_sh3sw4",
    "stride_beyond_input": "n2c2h4w5_f2kh2kw2_sh7sw9",
    "stride_axes_differ": "n2c2h7w8_f2kh3kw3_sh2sw1_pt1pb1pl1pr1",
    "pointwise_strided": "n2c3h5w6_f4kh1kw1_sh2sw3",
    # dilation
    "dilated": "n2c2h9w10_f2kh3kw2_dh2dw3",
    "dilated_exactly_fits": "n2c2h7w5_f2kh3kw3_dh3dw2",
    "dilated_strided_padded": "n1c2h10w9_f3kh2kw3_sh3sw2_pt2pb1pl1pr3_dh3dw2",
    # groups
    "grouped": "n2c6h5w4_f9kh2kw3_g3",
    "depthwise": "n2c5h6w5_f5kh3kw3_pt1pb1pl1pr1_g5",
    "depthwise_multiplier": "n2c3h6w5_f6kh3kw2_sh2sw1_g3",
    "grouped_strided": "n2c4h7w6_f4kh3kw3_sh2sw2_pt1pb1pl1pr1_g2",
    "one_channel_a_group_many_filters": "n1c2h5w5_f8kh3kw3_g2",
    # kernel
    "pointwise": "n2c5h4w3_f7kh1kw1",
    "pointwise_padded": "n2c2h3w3_f2kh1kw1_pt1pb1pl2pr2",
    "kernel_is_image": "n3c2h4w5_f3kh4kw5",
    "kernel_even": "n2c2h7w6_f2kh4kw2_pt1pb1pl1pr1",
    "kernel_row": "n2c2h3w9_f2kh1kw5_pt0pb0pl2pr2",
    "kernel_column": "n2c2h9w3_f2kh5kw1_pt2pb2pl0pr0",
    # extremes
    "one_pixel": "n1c1h1w1_f1kh1kw1",
    "one_pixel_padded": "n2c1h1w1_f2kh3kw3_pt1pb1pl1pr1",
    "output_1x1": "n4c3h3w2_f5kh3kw2",
    "one_row": "n2c3h1w9_f2kh1kw3_sh1sw2",
    "one_column": "n2c3h9w1_f2kh3kw1_sh2sw1",
    "one_filter": "n3c4h5w5_f1kh3kw3",
    "batch_of_7": "n7c2h4w5_f3kh2kw2",
    "empty_batch": "n0c3h5w4_f2kh2kw3_sh2sw1_pt1pb0pl0pr1",
    "empty_batch_grouped": "n0c4h5w5_f4kh3kw3_g2",
    # for many calls, and for calls on geometries that differ in one parameter: each can change, the output stays
    "tiny": "n1c2h2w3_f2kh2kw2",
    "neighbours_grouped": "n2c4h9w10_f4kh3kw2_sh3sw4_pt1pb1pl2pr1_dh1dw2_g2",
    "neighbours_dilated": "n2c4h9w10_f4kh2kw3_sh3sw4_pt1pb1pl1pr1_dh2dw1",
    "neighbours_square": "n2c2h8w9_f2kh3kw3_sh3sw3_pt1pb1pl1pr1",
    # more than 2^10 of one thing: a block of threads ends there; what ends at 2^16 takes seconds, plane by plane
    "batch_1283": "n1283c1h1w1_f1kh1kw1",
    "channels_1283": "n1c1283h1w1_f1kh1kw1",
    "filters_1283": "n1c1h1w1_f1283kh1kw1",
    "width_4099": "n1c1h1w4099_f1kh1kw1",
    # tails of vector and block widths
    "channels_17_filters_15": "n1c17h4w5_f15kh2kw2",
    "width_33": "n1c2h3w33_f2kh3kw3_pt1pb1pl1pr1",
    "positions_65": "n1c3h6w14_f9kh2kw2",
    "many_channels": "n1c64h5w5_f12kh3kw3_pt1pb1pl1pr1",
    "wide_strided": "n1c3h9w40_f4kh3kw3_sh2sw2_pt1pb1pl1pr1",
}

ALL = {name: ConvSpec.parse(text) for name, text in {**TIER0, **GEOMETRIES}.items()}
DISTINCT = [ALL[name] for name in TIER0]


def some(*names: str) -> list[ConvSpec]:
    """The named geometries."""
    return [ALL[name] for name in names]
