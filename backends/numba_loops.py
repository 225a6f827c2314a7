"""The nested loops of the definition, compiled by Numba: what a user would write in an afternoon.

Outer loops run in parallel over planes that no other iteration writes, so there are no races and the bits do not
depend on the number of threads. An index may be negative in Python, so Numba tests each for wrapping around; that test
is part of every access here.
"""

from __future__ import annotations

from importlib.metadata import version

import numpy as np
from numba import get_num_threads, njit, prange

from harness import ConvSpec, Op

numerics = "direct"


def info() -> dict[str, str]:
    """Device and versions."""
    return {"device": "cpu", "numba": version("numba"), "threads": str(get_num_threads())}


def unsupported(op: Op, spec: ConvSpec, dtype: str) -> str | None:
    """float32 and float64 on every geometry."""
    return None if dtype in ("float32", "float64") else f"dtype {dtype} is not claimed"


def im2col(x: np.ndarray, spec: ConvSpec) -> np.ndarray:
    """(N, C, H, W) -> (N, C*KH*KW, L)."""
    columns = np.zeros((spec.batch, spec.in_channels, *spec.kernel_size, *spec.output_size), x.dtype)
    _im2col(_plain(x), columns, *_window(spec))
    return columns.reshape(spec.columns_shape)


def col2im(columns: np.ndarray, spec: ConvSpec) -> np.ndarray:
    """(N, C*KH*KW, L) -> (N, C, H, W)."""
    x = np.zeros(spec.x_shape, columns.dtype)
    _col2im(
        _plain(columns).reshape(spec.batch, spec.in_channels, *spec.kernel_size, *spec.output_size), x, *_window(spec)
    )
    return x


def conv2d(x: np.ndarray, w: np.ndarray, b: np.ndarray | None, spec: ConvSpec) -> np.ndarray:
    """(N, C, H, W), (F, C/G, KH, KW), (F,) or None -> (N, F, OH, OW)."""
    y = np.zeros(spec.y_shape, x.dtype)
    if b is not None:
        y += b.reshape(1, spec.out_channels, 1, 1)
    _conv2d(_plain(x), _plain(w), y, *_window(spec))
    return y


def conv2d_input_grad(dy: np.ndarray, w: np.ndarray, spec: ConvSpec) -> np.ndarray:
    """(N, F, OH, OW), (F, C/G, KH, KW) -> (N, C, H, W)."""
    x = np.zeros(spec.x_shape, dy.dtype)
    _input_grad(_plain(dy), _plain(w), x, spec.groups, *_window(spec))
    return x


def conv2d_weight_grad(dy: np.ndarray, x: np.ndarray, spec: ConvSpec) -> np.ndarray:
    """(N, F, OH, OW), (N, C, H, W) -> (F, C/G, KH, KW)."""
    dw = np.zeros(spec.w_shape, dy.dtype)
    _weight_grad(_plain(dy), _plain(x), dw, *_window(spec))
    return dw


def _plain(a: np.ndarray) -> np.ndarray:
    """Contiguous, aligned and writeable, so that one compiled version serves all; copied only if it is not."""
    return np.require(a, requirements=["C", "A", "W"])


def _window(spec: ConvSpec) -> tuple[int, ...]:
    (top, _, left, _) = spec.padding
    return (*spec.stride, top, left, *spec.dilation)


@njit(parallel=True, cache=True)
def _im2col(x, columns, sh, sw, top, left, dh, dw):  # type: ignore[no-untyped-def]
    batch, channels, kh, kw, oh, ow = columns.shape
    _, _, height, width = x.shape
    for plane in prange(batch * channels):
        n, c = plane // channels, plane % channels
        for u in range(kh):
            for v in range(kw):
                for p in range(oh):
                    for q in range(ow):
                        i, j = p * sh + u * dh - top, q * sw + v * dw - left
                        if 0 <= i < height and 0 <= j < width:
                            columns[n, c, u, v, p, q] = x[n, c, i, j]


@njit(parallel=True, cache=True)
def _col2im(columns, x, sh, sw, top, left, dh, dw):  # type: ignore[no-untyped-def]
    batch, channels, kh, kw, oh, ow = columns.shape
    _, _, height, width = x.shape
    for plane in prange(batch * channels):
        n, c = plane // channels, plane % channels
        for u in range(kh):
            for v in range(kw):
                for p in range(oh):
                    for q in range(ow):
                        i, j = p * sh + u * dh - top, q * sw + v * dw - left
                        if 0 <= i < height and 0 <= j < width:
                            x[n, c, i, j] += columns[n, c, u, v, p, q]


@njit(parallel=True, cache=True)
def _conv2d(x, w, y, sh, sw, top, left, dh, dw):  # type: ignore[no-untyped-def]
    batch, filters, oh, ow = y.shape
    _, channels, kh, kw = w.shape
    _, all_channels, height, width = x.shape
    a_group = filters * channels // all_channels
    for plane in prange(batch * filters):
        n, f = plane // filters, plane % filters
        for c in range(channels):
            source = f // a_group * channels + c
            for u in range(kh):
                for v in range(kw):
                    for p in range(oh):
                        for q in range(ow):
                            i, j = p * sh + u * dh - top, q * sw + v * dw - left
                            if 0 <= i < height and 0 <= j < width:
                                y[n, f, p, q] += w[f, c, u, v] * x[n, source, i, j]


@njit(parallel=True, cache=True)
def _input_grad(dy, w, x, groups, sh, sw, top, left, dh, dw):  # type: ignore[no-untyped-def]
    batch, all_channels, height, width = x.shape
    filters, channels, kh, kw = w.shape
    _, _, oh, ow = dy.shape
    a_group = filters // groups
    for plane in prange(batch * all_channels):
        n, c = plane // all_channels, plane % all_channels
        first = c // channels * a_group
        for f in range(first, first + a_group):
            for u in range(kh):
                for v in range(kw):
                    for p in range(oh):
                        for q in range(ow):
                            i, j = p * sh + u * dh - top, q * sw + v * dw - left
                            if 0 <= i < height and 0 <= j < width:
                                x[n, c, i, j] += w[f, c % channels, u, v] * dy[n, f, p, q]


@njit(parallel=True, cache=True)
def _weight_grad(dy, x, dw_, sh, sw, top, left, dh, dw):  # type: ignore[no-untyped-def]
    batch, all_channels, height, width = x.shape
    filters, channels, kh, kw = dw_.shape
    _, _, oh, ow = dy.shape
    a_group = filters * channels // all_channels
    for f in prange(filters):
        for c in range(channels):
            source = f // a_group * channels + c
            for u in range(kh):
                for v in range(kw):
                    total = dw_[f, c, u, v]
                    for n in range(batch):
                        for p in range(oh):
                            for q in range(ow):
                                i, j = p * sh + u * dh - top, q * sw + v * dw - left
                                if 0 <= i < height and 0 <= j < width:
                                    total += dy[n, f, p, q] * x[n, source, i, j]
                    dw_[f, c, u, v] = total
