"""Each op computed by torch, SciPy, JAX and ONNX Runtime, in float64 where the library has it.

Surprising fact: gradients and col2im are asked for as what they are, adjoints: torch and JAX differentiate their own
forward op, SciPy convolves where the forward op correlates. Nothing is imported before it is asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from importlib import metadata
from importlib.util import find_spec
from typing import Any

import numpy as np

from harness.contract.protocol import Array
from harness.geometry.spec import ConvSpec, Op
from harness.oracle import by_taps

Arrays = Sequence[Array | None]


class CannotDoIt(Exception):
    """The library has no way to compute this; the text says why."""


# -- torch -----------------------------------------------------------------------------------------------------


def _torch(op: Op, spec: ConvSpec, arrays: Arrays) -> Array:
    """Padding is always an explicit F.pad, whose adjoint crops; F.fold is asked for the padded image."""
    import torch
    import torch.nn.functional as F

    (top, bottom, left, right), (h, w) = spec.padding, spec.input_size

    def forward(x: Any, weight: Any, bias: Any) -> Any:
        padded = F.pad(x, (left, right, top, bottom))
        return F.conv2d(padded, weight, bias, spec.stride, 0, spec.dilation, spec.groups)

    given: list[Any] = [None if a is None else torch.from_numpy(_plain(a)) for a in arrays]
    if op == "im2col":
        result = F.unfold(F.pad(given[0], (left, right, top, bottom)), spec.kernel_size, spec.dilation, 0, spec.stride)
    elif op == "col2im":
        image = F.fold(given[0], spec.padded_size, spec.kernel_size, spec.dilation, 0, spec.stride)
        result = image[:, :, top : top + h, left : left + w]
    elif op == "conv2d":
        result = forward(*given)
    else:
        leaves = [torch.from_numpy(a).requires_grad_() for a in _primals(op, spec, arrays)]
        wanted = leaves[_wanted(op)]
        result = torch.autograd.grad(forward(*leaves), wanted, given[0])[0]
    return np.asarray(result.detach().numpy()).reshape(spec.output_shape(op))


def _primals(op: Op, spec: ConvSpec, arrays: Arrays) -> list[Array]:
    """x, w and b to differentiate at: the one that is given, and zeros for those that do not enter."""
    x, w, b = (np.zeros(shape) for shape in spec.input_shapes("conv2d"))
    if op == "conv2d_input_grad":
        w = _plain(arrays[1])
    if op == "conv2d_weight_grad":
        x = _plain(arrays[1])
    return [x, w, b]


def _wanted(op: Op) -> int:
    """Which argument of conv2d the gradient is taken of."""
    return ("conv2d_input_grad", "conv2d_weight_grad", "conv2d_bias_grad").index(op)


# -- JAX -------------------------------------------------------------------------------------------------------


def _jax(op: Op, spec: ConvSpec, arrays: Arrays) -> Array:
    """XLA's convolution, which takes every geometry, and `jax.vjp` of it."""
    import jax
    from jax import lax

    (top, bottom, left, right), exactly = spec.padding, lax.Precision.HIGHEST
    pads = ((top, bottom), (left, right))

    def patches(x: Any) -> Any:
        return lax.conv_general_dilated_patches(
            x, spec.kernel_size, spec.stride, pads, rhs_dilation=spec.dilation, precision=exactly
        )

    def forward(x: Any, weight: Any, bias: Any) -> Any:
        y = lax.conv_general_dilated(
            x, weight, spec.stride, pads, rhs_dilation=spec.dilation, feature_group_count=spec.groups,
            dimension_numbers=("NCHW", "OIHW", "NCHW"), precision=exactly,
        )  # fmt: skip
        return y if bias is None else y + bias[:, None, None]

    with _wide(jax):
        given: list[Any] = [None if a is None else jax.numpy.asarray(_plain(a)) for a in arrays]
        if op == "im2col":
            result = patches(given[0])
        elif op == "conv2d":
            result = forward(*given)
        elif op == "col2im":
            y, adjoint = jax.vjp(patches, jax.numpy.zeros(spec.x_shape))
            result = adjoint(given[0].reshape(y.shape))[0]
        else:
            primals = [jax.numpy.asarray(a) for a in _primals(op, spec, arrays)]
            result = jax.vjp(forward, *primals)[1](given[0])[_wanted(op)]
        return np.asarray(result).reshape(spec.output_shape(op))


def _wide(jax: Any) -> Any:
    """A context in which JAX keeps float64; its usual switch would change the caller's whole process."""
    if hasattr(jax, "enable_x64"):
        return jax.enable_x64(True)
    from jax.experimental import enable_x64

    return enable_x64()


# -- SciPy -----------------------------------------------------------------------------------------------------


def _scipy(op: Op, spec: ConvSpec, arrays: Arrays) -> Array:
    """One 2-D correlation per image, filter and channel, at stride 1 with a kernel of dilation 1, thinned out after.

    im2col is the convolution with every tap's own unit kernel, col2im its adjoint.
    """
    if op in ("im2col", "col2im"):
        units, wide = _unit_kernels(spec)
        given = _plain(arrays[0])
        if op == "im2col":
            return _correlated(wide, given, units).reshape(spec.columns_shape)
        return _convolved(wide, given.reshape(wide.y_shape), units)
    if op == "conv2d":
        y = _correlated(spec, _plain(arrays[0]), _plain(arrays[1]))
        return y if arrays[2] is None else y + arrays[2][:, None, None]
    if op == "conv2d_input_grad":
        return _convolved(spec, _plain(arrays[0]), _plain(arrays[1]))
    if op == "conv2d_weight_grad":
        return _weight_grad(spec, _plain(arrays[0]), _plain(arrays[1]))
    raise CannotDoIt("the bias gradient is a sum, nothing to correlate")


def _correlated(spec: ConvSpec, x: Array, w: Array) -> Array:
    from scipy.signal import correlate

    (sh, sw), kernels, padded = spec.stride, _spread(w, spec.reach, spec.dilation), _padded(spec, x)
    y = np.zeros(spec.y_shape)
    for n, f, k, c in _products(spec):
        y[n, f] += correlate(padded[n, c], kernels[f, k], mode="valid", method="direct")[::sh, ::sw]
    return y


def _convolved(spec: ConvSpec, dy: Array, w: Array) -> Array:
    from scipy.signal import convolve

    kernels, dense = _spread(w, spec.reach, spec.dilation), _spread(dy, _dense_size(spec), spec.stride)
    (top, _, left, _), (h, width) = spec.padding, spec.input_size
    padded = np.zeros((spec.batch, spec.in_channels, *spec.padded_size))
    for n, f, k, c in _products(spec):
        padded[n, c] += convolve(dense[n, f], kernels[f, k], mode="full", method="direct")
    return padded[:, :, top : top + h, left : left + width]


def _weight_grad(spec: ConvSpec, dy: Array, x: Array) -> Array:
    from scipy.signal import correlate

    (dh, dw), dense, padded = spec.dilation, _spread(dy, _dense_size(spec), spec.stride), _padded(spec, x)
    gradient = np.zeros(spec.w_shape)
    for n, f, k, c in _products(spec):
        gradient[f, k] += correlate(padded[n, c], dense[n, f], mode="valid", method="direct")[::dh, ::dw]
    return gradient


def _products(spec: ConvSpec) -> Iterator[tuple[int, int, int, int]]:
    """(image, filter, channel within the group, channel)."""
    channels, filters = spec.in_channels // spec.groups, spec.out_channels // spec.groups
    for n, f, k in np.ndindex(spec.batch, spec.out_channels, channels):
        yield n, f, k, f // filters * channels + k


def _spread(a: Array, size: tuple[int, int], step: tuple[int, int]) -> Array:
    """The last two axes with zeros put in between: a dilated kernel, or a gradient at stride 1."""
    wide = np.zeros((*a.shape[:2], *size))
    wide[:, :, :: step[0], :: step[1]] = a
    return wide


def _dense_size(spec: ConvSpec) -> tuple[int, int]:
    """Window positions at stride 1."""
    return spec.padded_size[0] - spec.reach[0] + 1, spec.padded_size[1] - spec.reach[1] + 1


def _padded(spec: ConvSpec, x: Array) -> Array:
    top, bottom, left, right = spec.padding
    return np.pad(x, ((0, 0), (0, 0), (top, bottom), (left, right)))


def _unit_kernels(spec: ConvSpec) -> tuple[Array, ConvSpec]:
    """One kernel for every channel and tap, 1 at that tap, and the depthwise geometry that uses them."""
    one_channel = np.eye(spec.taps).reshape(spec.taps, 1, *spec.kernel_size)
    wide = replace(spec, out_channels=spec.in_channels * spec.taps, groups=spec.in_channels)
    return np.tile(one_channel, (spec.in_channels, 1, 1, 1)), wide


def _plain(a: Array | None) -> Array:
    return np.array(a, dtype=np.float64, order="C")


# -- ONNX Runtime ----------------------------------------------------------------------------------------------


def _onnxruntime(op: Op, spec: ConvSpec, arrays: Arrays) -> Array:
    """float32 only; Conv also for im2col, by unit kernels, and Col2Im."""
    if op not in ("im2col", "col2im", "conv2d"):
        raise CannotDoIt("no gradients: it is for inference")
    if np.max(by_taps.absolute(op, spec, *arrays), initial=0.0) >= 2**24:
        raise CannotDoIt("float32 does not hold these sums exactly")
    if op == "col2im":
        sizes = [np.array(pair, dtype=np.int64) for pair in (spec.input_size, spec.kernel_size)]
        return _inferred("Col2Im", spec, [_plain(arrays[0]), *sizes])
    if op == "im2col":
        units, wide = _unit_kernels(spec)
        return _inferred("Conv", wide, [_plain(arrays[0]), units], group=wide.groups).reshape(spec.columns_shape)
    return _inferred("Conv", spec, [_plain(a) for a in arrays if a is not None], group=spec.groups)


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


COMPUTE: dict[str, Callable[[Op, ConvSpec, Arrays], Array]] = {
    "torch": _torch,
    "scipy": _scipy,
    "jax": _jax,
    "onnxruntime": _onnxruntime,
}
_ALSO_NEEDED = {"onnxruntime": "onnx"}  # to write down the model that it runs


def missing(name: str) -> str:
    """Why the library cannot be asked here, or the empty text; found without importing it."""
    for module in filter(None, (name, _ALSO_NEEDED.get(name))):
        if find_spec(module) is None:
            return f"No module named {module!r}"
    return ""


def version(name: str) -> str:
    """Version of an installed library."""
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:  # installed under another name, as onnxruntime-gpu is
        return "version unknown"
