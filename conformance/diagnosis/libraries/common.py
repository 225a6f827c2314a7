"""What several libraries are given: plain float64 arrays, where to differentiate, kernels that pick one tap."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from harness.contract.protocol import Array
from harness.geometry.spec import ConvSpec, Op

Arrays = Sequence[Array | None]


class CannotDoIt(Exception):
    """The library has no way to compute this; the text says why."""


def plain(a: Array | None) -> Array:
    """A float64 copy, C-contiguous."""
    return np.array(a, dtype=np.float64, order="C")


def conv2d_arguments(op: Op, spec: ConvSpec, arrays: Arrays) -> list[Array]:
    """x, w and b to differentiate at: the one that is given, and zeros for those that do not enter."""
    x, w, b = (np.zeros(shape) for shape in spec.input_shapes("conv2d"))
    if op == "conv2d_input_grad":
        w = plain(arrays[1])
    if op == "conv2d_weight_grad":
        x = plain(arrays[1])
    return [x, w, b]


def differentiated(op: Op) -> int:
    """Which argument of conv2d the gradient is taken of."""
    return ("conv2d_input_grad", "conv2d_weight_grad", "conv2d_bias_grad").index(op)


def unit_kernels(spec: ConvSpec) -> tuple[Array, ConvSpec]:
    """One kernel for every channel and tap, 1 at that tap, and the depthwise geometry that uses them."""
    one_channel = np.eye(spec.taps).reshape(spec.taps, 1, *spec.kernel_size)
    wide = replace(spec, out_channels=spec.in_channels * spec.taps, groups=spec.in_channels)
    return np.tile(one_channel, (spec.in_channels, 1, 1, 1)), wide
