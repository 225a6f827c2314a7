"""From a spec to the arguments of a compiled function: which way it goes, and scratch memory of the right size.

One channel a group is `depthwise`; the input gradient may go by columns; else it is an implicit product (`gemm`), in
`regions` where taps that see only padding are many.
"""

from __future__ import annotations

import math
from dataclasses import replace
from functools import lru_cache
from typing import Any

import numpy as np

from backends.numba_tiled.ops import col2im_kernel as gather
from backends.numba_tiled.depthwise import convolve as depthwise
from backends.numba_tiled.product import skipped_rows as skip
from backends.numba_tiled.ops import im2col_kernel as rows
from backends.numba_tiled.product import regions as of_regions
from backends.numba_tiled.ops import weight_grad_kernel as weight
from backends.numba_tiled.ops.bias_grad_kernel import bias_grad
from backends.numba_tiled.ops.conv2d_kernel import forward
from backends.numba_tiled.product.implicit_gemm import room, segments
from backends.numba_tiled.layout.planes import (
    Counts,
    Window,
    one_region,
    planes_of_x,
    remainders,
    sight_of_dy,
    sight_of_x,
    window,
)
from backends.numba_tiled.ops.input_grad_kernel import input_grad
from backends.numba_tiled.product.register_tile import VECTORS
from backends.numba_tiled.layout.rows import is_finite
from backends.numba_tiled.simd.registers import BYTES
from backends.numba_tiled.launch.threads import launch, thread_count
from backends.numba_tiled.ops.weight_grad_kernel import weight_grad
from backends.numba_tiled.product.divide import divide
from backends.numba_tiled.launch.workspace import scratch
from harness import ConvSpec

_CACHE = 32 << 20  # bytes: what a result must exceed to be written past the caches
_FEW_CHANNELS = 8
_NOT_WORTH_THREADS = 1 << 14  # elements to add up: their launch takes longer
_AT_A_TIME = 2 << 20  # bytes of columns, if those of one image are not more


def im2col(x: np.ndarray, spec: ConvSpec) -> np.ndarray:
    """(N, C, H, W) -> (N, C*KH*KW, L)."""
    threads = thread_count()
    shape, planes, g, blocks, size, past_caches = _im2col_plan(spec, x.itemsize, threads)
    columns = np.empty(shape, x.dtype)
    buffer = scratch("rows", size, x.dtype)
    launch(rows.im2col, _flat(x), _flat(columns), threads, planes, g, blocks, buffer, past_caches)
    return columns


@lru_cache(maxsize=256)
def _im2col_plan(spec: ConvSpec, itemsize: int, threads: int) -> tuple[Any, ...]:
    g, planes = _planes(spec)
    past_caches = spec.batch * spec.in_channels * spec.taps * spec.positions * itemsize > _CACHE
    blocks = rows.blocks(g, -(-planes // threads), itemsize, BYTES // itemsize, past_caches)
    size = threads * _apart(blocks.room, itemsize)
    return spec.columns_shape, planes, tuple(g), tuple(blocks), size, past_caches


def col2im(columns: np.ndarray, spec: ConvSpec) -> np.ndarray:
    """(N, C*KH*KW, L) -> (N, C, H, W)."""
    threads = thread_count()
    shape, planes, g, blocks, size = _col2im_plan(spec, columns.itemsize, threads)
    x = np.empty(shape, columns.dtype)
    buffer = scratch("rows", size, columns.dtype)
    launch(gather.col2im, _flat(columns), _flat(x), threads, planes, g, blocks, buffer)
    return x


@lru_cache(maxsize=256)
def _col2im_plan(spec: ConvSpec, itemsize: int, threads: int) -> tuple[Any, ...]:
    g, planes = _planes(spec)
    blocks = gather.blocks(g, planes, threads, itemsize, BYTES // itemsize)
    return spec.x_shape, planes, tuple(g), tuple(blocks), threads * _apart(blocks.room, itemsize)


def _planes(spec: ConvSpec) -> tuple[Window, int]:
    """The window and how many planes it goes over. Where columns are a copy of the image, all planes are one."""
    g, planes = window(spec), spec.batch * spec.in_channels
    if (g.kh, g.kw, g.sh, g.sw, g.top, g.left, g.oh, g.ow) == (1, 1, 1, 1, 0, 0, g.h, g.w) and planes > 0:
        return g._replace(h=planes * g.h, oh=planes * g.oh), 1
    return g, planes


def conv2d(x: np.ndarray, w: np.ndarray, b: np.ndarray | None, spec: ConvSpec) -> np.ndarray:
    """(N, C, H, W), (F, C/G, KH, KW), (F,) or None -> (N, F, OH, OW).

    Whether a weight that is not finite meets the zeros of the padding depends on the geometry: some ways skip them.
    """
    if depthwise.takes(spec):
        y = np.empty(spec.y_shape, x.dtype)
        start = np.zeros(spec.out_channels, x.dtype) if b is None else _flat(b)
        depthwise.conv2d(_flat(x), _flat(w), start, _flat(y), spec)
        return y
    threads, itemsize = thread_count(), x.itemsize
    work, planes, regions, space, runs, n, y_shape = _forward_plan(spec, itemsize, threads)
    y = np.empty(y_shape, x.dtype)
    start = space.zero if b is None else _flat(b)
    launch(
        forward, _flat(x), _flat(w), start, _flat(y), threads, n, work, planes, regions, y_shape[2], y_shape[3],
        scratch("memory", threads * space.size, x.dtype), segments(threads), space, runs,
    )  # fmt: skip
    return y


@lru_cache(maxsize=256)
def _forward_plan(spec: ConvSpec, itemsize: int, threads: int) -> tuple[Any, ...]:
    (height, width), filters = spec.output_size, spec.out_channels // spec.groups
    whole, _ = planes_of_x(spec, height)
    skipping = of_regions.of_y(spec, whole, itemsize)
    sizes = spec.batch, spec.groups, filters, height, width, itemsize, threads
    depth, runs = whole.channels * spec.taps, None
    if skipping:
        planes, regions = skipping
        work = divide(planes, *sizes, depth=depth, regions=True)
    else:
        sight = sight_of_x(spec)
        work = divide(whole, *sizes, depth=depth, seen=skip.seen(sight, width), along=True)
        planes, taps = planes_of_x(spec, work.rows)
        regions = one_region(height, width, taps)
        if work.turned:
            taps, runs = skip.in_runs(taps, planes.channels, sight, VECTORS * BYTES // itemsize, width)
            regions = regions._replace(taps=taps)
    n = _counts(spec, spec.in_channels, spec.out_channels)
    space = room(planes, work, spec.taps, filters, width, itemsize)
    return work, planes, regions, space, runs, n, spec.y_shape


def conv2d_input_grad(dy: np.ndarray, w: np.ndarray, spec: ConvSpec) -> np.ndarray:
    """(N, F, OH, OW), (F, C/G, KH, KW) -> (N, C, H, W).

    With few channels most lanes of the implicit product would idle, and without padding many taps see only the border
    of dy: one channel is a stencil, for the others the columns of a few images at a time are the better way. They are
    also the right way for weights that are not finite, as the planes of dy have zeros at the border.
    """
    if not is_finite(_flat(w)):
        return _input_grad_by_columns(dy, w, spec)
    if spec.in_channels == spec.groups:
        x = np.empty(spec.x_shape, dy.dtype)
        depthwise.conv2d_input_grad(_flat(dy), _flat(w), _flat(x), spec)
        return x
    if _is_less_by_columns(spec):
        return _input_grad_by_columns(dy, w, spec)
    threads, itemsize, dtype = thread_count(), dy.itemsize, dy.dtype
    work, planes, parts, regions, space, runs, n, woven, row = _input_grad_plan(spec, itemsize, threads)
    x = np.empty(spec.x_shape, dtype)
    launch(
        input_grad, _flat(dy), _flat(w), _flat(x), threads, n, work, window(spec), planes, parts, regions,
        scratch("parts", threads * woven, dtype), scratch("rows", threads * row, dtype),
        scratch("memory", threads * space.size, dtype), segments(threads), space, runs,
    )  # fmt: skip
    return x


@lru_cache(maxsize=256)
def _input_grad_plan(spec: ConvSpec, itemsize: int, threads: int) -> tuple[Any, ...]:
    _, parts, _ = remainders(spec, 1)
    whole, _, _ = remainders(spec, parts.rows)
    channels, lanes, (sh, sw) = spec.in_channels // spec.groups, BYTES // itemsize, spec.stride
    depth = whole.channels * spec.taps // (sh * sw)
    skipping, runs = of_regions.of_dx(spec, whole, itemsize), None
    sizes = spec.batch, spec.groups, channels, parts.rows, parts.columns, itemsize, threads
    if skipping:
        planes, regions = skipping
        work = divide(planes, *sizes, depth=depth, regions=True)
    else:
        sight = sight_of_dy(spec)
        work = divide(whole, *sizes, depth=depth, seen=skip.seen(sight, parts.columns))
        planes, parts, regions = remainders(spec, work.rows)
        if work.turned:
            panel = VECTORS * BYTES // itemsize
            taps, runs = skip.in_runs(regions.taps, planes.channels, sight, panel, parts.columns)
            regions = regions._replace(taps=taps)
    woven = work.images * channels * work.rows * parts.columns * sh * sw if sh * sw > 1 else 0
    row = sw * _up(parts.columns + lanes, lanes)
    space = room(planes, work, spec.taps, channels, parts.columns, itemsize)
    n = _counts(spec, spec.out_channels, spec.in_channels)
    return work, planes, parts, regions, space, runs, n, _apart(woven, itemsize), _apart(row, itemsize)


@lru_cache(maxsize=256)
def _is_less_by_columns(spec: ConvSpec) -> bool:
    """Whether the columns of the gradient and their col2im take less than the implicit product.

    The product makes one sum for each pixel, the columns one for each position; an element of a column costs as much
    as 40 filters more. (Fitted to measurements.)
    """
    if spec.in_channels // spec.groups <= _FEW_CHANNELS:
        return True
    live = spec.positions / math.prod(spec.input_size)
    return spec.stride == (1, 1) and live * (1 + 40 * spec.groups / spec.out_channels) < 0.8


def _input_grad_by_columns(dy: np.ndarray, w: np.ndarray, spec: ConvSpec) -> np.ndarray:
    """The columns are a 1x1 convolution of dy with the weights turned over; then col2im."""
    rows, filters = spec.in_channels * spec.taps, spec.out_channels // spec.groups
    turned = w.reshape(spec.groups, filters, rows // spec.groups).swapaxes(1, 2).reshape(rows, filters, 1, 1)
    x = np.empty(spec.x_shape, dy.dtype)
    for n, some, inner in _a_few_images(spec, dy.itemsize):
        columns = conv2d(dy[n : n + some.batch], turned, None, inner)
        x[n : n + some.batch] = col2im(columns.reshape(some.columns_shape), some)
    return x


@lru_cache(maxsize=256)
def _a_few_images(spec: ConvSpec, itemsize: int) -> list[tuple[int, ConvSpec, ConvSpec]]:
    """From the first image on, col2im of some images, and the 1x1 convolution that makes their columns."""
    rows, chunks = spec.in_channels * spec.taps, []
    images = max(1, min(spec.batch, _AT_A_TIME // max(rows * spec.positions * itemsize, 1)))
    for n in range(0, spec.batch, images):
        some = replace(spec, batch=min(images, spec.batch - n))
        inner = ConvSpec(
            batch=some.batch, in_channels=spec.out_channels, input_size=spec.output_size, out_channels=rows,
            kernel_size=(1, 1), stride=(1, 1), padding=(0, 0, 0, 0), dilation=(1, 1), groups=spec.groups,
        )  # fmt: skip
        chunks.append((n, some, inner))
    return chunks


def conv2d_weight_grad(dy: np.ndarray, x: np.ndarray, spec: ConvSpec) -> np.ndarray:
    """(N, F, OH, OW), (N, C, H, W) -> (F, C/G, KH, KW)."""
    if depthwise.takes(spec):
        dw = np.empty(spec.w_shape, dy.dtype)
        depthwise.conv2d_weight_grad(_flat(dy), _flat(x), _flat(dw), spec)
        return dw
    threads, itemsize = thread_count(), dy.itemsize
    cut, planes, taps, live, n, zero = _weight_grad_plan(spec, itemsize, threads)
    dw = np.empty(spec.w_shape, dy.dtype)
    launch(
        weight_grad, _flat(dy), _flat(x), _flat(dw), threads, n, cut, window(spec), planes, taps, live, zero,
        scratch("memory", threads * cut.size, dy.dtype),
    )  # fmt: skip
    return dw


@lru_cache(maxsize=256)
def _weight_grad_plan(spec: ConvSpec, itemsize: int, threads: int) -> tuple[Any, ...]:
    whole, _ = planes_of_x(spec, spec.output_size[0])
    cut = weight.panels(whole, spec, itemsize, threads)
    planes, taps = planes_of_x(spec, cut.rows)
    n = _counts(spec, spec.out_channels, spec.in_channels)
    taps, cut = weight.by_kinds(taps, cut.kinds), weight.placed(cut, planes, spec, itemsize)
    return cut, planes, taps, weight.live(spec, cut.kinds), n, np.zeros(1, f"f{itemsize}")


def conv2d_bias_grad(dy: np.ndarray, spec: ConvSpec) -> np.ndarray:
    """(N, F, OH, OW) -> (F,)."""
    db = np.empty(spec.out_channels, dy.dtype)
    threads = thread_count() if dy.size >= _NOT_WORTH_THREADS else 1
    launch(bias_grad, _flat(dy), db, threads, spec.batch, spec.out_channels, spec.positions)
    return db


def _flat(a: np.ndarray) -> np.ndarray:
    """One-dimensional, contiguous, aligned and writeable, as compiled functions want it; copied only if it is not."""
    if a.flags.carray:
        return a.reshape(-1)
    return np.array(a, order="C").reshape(a.size)


def _up(count: int, multiple: int) -> int:
    return -(-count // multiple) * multiple


def _apart(count: int, itemsize: int) -> int:
    """Elements of a thread's part, so that two parts share no line."""
    return _up(count * itemsize, BYTES) // itemsize + 2 * BYTES // itemsize


def _counts(spec: ConvSpec, sources: int, results: int) -> Counts:
    return Counts(spec.batch, spec.groups, sources, results, spec.taps)
