"""conv2d: padded planes of a few images or of a band of rows, then their implicit GEMM with the weights as they are."""

from __future__ import annotations

import numpy as np
from numba import njit, prange

from backends.numba_tiled.gemm import Pixels, multiply_share
from backends.numba_tiled.planes import fill_planes
from backends.numba_tiled.vector import moved, pointer


@njit(nogil=True, error_model="numpy")
def _item(item, x, w, start, y, n, work, planes, regions, height, width, memory, segments, room):
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
    pitch, before = planes.channels * n.taps, 0
    start_pitch = 1 if start.size == n.results else 0
    begin = moved(pointer(start), group * filters * start_pitch)
    for i in range(regions.depth.size):
        place = ((image * n.results + group * filters) * height + row + regions.row[i]) * width + regions.column[i]
        at = Pixels(
            images, min(regions.rows[i], rows), regions.columns[i], planes.row, apart, width, height * width,
            n.results * height * width, work.packed, planes.is_image,
        )  # fmt: skip
        multiply_share(
            part, work.parts, source, first, limit, moved(pointer(regions.taps), before),
            moved(pointer(regions.across), before), regions.depth[i], pointer(w), group * filters * pitch, pitch,
            filters, begin, start_pitch, pointer(y), place, at, memory, segments, room,
        )  # fmt: skip
        before += regions.depth[i]


@njit(nogil=True, cache=True, error_model="numpy", parallel={"prange": True, "fusion": False})
def forward(x, w, start, y, threads, n, work, planes, regions, height, width, memory, segments, room):
    """`start` is the bias, or one zero; `memory` and `segments` are scratch."""
    items = n.groups * ((n.batch + work.images - 1) // work.images) * work.bands * work.parts
    each = segments.size // threads
    for part in prange(threads):
        t = np.int64(part)  # Numba's is unsigned, and would compile all that follows once more
        for item in range(t * items // threads, (t + 1) * items // threads):
            _item(
                item, x, w, start, y, n, work, planes, regions, height, width,
                moved(pointer(memory), t * room.size), moved(pointer(segments), t * each), room,
            )  # fmt: skip
