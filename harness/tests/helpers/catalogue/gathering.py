"""im2col: bounds, padding and dilation."""

from __future__ import annotations

import numpy as np

from harness.contract.protocol import Array
from harness.geometry.spec import ConvSpec
from harness.tests.helpers.catalogue.common import Bug, padded, places, plain


def _flat(x: Array, spec: ConvSpec, high: tuple[int, int]) -> Array:
    """As Caffe does it: no padded copy, a flat index, and a test of each coordinate against `high`."""
    n, c, (h, w) = spec.batch, spec.in_channels, spec.input_size
    rows, columns = places(spec)
    i = (rows - spec.padding[0])[:, None, :, None]
    j = (columns - spec.padding[2])[None, :, None, :]
    inside = (i >= 0) & (i < high[0]) & (j >= 0) & (j < high[1])
    planes = np.arange(n * c).reshape(n, c, 1, 1, 1, 1) * (h * w)
    data = np.concatenate([x.ravel(), np.zeros(1 + rows.max() + columns.max(), x.dtype)])  # what C finds after it
    values = data.take(planes + np.where(inside, i * w + j, 0), mode="clip")
    return np.where(inside, values, 0).astype(x.dtype).reshape(spec.columns_shape)


def width_bound_uses_height(x: Array, spec: ConvSpec) -> Array:
    h = spec.input_size[0]
    return _flat(x, spec, (h, h))


def bound_uses_kernel_dims(x: Array, spec: ConvSpec) -> Array:
    return _flat(x, spec, spec.kernel_size)


def lower_bound_missing_wraps(x: Array, spec: ConvSpec) -> Array:
    (kh, kw), (oh, ow), (h, w) = spec.kernel_size, spec.output_size, spec.input_size
    out = np.zeros((spec.batch, spec.in_channels, kh, kw, oh, ow), x.dtype)
    for u in range(kh):
        for v in range(kw):
            for p in range(oh):
                for q in range(ow):
                    i = p * spec.stride[0] + u * spec.dilation[0] - spec.padding[0]
                    j = q * spec.stride[1] + v * spec.dilation[1] - spec.padding[2]
                    if i < h and j < w:
                        out[:, :, u, v, p, q] = x[:, :, i, j]
    return out.reshape(spec.columns_shape)


def _slided(image: Array, spec: ConvSpec, dilation: tuple[int, int]) -> Array:
    """(N, C, OH, OW, KH, KW) with strided windows; the sizes come out as they may."""
    (kh, kw), (sh, sw), (dh, dw) = spec.kernel_size, spec.stride, dilation
    window = ((kh - 1) * dh + 1, (kw - 1) * dw + 1)
    view = np.lib.stride_tricks.sliding_window_view(image, window, axis=(2, 3))
    return view[:, :, ::sh, ::sw, ::dh, ::dw]


def _joined(view: Array, spec: ConvSpec) -> Array:
    rows = spec.in_channels * spec.taps
    positions = view.shape[2] * view.shape[3]
    return np.ascontiguousarray(view.transpose(0, 1, 4, 5, 2, 3)).reshape(spec.batch, rows, positions)


def dilation_axes_swapped(x: Array, spec: ConvSpec) -> Array:
    return _joined(_slided(padded(x, spec), spec, (spec.dilation[1], spec.dilation[0])), spec)


def dilation_ignored(x: Array, spec: ConvSpec) -> Array:
    return _joined(_slided(padded(x, spec), spec, (1, 1)), spec)


def outsize_missing_dilation(x: Array, spec: ConvSpec) -> Array:
    image = padded(x, spec)
    (kh, kw), (sh, sw), (dh, dw) = spec.kernel_size, spec.stride, spec.dilation
    oh, ow = (image.shape[2] - kh) // sh + 1, (image.shape[3] - kw) // sw + 1
    out = np.zeros((spec.batch, spec.in_channels, kh, kw, oh, ow), x.dtype)
    for u in range(kh):
        for v in range(kw):
            seen = image[:, :, u * dh :: sh, v * dw :: sw][:, :, :oh, :ow]
            out[:, :, u, v, : seen.shape[2], : seen.shape[3]] = seen
    return out.reshape(spec.batch, -1 if out.size else spec.in_channels * spec.taps, oh * ow)


def _with_pads(x: Array, spec: ConvSpec, rows: tuple[int, int], columns: tuple[int, int]) -> Array:
    return _joined(_slided(np.pad(x, ((0, 0), (0, 0), rows, columns)), spec, spec.dilation), spec)


def pad_treated_as_total(x: Array, spec: ConvSpec) -> Array:
    p, q = spec.padding[0], spec.padding[2]
    return _with_pads(x, spec, ((p + 1) // 2, p // 2), ((q + 1) // 2, q // 2))


def pad_begin_doubled(x: Array, spec: ConvSpec) -> Array:
    top, left = spec.padding[0], spec.padding[2]
    return _with_pads(x, spec, (top, top), (left, left))


def pad_begin_end_swapped(x: Array, spec: ConvSpec) -> Array:
    top, bottom, left, right = spec.padding
    return _with_pads(x, spec, (bottom, top), (right, left))


def nonzero_padding_edge(x: Array, spec: ConvSpec) -> Array:
    top, bottom, left, right = spec.padding
    image = np.pad(x, ((0, 0), (0, 0), (top, bottom), (left, right)), mode="edge")
    return _joined(_slided(image, spec, spec.dilation), spec)


def nonzero_padding_zero_point(x: Array, spec: ConvSpec) -> Array:
    top, bottom, left, right = spec.padding
    image = np.pad(x, ((0, 0), (0, 0), (top, bottom), (left, right)), constant_values=-128)
    return _joined(_slided(image, spec, spec.dilation), spec)


def _total(spec: ConvSpec, axis: int, reach: int) -> int:
    size, stride = spec.input_size[axis], spec.stride[axis]
    return max((-(-size // stride) - 1) * stride + reach - size, 0)


def _not_same(spec: ConvSpec) -> bool:
    """Only 'same' and 'valid' are there, as in Keras."""
    h, w = _total(spec, 0, spec.reach[0]), _total(spec, 1, spec.reach[1])
    return any(spec.padding) and spec.padding != (h // 2, h - h // 2, w // 2, w - w // 2)


def same_ignores_stride(x: Array, spec: ConvSpec) -> Array:
    if not any(spec.padding):
        return _with_pads(x, spec, (0, 0), (0, 0))
    h, w = spec.reach[0] - 1, spec.reach[1] - 1
    return _with_pads(x, spec, (h // 2, (h + 1) // 2), (w // 2, (w + 1) // 2))


def same_ignores_dilation(x: Array, spec: ConvSpec) -> Array:
    if not any(spec.padding):
        return _with_pads(x, spec, (0, 0), (0, 0))
    h, w = _total(spec, 0, spec.kernel_size[0]), _total(spec, 1, spec.kernel_size[1])
    return _with_pads(x, spec, (h // 2, h - h // 2), (w // 2, w - w // 2))


def same_even_kernel(x: Array, spec: ConvSpec) -> Array:
    if not any(spec.padding):
        return _with_pads(x, spec, (0, 0), (0, 0))
    h, w = spec.reach[0] // 2, spec.reach[1] // 2
    return _with_pads(x, spec, (h, h), (w, w))


def off_by_one_slides(x: Array, spec: ConvSpec) -> Array:
    (ph, pw), (rh, rw), (sh, sw) = spec.padded_size, spec.reach, spec.stride
    oh, ow = (ph - rh) // sh, (pw - rw) // sw
    return _joined(_slided(padded(x, spec), spec, spec.dilation)[:, :, :oh, :ow], spec)


BUGS = (
    plain("im2col-width-bound-uses-height", "im2col", width_bound_uses_height),
    plain("im2col-bound-uses-kernel-dims", "im2col", bound_uses_kernel_dims),
    plain("im2col-lower-bound-missing-wraps", "im2col", lower_bound_missing_wraps),
    plain("im2col-dilation-axes-swapped", "im2col", dilation_axes_swapped),
    plain("im2col-dilation-ignored", "im2col", dilation_ignored),
    plain("im2col-outsize-missing-dilation", "im2col", outsize_missing_dilation),
    plain("im2col-pad-treated-as-total", "im2col", pad_treated_as_total),
    plain("im2col-pad-begin-doubled", "im2col", pad_begin_doubled),
    plain("im2col-pad-begin-end-swapped", "im2col", pad_begin_end_swapped),
    plain("im2col-nonzero-padding-value", "im2col", nonzero_padding_edge),
    plain("im2col-nonzero-padding-value/zero-point", "im2col", nonzero_padding_zero_point),
    Bug("im2col-same-ignores-stride", "im2col", lambda: same_ignores_stride, _not_same),
    Bug("im2col-same-ignores-dilation", "im2col", lambda: same_ignores_dilation, _not_same),
    Bug("im2col-same-even-kernel", "im2col", lambda: same_even_kernel, _not_same),
    plain("im2col-off-by-one-slides", "im2col", off_by_one_slides),
)
