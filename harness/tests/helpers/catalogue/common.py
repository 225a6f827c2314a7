"""The right half of the faulty plug-ins: what an author has around the line that is wrong."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from harness.contract.protocol import Array
from harness.geometry.spec import ConvSpec, Op


@dataclass(frozen=True, slots=True)
class Bug:
    """One fault of one op. `make` gives the function afresh, for one that keeps something between calls."""

    id: str
    op: Op
    make: Callable[[], Callable[..., Any]]
    refuses: Callable[[ConvSpec], bool] = lambda spec: False


def plain(name: str, op: Op, function: Callable[..., Any], refuses: Callable[[ConvSpec], bool] | None = None) -> Bug:
    """A fault that keeps nothing."""
    return Bug(name, op, lambda: function) if refuses is None else Bug(name, op, lambda: function, refuses)


def grouped(spec: ConvSpec) -> bool:
    """Authors who never heard of groups refuse them."""
    return spec.groups > 1


def dilated(spec: ConvSpec) -> bool:
    """Authors who never heard of groups or of dilation refuse both."""
    return spec.groups > 1 or spec.dilation != (1, 1)


def padded(x: Array, spec: ConvSpec) -> Array:
    """A frame of zeros."""
    top, bottom, left, right = spec.padding
    return np.pad(x, ((0, 0), (0, 0), (top, bottom), (left, right)))


def places(spec: ConvSpec) -> tuple[Array, Array]:
    """(KH, OH) and (KW, OW): row and column of each tap of each window in the padded image."""
    (kh, kw), (oh, ow), (sh, sw), (dh, dw) = spec.kernel_size, spec.output_size, spec.stride, spec.dilation
    rows = np.arange(kh)[:, None] * dh + np.arange(oh) * sh
    return rows, np.arange(kw)[:, None] * dw + np.arange(ow) * sw


def windows(x: Array, spec: ConvSpec) -> Array:
    """(N, C, KH, KW, OH, OW)."""
    rows, columns = places(spec)
    return padded(x, spec)[:, :, rows[:, None, :, None], columns[None, :, None, :]]


def scattered(opened: Array, spec: ConvSpec) -> Array:
    """(N, C, KH, KW, OH, OW) added up in the padded image, by taps."""
    n, c = opened.shape[:2]
    out = np.zeros((n, c, *spec.padded_size), opened.dtype)
    rows, columns = places(spec)
    for u in range(spec.kernel_size[0]):
        for v in range(spec.kernel_size[1]):
            out[:, :, rows[u][:, None], columns[v]] += opened[:, :, u, v]
    return out


def cropped(image: Array, spec: ConvSpec) -> Array:
    """Without the frame."""
    (h, w), (top, _, left, _) = spec.input_size, spec.padding
    return np.ascontiguousarray(image[:, :, top : top + h, left : left + w])


def opened(columns: Array, spec: ConvSpec) -> Array:
    """(N, C, KH, KW, OH, OW)."""
    return columns.reshape(spec.batch, spec.in_channels, *spec.kernel_size, *spec.output_size)


def by_group(x: Array, w: Array, spec: ConvSpec) -> Array:
    """conv2d without a bias."""
    g = spec.groups
    rows = spec.in_channels // g * spec.taps
    seen = windows(x, spec).reshape(spec.batch, g, rows, spec.positions)
    y: Array = w.reshape(g, spec.out_channels // g, rows) @ seen
    return y.reshape(spec.y_shape)


def columns_of_grad(dy: Array, w: Array, spec: ConvSpec) -> Array:
    """The gradient of the windows, (N, C, KH, KW, OH, OW)."""
    g = spec.groups
    wide = w.reshape(g, spec.out_channels // g, -1).transpose(0, 2, 1)
    return opened(wide @ dy.reshape(spec.batch, g, spec.out_channels // g, spec.positions), spec)


def stuffed(dy: Array, spec: ConvSpec) -> Array:
    """dy with `stride - 1` zeros between its elements."""
    (sh, sw), (oh, ow) = spec.stride, spec.output_size
    out = np.zeros((*dy.shape[:2], (oh - 1) * sh + 1, (ow - 1) * sw + 1), dy.dtype)
    out[:, :, ::sh, ::sw] = dy
    return out
