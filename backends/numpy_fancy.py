"""The CS231n way: index arrays once, a fancy-index gather, an `np.add.at` scatter, one matrix product.

Follows the idea of CS231n's `im2col.py` (also in ML-From-Scratch and CNNumpy) without its limits: any padding, stride,
dilation, groups, an empty batch. `padded[:, k, i, j] += columns` would be wrong: NumPy adds repeated indices only once,
and `np.add.at` is there to add them all.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

import numpy as np

from harness import ConvSpec
from harness.contract.columns_layouts import COLUMNS_LAYOUTS

numerics = "gemm"


def im2col(x: np.ndarray, spec: ConvSpec) -> np.ndarray:
    """(N, C, H, W) -> (N, C*KH*KW, L) by one gather from the padded input."""
    return _gathered(_pad(x, spec), spec)


def col2im(columns: np.ndarray, spec: ConvSpec) -> np.ndarray:
    """(N, C*KH*KW, L) -> (N, C, H, W): scatter-add into a padded image, then cut the padding off."""
    k, i, j = _indices(spec.in_channels, spec.kernel_size, spec.output_size, spec.stride, spec.dilation)
    padded = np.zeros((spec.batch, spec.in_channels, *spec.padded_size), dtype=columns.dtype)
    np.add.at(padded, (slice(None), k, i, j), columns)  # type: ignore[arg-type]  # the stubs know no tuple of arrays
    (top, _, left, _), (h, w) = spec.padding, spec.input_size
    return np.ascontiguousarray(padded[:, :, top : top + h, left : left + w])


def conv2d(x: np.ndarray, w: np.ndarray, b: np.ndarray | None, spec: ConvSpec) -> np.ndarray:
    """W (F/G x K) @ columns (K x L*N) -> y (F/G x L*N), one product for the whole batch (one a group)."""
    columns = _batch_innermost(im2col(x, spec), spec)
    return _images(_filters(w, spec) @ columns, b, spec)


def conv2d_input_grad(dy: np.ndarray, w: np.ndarray, spec: ConvSpec) -> np.ndarray:
    """W' (K x F/G) @ dy (F/G x L*N) -> columns (K x L*N), then col2im."""
    columns = _filters(w, spec).swapaxes(1, 2) @ _slopes(dy, spec)
    n, rows, positions = spec.columns_shape
    return col2im(COLUMNS_LAYOUTS["batch_innermost"].to_batched(columns.reshape(rows, positions * n), spec), spec)


def conv2d_weight_grad(dy: np.ndarray, x: np.ndarray, spec: ConvSpec) -> np.ndarray:
    """dy (F/G x L*N) @ columns' (L*N x K) -> dw (F/G x K)."""
    columns = _batch_innermost(im2col(x, spec), spec)
    dw: np.ndarray = _slopes(dy, spec) @ columns.swapaxes(1, 2)
    return dw.reshape(spec.w_shape)


def conv2d_bias_grad(dy: np.ndarray, spec: ConvSpec) -> np.ndarray:
    """Sum over images and positions."""
    db: np.ndarray = dy.sum(axis=(0, 2, 3), dtype=dy.dtype)
    return db


def stages(op: str, spec: ConvSpec) -> list[tuple[str, Callable[..., object]]]:
    """conv2d stage by stage, for the harness to time them."""
    if op != "conv2d":
        return []
    return [
        ("pad", lambda x, w, b: (_pad(x, spec), w, b)),
        ("im2col", lambda padded, w, b: (_gathered(padded, spec), w, b)),
        ("reorder", lambda columns, w, b: (_batch_innermost(columns, spec), w, b)),
        ("product", lambda columns, w, b: (_filters(w, spec) @ columns, b)),
        ("reorder", lambda y, b: _images(y, b, spec)),
    ]


@lru_cache(maxsize=4)  # few: the indices of one VGG layer take 460 MB
def _indices(
    channels: int, kernel: tuple[int, int], out: tuple[int, int], stride: tuple[int, int], dilation: tuple[int, int]
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """k (C*KH*KW, 1), i and j (C*KH*KW, L): channel, padded row and padded column of every entry of the columns.

    Everything that i and j depend on is an argument, and so part of the cache key.
    """
    (kh, kw), (oh, ow) = kernel, out
    i0 = np.tile(np.repeat(np.arange(kh) * dilation[0], kw), channels)
    j0 = np.tile(np.arange(kw) * dilation[1], kh * channels)
    i1 = stride[0] * np.repeat(np.arange(oh), ow)
    j1 = stride[1] * np.tile(np.arange(ow), oh)
    k = np.repeat(np.arange(channels), kh * kw)
    return k[:, None], i0[:, None] + i1[None, :], j0[:, None] + j1[None, :]


def _gathered(padded: np.ndarray, spec: ConvSpec) -> np.ndarray:
    k, i, j = _indices(spec.in_channels, spec.kernel_size, spec.output_size, spec.stride, spec.dilation)
    return np.ascontiguousarray(padded[:, k, i, j])


def _pad(x: np.ndarray, spec: ConvSpec) -> np.ndarray:
    top, bottom, left, right = spec.padding
    return np.pad(x, ((0, 0), (0, 0), (top, bottom), (left, right)))


def _batch_innermost(columns: np.ndarray, spec: ConvSpec) -> np.ndarray:
    """(N, C*KH*KW, L) -> (G, K, L*N)."""
    rows = spec.in_channels // spec.groups * spec.taps
    columns = COLUMNS_LAYOUTS["batch_innermost"].from_batched(columns, spec)
    return columns.reshape(spec.groups, rows, spec.positions * spec.batch)


def _images(y: np.ndarray, b: np.ndarray | None, spec: ConvSpec) -> np.ndarray:
    """(G, F/G, L*N) plus bias -> (N, F, OH, OW)."""
    y = y.reshape(spec.out_channels, *spec.output_size, spec.batch)
    if b is not None:
        y += b.reshape(spec.out_channels, 1, 1, 1)
    return np.ascontiguousarray(y.transpose(3, 0, 1, 2))


def _filters(w: np.ndarray, spec: ConvSpec) -> np.ndarray:
    """(F, C/G, KH, KW) -> (G, F/G, K)."""
    return w.reshape(spec.groups, spec.out_channels // spec.groups, spec.in_channels // spec.groups * spec.taps)


def _slopes(dy: np.ndarray, spec: ConvSpec) -> np.ndarray:
    """(N, F, OH, OW) -> (G, F/G, L*N)."""
    filters = spec.out_channels // spec.groups
    return dy.transpose(1, 2, 3, 0).reshape(spec.groups, filters, spec.positions * spec.batch)
