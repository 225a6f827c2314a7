"""ncnn on the CPU: Unfold, Fold and Convolution, image by image, without 16-bit storage (pip install ncnn).

harness check backends/peers/ncnn_cpu.py
"""

from __future__ import annotations

from typing import Any

import ncnn
import numpy as np

from harness import ConvSpec, Op

numerics = "winograd"  # which it picks by itself for 3x3


def info() -> dict[str, str]:
    """Where it runs, and its version."""
    return {"device": "cpu", "ncnn": ncnn.__version__}


def unsupported(op: Op, spec: ConvSpec, dtype: str) -> str | None:
    """Three ops in float32."""
    if op not in ("im2col", "col2im", "conv2d"):
        return "it is for inference"
    return None if dtype == "float32" else f"dtype {dtype} is not claimed"


def im2col(x: np.ndarray, spec: ConvSpec) -> np.ndarray:
    """(N, C, H, W) -> (N, C*KH*KW, L)."""
    return _run(_net("Unfold", spec), x, spec.columns_shape)


def col2im(columns: np.ndarray, spec: ConvSpec) -> np.ndarray:
    """(N, C*KH*KW, L) -> (N, C, H, W)."""
    height, width = spec.input_size
    return _run(_net("Fold", spec, {20: width, 21: height}), columns, spec.x_shape)


def conv2d(x: np.ndarray, w: np.ndarray, b: np.ndarray | None, spec: ConvSpec) -> np.ndarray:
    """(N, C, H, W), (F, C/G, KH, KW), (F,) or None -> (N, F, OH, OW)."""
    more = {0: spec.out_channels, 5: int(b is not None), 6: w.size}
    weights = [a for a in (w, b) if a is not None]
    if spec.groups == 1:
        return _run(_net("Convolution", spec, more, *weights), x, spec.y_shape)
    return _run(_net("ConvolutionDepthWise", spec, more | {7: spec.groups}, *weights), x, spec.y_shape)


def _net(layer: str, spec: ConvSpec, more: dict[int, int] | None = None, *weights: np.ndarray) -> tuple[Any, bytes]:
    """A net of one layer; its parameters have numbers."""
    net = ncnn.Net()
    net.opt.num_threads = 1
    net.opt.use_fp16_packed = net.opt.use_fp16_storage = net.opt.use_fp16_arithmetic = False
    (kh, kw), (sh, sw), (dh, dw) = spec.kernel_size, spec.stride, spec.dilation
    top, bottom, left, right = spec.padding
    numbers = {1: kw, 11: kh, 2: dw, 12: dh, 3: sw, 13: sh, 4: left, 15: right, 14: top, 16: bottom, **(more or {})}
    said = " ".join(f"{number}={value}" for number, value in numbers.items())
    if net.load_param_mem(f"7767517\n2 2\nInput in 0 1 in\n{layer} layer 1 1 in out {said}\n"):
        raise RuntimeError(f"ncnn does not take {layer} {said}")
    memory = bytes(4) + b"".join(np.ascontiguousarray(a).tobytes() for a in weights)  # the net reads it where it is
    if weights:
        net.load_model_mem(memory)
    return net, memory


def _run(net_and_memory: tuple[Any, bytes], images: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    (net, _), result = net_and_memory, np.empty(shape, np.float32)
    for n, image in enumerate(images):
        extractor, dense = net.create_extractor(), np.ascontiguousarray(image)  # a Mat does not keep what it is made of
        extractor.input("in", ncnn.Mat(dense).clone())
        code, out = extractor.extract("out")
        if code:
            raise RuntimeError(f"ncnn returned {code}")
        result[n] = np.array(out).reshape(shape[1:])
    return result
