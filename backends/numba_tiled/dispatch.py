"""From a spec to the arguments of a compiled function: images at a time, and scratch memory of the right size."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numba import get_num_threads

from backends.numba_tiled import col2im as gather
from backends.numba_tiled import depthwise
from backends.numba_tiled import im2col as runs
from backends.numba_tiled.bias_grad import bias_grad, bias_grad_share
from backends.numba_tiled.forward import forward
from backends.numba_tiled.gemm import room
from backends.numba_tiled.geometry import Counts, Planes, planes_of_x, remainders, window
from backends.numba_tiled.input_grad import input_grad
from backends.numba_tiled.kernel import FILTERS, VECTORS
from backends.numba_tiled.rows import is_finite
from backends.numba_tiled.simd import BYTES
from backends.numba_tiled.weight_grad import weight_grad
from backends.numba_tiled.workspace import scratch
from harness import ConvSpec

_CACHE = 32 << 20  # bytes: what a result must exceed to be written past the caches
_FEW_CHANNELS = 8
_NOT_WORTH_THREADS = 1 << 14  # elements to add up: their launch takes longer
_AT_A_TIME = 2 << 20  # bytes of padded planes, if one image is not more


def im2col(x: np.ndarray, spec: ConvSpec) -> np.ndarray:
    """(N, C, H, W) -> (N, C*KH*KW, L)."""
    columns = np.empty(spec.columns_shape, x.dtype)
    g, threads = window(spec), get_num_threads()
    rows = runs.rows_a_block(g, x.itemsize)
    buffer = scratch("rows", threads * _apart(runs.room(g, rows), x.dtype), x.dtype)
    past_caches = columns.nbytes > _CACHE
    runs.im2col(_flat(x), _flat(columns), threads, spec.batch * spec.in_channels, g, rows, buffer, past_caches)
    return columns


def col2im(columns: np.ndarray, spec: ConvSpec) -> np.ndarray:
    """(N, C*KH*KW, L) -> (N, C, H, W)."""
    x, dtype = np.empty(spec.x_shape, columns.dtype), columns.dtype
    g, threads = window(spec), get_num_threads()
    rows = gather.rows_a_block(g, dtype.itemsize)
    buffer = scratch("rows", threads * _apart(gather.room(g, rows, BYTES // dtype.itemsize), dtype), dtype)
    gather.col2im(_flat(columns), _flat(x), threads, spec.batch * spec.in_channels, g, rows, buffer)
    return x


def conv2d(x: np.ndarray, w: np.ndarray, b: np.ndarray | None, spec: ConvSpec) -> np.ndarray:
    """(N, C, H, W), (F, C/G, KH, KW), (F,) or None -> (N, F, OH, OW)."""
    y, dtype, threads = np.empty(spec.y_shape, x.dtype), x.dtype, get_num_threads()
    start = np.zeros(spec.out_channels + FILTERS, dtype)
    if b is not None:
        start[: spec.out_channels] = b
    if depthwise.takes(spec):
        depthwise.conv2d(_flat(x), _flat(w), start, _flat(y), spec)
        return y
    planes, taps = planes_of_x(spec)
    n = _counts(spec, spec.in_channels, spec.out_channels, planes.channels * planes.size * dtype.itemsize)
    packed = scratch("packed", _up(spec.out_channels // spec.groups, FILTERS) * taps.size, dtype)
    forward(
        _flat(x), _flat(w), start, _flat(y), threads, n, planes, taps, spec.positions, spec.output_size[1],
        _filled(planes, n, dtype), packed, room(threads, dtype),
    )  # fmt: skip
    return y


def conv2d_input_grad(dy: np.ndarray, w: np.ndarray, spec: ConvSpec) -> np.ndarray:
    """(N, F, OH, OW), (F, C/G, KH, KW) -> (N, C, H, W).

    With few channels most lanes of the implicit product would idle: one channel is a stencil, and for some the columns
    of one image at a time are the better way. They are also the right way for weights that are not finite, as the
    planes of dy have zeros at the border.
    """
    if not is_finite(_flat(w)):
        return _input_grad_by_columns(dy, w, spec)
    if spec.in_channels == spec.groups:
        x = np.empty(spec.x_shape, dy.dtype)
        depthwise.conv2d_input_grad(_flat(dy), _flat(w), _flat(x), spec)
        return x
    if spec.in_channels // spec.groups <= _FEW_CHANNELS:
        return _input_grad_by_columns(dy, w, spec)
    x, dtype, threads, g = np.empty(spec.x_shape, dy.dtype), dy.dtype, get_num_threads(), window(spec)
    planes, parts = remainders(spec)
    channels, filters, pairs = spec.in_channels // spec.groups, planes.channels, g.sh * g.sw
    woven = channels * parts.rows * parts.columns * pairs if pairs > 1 else 0
    n = _counts(spec, spec.out_channels, spec.in_channels, max(filters * planes.size, woven) * dtype.itemsize)
    lanes = BYTES // dtype.itemsize
    input_grad(
        _flat(dy), _flat(w), _flat(x), threads, n, g, planes, parts, _filled(planes, n, dtype),
        scratch("packed", _up(channels, FILTERS) * filters * spec.taps, dtype),
        scratch("turned", threads * filters * spec.taps * FILTERS, dtype),
        scratch("parts", n.images * woven + lanes, dtype),
        scratch("rows", threads * _apart(g.sw * _up(parts.columns + lanes, lanes), dtype), dtype),
        np.zeros(spec.in_channels + FILTERS, dtype), room(threads, dtype),
    )  # fmt: skip
    return x


def _input_grad_by_columns(dy: np.ndarray, w: np.ndarray, spec: ConvSpec) -> np.ndarray:
    """The columns are a 1x1 convolution of dy with the weights turned over; then col2im."""
    rows, filters = spec.in_channels * spec.taps, spec.out_channels // spec.groups
    turned = w.reshape(spec.groups, filters, rows // spec.groups).swapaxes(1, 2).reshape(rows, filters, 1, 1)
    x = np.empty(spec.x_shape, dy.dtype)
    one = replace(spec, batch=1)
    inner = ConvSpec(
        batch=1, in_channels=spec.out_channels, input_size=spec.output_size, out_channels=rows, kernel_size=(1, 1),
        stride=(1, 1), padding=(0, 0, 0, 0), dilation=(1, 1), groups=spec.groups,
    )  # fmt: skip
    for n in range(spec.batch):
        x[n] = col2im(conv2d(dy[n : n + 1], turned, None, inner).reshape(one.columns_shape), one)
    return x


def conv2d_weight_grad(dy: np.ndarray, x: np.ndarray, spec: ConvSpec) -> np.ndarray:
    """(N, F, OH, OW), (N, C, H, W) -> (F, C/G, KH, KW)."""
    dw, dtype, threads = np.empty(spec.w_shape, dy.dtype), dy.dtype, get_num_threads()
    if depthwise.takes(spec):
        depthwise.conv2d_weight_grad(_flat(dy), _flat(x), _flat(dw), spec)
        return dw
    planes, taps = planes_of_x(spec)
    n = _counts(spec, spec.out_channels, spec.in_channels, planes.channels * planes.size * dtype.itemsize)
    lanes = BYTES // dtype.itemsize
    vectors = -(-spec.out_channels // spec.groups // lanes)
    weight_grad(
        _flat(dy), _flat(x), _flat(dw), threads, n, window(spec), planes, taps, _filled(planes, n, dtype),
        scratch("turned", vectors * lanes * spec.positions * n.images, dtype),
        scratch("sums", _up(taps.size, FILTERS) * vectors * lanes, dtype), np.zeros(FILTERS, dtype),
        vectors, -(-vectors // VECTORS),
    )  # fmt: skip
    return dw


def conv2d_bias_grad(dy: np.ndarray, spec: ConvSpec) -> np.ndarray:
    """(N, F, OH, OW) -> (F,)."""
    db, threads = np.empty(spec.out_channels, dy.dtype), get_num_threads()
    if threads == 1 or dy.size < _NOT_WORTH_THREADS:
        bias_grad_share(0, 1, _flat(dy), db, spec.batch, spec.out_channels, spec.positions)
    else:
        bias_grad(_flat(dy), db, threads, spec.batch, spec.out_channels, spec.positions)
    return db


def _flat(a: np.ndarray) -> np.ndarray:
    """One-dimensional, contiguous, aligned and writeable, as compiled functions want it; copied only if it is not."""
    if a.flags.c_contiguous and a.flags.aligned and a.flags.writeable:
        return a.reshape(a.size)
    return np.array(a, order="C").reshape(a.size)


def _up(count: int, multiple: int) -> int:
    return -(-count // multiple) * multiple


def _apart(count: int, dtype: np.dtype) -> int:
    """Elements of a thread's part, so that two parts share no line."""
    return _up(count * dtype.itemsize, BYTES) // dtype.itemsize + 2 * BYTES // dtype.itemsize


def _counts(spec: ConvSpec, sources: int, results: int, image_bytes: int) -> Counts:
    images = max(1, min(spec.batch, _AT_A_TIME // max(image_bytes, 1)))
    return Counts(spec.batch, spec.groups, sources, results, spec.taps, images)


def _filled(planes: Planes, n: Counts, dtype: np.dtype) -> np.ndarray:
    """Scratch for padded planes; whole vectors are read at the end."""
    size = 0 if planes.is_image else n.images * planes.channels * planes.size
    return scratch("planes", size + 4 * BYTES // dtype.itemsize, dtype)
