"""torch.compile: the columns as a gather and a scatter-add by cached indices, compiled by inductor (pip install torch).

    harness check backends/peers/torch_compile.py --dtype float32

Sizes are dynamic, so that one kernel does for all geometries: to compile each anew takes some ten seconds of g++.
"""

from __future__ import annotations

import math
import os
import shutil
from functools import lru_cache
from typing import Any

import numpy as np
import torch
from torch._dynamo.decorators import mark_unbacked

from harness import BackendUnavailable, ConvSpec, Op

if shutil.which("g++") is None:
    raise BackendUnavailable("torch.compile needs a C++ compiler, and there is no g++: apt-get install g++")
torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS") or 1))
numerics = "direct"


def info() -> dict[str, str]:
    """Where it runs, and its version."""
    return {"device": "cpu", "torch": torch.__version__}


def unsupported(op: Op, spec: ConvSpec, dtype: str) -> str | None:
    """im2col and col2im, in both floats."""
    if op not in ("im2col", "col2im"):
        return "it is about im2col and col2im"
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
    if not x.numel():
        return x.new_empty(spec.columns_shape)
    planes = x.reshape(spec.batch * spec.in_channels, math.prod(spec.input_size))
    return _of_any_size(_gather, planes, _pixels(spec)).reshape(spec.columns_shape)


def col2im(columns: torch.Tensor, spec: ConvSpec) -> torch.Tensor:
    """(N, C*KH*KW, L) -> (N, C, H, W)."""
    planes, pixels = spec.batch * spec.in_channels, _pixels(spec)
    if not columns.numel():
        return columns.new_empty(spec.x_shape)
    blank = columns.new_zeros(planes, math.prod(spec.input_size) + 1)  # the last pixel is all of the padding
    return _of_any_size(_scatter, blank, pixels, columns.reshape(planes, -1)).reshape(spec.x_shape)


def _gather(x: torch.Tensor, pixels: torch.Tensor) -> torch.Tensor:
    inside = pixels < x.shape[1]
    return torch.where(inside, x[:, torch.where(inside, pixels, 0)], 0)


def _scatter(blank: torch.Tensor, pixels: torch.Tensor, columns: torch.Tensor) -> torch.Tensor:
    return blank.index_add(1, pixels, columns)[:, :-1].contiguous()


def _of_any_size(kernel: Any, *arrays: torch.Tensor) -> torch.Tensor:
    """Sizes of one are compiled anew unless it is said that they are as good as any."""
    for array in arrays:
        for dim in range(array.dim()):
            mark_unbacked(array, dim)
    result: torch.Tensor = _compiled(kernel)(*arrays)
    return result


@lru_cache
def _compiled(kernel: Any) -> Any:
    return torch.compile(kernel, dynamic=True)


@lru_cache(maxsize=32)
def _pixels(spec: ConvSpec) -> torch.Tensor:
    """(KH*KW*L,): which pixel of a plane each element of its columns is; H*W in the padding."""
    (height, width), (top, _, left, _) = spec.input_size, spec.padding
    (kh, kw), (oh, ow), (sh, sw), (dh, dw) = spec.kernel_size, spec.output_size, spec.stride, spec.dilation
    rows = (np.arange(kh)[:, None] * dh + np.arange(oh) * sh - top)[:, None, :, None]
    cols = (np.arange(kw)[:, None] * dw + np.arange(ow) * sw - left)[:, None, :]
    inside = (rows >= 0) & (rows < height) & (cols >= 0) & (cols < width)
    return torch.from_numpy(np.where(inside, rows * width + cols, height * width).ravel())
