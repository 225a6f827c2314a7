"""tinygrad on the CPU: its pooled view and its convolution; the gradients are its own (pip install tinygrad; clang).

    harness check backends/peers/tinygrad_cpu.py --dtype float32

Every geometry is compiled by clang when it is first seen, which takes some tenths of a second.
"""

from __future__ import annotations

import os
import shutil
from importlib.metadata import version
from typing import Any

import numpy as np

from harness import BackendUnavailable, ConvSpec, Op

os.environ.setdefault("DEV", "CPU")
os.environ.setdefault("NUM_CPU_THREADS", os.environ.get("OMP_NUM_THREADS") or "1")  # as the harness asks of all
if shutil.which("clang") is None:
    raise BackendUnavailable("tinygrad compiles with clang, which is not installed: apt-get install clang")
from tinygrad import Tensor

numerics = "gemm"


def info() -> dict[str, str]:
    """Where it runs, and its version."""
    return {"device": "cpu", "tinygrad": version("tinygrad")}


def unsupported(op: Op, spec: ConvSpec, dtype: str) -> str | None:
    """All in both floats."""
    return None if dtype in ("float32", "float64") else f"dtype {dtype} is not claimed"


def from_numpy(a: np.ndarray) -> Any:
    """A copy."""
    return Tensor(np.array(a, order="C")).realize()


def to_numpy(a: Any) -> np.ndarray:
    """A copy, which can be written to."""
    return np.array(a.numpy())


def synchronize(a: Any) -> None:
    """Wait for it: nothing is computed before."""
    a.realize()


def im2col(x: Any, spec: ConvSpec) -> Any:
    """(N, C, H, W) -> (N, C*KH*KW, L)."""
    return _patches(x, spec).contiguous()


def col2im(columns: Any, spec: ConvSpec) -> Any:
    """(N, C*KH*KW, L) -> (N, C, H, W)."""
    x = Tensor.zeros(*spec.x_shape, dtype=columns.dtype).contiguous()
    return _patches(x, spec).gradient(x, gradient=columns)[0].contiguous()


def conv2d(x: Any, w: Any, b: Any, spec: ConvSpec) -> Any:
    """(N, C, H, W), (F, C/G, KH, KW), (F,) or None -> (N, F, OH, OW)."""
    top, bottom, left, right = spec.padding
    return x.conv2d(w, b, spec.groups, spec.stride, spec.dilation, (left, right, top, bottom)).contiguous()


def conv2d_input_grad(dy: Any, w: Any, spec: ConvSpec) -> Any:
    """(N, F, OH, OW), (F, C/G, KH, KW) -> (N, C, H, W)."""
    x = Tensor.zeros(*spec.x_shape, dtype=w.dtype).contiguous()
    return conv2d(x, w, None, spec).gradient(x, gradient=dy)[0].contiguous()


def conv2d_weight_grad(dy: Any, x: Any, spec: ConvSpec) -> Any:
    """(N, F, OH, OW), (N, C, H, W) -> (F, C/G, KH, KW)."""
    w = Tensor.zeros(*spec.w_shape, dtype=x.dtype).contiguous()
    return conv2d(x, w, None, spec).gradient(w, gradient=dy)[0].contiguous()


def _patches(x: Any, spec: ConvSpec) -> Any:
    padded = x.pad(((0, 0), (0, 0), spec.padding[:2], spec.padding[2:]))
    taps = padded._pool(spec.kernel_size, spec.stride, spec.dilation)  # (N, C, OH, OW, KH, KW)
    return taps.permute(0, 1, 4, 5, 2, 3).reshape(spec.columns_shape)
