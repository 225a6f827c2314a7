"""Geometries of pooling, arguments whose results are exact, and the right results."""

from __future__ import annotations

import math

import numpy as np

from harness.contract import registry
from harness.contract.protocol import Array
from harness.geometry.spec import ConvSpec, Op
from harness.geometry.windows import pixels_in_windows
from harness.oracle.data import generator

GEOMETRIES = [
    # as networks have them, in small
    "n2c3h28w28_f1kh2kw2_sh2sw2", "n1c4h13w13_f1kh3kw3_sh2sw2", "n1c3h15w15_f1kh3kw3_sh2sw2_pt1pb1pl1pr1",
    "n2c2h14w14_f1kh3kw3_pt1pb1pl1pr1", "n3c5h7w7_f1kh7kw7", "n1c2h12w12_f1kh3kw3_sh2sw2_pt0pb1pl0pr1",
    "n2c3h8w8_f1kh2kw2_sh2sw2", "n1c2h14w14_f1kh5kw5_sh3sw3",
    # sides that differ, and widths around those of vectors
    "n2c3h6w5_f1kh3kw2_sh2sw1", "n2c3h5w9_f1kh2kw3_sh1sw2", "n1c2h4w15_f1kh2kw2", "n1c2h4w16_f1kh2kw2",
    "n1c2h4w17_f1kh2kw2", "n1c2h3w31_f1kh3kw3_sh1sw2", "n1c2h3w33_f1kh2kw2_sh2sw2", "n1c2h3w34_f1kh2kw2_sh2sw2",
    "n1c2h5w65_f1kh3kw3_sh2sw2_pt1pb1pl1pr1", "n1c1h3w130_f1kh2kw5_pt0pb0pl2pr2", "n1c1h40w3_f1kh5kw2_sh2sw1",
    # one row, one column, one pixel, one tap
    "n2c3h1w20_f1kh1kw3_sh1sw2", "n2c3h20w1_f1kh3kw1_sh2sw1", "n2c3h1w1_f1kh1kw1", "n2c3h5w4_f1kh1kw1",
    "n2c3h9w8_f1kh1kw1_sh2sw3", "n1c2h1w1_f1kh3kw3_pt1pb1pl1pr1", "n1c2h1w1_f1kh3kw2_pt2pb2pl1pr1", "n2c2h9w9_f1kh9kw9",
    "n1c2h20w18_f1kh20kw18",
    # strides beyond the kernel: pixels that no window sees; strides that do not tile
    "n2c2h11w13_f1kh2kw2_sh3sw3", "n1c2h11w13_f1kh1kw2_sh5sw4", "n1c2h7w40_f1kh2kw2_sh2sw4",
    "n1c2h9w75_f1kh3kw2_sh2sw4", "n1c3h10w23_f1kh3kw3_sh3sw5_pt1pb0pl2pr1", "n2c2h4w5_f1kh2kw2_sh7sw9",
    "n1c2h8w9_f1kh3kw2_sh3sw4_pt1pb1pl1pr1",
    # padding of one side, of all of a kernel but a pixel; ends as ceil makes them
    "n2c3h6w7_f1kh3kw3_sh2sw2_pt1pb0pl0pr1", "n2c3h6w7_f1kh3kw3_sh2sw2_pt0pb1pl1pr0", "n1c2h5w6_f1kh3kw3_pt2pb2pl2pr2",
    "n1c2h5w6_f1kh4kw3_sh1sw1_pt3pb1pl2pr0", "n2c2h5w5_f1kh2kw2_sh2sw2_pt0pb1pl0pr1",
    "n1c2h6w6_f1kh3kw3_sh3sw3_pt1pb2pl1pr2", "n1c2h3w2_f1kh5kw5_pt3pb2pl4pr3",
    "n1c2h10w20_f1kh2kw3_sh2sw2_pt1pb1pl2pr1", "n1c2h7w33_f1kh5kw7_sh2sw3_pt2pb4pl6pr5",
    "n1c2h4w4_f1kh2kw2_sh3sw3_pt1pb1pl1pr1",
    # dilation, with windows that begin in padding and end in it
    "n2c2h9w10_f1kh3kw3_dh2dw2", "n2c2h9w10_f1kh2kw3_sh2sw2_dh3dw2", "n1c2h7w8_f1kh3kw3_pt2pb2pl2pr2_dh2dw2",
    "n1c2h7w8_f1kh2kw2_pt1pb2pl3pr1_dh3dw4", "n1c2h5w6_f1kh3kw3_sh2sw1_pt2pb1pl1pr3_dh2dw3",
    "n1c2h9w40_f1kh3kw4_sh2sw3_pt3pb1pl4pr4_dh3dw5", "n2c2h10w9_f1kh3kw2_sh3sw2_pt2pb1pl1pr0_dh2dw2",
    "n1c1h6w50_f1kh2kw3_sh1sw2_pt0pb0pl7pr7_dh1dw7",
    # many small planes, few large ones, none
    "n4c33h3w3_f1kh2kw2", "n3c20h4w5_f1kh3kw3_sh2sw2_pt1pb1pl1pr1", "n1c1h70w90_f1kh3kw3_sh2sw2_pt1pb1pl1pr1",
    "n1c2h60w61_f1kh2kw2_sh2sw2", "n1c3h50w40_f1kh5kw3_sh1sw1_pt2pb2pl1pr1", "n0c3h6w7_f1kh3kw3_sh2sw2",
    "n0c2h5w5_f1kh3kw3_pt2pb1pl1pr2",
]  # fmt: skip


def arguments(op: Op, spec: ConvSpec, dtype: str, seed: str) -> tuple[Array, ...]:
    """Whole numbers. Those of x are few, so that many are equal; those of dy are multiples of every divisor."""
    rng = generator(f"{op}/{spec}/{dtype}/{seed}")
    x = rng.integers(-6, 3, spec.x_shape).astype(dtype)
    dy = rng.integers(1, 5, spec.pooled_shape) * rng.choice([-1, 1], spec.pooled_shape)
    if op.startswith("avg"):
        dy *= math.lcm(spec.taps, *np.unique(pixels_in_windows(spec)).tolist())
        assert abs(dy).max(initial=0) < 2**24
    if op == "max_pool2d_grad":
        return dy.astype(dtype), x
    return (dy.astype(dtype),) if op.endswith("_grad") else (x,)


def right(op: Op, spec: ConvSpec, *arrays: Array) -> Array:
    """What the op derived from NumPy's im2col and col2im gives."""
    return registry.load("numpy_fancy").run(op, spec, *arrays)
