"""conv2d."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from harness.contract.protocol import Array
from harness.geometry.spec import ConvSpec
from harness.tests.helpers.catalogue.common import by_group, grouped, padded, plain, windows

Bias = Array | None


def _plus(y: Array, bias: Bias) -> Array:
    return y if bias is None else y + bias[:, None, None]


def kernel_flipped(x: Array, w: Array, bias: Bias, spec: ConvSpec) -> Array:
    return _plus(by_group(x, np.ascontiguousarray(w[:, :, ::-1, ::-1]), spec), bias)


def bias_first_group_only(x: Array, w: Array, bias: Bias, spec: ConvSpec) -> Array:
    y = by_group(x, w, spec)
    per = spec.out_channels // spec.groups
    for g in range(spec.groups):
        if bias is not None:
            y[:, g * per : (g + 1) * per] += bias[:per, None, None]
    return y


def bias_on_wrong_axis(x: Array, w: Array, bias: Bias, spec: ConvSpec) -> Array:
    y = by_group(x, w, spec)
    return y if bias is None else y + bias


def bias_none_wrong_length(x: Array, w: Array, bias: Bias, spec: ConvSpec) -> Array:
    y = by_group(x, w, spec)
    b = np.zeros(spec.in_channels * spec.taps, x.dtype) if bias is None else bias
    return y + b.reshape(1, -1, 1, 1)


def output_reshaped_without_transpose(x: Array, w: Array, bias: Bias, spec: ConvSpec) -> Array:
    cols = windows(x, spec).reshape(spec.columns_shape).transpose(1, 0, 2).reshape(spec.in_channels * spec.taps, -1)
    out = w.reshape(spec.out_channels, -1) @ cols
    if bias is not None:
        out = out + bias[:, None]
    return out.reshape(spec.y_shape)


def stride_from_wrong_tuple_slot(x: Array, w: Array, bias: Bias, spec: ConvSpec) -> Array:
    return _plus(by_group(x, w, replace(spec, stride=(spec.stride[0], spec.stride[0]))), bias)


def stride_always_one(x: Array, w: Array, bias: Bias, spec: ConvSpec) -> Array:
    return _plus(by_group(x, w, replace(spec, stride=(1, 1))), bias)


def degenerate_width(x: Array, w: Array, bias: Bias, spec: ConvSpec) -> Array:
    if spec.input_size[1] == 1 and spec.kernel_size[1] == 1:  # the path of 1-D data convolves, as np.convolve does
        w = w[:, :, ::-1]
    return _plus(by_group(x, np.ascontiguousarray(w), spec), bias)


def last_row_column_wrong(x: Array, w: Array, bias: Bias, spec: ConvSpec) -> Array:
    y = by_group(x, w, spec)
    (kh, kw) = spec.kernel_size
    if kh != kw and spec.stride == (2, 2) and spec.padding[0] == 1 and spec.in_channels > 1 and y.size:
        y[:, :, -1, -1] = 0
    return _plus(y, bias)


def channel_tile_remainder(x: Array, w: Array, bias: Bias, spec: ConvSpec) -> Array:
    (sh, sw), (dh, dw), (oh, ow) = spec.stride, spec.dilation, spec.output_size
    image, c = padded(x, spec), spec.in_channels
    whole = c // 8 * 8 if c >= 8 else c
    y = np.zeros(spec.y_shape, x.dtype)
    for u in range(spec.kernel_size[0]):
        for v in range(spec.kernel_size[1]):
            seen = image[:, :whole, u * dh :: sh, v * dw :: sw][:, :, :oh, :ow]
            y += np.einsum("ncij,fc->nfij", seen, w[:, :whole, u, v])
    return _plus(y, bias)


BUGS = (
    plain("conv-kernel-flipped", "conv2d", kernel_flipped),
    plain("conv-bias-first-group-only", "conv2d", bias_first_group_only),
    plain("conv-bias-on-wrong-axis", "conv2d", bias_on_wrong_axis),
    plain("conv-bias-none-wrong-length", "conv2d", bias_none_wrong_length),
    plain("conv-output-reshaped-without-transpose", "conv2d", output_reshaped_without_transpose, grouped),
    plain("conv-stride-from-wrong-tuple-slot", "conv2d", stride_from_wrong_tuple_slot),
    plain("conv-stride-from-wrong-tuple-slot/one", "conv2d", stride_always_one),
    plain("conv-degenerate-width", "conv2d", degenerate_width),
    plain("conv-last-row-column-wrong", "conv2d", last_row_column_wrong),
    plain("conv-channel-tile-remainder", "conv2d", channel_tile_remainder, grouped),
)
