"""ONNX Runtime: inference, so conv2d alone. The strongest forward peer on a CPU (pip install onnx onnxruntime).

    harness compare numba_tiled backends/peers/onnx_runtime.py --ops conv2d --shapes core

Its weights are constants of a model, which it packs once for all calls with the same numbers: a call compares them.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import onnxruntime
from numba import get_num_threads
from onnx import TensorProto, helper, numpy_helper

from harness import ConvSpec, Op

numerics = "gemm"


def unsupported(op: Op, spec: ConvSpec, dtype: str) -> str | None:
    """conv2d in float32."""
    if op != "conv2d":
        return "it is for inference"
    return None if dtype == "float32" else f"dtype {dtype} is not claimed"


def conv2d(x: np.ndarray, w: np.ndarray, b: np.ndarray | None, spec: ConvSpec) -> np.ndarray:
    """(N, C, H, W), (F, C/G, KH, KW), (F,) or None -> (N, F, OH, OW)."""
    asked = _Model(spec, get_num_threads(), w.tobytes(), None if b is None else b.tobytes())
    if not _LAST or _LAST[0][0] != asked:
        _LAST[:] = [(asked, _session(w, b, spec, asked.threads))]
    y: np.ndarray = _LAST[0][1].run(None, {"x": np.ascontiguousarray(x)})[0]
    return y


class _Model(NamedTuple):
    """What a session is good for: the bytes of w and b, as an array may be changed where it lies."""

    spec: ConvSpec
    threads: int
    w: bytes
    b: bytes | None


_LAST: list[tuple[_Model, Any]] = []  # the session of the last call: one, or none


def _session(w: np.ndarray, b: np.ndarray | None, spec: ConvSpec, threads: int) -> Any:
    top, bottom, left, right = spec.padding
    constants = {"w": w} if b is None else {"w": w, "b": b}
    node = helper.make_node(
        "Conv", ["x", *constants], ["y"], strides=spec.stride, pads=(top, left, bottom, right),
        dilations=spec.dilation, group=spec.groups,
    )  # fmt: skip
    graph = helper.make_graph(
        [node], "conv2d", [helper.make_tensor_value_info("x", TensorProto.FLOAT, spec.x_shape)],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, spec.y_shape)],
        [numpy_helper.from_array(a, name) for name, a in constants.items()],
    )  # fmt: skip
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=8)
    options = onnxruntime.SessionOptions()
    options.log_severity_level, options.intra_op_num_threads = 4, threads
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
