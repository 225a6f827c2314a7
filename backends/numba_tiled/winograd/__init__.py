"""`numba_winograd`: the convolutions of `numba_tiled`, with Winograd's F(2x2, 3x3) where it is the faster way."""

from backends.numba_tiled import info, unsupported
from backends.numba_tiled.ops.dispatch import col2im, conv2d_bias_grad, conv2d_weight_grad, im2col
from backends.numba_tiled.winograd.convolution import conv2d, conv2d_input_grad

__all__ = [
    "col2im", "conv2d", "conv2d_bias_grad", "conv2d_input_grad", "conv2d_weight_grad", "im2col", "info", "numerics",
    "unsupported",
]  # fmt: skip

numerics = "winograd"
