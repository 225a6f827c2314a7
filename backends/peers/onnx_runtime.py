"""ONNX Runtime: inference, so conv2d alone. The strongest forward peer on a CPU (pip install onnx onnxruntime).

    harness compare numba_tiled backends/peers/onnx_runtime.py --ops conv2d --shapes core

The weights are inputs of the model, as they are of every call here. In a network whose weights are constants it packs
them once, before the first image, which no call of this interface could do.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
import onnxruntime
from numba import get_num_threads
from onnx import TensorProto, helper

from harness import ConvSpec, Op

numerics = "gemm"


def unsupported(op: Op, spec: ConvSpec, dtype: str) -> str | None:
    """conv2d in float32."""
    if op != "conv2d":
        return "it is for inference"
    return None if dtype == "float32" else f"dtype {dtype} is not claimed"


def conv2d(x: np.ndarray, w: np.ndarray, b: np.ndarray | None, spec: ConvSpec) -> np.ndarray:
    """(N, C, H, W), (F, C/G, KH, KW), (F,) or None -> (N, F, OH, OW)."""
    given = {"x": x, "w": w} if b is None else {"x": x, "w": w, "b": b}
    session = _session(spec, get_num_threads(), tuple(given))
    y: np.ndarray = session.run(None, {name: np.ascontiguousarray(a) for name, a in given.items()})[0]
    return y


@lru_cache(maxsize=1)  # each has threads of its own
def _session(spec: ConvSpec, threads: int, inputs: tuple[str, ...]) -> Any:
    top, bottom, left, right = spec.padding
    node = helper.make_node(
        "Conv", inputs, ["y"], strides=spec.stride, pads=(top, left, bottom, right), dilations=spec.dilation,
        group=spec.groups,
    )  # fmt: skip
    shapes = {"x": spec.x_shape, "w": spec.w_shape, "b": (spec.out_channels,), "y": spec.y_shape}
    of = {name: helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in shapes.items()}
    graph = helper.make_graph([node], "conv2d", [of[name] for name in inputs], [of["y"]])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=8)
    options = onnxruntime.SessionOptions()
    options.log_severity_level, options.intra_op_num_threads = 4, threads
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
