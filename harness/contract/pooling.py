"""Pooling from im2col and col2im: every window is a column, its maximum or mean is taken on the host.

Padding is no pixel: a maximum never takes it (im2col fills it with zeros, which would win over negative pixels), and a
mean counts it or not by the op. Of equal pixels the first in row-major order is the maximum, and gets the gradient.
A geometry with a window that sees padding alone is refused by `harness.geometry.windows.why_not_pooled`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from harness.contract.protocol import Array
from harness.geometry.spec import ConvSpec, Op
from harness.geometry.windows import meets_pixel, pixels_in_windows

Function = Callable[..., Any]

NEEDS: dict[Op, tuple[Op, ...]] = {
    "max_pool2d": ("im2col",),
    "max_pool2d_grad": ("im2col", "col2im"),
    "avg_pool2d": ("im2col",),
    "avg_pool2d_grad": ("col2im",),
    "avg_pool2d_exclude_padding": ("im2col",),
    "avg_pool2d_exclude_padding_grad": ("col2im",),
}


def derive(im2col: Function, col2im: Function, from_numpy: Function, to_numpy: Function) -> dict[Op, Function]:
    """The six pooling ops, on the backend's own arrays, with the signatures of the contract."""

    def windows(x: Any, spec: ConvSpec) -> Array:
        """x (N, C, H, W) -> (N, C, KH*KW, L)."""
        columns: Array = to_numpy(im2col(x, spec))
        return columns.reshape(spec.batch, spec.in_channels, spec.taps, spec.positions)

    def back(windows: Array, spec: ConvSpec) -> Any:
        """(N, C, KH*KW, L) -> dx (N, C, H, W)."""
        return col2im(from_numpy(np.ascontiguousarray(windows.reshape(spec.columns_shape))), spec)

    def max_pool2d(x: Any, spec: ConvSpec) -> Any:
        """(N, C, H, W) -> (N, C, OH, OW): the largest pixel of every window; NaN where it holds one."""
        seen = _pixels(windows(x, spec), spec)
        return from_numpy(np.ascontiguousarray(seen.max(axis=2).reshape(spec.pooled_shape)))

    def max_pool2d_grad(dy: Any, x: Any, spec: ConvSpec) -> Any:
        """(N, C, OH, OW), (N, C, H, W) -> (N, C, H, W): dy goes to the pixel that was the maximum."""
        first, mask = _pixels(windows(x, spec), spec).argmax(axis=2), meets_pixel(spec)
        # Where all pixels are the least value that there is, padding is equal to them, and is none.
        first = np.where(mask[first, np.arange(spec.positions)], first, mask.argmax(axis=0))[:, :, None]
        dy = to_numpy(dy).reshape(spec.batch, spec.in_channels, 1, spec.positions)
        found = np.zeros((spec.batch, spec.in_channels, spec.taps, spec.positions), dy.dtype)
        np.put_along_axis(found, first, dy, axis=2)
        return back(found, spec)

    def avg_pool2d(x: Any, spec: ConvSpec) -> Any:
        """(N, C, H, W) -> (N, C, OH, OW): the sum of every window / KH*KW."""
        return mean(x, np.full(spec.positions, spec.taps), spec)

    def avg_pool2d_grad(dy: Any, spec: ConvSpec) -> Any:
        """(N, C, OH, OW) -> (N, C, H, W): every tap gets dy / KH*KW."""
        return spread(dy, np.full(spec.positions, spec.taps), spec)

    def avg_pool2d_exclude_padding(x: Any, spec: ConvSpec) -> Any:
        """(N, C, H, W) -> (N, C, OH, OW): the sum of every window / the number of its pixels."""
        return mean(x, pixels_in_windows(spec), spec)

    def avg_pool2d_exclude_padding_grad(dy: Any, spec: ConvSpec) -> Any:
        """(N, C, OH, OW) -> (N, C, H, W): every pixel of a window gets dy / the number of its pixels."""
        return spread(dy, pixels_in_windows(spec), spec)

    def mean(x: Any, counts: Array, spec: ConvSpec) -> Any:
        columns = windows(x, spec)
        sums = columns.sum(axis=2, dtype=_wide(columns.dtype))
        return from_numpy((sums / counts).astype(columns.dtype).reshape(spec.pooled_shape))

    def spread(dy: Any, counts: Array, spec: ConvSpec) -> Any:
        dy = to_numpy(dy).reshape(spec.batch, spec.in_channels, 1, spec.positions)
        shares = (dy.astype(_wide(dy.dtype), copy=False) / counts).astype(dy.dtype)
        return back(np.broadcast_to(shares, (*shares.shape[:2], spec.taps, spec.positions)), spec)

    return {
        "max_pool2d": max_pool2d,
        "max_pool2d_grad": max_pool2d_grad,
        "avg_pool2d": avg_pool2d,
        "avg_pool2d_grad": avg_pool2d_grad,
        "avg_pool2d_exclude_padding": avg_pool2d_exclude_padding,
        "avg_pool2d_exclude_padding_grad": avg_pool2d_exclude_padding_grad,
    }


def _pixels(windows: Array, spec: ConvSpec) -> Array:
    """The windows with the least value there is in place of padding."""
    mask = meets_pixel(spec)
    if mask.all():
        return windows
    least = -np.inf if windows.dtype.kind == "f" else np.iinfo(windows.dtype).min
    return np.where(mask, windows, np.asarray(least, windows.dtype))


def _wide(dtype: np.dtype[Any]) -> np.dtype[Any]:
    """Sums of float16 are formed in float32 and rounded once."""
    return np.dtype(np.float32) if dtype == np.float16 else dtype
