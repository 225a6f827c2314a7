"""unfoldNd: im2col by a convolution with one-hot kernels, col2im by its transpose, on torch (pip install unfoldNd).

harness check backends/peers/unfold_nd.py
"""

from __future__ import annotations

from importlib.metadata import version

import numpy as np
import torch
import unfoldNd

from harness import ConvSpec, Op

numerics = "gemm"


def info() -> dict[str, str]:
    """Where it runs, and its version."""
    return {"device": "cpu", "unfoldNd": version("unfoldNd"), "torch": torch.__version__}


def unsupported(op: Op, spec: ConvSpec, dtype: str) -> str | None:
    """Two ops, as torch has them."""
    if op not in ("im2col", "col2im"):
        return "it unfolds and folds"
    top, bottom, left, right = spec.padding
    if (top, left) != (bottom, right):
        return "asymmetric padding"
    return None if dtype in ("float32", "float64") else f"dtype {dtype} is not claimed"


def from_numpy(a: np.ndarray) -> torch.Tensor:
    """A copy: torch takes neither negative strides nor memory that is not aligned."""
    return torch.from_numpy(np.array(a, order="C"))


def to_numpy(a: torch.Tensor) -> np.ndarray:
    """The same memory."""
    return np.asarray(a)


def synchronize(a: torch.Tensor) -> None:
    """It is there."""


def im2col(x: torch.Tensor, spec: ConvSpec) -> torch.Tensor:
    """(N, C, H, W) -> (N, C*KH*KW, L)."""
    columns: torch.Tensor = unfoldNd.unfoldNd(x, spec.kernel_size, spec.dilation, spec.padding[::2], spec.stride)
    return columns


def col2im(columns: torch.Tensor, spec: ConvSpec) -> torch.Tensor:
    """(N, C*KH*KW, L) -> (N, C, H, W)."""
    x: torch.Tensor = unfoldNd.foldNd(
        columns, spec.input_size, spec.kernel_size, spec.dilation, spec.padding[::2], spec.stride
    )
    return x
