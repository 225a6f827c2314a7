"""The nine numbers of a geometry, and every size that follows from them: no other module knows these formulas.

Nothing is checked here: `ConvSpec` is the same with the rules applied.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Literal, get_args

import numpy as np

ConvOp = Literal["im2col", "col2im", "conv2d", "conv2d_input_grad", "conv2d_weight_grad", "conv2d_bias_grad"]
# Averages divide by all taps of a window, padding included, or by those alone that meet a pixel.
PoolOp = Literal[
    "max_pool2d",
    "max_pool2d_grad",
    "avg_pool2d",
    "avg_pool2d_grad",
    "avg_pool2d_exclude_padding",
    "avg_pool2d_exclude_padding_grad",
]
Op = ConvOp | PoolOp
OPS: tuple[Op, ...] = get_args(ConvOp)  # what is asked of every backend
POOL_OPS: tuple[Op, ...] = get_args(PoolOp)  # optional: asked where they are native, or named
ALL_OPS = OPS + POOL_OPS
Shape = tuple[int, ...]


@dataclass(frozen=True, kw_only=True)
class Sizes:
    """The numbers of one 2-D convolution; `padding` is (top, bottom, left, right), `dilation` 1 is dense."""

    batch: int
    in_channels: int
    input_size: tuple[int, int]
    out_channels: int
    kernel_size: tuple[int, int]
    stride: tuple[int, int] = (1, 1)
    padding: tuple[int, int, int, int] = (0, 0, 0, 0)
    dilation: tuple[int, int] = (1, 1)
    groups: int = 1

    @cached_property
    def reach(self) -> tuple[int, int]:
        """Extent of the dilated kernel: (K - 1) * dilation + 1 in each axis."""
        (kh, kw), (dh, dw) = self.kernel_size, self.dilation
        return (kh - 1) * dh + 1, (kw - 1) * dw + 1

    @cached_property
    def padded_size(self) -> tuple[int, int]:
        """Height and width of the input with its padding."""
        (h, w), (top, bottom, left, right) = self.input_size, self.padding
        return h + top + bottom, w + left + right

    @cached_property
    def output_size(self) -> tuple[int, int]:
        """Window positions (OH, OW): (padded - reach) // stride + 1; what does not fill a stride is left over."""
        (ph, pw), (rh, rw), (sh, sw) = self.padded_size, self.reach, self.stride
        return (ph - rh) // sh + 1, (pw - rw) // sw + 1

    @property
    def left_over(self) -> tuple[int, int]:
        """Last rows and columns of the padded input that no window reaches; (0, 0) where the stride fits."""
        (ph, pw), (rh, rw), (sh, sw) = self.padded_size, self.reach, self.stride
        return (ph - rh) % sh, (pw - rw) % sw

    @cached_property
    def taps(self) -> int:
        """KH * KW."""
        return self.kernel_size[0] * self.kernel_size[1]

    @cached_property
    def positions(self) -> int:
        """L = OH * OW."""
        oh, ow = self.output_size
        return oh * ow

    @cached_property
    def x_shape(self) -> tuple[int, int, int, int]:
        """(N, C, H, W)."""
        return (self.batch, self.in_channels, *self.input_size)

    @cached_property
    def w_shape(self) -> tuple[int, int, int, int]:
        """(F, C/G, KH, KW)."""
        return (self.out_channels, self.in_channels // self.groups, *self.kernel_size)

    @property
    def b_shape(self) -> tuple[int]:
        """(F,)."""
        return (self.out_channels,)

    @cached_property
    def columns_shape(self) -> tuple[int, int, int]:
        """(N, C*KH*KW, OH*OW), rows c-major then kh then kw, positions row-major."""
        return self.batch, self.in_channels * self.taps, self.positions

    @cached_property
    def y_shape(self) -> tuple[int, int, int, int]:
        """(N, F, OH, OW)."""
        return (self.batch, self.out_channels, *self.output_size)

    @cached_property
    def pooled_shape(self) -> tuple[int, int, int, int]:
        """(N, C, OH, OW): what pooling makes of x; F and G play no part in it, as in im2col."""
        return (self.batch, self.in_channels, *self.output_size)

    def input_shapes(self, op: Op) -> tuple[Shape, ...]:
        """Shapes of the array arguments of `op`, in order (the bias of conv2d included)."""
        match op:
            case "im2col":
                return (self.x_shape,)
            case "col2im":
                return (self.columns_shape,)
            case "conv2d":
                return self.x_shape, self.w_shape, self.b_shape
            case "conv2d_input_grad":
                return self.y_shape, self.w_shape
            case "conv2d_weight_grad":
                return self.y_shape, self.x_shape
            case "conv2d_bias_grad":
                return (self.y_shape,)
            case "max_pool2d" | "avg_pool2d" | "avg_pool2d_exclude_padding":
                return (self.x_shape,)
            case "max_pool2d_grad":
                return self.pooled_shape, self.x_shape
            case "avg_pool2d_grad" | "avg_pool2d_exclude_padding_grad":
                return (self.pooled_shape,)

    def output_shape(self, op: Op) -> Shape:
        """Shape of the result of `op`."""
        match op:
            case "im2col":
                return self.columns_shape
            case "max_pool2d" | "avg_pool2d" | "avg_pool2d_exclude_padding":
                return self.pooled_shape
            case "col2im" | "conv2d_input_grad":
                return self.x_shape
            case "max_pool2d_grad" | "avg_pool2d_grad" | "avg_pool2d_exclude_padding_grad":
                return self.x_shape
            case "conv2d":
                return self.y_shape
            case "conv2d_weight_grad":
                return self.w_shape
            case "conv2d_bias_grad":
                return self.b_shape

    # -- work and memory ---------------------------------------------------------------------------------------

    @cached_property
    def macs(self) -> int:
        """Multiply-adds of conv2d, or of either of its gradients; taps that meet padding are counted."""
        return self.batch * self.out_channels * self.positions * (self.in_channels // self.groups) * self.taps

    def work(self, op: Op) -> int:
        """Elementary steps of `op`: multiply-adds, column elements (pooling too) or sums (bias)."""
        if op in ("im2col", "col2im") or op in POOL_OPS:
            return math.prod(self.columns_shape)
        return math.prod(self.y_shape) if op == "conv2d_bias_grad" else self.macs

    def flops(self, op: Op) -> int:
        """Floating-point operations of `op`; im2col has none."""
        if op == "im2col":
            return 0
        return self.work(op) * (2 if op in ("conv2d", "conv2d_input_grad", "conv2d_weight_grad") else 1)

    def min_bytes(self, op: Op, dtype: str) -> int:
        """Least traffic of `op` in bytes: each input read once, each output written once."""
        elements = sum(map(math.prod, (*self.input_shapes(op), self.output_shape(op))))
        return elements * np.dtype(dtype).itemsize

    def columns_bytes(self, dtype: str) -> int:
        """Size in bytes of the explicit columns."""
        return math.prod(self.columns_shape) * np.dtype(dtype).itemsize
