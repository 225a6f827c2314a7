"""ONNX Runtime as a witness: models of one node, in float32; it has no gradients."""

from __future__ import annotations

import numpy as np

from conformance.diagnosis.libraries.common import Arrays, CannotDoIt, plain, unit_kernels
from harness.contract.protocol import Array
from harness.geometry.spec import ConvSpec, Op
from harness.oracle import by_taps


def run(op: Op, spec: ConvSpec, arrays: Arrays) -> Array:
    """float32 only; Conv also for im2col, by unit kernels, and Col2Im."""
    if op not in ("im2col", "col2im", "conv2d"):
        raise CannotDoIt("no gradients: it is for inference")
    if np.max(by_taps.absolute(op, spec, *arrays), initial=0.0) >= 2**24:
        raise CannotDoIt("float32 does not hold these sums exactly")
    if op == "col2im":
        sizes = [np.array(pair, dtype=np.int64) for pair in (spec.input_size, spec.kernel_size)]
        return _inferred("Col2Im", spec, [plain(arrays[0]), *sizes])
    if op == "im2col":
        units, wide = unit_kernels(spec)
        return _inferred("Conv", wide, [plain(arrays[0]), units], group=wide.groups).reshape(spec.columns_shape)
    return _inferred("Conv", spec, [plain(a) for a in arrays if a is not None], group=spec.groups)


def _inferred(name: str, spec: ConvSpec, inputs: list[Array], **attributes: int) -> Array:
    """The result of a model of one node."""
    import onnxruntime
    from onnx import TensorProto, helper

    given = [a.astype(np.float32) if a.dtype.kind == "f" else a for a in inputs]
    names, (top, bottom, left, right) = [f"input_{i}" for i in range(len(given))], spec.padding
    node = helper.make_node(
        name, names, ["result"], strides=spec.stride, pads=(top, left, bottom, right), dilations=spec.dilation,
        **attributes,
    )  # fmt: skip
    types = [TensorProto.FLOAT if a.dtype.kind == "f" else TensorProto.INT64 for a in given]
    ends = [helper.make_tensor_value_info(n, t, a.shape) for n, t, a in zip(names, types, given, strict=True)]
    result = helper.make_tensor_value_info("result", TensorProto.FLOAT, None)
    model = helper.make_model(
        helper.make_graph([node], "witness", ends, [result]), opset_imports=[helper.make_opsetid("", 18)], ir_version=8
    )
    options = onnxruntime.SessionOptions()
    options.log_severity_level, options.intra_op_num_threads = 4, 1
    session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    return np.asarray(session.run(None, dict(zip(names, given, strict=True)))[0], dtype=np.float64)
