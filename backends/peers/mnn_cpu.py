"""MNN on the CPU: `expr.conv2d`, an expression a call (pip install MNN). conv2d alone.

harness check backends/peers/mnn_cpu.py
"""

from __future__ import annotations

from importlib.metadata import version
from typing import Any

import MNN.expr
import numpy as np

from harness import ConvSpec, Op

numerics = "winograd"  # which it picks by itself for 3x3


def info() -> dict[str, str]:
    """Where it runs, and its version."""
    return {"device": "cpu", "MNN": version("MNN")}


def unsupported(op: Op, spec: ConvSpec, dtype: str) -> str | None:
    """conv2d in float32."""
    if op != "conv2d":
        return "it is for inference"
    if spec.padding[::2] != spec.padding[1::2]:
        return "asymmetric padding"
    return None if dtype == "float32" else f"dtype {dtype} is not claimed"


def conv2d(x: np.ndarray, w: np.ndarray, b: np.ndarray | None, spec: ConvSpec) -> np.ndarray:
    """(N, C, H, W), (F, C/G, KH, KW), (F,) or None -> (N, F, OH, OW)."""
    bias = np.zeros(spec.b_shape, x.dtype) if b is None else b
    image = MNN.expr.convert(_constant(x), MNN.expr.NC4HW4)
    y = MNN.expr.conv2d(
        image, _constant(w), _constant(bias), stride=spec.stride[::-1], padding=[spec.padding[2], spec.padding[0]],
        dilate=spec.dilation[::-1], group=spec.groups, padding_mode=MNN.expr.Padding_Mode.CAFFE,
    )  # fmt: skip
    return np.array(MNN.expr.convert(y, MNN.expr.NCHW).read()).reshape(spec.y_shape)


def _constant(a: np.ndarray) -> Any:
    return MNN.expr.const(np.ascontiguousarray(a), list(a.shape), MNN.expr.NCHW)
