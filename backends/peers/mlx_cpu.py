"""MLX on the CPU: `conv_general`, which is NHWC, and its vector-Jacobian products (pip install "mlx[cpu]").

harness check backends/peers/mlx_cpu.py
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import mlx.core as mx
import numpy as np

from harness import ConvSpec, Op

mx.set_default_device(mx.cpu)
numerics = "gemm"


def info() -> dict[str, str]:
    """Where it runs, and its version."""
    return {"device": "cpu", "mlx": mx.__version__}


def unsupported(op: Op, spec: ConvSpec, dtype: str) -> str | None:
    """The convolutions in float32."""
    if op not in ("conv2d", "conv2d_input_grad", "conv2d_weight_grad"):
        return "it has no such op"
    return None if dtype == "float32" else f"dtype {dtype} is not claimed"


def from_numpy(a: np.ndarray) -> Any:
    """A copy: MLX takes no negative strides."""
    return mx.array(np.array(a, order="C"))


def to_numpy(a: Any) -> np.ndarray:
    """A copy, once it is computed."""
    return np.array(a)


def synchronize(a: Any) -> None:
    """Wait for it: nothing is computed before."""
    mx.eval(a)


def conv2d(x: Any, w: Any, b: Any, spec: ConvSpec) -> Any:
    """(N, C, H, W), (F, C/G, KH, KW), (F,) or None -> (N, F, OH, OW)."""
    y = _convolved(x, w, spec)
    return mx.contiguous(y if b is None else y + b[:, None, None])


def conv2d_input_grad(dy: Any, w: Any, spec: ConvSpec) -> Any:
    """(N, F, OH, OW), (F, C/G, KH, KW) -> (N, C, H, W)."""
    return _gradient(lambda x: _convolved(x, w, spec), spec.x_shape, dy)


def conv2d_weight_grad(dy: Any, x: Any, spec: ConvSpec) -> Any:
    """(N, F, OH, OW), (N, C, H, W) -> (F, C/G, KH, KW)."""
    return _gradient(lambda w: _convolved(x, w, spec), spec.w_shape, dy)


def _convolved(x: Any, w: Any, spec: ConvSpec) -> Any:
    top, bottom, left, right = spec.padding
    y = mx.conv_general(
        x.transpose(0, 2, 3, 1), w.transpose(0, 2, 3, 1), stride=spec.stride,
        padding=([top, left], [bottom, right]), kernel_dilation=spec.dilation, groups=spec.groups,
    )  # fmt: skip
    return y.transpose(0, 3, 1, 2)


def _gradient(function: Callable[[Any], Any], shape: tuple[int, ...], cotangent: Any) -> Any:
    _, (gradient,) = mx.vjp(function, [mx.zeros(shape, cotangent.dtype)], [cotangent])
    return mx.contiguous(gradient)
