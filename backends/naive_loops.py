"""Nested Python loops, straight from the definition: slow, and readable in one go.

The arrays become nested lists first: plain Python loops over lists are about three times faster, and every sum is in
double precision whatever the dtype.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from typing import Any

import numpy as np

from harness import ConvSpec

numerics = "direct"


def im2col(x: np.ndarray, spec: ConvSpec) -> np.ndarray:
    """columns[n, (c, u, v), (p, q)] = x[n, c, p*SH - top + u*DH, q*SW - left + v*DW], 0 in the padding."""
    pixels = x.tolist()
    columns = [
        [
            [_pixel(pixels[n][c], *_tap(spec, p, q, u, v)) for p, q in _grid(spec.output_size)]
            for c in range(spec.in_channels)
            for u, v in _grid(spec.kernel_size)
        ]
        for n in range(spec.batch)
    ]
    return _array(columns, spec.columns_shape, x.dtype)


def col2im(columns: np.ndarray, spec: ConvSpec) -> np.ndarray:
    """x[n, c, i, j] += columns[n, (c, u, v), (p, q)] wherever tap (u, v) of window (p, q) reads pixel (i, j)."""
    values, x = columns.tolist(), _zeros(spec.x_shape)
    for n in range(spec.batch):
        for row, (c, u, v) in enumerate(product(range(spec.in_channels), *map(range, spec.kernel_size))):
            for position, (p, q) in enumerate(_grid(spec.output_size)):
                i, j = _tap(spec, p, q, u, v)
                if _inside(spec, i, j):
                    x[n][c][i][j] += values[n][row][position]
    return _array(x, spec.x_shape, columns.dtype)


def conv2d(x: np.ndarray, w: np.ndarray, b: np.ndarray | None, spec: ConvSpec) -> np.ndarray:
    """y[n, f, p, q] = b[f] + sum over c, u, v of x[n, c, i, j] * w[f, c, u, v]."""
    pixels, weights, y = x.tolist(), w.tolist(), _zeros(spec.y_shape)
    for n, f, c in _channel_pairs(spec):
        plane, kernel = pixels[n][c], weights[f][c % spec.w_shape[1]]
        for p, q in _grid(spec.output_size):
            for u, v in _grid(spec.kernel_size):
                i, j = _tap(spec, p, q, u, v)
                if _inside(spec, i, j):
                    y[n][f][p][q] += plane[i][j] * kernel[u][v]
    if b is not None:
        for n, f, p, q in product(*map(range, spec.y_shape)):
            y[n][f][p][q] += float(b[f])
    return _array(y, spec.y_shape, x.dtype)


def conv2d_input_grad(dy: np.ndarray, w: np.ndarray, spec: ConvSpec) -> np.ndarray:
    """dx[n, c, i, j] += dy[n, f, p, q] * w[f, c, u, v]."""
    slopes, weights, dx = dy.tolist(), w.tolist(), _zeros(spec.x_shape)
    for n, f, c in _channel_pairs(spec):
        kernel = weights[f][c % spec.w_shape[1]]
        for p, q in _grid(spec.output_size):
            for u, v in _grid(spec.kernel_size):
                i, j = _tap(spec, p, q, u, v)
                if _inside(spec, i, j):
                    dx[n][c][i][j] += slopes[n][f][p][q] * kernel[u][v]
    return _array(dx, spec.x_shape, dy.dtype)


def conv2d_weight_grad(dy: np.ndarray, x: np.ndarray, spec: ConvSpec) -> np.ndarray:
    """dw[f, c, u, v] += dy[n, f, p, q] * x[n, c, i, j]."""
    slopes, pixels, dw = dy.tolist(), x.tolist(), _zeros(spec.w_shape)
    for n, f, c in _channel_pairs(spec):
        plane = pixels[n][c]
        for p, q in _grid(spec.output_size):
            for u, v in _grid(spec.kernel_size):
                i, j = _tap(spec, p, q, u, v)
                if _inside(spec, i, j):
                    dw[f][c % spec.w_shape[1]][u][v] += slopes[n][f][p][q] * plane[i][j]
    return _array(dw, spec.w_shape, dy.dtype)


def conv2d_bias_grad(dy: np.ndarray, spec: ConvSpec) -> np.ndarray:
    """db[f] = sum over n, p, q of dy[n, f, p, q]."""
    slopes, db = dy.tolist(), [0.0] * spec.out_channels
    for n, f, p, q in product(*map(range, spec.y_shape)):
        db[f] += slopes[n][f][p][q]
    return _array(db, spec.b_shape, dy.dtype)


def _grid(extents: tuple[int, int]) -> Iterator[tuple[int, int]]:
    return product(range(extents[0]), range(extents[1]))


def _tap(spec: ConvSpec, p: int, q: int, u: int, v: int) -> tuple[int, int]:
    """The input pixel that tap (u, v) of window (p, q) reads; it may lie in the padding."""
    top, _, left, _ = spec.padding
    i = p * spec.stride[0] - top + u * spec.dilation[0]
    j = q * spec.stride[1] - left + v * spec.dilation[1]
    return i, j


def _inside(spec: ConvSpec, i: int, j: int) -> bool:
    return 0 <= i < spec.input_size[0] and 0 <= j < spec.input_size[1]


def _pixel(plane: list[list[float]], i: int, j: int) -> float:
    return plane[i][j] if 0 <= i < len(plane) and 0 <= j < len(plane[0]) else 0.0


def _channel_pairs(spec: ConvSpec) -> Iterator[tuple[int, int, int]]:
    """(n, f, c) for every image, filter f and channel c of the group that f sees."""
    channels, filters = spec.in_channels // spec.groups, spec.out_channels // spec.groups
    for n, f in product(range(spec.batch), range(spec.out_channels)):
        first = f // filters * channels
        for c in range(first, first + channels):
            yield n, f, c


def _zeros(shape: tuple[int, ...]) -> list[Any]:
    nested: list[Any] = np.zeros(shape).tolist()
    return nested


def _array(values: list[Any], shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
    """Rounded once to the dtype of the inputs; the shape is explicit because an empty batch has none of its own."""
    return np.array(values, dtype=dtype).reshape(shape)
