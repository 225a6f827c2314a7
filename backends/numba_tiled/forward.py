"""conv2d: padded planes of a few images or of a band of rows, then their implicit GEMM with the weights as they are."""

from __future__ import annotations

from numba import njit

from backends.numba_tiled.gemm import Pixels, multiply_share
from backends.numba_tiled.planes import fill_planes
from backends.numba_tiled.spread import spread
from backends.numba_tiled.vector import moved, pointer


@njit(nogil=True, error_model="numpy")
def _item(item, x, w, start, y, n, work, planes, taps, across, height, width, memory, segments, room):
    part, item = item % work.parts, item // work.parts
    row, item = item % work.bands * work.rows, item // work.bands
    chunks = (n.batch + work.images - 1) // work.images
    image, group = item % chunks * work.images, item // chunks
    rows, images = min(work.rows, height - row), min(work.images, n.batch - image)
    filters, depth, channel = n.results // n.groups, taps.size, image * n.sources + group * planes.channels
    source, first, limit, apart = memory, 0, room.panel, planes.channels * planes.size
    if planes.is_image:
        source, limit, apart = pointer(x), x.size, n.sources * planes.size
        first = channel * planes.size + row * planes.row
    else:
        fill_planes(memory, pointer(x), images, channel, planes.channels, n.sources, planes, row, rows)
    place = ((image * n.results + group * filters) * height + row) * width
    at = Pixels(
        images, rows, width, planes.row, apart, height * width, n.results * height * width, work.packed, work.dots,
        planes.is_image,
    )  # fmt: skip
    start_pitch = 1 if start.size == n.results else 0
    begin = moved(pointer(start), group * filters * start_pitch)
    multiply_share(
        part, work.parts, source, first, limit, taps, across, pointer(w), group * filters * depth, depth, filters,
        begin, start_pitch, pointer(y), place, at, memory, segments, room,
    )  # fmt: skip


@njit(nogil=True, error_model="numpy")
def _share(t, threads, x, w, start, y, n, work, planes, taps, across, height, width, memory, segments, room):
    items = n.groups * ((n.batch + work.images - 1) // work.images) * work.bands * work.parts
    each = segments.size // threads
    for item in range(t * items // threads, (t + 1) * items // threads):
        _item(
            item, x, w, start, y, n, work, planes, taps, across, height, width,
            moved(pointer(memory), t * room.size), moved(pointer(segments), t * each), room,
        )  # fmt: skip


@njit(nogil=True, cache=True, error_model="numpy")
def forward(x, w, start, y, threads, n, work, planes, taps, across, height, width, memory, segments, room):
    """`start` is the bias, or one zero; `memory` and `segments` are scratch."""
    spread(
        _share, threads, (x, w, start, y, n, work, planes, taps, across, height, width, memory, segments, room)
    )  # fmt: skip
