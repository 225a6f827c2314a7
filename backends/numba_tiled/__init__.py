"""im2col, col2im, convolution and pooling in Numba: explicit SIMD vectors, implicit GEMM, no BLAS.

But for some input gradients there is no column matrix in the convolutions: the padded image is laid out so that every
tap of the kernel finds its element at a fixed distance, whatever stride and dilation are. README.md in this folder is a
guide to reading it.
"""

from __future__ import annotations

from backends.numba_tiled.launch.stale_code import forget_other_versions

forget_other_versions()  # before Numba loads anything

from backends.numba_tiled.claims import info, unsupported  # noqa: E402
from backends.numba_tiled.ops.bias_grad import conv2d_bias_grad  # noqa: E402
from backends.numba_tiled.ops.col2im import col2im  # noqa: E402
from backends.numba_tiled.ops.conv2d import conv2d  # noqa: E402
from backends.numba_tiled.ops.im2col import im2col  # noqa: E402
from backends.numba_tiled.ops.input_grad import conv2d_input_grad  # noqa: E402
from backends.numba_tiled.ops.weight_grad import conv2d_weight_grad  # noqa: E402
from backends.numba_tiled.pooling.ops import (  # noqa: E402
    avg_pool2d,
    avg_pool2d_exclude_padding,
    avg_pool2d_exclude_padding_grad,
    avg_pool2d_grad,
    max_pool2d,
    max_pool2d_grad,
)

__all__ = [
    "avg_pool2d", "avg_pool2d_exclude_padding", "avg_pool2d_exclude_padding_grad", "avg_pool2d_grad", "col2im",
    "conv2d", "conv2d_bias_grad", "conv2d_input_grad", "conv2d_weight_grad", "im2col", "info", "max_pool2d",
    "max_pool2d_grad", "numerics", "unsupported",
]  # fmt: skip

numerics = "gemm"
