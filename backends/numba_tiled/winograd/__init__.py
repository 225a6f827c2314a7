"""`numba_winograd`: the convolutions of `numba_tiled`, with Winograd's F(2x2, 3x3) where it is the faster way.

Where it does not apply (`plan.applies`), and for im2col, col2im and the other gradients, this is `numba_tiled`.
"""

from backends.numba_tiled.claims import info, unsupported
from backends.numba_tiled.ops.bias_grad import conv2d_bias_grad
from backends.numba_tiled.ops.col2im import col2im
from backends.numba_tiled.ops.im2col import im2col
from backends.numba_tiled.ops.weight_grad import conv2d_weight_grad
from backends.numba_tiled.winograd.convolution import conv2d, conv2d_input_grad

__all__ = [
    "col2im", "conv2d", "conv2d_bias_grad", "conv2d_input_grad", "conv2d_weight_grad", "im2col", "info", "numerics",
    "unsupported",
]  # fmt: skip

numerics = "winograd"
