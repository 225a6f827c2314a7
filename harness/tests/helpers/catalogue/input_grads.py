"""The gradient of the input."""

from __future__ import annotations

import numpy as np

from harness.contract.protocol import Array
from harness.geometry.spec import ConvSpec
from harness.tests.helpers.catalogue.common import (
    columns_of_grad,
    cropped,
    dilated,
    grouped,
    opened,
    plain,
    scattered,
    stuffed,
)


def _full(dy: Array, rotated: Array, spec: ConvSpec) -> Array:
    """The full correlation of dy, spread out by the stride, with a kernel (F, C, KH, KW)."""
    kh, kw = rotated.shape[2:]
    wide = np.pad(stuffed(dy, spec), ((0, 0), (0, 0), (kh - 1, kh - 1), (kw - 1, kw - 1)))
    view = np.lib.stride_tricks.sliding_window_view(wide, (kh, kw), axis=(2, 3))
    image = np.zeros((spec.batch, spec.in_channels, *spec.padded_size), dy.dtype)
    full = np.einsum("nfijuv,fcuv->ncij", view, rotated)
    h, w = (spec.output_size[0] - 1) * spec.stride[0], (spec.output_size[1] - 1) * spec.stride[1]
    image[:, :, : h + spec.kernel_size[0], : w + spec.kernel_size[1]] = full
    return cropped(image, spec)


def kernel_not_rotated(dy: Array, w: Array, spec: ConvSpec) -> Array:
    return _full(dy, w, spec)


def rotation_transposes_kernel(dy: Array, w: Array, spec: ConvSpec) -> Array:
    return _full(dy, np.rot90(w, 1, axes=(2, 3)), spec)


def rotation_transposes_too(dy: Array, w: Array, spec: ConvSpec) -> Array:
    return _full(dy, w[:, :, ::-1, ::-1].swapaxes(2, 3), spec)


def weight_matrix_order(dy: Array, w: Array, spec: ConvSpec) -> Array:
    matrix = w.reshape(spec.in_channels * spec.taps, spec.out_channels)  # of the (F, C*KH*KW) that the forward pass has
    grad = matrix @ dy.reshape(spec.batch, spec.out_channels, -1)
    return cropped(scattered(opened(grad, spec), spec), spec)


def weight_matrix_order_matlab(dy: Array, w: Array, spec: ConvSpec) -> Array:
    (kh, kw), c = spec.kernel_size, spec.in_channels
    matrix = w.transpose(2, 3, 1, 0).reshape(spec.out_channels, -1).T
    grad = matrix @ dy.reshape(spec.batch, spec.out_channels, -1)
    cols = grad.reshape(spec.batch, kh, kw, c, *spec.output_size).transpose(0, 3, 1, 2, 4, 5)
    return cropped(scattered(cols, spec), spec)


def stride_dilation_swapped(dy: Array, w: Array, spec: ConvSpec) -> Array:
    (oh, ow), (kh, kw), (dh, dw), (sh, sw) = spec.output_size, spec.kernel_size, spec.stride, spec.dilation
    cols = columns_of_grad(dy, w, spec)
    (ph, pw) = spec.padded_size
    big = np.zeros((spec.batch, spec.in_channels, ph + kh * dh + oh * sh, pw + kw * dw + ow * sw), dy.dtype)
    for u in range(kh):
        for v in range(kw):
            big[:, :, u * dh : u * dh + oh * sh : sh, v * dw : v * dw + ow * sw : sw] += cols[:, :, u, v]
    return cropped(big, spec)


def dilation_not_handled(dy: Array, w: Array, spec: ConvSpec) -> Array:
    cols = columns_of_grad(dy, w, spec)
    out = np.zeros((spec.batch, spec.in_channels, *spec.padded_size), dy.dtype)
    (sh, sw), (oh, ow) = spec.stride, spec.output_size
    for u in range(spec.kernel_size[0]):
        for v in range(spec.kernel_size[1]):
            out[:, :, u : u + oh * sh : sh, v : v + ow * sw : sw] += cols[:, :, u, v]
    return cropped(out, spec)


def _dense(dy: Array, w: Array, spec: ConvSpec) -> Array:
    c, per = spec.in_channels, spec.in_channels // spec.groups
    everywhere = np.einsum("nfpq,fkuv->nkuvpq", dy, w)
    return cropped(scattered(everywhere[:, np.arange(c) % per], spec), spec)


def groups_treated_dense(dy: Array, w: Array, spec: ConvSpec) -> Array:
    return _dense(dy, w, spec)


def groups_with_stride(dy: Array, w: Array, spec: ConvSpec) -> Array:
    if spec.groups > 1 and max(spec.stride) > 1:
        return _dense(dy, w, spec)
    return cropped(scattered(columns_of_grad(dy, w, spec), spec), spec)


def narrow_width_tail(dy: Array, w: Array, spec: ConvSpec) -> Array:
    dx = cropped(scattered(columns_of_grad(dy, w, spec), spec), spec)
    c = spec.in_channels
    if spec.stride[1] > 1 and c > 16 and spec.input_size[1] < 17:
        dx[:, c // 16 * 16 :] = 0
    return dx


BUGS = (
    plain("dx-kernel-not-rotated", "conv2d_input_grad", kernel_not_rotated, dilated),
    plain("dx-rotation-transposes-kernel", "conv2d_input_grad", rotation_transposes_kernel, dilated),
    plain("dx-rotation-transposes-kernel/180", "conv2d_input_grad", rotation_transposes_too, dilated),
    plain("dx-weight-matrix-order", "conv2d_input_grad", weight_matrix_order, grouped),
    plain("dx-weight-matrix-order/matlab", "conv2d_input_grad", weight_matrix_order_matlab, grouped),
    plain("dx-stride-dilation-swapped", "conv2d_input_grad", stride_dilation_swapped),
    plain("dx-dilation-not-handled", "conv2d_input_grad", dilation_not_handled),
    plain("dx-groups-treated-dense", "conv2d_input_grad", groups_treated_dense),
    plain("dx-groups-with-stride", "conv2d_input_grad", groups_with_stride),
    plain("dx-narrow-width-tail", "conv2d_input_grad", narrow_width_tail),
)
