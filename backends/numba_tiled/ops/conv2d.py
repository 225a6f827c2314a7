"""conv2d: padded planes of a few images or of a band of rows, then their implicit product with the weights."""

from __future__ import annotations

from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np

from backends.numba_tiled.depthwise import convolve as depthwise
from backends.numba_tiled.launch.arguments import contiguous
from backends.numba_tiled.launch.records import packed, record
from backends.numba_tiled.launch.spread import spread
from backends.numba_tiled.launch.threads import launch, thread_count, worth
from backends.numba_tiled.launch.workspace import fresh, scratch, zeros
from backends.numba_tiled.layout.fill import fill_planes
from backends.numba_tiled.layout.planes import Planes, planes_of_x
from backends.numba_tiled.layout.regions import Regions, after, first_of, one_region, tables_of
from backends.numba_tiled.layout.visible_rows import sight_of_x
from backends.numba_tiled.layout.window import Counts, counts, work
from backends.numba_tiled.product.cut_into_regions import regions_of_y
from backends.numba_tiled.product.divide import Sizes, Weights, Work, divide, item_count, item_of
from backends.numba_tiled.product.implicit_gemm import Reads, multiply_share
from backends.numba_tiled.product.pixels import Pixels
from backends.numba_tiled.product.register_tile import VECTORS
from backends.numba_tiled.product.scratch_layout import ScratchLayout, part_of, room, segments
from backends.numba_tiled.product.skipped_rows import Runs, in_runs, runs_of, seen_of, share_seen
from backends.numba_tiled.simd.compiled import entry, inlined, inner
from backends.numba_tiled.simd.pointers import Matrix, from_row, moved, pointer
from backends.numba_tiled.simd.registers import BYTES
from harness import ConvSpec


class Plan(NamedTuple):
    """All that follows from a spec: what compiled functions are given."""

    n: Counts
    work: Work
    planes: Planes
    regions: Regions
    room: ScratchLayout
    height: int  # of y
    width: int


class Data(NamedTuple):
    """The arrays as pointers."""

    x: Any
    size: int  # elements of x
    w: Any
    start: Matrix  # the bias, or a zero for all
    y: Any


def conv2d(x: np.ndarray, w: np.ndarray, b: np.ndarray | None, spec: ConvSpec) -> np.ndarray:
    """(N, C, H, W), (F, C/G, KH, KW), (F,) or None -> (N, F, OH, OW).

    Whether a weight that is not finite meets the zeros of the padding depends on the geometry: some ways skip them.
    """
    if depthwise.takes(spec):
        y = fresh(spec.y_shape, x.dtype)
        start = zeros(spec.out_channels, x.dtype) if b is None else contiguous(b)
        depthwise.conv2d(contiguous(x), contiguous(w), start, y, spec)
        return y
    p, runs, y_shape, threads, size = _arguments(spec, x.itemsize, thread_count())
    y = fresh(y_shape, x.dtype)
    start = zeros(1, x.dtype) if b is None else contiguous(b)
    memory = scratch("memory", size, x.dtype)
    launch(forward, contiguous(x), contiguous(w), start, y, threads, p, memory, segments(threads), runs)
    return y


class _Arguments(NamedTuple):
    """What a call needs to know: the plan and the runs packed."""

    plan: np.ndarray
    runs: np.ndarray | None
    y_shape: tuple[int, ...]
    threads: int
    size: int  # elements of scratch memory, of all threads


@lru_cache(maxsize=256)
def _arguments(spec: ConvSpec, itemsize: int, threads: int) -> _Arguments:
    threads = worth(threads, work(spec))
    p, runs = plan(spec, itemsize, threads)
    return _Arguments(packed(p), packed(runs) if runs else None, spec.y_shape, threads, threads * p.room.size)


def plan(spec: ConvSpec, itemsize: int, threads: int, only: str = "") -> tuple[Plan, Runs | None]:
    """The plan, and the runs of taps if the product is a transposed one."""
    (height, width), filters = spec.output_size, spec.out_channels // spec.groups
    sizes = Sizes(spec.batch, spec.groups, filters, height, width, itemsize, threads)
    whole, _ = planes_of_x(spec, height)
    depth, runs = whole.channels * spec.taps, None
    skipping = regions_of_y(spec, whole, sizes)
    if skipping:
        planes, regions = skipping
        work = divide(planes, sizes, depth, Weights(along=True), regions=True)
    else:
        sight = sight_of_x(spec)
        work = divide(whole, sizes, depth, Weights(along=True, dots=True), seen=share_seen(sight, width), only=only)
        planes, taps = planes_of_x(spec, work.rows)
        regions = one_region(height, width, taps)
        if work.transposed:
            taps, runs = in_runs(taps, planes.channels, sight, VECTORS * BYTES // itemsize, width)
            regions = regions._replace(taps=taps)
    n = counts(spec, spec.in_channels, spec.out_channels)
    space = room(planes, work, spec.taps, filters, width, itemsize)
    return Plan(n, work, planes, regions, space, height, width), runs


@inlined
def _item(number, data, n, work, planes, tables, height, width, own, runs):
    """One item of work, region by region; `own` is the scratch of this thread."""
    item = item_of(number, work, n.batch, height)
    rows, images = item.rows, item.images
    channel, filters = item.image * n.sources + item.group * planes.channels, n.results // n.groups
    source, limit, apart = own.planes, own.limit, planes.channels * planes.size
    if planes.is_image:
        first = channel * planes.size + item.row * planes.row
        source, limit, apart = moved(data.x, first), data.size - first, n.sources * planes.size
    else:
        fill_planes(own.planes, data.x, images, channel, planes.channels, n.sources, planes, item.row, rows)
    pitch, area = planes.channels * n.taps, height * width
    weights = Matrix(moved(data.w, item.group * filters * pitch), pitch)
    start = from_row(data.start, item.group * filters)
    y = moved(data.y, (item.image * n.results + item.group * filters) * area + item.row * width)
    for k in range(tables.number):
        region = first_of(tables)
        at = Pixels(
            images, min(region.rows, rows), region.columns, planes.row, apart, width, area, n.results * area,
            work.packed, work.by_rows, work.dots, planes.is_image,
        )  # fmt: skip
        multiply_share(
            item.part, work.parts, filters, Reads(source, limit, tables.taps, tables.across, region.taps), None,
            weights, start, moved(y, region.row * width + region.column), at, own,
            seen_of(runs, k, item.row, region.before),
        )  # fmt: skip
        tables = after(tables, region.taps)


@inner
def _share(t, threads, x, w, start, y, p, memory, segments, runs):
    """Thread t's part of the items."""
    n, work, planes = p.n, p.work, p.planes
    data = Data(pointer(x), x.size, pointer(w), Matrix(pointer(start), 1 if start.size == n.results else 0), pointer(y))
    own, tables = part_of(t, threads, p.room, memory, segments), tables_of(p.regions)
    items = item_count(work, n.batch, n.groups)
    for number in range(t * items // threads, (t + 1) * items // threads):
        _item(number, data, n, work, planes, tables, p.height, p.width, own, runs)


@entry
def forward(x, w, start, y, threads, plan, memory, segments, runs):
    """y of a packed `Plan`; `runs` are packed too, or None. Arrays are contiguous.

    `start` is the bias or one zero, `memory` and `segments` are scratch.
    """
    spread(_share, threads, (x, w, start, y, record(Plan, plan), memory, segments, runs_of(runs)))
