"""The gradients of the weights and of the bias."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from harness.contract.protocol import Array
from harness.geometry.spec import ConvSpec
from harness.tests.helpers.catalogue.common import Bug, dilated, padded, plain, stuffed, windows


def _right(dy: Array, opened: Array, spec: ConvSpec) -> Array:
    n, g = spec.batch, spec.groups
    rows, l = spec.in_channels // g * spec.taps, spec.positions
    left, seen = dy.reshape(n, g, spec.out_channels // g, l), opened.reshape(n, g, rows, l)
    dw: Array = np.einsum("ngfl,ngkl->gfk", left, seen)
    return dw.reshape(spec.w_shape)


def _correlated(image: Array, dy: Array) -> Array:
    """(F, C, ...): the valid correlation of the image with dy."""
    view = np.lib.stride_tricks.sliding_window_view(image, dy.shape[2:], axis=(2, 3))
    dw: Array = np.einsum("ncuvpq,nfpq->fcuv", view, dy)
    return dw


def stride_not_used_as_dilation(dy: Array, x: Array, spec: ConvSpec) -> Array:
    return _correlated(padded(x, spec), dy)


def remainder_not_cropped(dy: Array, x: Array, spec: ConvSpec) -> Array:
    return _correlated(padded(x, spec), stuffed(dy, spec))


def depthwise_last_row_missing(dy: Array, x: Array, spec: ConvSpec) -> Array:
    opened = windows(x, spec)
    c = spec.in_channels
    if spec.groups == c == spec.out_channels and c % 8 == 0 and spec.stride[0] > 1:
        opened[:, :, -1, :, -1:] = 0
    return _right(dy, opened, spec)


def left_in_matrix_form(dy: Array, x: Array, spec: ConvSpec) -> Array:
    return _right(dy, windows(x, spec), spec).reshape(spec.out_channels, spec.w_shape[1] * spec.taps)


def stale_cache() -> Callable[[Array, Array, ConvSpec], Array]:
    kept: dict[ConvSpec, Array] = {}

    def conv2d_weight_grad(dy: Array, x: Array, spec: ConvSpec) -> Array:
        if spec not in kept:
            kept[spec] = windows(x, spec)
        return _right(dy, kept[spec], spec)

    return conv2d_weight_grad


def uninitialised_for_empty_batch(dy: Array, x: Array, spec: ConvSpec) -> Array:
    opened = windows(x, spec)
    dw = np.full(spec.w_shape, 7, x.dtype)  # np.empty
    g = spec.groups
    for n in range(spec.batch):
        left, seen = dy[n].reshape(g, spec.out_channels // g, -1), opened[n].reshape(g, -1, spec.positions)
        one = (left @ seen.transpose(0, 2, 1)).reshape(spec.w_shape)
        dw = one if n == 0 else dw + one
    return dw


def wrong_layout_axes(dy: Array, spec: ConvSpec) -> Array:
    return np.asarray(dy.sum(axis=(0, 1, 2)))


def wrong_layout_axes_hwfn(dy: Array, spec: ConvSpec) -> Array:
    return np.asarray(dy.sum(axis=(0, 1, 3)))


def shape_not_bias_shape(dy: Array, spec: ConvSpec) -> Array:
    return np.asarray(dy.sum(axis=(0, 2, 3)).reshape(spec.out_channels, 1))


def shape_with_all_axes(dy: Array, spec: ConvSpec) -> Array:
    return np.asarray(dy.sum(axis=(0, 2, 3), keepdims=True))


def total_over_filters(dy: Array, spec: ConvSpec) -> Array:
    return np.full(spec.out_channels, dy.sum(), dy.dtype)


BUGS = (
    plain("dw-stride-not-used-as-dilation", "conv2d_weight_grad", stride_not_used_as_dilation, dilated),
    plain("dw-remainder-not-cropped", "conv2d_weight_grad", remainder_not_cropped, dilated),
    plain("dw-depthwise-last-row-missing", "conv2d_weight_grad", depthwise_last_row_missing),
    plain("dw-left-in-matrix-form", "conv2d_weight_grad", left_in_matrix_form),
    Bug("dw-stale-cache", "conv2d_weight_grad", stale_cache),
    plain("dw-uninitialised-for-empty-batch", "conv2d_weight_grad", uninitialised_for_empty_batch),
    plain("db-wrong-layout-axes", "conv2d_bias_grad", wrong_layout_axes),
    plain("db-wrong-layout-axes/hwfn", "conv2d_bias_grad", wrong_layout_axes_hwfn),
    plain("db-shape-not-bias-shape", "conv2d_bias_grad", shape_not_bias_shape),
    plain("db-shape-not-bias-shape/4d", "conv2d_bias_grad", shape_with_all_axes),
    plain("db-total-over-filters", "conv2d_bias_grad", total_over_filters),
)
