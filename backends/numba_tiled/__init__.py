"""im2col, col2im and convolution in Numba: explicit SIMD vectors, implicit GEMM, no BLAS.

Surprising fact: but for some input gradients there is no column matrix in the convolutions. The padded image is laid
out so that every tap of the kernel finds its element at a fixed distance, whatever stride and dilation are. README.md
in this folder has the design.
"""

from __future__ import annotations

from importlib.metadata import version

from numba import get_num_threads

from backends.numba_tiled.launch.cache import forget_other_versions

forget_other_versions()  # before Numba loads anything

from backends.numba_tiled.ops.dispatch import (  # noqa: E402
    col2im,
    conv2d,
    conv2d_bias_grad,
    conv2d_input_grad,
    conv2d_weight_grad,
    im2col,
)
from backends.numba_tiled.simd.registers import BYTES  # noqa: E402
from harness import ConvSpec, Op  # noqa: E402

__all__ = [
    "col2im", "conv2d", "conv2d_bias_grad", "conv2d_input_grad", "conv2d_weight_grad", "im2col", "info", "numerics",
    "unsupported",
]  # fmt: skip

numerics = "gemm"


def info() -> dict[str, str]:
    """Device, versions, threads, and the width of a vector register."""
    return {"device": "cpu", "numba": version("numba"), "threads": str(get_num_threads()), "vector": f"{BYTES} bytes"}


def unsupported(op: Op, spec: ConvSpec, dtype: str) -> str | None:
    """float32 and float64 on every geometry."""
    return None if dtype in ("float32", "float64") else f"dtype {dtype} is not claimed"
