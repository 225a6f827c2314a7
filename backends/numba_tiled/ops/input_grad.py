"""conv2d_input_grad: which of three ways it goes, and what each is given.

One channel a group is a stencil (`depthwise`). With few channels most lanes of the implicit product would idle, and
without padding many taps see only the border of dy: there the columns of a few images at a time are made, and col2im
adds them up. Everything else is the implicit product of `input_grad_kernel`.
"""

from __future__ import annotations

import math
from dataclasses import replace
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from backends.numba_tiled.depthwise import convolve as depthwise
from backends.numba_tiled.launch.arguments import apart, contiguous, round_up
from backends.numba_tiled.launch.records import packed
from backends.numba_tiled.launch.threads import launch, thread_count, worth
from backends.numba_tiled.launch.workspace import fresh, scratch
from backends.numba_tiled.layout.finite import is_finite
from backends.numba_tiled.layout.remainders import remainders
from backends.numba_tiled.layout.visible_rows import sight_of_dy
from backends.numba_tiled.layout.window import counts, window, work
from backends.numba_tiled.ops.col2im import col2im
from backends.numba_tiled.ops.conv2d import conv2d
from backends.numba_tiled.ops.input_grad_kernel import Plan, input_grad
from backends.numba_tiled.product.cut_into_regions import regions_of_dx
from backends.numba_tiled.product.divide import Sizes, Weights, divide
from backends.numba_tiled.product.leftover_dots import DOTS_LANES, MOST_TAPS
from backends.numba_tiled.product.register_tile import VECTORS
from backends.numba_tiled.product.scratch_layout import room, segments
from backends.numba_tiled.product.skipped_rows import Runs, in_runs, share_seen
from backends.numba_tiled.simd.caches import L2_BYTES
from backends.numba_tiled.simd.registers import BYTES
from harness import ConvSpec

_FEW_CHANNELS = 8
_FEWEST = 48  # channels of a chunk: a panel of a transposed product, or two
_AT_A_TIME = 2 << 20  # bytes of columns, if those of one image are not more


def conv2d_input_grad(dy: np.ndarray, w: np.ndarray, spec: ConvSpec) -> np.ndarray:
    """(N, F, OH, OW), (F, C/G, KH, KW) -> (N, C, H, W).

    Weights that are not finite go by columns too, as the planes of dy have zeros at the border.
    """
    dy, w = contiguous(dy), contiguous(w)
    if not is_finite(w):
        return _by_columns(dy, w, spec)
    if spec.in_channels == spec.groups:
        x = fresh(spec.x_shape, dy.dtype)
        depthwise.conv2d_input_grad(dy, w, x, spec)
        return x
    if goes_by_columns(spec):
        return _by_columns(dy, w, spec)
    dtype = dy.dtype
    p, runs, x_shape, threads, parts, row, size = _arguments(spec, dy.itemsize, thread_count())
    x = fresh(x_shape, dtype)
    arrays = (
        scratch("parts", parts, dtype), scratch("rows", row, dtype), scratch("memory", size, dtype), segments(threads),
    )  # fmt: skip
    launch(input_grad, dy, w, x, threads, p, arrays, runs)
    return x


class _Arguments(NamedTuple):
    """What a call needs to know: the plan and the runs packed, elements of scratch memory of all threads."""

    plan: np.ndarray
    runs: np.ndarray | None
    x_shape: tuple[int, ...]
    threads: int
    parts: int
    row: int
    size: int


@lru_cache(maxsize=256)
def _arguments(spec: ConvSpec, itemsize: int, threads: int) -> _Arguments:
    threads = worth(threads, work(spec))
    p, runs, parts, row = plan(spec, itemsize, threads)
    sizes = threads * parts, threads * row, threads * p.room.size
    return _Arguments(packed(p), packed(runs) if runs else None, spec.x_shape, threads, *sizes)


def plan(spec: ConvSpec, itemsize: int, threads: int, only: str = "") -> tuple[Plan, Runs | None, int, int]:
    """The plan, the runs of taps if the product is a transposed one, and a thread's elements of parts and of a row."""
    _, parts, _ = remainders(spec, 1)
    whole, _, _ = remainders(spec, parts.rows)
    channels, lanes, (sh, sw) = spec.in_channels // spec.groups, BYTES // itemsize, spec.stride
    sizes = Sizes(spec.batch, spec.groups, channels, parts.rows, parts.columns, itemsize, threads)
    depth, runs = whole.channels * spec.taps // (sh * sw), None
    skipping = regions_of_dx(spec, whole, sizes)
    if skipping:
        planes, regions = skipping
        work = divide(planes, sizes, depth, Weights(), regions=True)
    else:
        sight = sight_of_dy(spec)
        dots = lanes >= DOTS_LANES and spec.stride == (1, 1) and 1 < spec.taps <= MOST_TAPS
        weights = Weights(copied=spec.taps == 1, dots=dots)
        work = divide(whole, sizes, depth, weights, seen=share_seen(sight, parts.columns), only=only)
        planes, parts, regions = remainders(spec, work.rows)
        if work.transposed:
            panel = VECTORS * BYTES // itemsize
            taps, runs = in_runs(regions.taps, planes.channels, sight, panel, parts.columns)
            regions = regions._replace(taps=taps)
    woven = work.images * channels * work.rows * parts.columns * sh * sw if sh * sw > 1 else 0
    row = sw * round_up(parts.columns + lanes, lanes)
    space = room(planes, work, spec.taps, channels, parts.columns, itemsize, along=False)
    n = counts(spec, spec.out_channels, spec.in_channels)
    p = Plan(n, work, window(spec), planes, parts, regions, space, _chunks(spec, work.parts, itemsize))
    return p, runs, apart(woven, itemsize), apart(row, itemsize)


def _chunks(spec: ConvSpec, parts: int, itemsize: int) -> int:
    """How many chunks of channels go through all pairs of remainders one after the other: see `input_grad_kernel`."""
    if spec.stride == (1, 1) or spec.taps == 1:
        return 1
    channels = spec.in_channels // spec.groups
    weights = spec.out_channels // spec.groups * channels * spec.taps * itemsize
    return max(min(weights // L2_BYTES, channels // _FEWEST) // parts, 1)


@lru_cache(maxsize=256)
def goes_by_columns(spec: ConvSpec) -> bool:
    """Whether the columns of the gradient and their col2im take less than the implicit product.

    The product makes one sum for each pixel, the columns one for each position; an element of a column costs as much
    as 40 filters more. (Fitted to measurements.)
    """
    if spec.in_channels // spec.groups <= _FEW_CHANNELS:
        return True
    live = spec.positions / math.prod(spec.input_size)
    return spec.stride == (1, 1) and live * (1 + 40 * spec.groups / spec.out_channels) < 0.8


def _by_columns(dy: np.ndarray, w: np.ndarray, spec: ConvSpec) -> np.ndarray:
    """columns (C*KH*KW x L) = W' (C*KH*KW x F) @ dy (F x L), a 1x1 convolution of dy; then col2im."""
    rows, filters = spec.in_channels * spec.taps, spec.out_channels // spec.groups
    turned = w.reshape(spec.groups, filters, rows // spec.groups).swapaxes(1, 2).reshape(rows, filters, 1, 1)
    x = fresh(spec.x_shape, dy.dtype)
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
