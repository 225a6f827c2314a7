"""col2im."""

from __future__ import annotations

import numpy as np

from harness.contract.protocol import Array
from harness.geometry.spec import ConvSpec
from harness.tests.helpers.catalogue.common import cropped, opened, places, plain, scattered


def assign_instead_of_add(columns: Array, spec: ConvSpec) -> Array:
    cols = opened(columns, spec)
    out = np.zeros((spec.batch, spec.in_channels, *spec.padded_size), columns.dtype)
    (rh, rw), (sh, sw), (dh, dw) = spec.reach, spec.stride, spec.dilation
    for p in range(spec.output_size[0]):
        for q in range(spec.output_size[1]):
            out[:, :, p * sh : p * sh + rh : dh, q * sw : q * sw + rw : dw] = cols[..., p, q]
    return cropped(out, spec)


def assign_by_taps(columns: Array, spec: ConvSpec) -> Array:
    cols = opened(columns, spec)
    out = np.zeros((spec.batch, spec.in_channels, *spec.padded_size), columns.dtype)
    rows, places_ = places(spec)
    for u in range(spec.kernel_size[0]):
        for v in range(spec.kernel_size[1]):
            out[:, :, rows[u][:, None], places_[v]] = cols[:, :, u, v]
    return cropped(out, spec)


def fancy_iadd(columns: Array, spec: ConvSpec) -> Array:
    (kh, kw), (oh, ow), c = spec.kernel_size, spec.output_size, spec.in_channels
    i0 = np.tile(np.repeat(np.arange(kh), kw), c) * spec.dilation[0]
    j0 = np.tile(np.arange(kw), kh * c) * spec.dilation[1]
    i = i0[:, None] + np.repeat(np.arange(oh), ow) * spec.stride[0]
    j = j0[:, None] + np.tile(np.arange(ow), oh) * spec.stride[1]
    k = np.repeat(np.arange(c), kh * kw)[:, None]
    out = np.zeros((spec.batch, c, *spec.padded_size), columns.dtype)
    out[:, k, i, j] += columns
    return cropped(out, spec)


def crop_wrong_axes(columns: Array, spec: ConvSpec) -> Array:
    out = scattered(opened(columns, spec), spec)
    pad = spec.padding[0]
    return out if pad == 0 else np.ascontiguousarray(out[pad:-pad, pad:-pad, :, :])


def one_padding(spec: ConvSpec) -> bool:
    """One number for all four sides is all there is."""
    return len(set(spec.padding)) > 1


def negative_zero_slice(columns: Array, spec: ConvSpec) -> Array:
    top, bottom, left, right = spec.padding
    return np.ascontiguousarray(scattered(opened(columns, spec), spec)[:, :, top:-bottom, left:-right])


def hardcoded_pad_one(columns: Array, spec: ConvSpec) -> Array:
    return np.ascontiguousarray(scattered(opened(columns, spec), spec)[:, :, 1:-1, 1:-1])


def floor_after_multiply(columns: Array, spec: ConvSpec) -> Array:
    cols = opened(columns, spec).reshape(spec.batch, spec.in_channels, *spec.kernel_size, -1)
    (ph, pw), (rh, rw), (sh, sw), (dh, dw) = spec.padded_size, spec.reach, spec.stride, spec.dilation
    ow = spec.output_size[1]
    out = np.zeros((spec.batch, spec.in_channels, ph + sh, pw), columns.dtype)
    for n in range(spec.positions):
        top, left = int(n / ow * sh), n % ow * sw
        out[:, :, top : top + rh : dh, left : left + rw : dw] += cols[..., n]
    return cropped(out, spec)


def remainder_rows_missing(columns: Array, spec: ConvSpec) -> Array:
    (oh, ow), (rh, rw), (sh, sw) = spec.output_size, spec.reach, spec.stride
    top, bottom, left, right = spec.padding
    h, w = (oh - 1) * sh + rh, (ow - 1) * sw + rw
    out = scattered(opened(columns, spec), spec)[:, :, :h, :w]
    return np.ascontiguousarray(out[:, :, top : h - bottom, left : w - right])


def remainder_silent_broadcast(columns: Array, spec: ConvSpec) -> Array:
    (oh, ow), (rh, rw), (sh, sw) = spec.output_size, spec.reach, spec.stride
    (h, w), (top, _, left, _) = spec.input_size, spec.padding
    dx = np.zeros(spec.x_shape, columns.dtype)
    out = scattered(opened(columns, spec), spec)[:, :, : (oh - 1) * sh + rh, : (ow - 1) * sw + rw]
    dx[:] = out[:, :, top : h + top, left : w + left]
    return dx


def normalised_by_overlap(columns: Array, spec: ConvSpec) -> Array:
    cols = opened(columns, spec)
    total, count = scattered(cols, spec), scattered(np.ones_like(cols), spec)
    return cropped(total / np.maximum(count, 1), spec).astype(columns.dtype)


def divided_by_nine(columns: Array, spec: ConvSpec) -> Array:
    return cropped(scattered(opened(columns, spec), spec) / 9, spec).astype(columns.dtype)


def patch_order_mismatch(columns: Array, spec: ConvSpec) -> Array:
    (kh, kw), (oh, ow) = spec.kernel_size, spec.output_size
    cols = columns.reshape(spec.batch, spec.in_channels, kw, kh, oh, ow).transpose(0, 1, 3, 2, 4, 5)
    return cropped(scattered(cols, spec), spec)


def oh_ow_transposed(columns: Array, spec: ConvSpec) -> Array:
    (kh, kw), (oh, ow) = spec.kernel_size, spec.output_size
    cols = columns.reshape(spec.batch, spec.in_channels, kh, kw, ow, oh).swapaxes(4, 5)
    return cropped(scattered(cols, spec), spec)


def padding_scattered_to_zero(columns: Array, spec: ConvSpec) -> Array:
    (h, w), n, c = spec.input_size, spec.batch, spec.in_channels
    rows, across = places(spec)
    i = (rows - spec.padding[0])[:, None, :, None]
    j = (across - spec.padding[2])[None, :, None, :]
    index = np.where((i >= 0) & (i < h) & (j >= 0) & (j < w), i * w + j, 0)
    out = np.zeros((n, c, h * w), columns.dtype)
    for image in range(n):
        for channel in range(c):
            np.add.at(out[image, channel], index, opened(columns, spec)[image, channel])
    return out.reshape(spec.x_shape)


BUGS = (
    plain("col2im-assign-instead-of-add", "col2im", assign_instead_of_add),
    plain("col2im-assign-instead-of-add/taps", "col2im", assign_by_taps),
    plain("col2im-fancy-iadd", "col2im", fancy_iadd),
    plain("col2im-crop-wrong-axes", "col2im", crop_wrong_axes, one_padding),
    plain("col2im-negative-zero-slice", "col2im", negative_zero_slice),
    plain("col2im-hardcoded-pad-one", "col2im", hardcoded_pad_one),
    plain("col2im-floor-after-multiply", "col2im", floor_after_multiply),
    plain("col2im-remainder-rows-missing", "col2im", remainder_rows_missing),
    plain("col2im-remainder-silent-broadcast", "col2im", remainder_silent_broadcast),
    plain("col2im-normalised-by-overlap", "col2im", normalised_by_overlap),
    plain("col2im-normalised-by-overlap/nine", "col2im", divided_by_nine),
    plain("col2im-patch-order-mismatch", "col2im", patch_order_mismatch),
    plain("col2im-oh-ow-transposed", "col2im", oh_ow_transposed),
    plain("col2im-padding-scattered-to-zero", "col2im", padding_scattered_to_zero),
)
