"""`numba_winograd`: the convolutions of `numba_tiled`, with Winograd's F(2x2, 3x3) where it is the faster way.

Where it does not apply (`plan.applies`), for im2col, col2im, the other gradients and pooling, this is `numba_tiled`.
"""

from backends.numba_tiled.claims import info, unsupported
from backends.numba_tiled.ops.bias_grad import conv2d_bias_grad
from backends.numba_tiled.ops.col2im import col2im
from backends.numba_tiled.ops.im2col import im2col
from backends.numba_tiled.ops.weight_grad import conv2d_weight_grad
from backends.numba_tiled.pooling.ops import (
    avg_pool2d,
    avg_pool2d_exclude_padding,
    avg_pool2d_exclude_padding_grad,
    avg_pool2d_grad,
    max_pool2d,
    max_pool2d_grad,
)
from backends.numba_tiled.winograd.convolution import conv2d, conv2d_input_grad

__all__ = [
    "avg_pool2d", "avg_pool2d_exclude_padding", "avg_pool2d_exclude_padding_grad", "avg_pool2d_grad", "col2im",
    "conv2d", "conv2d_bias_grad", "conv2d_input_grad", "conv2d_weight_grad", "im2col", "info", "max_pool2d",
    "max_pool2d_grad", "numerics", "unsupported",
]  # fmt: skip

numerics = "winograd"
