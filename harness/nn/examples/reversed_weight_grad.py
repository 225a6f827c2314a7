"""Wrong on purpose: the weight gradient comes with the kernel turned by 180 degrees, as of a true convolution."""

from __future__ import annotations

from typing import Any

import numpy as np


def im2col(x: Any, spec: Any) -> Any:
    """(N, C, H, W) -> (N, C*KH*KW, OH*OW). This one is right."""
    top, bottom, left, right = spec.padding
    padded = np.pad(x, ((0, 0), (0, 0), (top, bottom), (left, right)))
    columns = np.empty((spec.batch, spec.in_channels, *spec.kernel_size, *spec.output_size), x.dtype)
    for u, v, rows, cols in _taps(spec):
        columns[:, :, u, v] = padded[:, :, rows, cols]
    return columns.reshape(spec.columns_shape)


def col2im(columns: Any, spec: Any) -> Any:
    """(N, C*KH*KW, OH*OW) -> (N, C, H, W). This one is right."""
    (top, _, left, _), (h, w) = spec.padding, spec.input_size
    taps = columns.reshape(spec.batch, spec.in_channels, *spec.kernel_size, *spec.output_size)
    padded = np.zeros((spec.batch, spec.in_channels, *spec.padded_size), columns.dtype)
    for u, v, rows, cols in _taps(spec):
        padded[:, :, rows, cols] += taps[:, :, u, v]
    return padded[:, :, top : top + h, left : left + w].copy()


def conv2d_weight_grad(dy: Any, x: Any, spec: Any) -> Any:
    """(N, F, OH, OW), (N, C, H, W) -> (F, C, KH, KW), for one group."""
    columns = im2col(x, spec)
    dw = np.einsum("nfl,nkl->fk", dy.reshape(spec.batch, spec.out_channels, spec.positions), columns)
    return np.ascontiguousarray(dw.reshape(spec.w_shape)[:, :, ::-1, ::-1])  # the fault: it must not be reversed


def _taps(spec: Any) -> Any:
    """Of every tap, the rows and columns of the padded input that it reads."""
    (oh, ow), (sh, sw), (dh, dw) = spec.output_size, spec.stride, spec.dilation
    for u in range(spec.kernel_size[0]):
        for v in range(spec.kernel_size[1]):
            rows = slice(u * dh, u * dh + (oh - 1) * sh + 1, sh)
            yield u, v, rows, slice(v * dw, v * dw + (ow - 1) * sw + 1, sw)
