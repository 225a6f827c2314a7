"""TensorFlow on the CPU, which is NHWC: Conv2D, its input gradient, and `tf.image.extract_patches`.

    harness check backends/peers/tensorflow_cpu.py --dtype float32

(pip install tensorflow-cpu). Padding is its own op here, as the patches know only SAME and VALID.
"""

from __future__ import annotations

import os
from typing import Any

import numpy as np

from harness import ConvSpec, Op

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")
import tensorflow as tf

_threads = int(os.environ.get("OMP_NUM_THREADS") or 1)  # as the harness asks of every library
tf.config.threading.set_intra_op_parallelism_threads(_threads)
tf.config.threading.set_inter_op_parallelism_threads(1)
numerics = "gemm"
subnormals = "flushed"  # as it sets the processor


def info() -> dict[str, str]:
    """Where it runs, and its version."""
    return {"device": "cpu", "tensorflow": tf.__version__}


def unsupported(op: Op, spec: ConvSpec, dtype: str) -> str | None:
    """im2col, conv2d and its input gradient in float32."""
    if op == "conv2d_weight_grad":
        return "it ended the process in two runs of the suite, and no script shows yet why"
    if op not in ("im2col", "conv2d", "conv2d_input_grad"):
        return "it has no such op"
    return None if dtype == "float32" else f"dtype {dtype} is not claimed"


def from_numpy(a: np.ndarray) -> Any:
    """A copy."""
    return tf.constant(np.array(a, order="C"))


def to_numpy(a: Any) -> np.ndarray:
    """A copy, which can be written to."""
    return np.array(a)


def synchronize(a: Any) -> None:
    """Wait for it."""
    tf.test.experimental.sync_devices()


def im2col(x: Any, spec: ConvSpec) -> Any:
    """(N, C, H, W) -> (N, C*KH*KW, L)."""
    sizes, strides, rates = ([1, *pair, 1] for pair in (spec.kernel_size, spec.stride, spec.dilation))
    patches = tf.image.extract_patches(_padded(x, spec), sizes, strides, rates, "VALID")
    taps = tf.reshape(patches, [spec.batch, *spec.output_size, *spec.kernel_size, spec.in_channels])
    return tf.reshape(tf.transpose(taps, [0, 5, 3, 4, 1, 2]), spec.columns_shape)


def conv2d(x: Any, w: Any, b: Any, spec: ConvSpec) -> Any:
    """(N, C, H, W), (F, C/G, KH, KW), (F,) or None -> (N, F, OH, OW)."""
    y = _channels_first(tf.raw_ops.Conv2D(input=_padded(x, spec), filter=tf.transpose(w, [2, 3, 1, 0]), **_how(spec)))
    return y if b is None else y + b[:, None, None]


def conv2d_input_grad(dy: Any, w: Any, spec: ConvSpec) -> Any:
    """(N, F, OH, OW), (F, C/G, KH, KW) -> (N, C, H, W)."""
    sizes = [spec.batch, *spec.padded_size, spec.in_channels]
    (top, _, left, _), (height, width) = spec.padding, spec.input_size
    dx = tf.raw_ops.Conv2DBackpropInput(
        input_sizes=sizes, filter=tf.transpose(w, [2, 3, 1, 0]), out_backprop=_channels_last(dy), **_how(spec)
    )
    return _channels_first(dx[:, top : top + height, left : left + width])


def _how(spec: ConvSpec) -> dict[str, Any]:
    return {"strides": [1, *spec.stride, 1], "padding": "VALID", "dilations": [1, *spec.dilation, 1]}


def _padded(x: Any, spec: ConvSpec) -> Any:
    return tf.pad(_channels_last(x), [(0, 0), spec.padding[:2], spec.padding[2:], (0, 0)])


def _channels_last(a: Any) -> Any:
    return tf.transpose(a, [0, 2, 3, 1])


def _channels_first(a: Any) -> Any:
    return tf.transpose(a, [0, 3, 1, 2])
