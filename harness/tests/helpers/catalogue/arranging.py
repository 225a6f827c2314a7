"""im2col: orders of the columns, shortcuts for 1 x 1 kernels, sizes and caches."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from harness.contract.protocol import Array
from harness.geometry.spec import ConvSpec
from harness.tests.helpers.catalogue.common import Bug, padded, places, plain, windows


def patch_order_column_major(x: Array, spec: ConvSpec) -> Array:
    return np.ascontiguousarray(windows(x, spec).transpose(0, 1, 3, 2, 4, 5)).reshape(spec.columns_shape)


def patch_order_channels_last(x: Array, spec: ConvSpec) -> Array:
    return np.ascontiguousarray(windows(x, spec).transpose(0, 2, 3, 1, 4, 5)).reshape(spec.columns_shape)


def batch_vs_spatial_columns(x: Array, spec: ConvSpec) -> Array:
    rows = spec.in_channels * spec.taps
    cols = windows(x, spec).reshape(spec.columns_shape).transpose(1, 2, 0).reshape(rows, -1)
    return np.ascontiguousarray(cols.reshape(rows, spec.batch, spec.positions).transpose(1, 0, 2))


def orientation_transposed(x: Array, spec: ConvSpec) -> Array:
    return np.ascontiguousarray(windows(x, spec).reshape(spec.columns_shape).transpose(0, 2, 1))


def one_by_one_shortcut_ignores_stride(x: Array, spec: ConvSpec) -> Array:
    if spec.kernel_size == (1, 1) and not any(spec.padding):
        return x.reshape(spec.batch, spec.in_channels, x.shape[2] * x.shape[3]).copy()
    return windows(x, spec).reshape(spec.columns_shape)


def one_by_one_shortcut_ignores_padding(x: Array, spec: ConvSpec) -> Array:
    h, w = spec.input_size
    if spec.kernel_size == (1, 1) and spec.stride == (1, 1):
        return x.reshape(spec.batch, spec.in_channels, h * w).copy()
    return windows(x, spec).reshape(spec.columns_shape)


def one_by_one_shortcut_checks_one_axis(x: Array, spec: ConvSpec) -> Array:
    h, w = spec.input_size
    if spec.kernel_size[0] == 1 and spec.stride == (1, 1) and not any(spec.padding):
        return x.reshape(spec.batch, spec.in_channels, h * w).copy()
    return windows(x, spec).reshape(spec.columns_shape)


def partial_window_misaligned(x: Array, spec: ConvSpec) -> Array:
    image = padded(x, spec)
    (ph, pw), (rh, rw), (sh, sw), (dh, dw) = spec.padded_size, spec.reach, spec.stride, spec.dilation
    oh, ow = -(-(ph - rh) // sh) + 1, -(-(pw - rw) // sw) + 1
    out = np.zeros((spec.batch, spec.in_channels * spec.taps, oh * ow), x.dtype)
    cont = 0
    for i in range(0, oh * sh, sh):
        for j in range(0, ow * sw, sw):
            if i + rh <= ph and j + rw <= pw:
                patch = image[:, :, i : i + rh : dh, j : j + rw : dw]
                out[:, :, cont] = patch.reshape(spec.batch, spec.in_channels * spec.taps)
                cont += 1
    return out


def cache_key_incomplete() -> Callable[[Array, ConvSpec], Array]:
    kept: dict[object, tuple[Array, Array]] = {}

    def im2col(x: Array, spec: ConvSpec) -> Array:
        key = (x.shape, spec.kernel_size, spec.stride, spec.padding)  # the dilation is not there
        if key not in kept:
            kept[key] = places(spec)
        rows, columns = kept[key]
        cols = padded(x, spec)[:, :, rows[:, None, :, None], columns[None, :, None, :]]
        return cols.reshape(spec.batch, spec.in_channels * spec.taps, rows.shape[1] * columns.shape[1])

    return im2col


BUGS = (
    plain("im2col-patch-order-column-major", "im2col", patch_order_column_major),
    plain("im2col-patch-order-channels-last", "im2col", patch_order_channels_last),
    plain("im2col-batch-vs-spatial-columns", "im2col", batch_vs_spatial_columns),
    plain("im2col-orientation-transposed", "im2col", orientation_transposed),
    plain("im2col-1x1-shortcut-ignores-stride", "im2col", one_by_one_shortcut_ignores_stride),
    plain("im2col-1x1-shortcut-ignores-padding", "im2col", one_by_one_shortcut_ignores_padding),
    plain("im2col-1x1-shortcut-checks-one-axis", "im2col", one_by_one_shortcut_checks_one_axis),
    plain("im2col-partial-window-misaligned", "im2col", partial_window_misaligned),
    Bug("im2col-cache-key-incomplete", "im2col", cache_key_incomplete),
)
