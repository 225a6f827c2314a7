"""OpenVINO on the CPU: conv2d, and its input gradient as the inference op it has for that (pip install openvino).

harness check backends/peers/openvino_cpu.py
"""

from __future__ import annotations

import threading
from functools import lru_cache
from typing import Any

import numpy as np
import openvino
from openvino import opset8 as ops

from harness import ConvSpec, Op

numerics = "gemm"
_core = openvino.Core()
_of_thread = threading.local()


def info() -> dict[str, str]:
    """Where it runs, and its version."""
    return {"device": "cpu", "openvino": openvino.__version__}


def unsupported(op: Op, spec: ConvSpec, dtype: str) -> str | None:
    """Both in float32."""
    if op not in ("conv2d", "conv2d_input_grad"):
        return "it is for inference"
    return None if dtype == "float32" else f"dtype {dtype} is not claimed"


def conv2d(x: np.ndarray, w: np.ndarray, b: np.ndarray | None, spec: ConvSpec) -> np.ndarray:
    """(N, C, H, W), (F, C/G, KH, KW), (F,) or None -> (N, F, OH, OW)."""
    y = _run(_forward(spec), x, w)
    return y if b is None else y + b[:, None, None]


def conv2d_input_grad(dy: np.ndarray, w: np.ndarray, spec: ConvSpec) -> np.ndarray:
    """(N, F, OH, OW), (F, C/G, KH, KW) -> (N, C, H, W)."""
    return _run(_backward(spec), dy, w)


@lru_cache(maxsize=8)
def _forward(spec: ConvSpec) -> Any:
    x, w = ops.parameter(spec.x_shape, np.float32), ops.parameter(spec.w_shape, np.float32)
    how = (spec.stride, *_pads(spec), spec.dilation)
    if spec.groups == 1:
        return _compiled(ops.convolution(x, w, *how), x, w)
    return _compiled(ops.group_convolution(x, _grouped(w, spec), *how), x, w)


@lru_cache(maxsize=8)
def _backward(spec: ConvSpec) -> Any:
    dy, w = ops.parameter(spec.y_shape, np.float32), ops.parameter(spec.w_shape, np.float32)
    sizes = zip(spec.padded_size, spec.reach, spec.stride, strict=True)
    left_over = [(padded - reach) % stride for padded, reach, stride in sizes]
    how = (spec.stride, None, *_pads(spec), spec.dilation)
    if spec.groups == 1:
        return _compiled(ops.convolution_backprop_data(dy, w, *how, output_padding=left_over), dy, w)
    weights = _grouped(w, spec)
    return _compiled(ops.group_convolution_backprop_data(dy, weights, *how, output_padding=left_over), dy, w)


def _grouped(w: Any, spec: ConvSpec) -> Any:
    return ops.reshape(w, [spec.groups, spec.out_channels // spec.groups, *spec.w_shape[1:]], False)


def _pads(spec: ConvSpec) -> tuple[tuple[int, int], tuple[int, int]]:
    top, bottom, left, right = spec.padding
    return (top, left), (bottom, right)


def _compiled(result: Any, *parameters: Any) -> Any:
    model = openvino.Model([result], list(parameters))
    return _core.compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": "f32", "INFERENCE_NUM_THREADS": 1})


def _run(model: Any, *arrays: np.ndarray) -> np.ndarray:
    """A request of this thread: one that several threads share gives them each other's results."""
    if getattr(_of_thread, "model", None) is not model:
        _of_thread.model, _of_thread.request = model, model.create_infer_request()
    found = _of_thread.request.infer([np.ascontiguousarray(a) for a in arrays], share_inputs=False)
    return np.array(found[0])
