"""conv2d: padded planes of a few images or of a band of rows, then their implicit GEMM."""

from __future__ import annotations

from numba import njit

from backends.numba_tiled.product.implicit_gemm import Pixels, multiply_share
from backends.numba_tiled.layout.planes import SIZES
from backends.numba_tiled.layout.fill import fill_planes
from backends.numba_tiled.launch.spread import spread
from backends.numba_tiled.simd.vector import get, moved, pointer


@njit(nogil=True, error_model="numpy", inline="always")
def _item(
    item, x, w, start, y, n, work, planes, count, sizes, taps, across, height, width, memory, segments, room, runs
):  # fmt: skip
    part, item = item % work.parts, item // work.parts
    row, item = item % work.bands * work.rows, item // work.bands
    chunks = (n.batch + work.images - 1) // work.images
    image, group = item % chunks * work.images, item // chunks
    rows, images = min(work.rows, height - row), min(work.images, n.batch - image)
    channel, filters = image * n.sources + group * planes.channels, n.results // n.groups
    source, first, limit, apart = memory, 0, room.panel, planes.channels * planes.size
    if planes.is_image:
        source, limit, apart = pointer(x), x.size, n.sources * planes.size
        first = channel * planes.size + row * planes.row
    else:
        fill_planes(memory, pointer(x), images, channel, planes.channels, n.sources, planes, row, rows)
    pitch, start_pitch = planes.channels * n.taps, 1 if start.size == n.results else 0
    begin = moved(pointer(start), group * filters * start_pitch)
    for region in range(count):
        top, high, left, wide = get(sizes, 0), min(get(sizes, 1), rows), get(sizes, 2), get(sizes, 3)
        place, depth = ((image * n.results + group * filters) * height + row + top) * width + left, get(sizes, 4)
        at = Pixels(
            images, high, wide, planes.row, apart, width, height * width, n.results * height * width, work.packed,
            work.dots, planes.is_image,
        )  # fmt: skip
        multiply_share(
            part, work.parts, source, first, limit, taps, across, depth, pointer(w), group * filters * pitch, pitch,
            filters, begin, start_pitch, pointer(y), place, at, region, get(sizes, 5), row, memory, segments, room,
            runs,
        )  # fmt: skip
        sizes, taps, across = moved(sizes, SIZES), moved(taps, depth), moved(across, depth)


@njit(nogil=True, error_model="numpy")
def _share(t, threads, x, w, start, y, n, work, planes, regions, height, width, memory, segments, room, runs):
    items = n.groups * ((n.batch + work.images - 1) // work.images) * work.bands * work.parts
    each = segments.size // threads
    for item in range(t * items // threads, (t + 1) * items // threads):
        _item(
            item, x, w, start, y, n, work, planes, regions.count, pointer(regions.sizes), pointer(regions.taps),
            pointer(regions.across), height, width, moved(pointer(memory), t * room.size),
            moved(pointer(segments), t * each), room, runs,
        )  # fmt: skip


@njit(nogil=True, cache=True, error_model="numpy")
def forward(x, w, start, y, threads, n, work, planes, regions, height, width, memory, segments, room, runs):
    """`start` is the bias, or one zero; `memory` and `segments` are scratch; see `multiply_share` for `runs`."""
    spread(
        _share, threads, (x, w, start, y, n, work, planes, regions, height, width, memory, segments, room, runs)
    )  # fmt: skip
