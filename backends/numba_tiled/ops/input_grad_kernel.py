"""The gradient of the input: a stride-1 convolution of dy for each remainder of the image's rows and columns.

Pixel (r * SH + a, s * SW + b) of the padded image, for remainders (a, b), receives dy[r - u', s - v'] * w[u, v] from
the taps with u * DH = u' * SH + a and v * DW = v' * SW + b, and from no others. So each pair of remainders is an
implicit GEMM over its own taps, no product is with a zero that a stride stuffed in, and with stride 1 there is just
one. The results are woven together at the end.
"""

from __future__ import annotations

from numba import njit

from backends.numba_tiled.product.implicit_gemm import Pixels, multiply_share
from backends.numba_tiled.layout.planes import SIZES
from backends.numba_tiled.layout.fill import fill_planes
from backends.numba_tiled.layout.rows import clear, copy, interleave
from backends.numba_tiled.launch.spread import spread
from backends.numba_tiled.simd.vector import get, moved, pointer
from backends.numba_tiled.product.divide import share_of


@njit(nogil=True, error_model="numpy")
def _weave(parts, x, images, channel, channels, first_row, last_row, n, g, remainders, row, rows, buffer):
    """Rows of the images from those of their remainders: parts[a][b][image][channel][r][s], from row `row` on.

    Of each image, `channels` channels are there, from `channel` on, of which first_row <= c < last_row are written.
    """
    size, items, lowest = rows * remainders.columns, images * channels, (row + remainders.first) * g.sh - g.top
    for image in range(images):
        for c in range(first_row, last_row):
            place, item = (channel + image * n.results + c) * g.h * g.w, image * channels + c
            for i in range(max(lowest, 0), min(lowest + rows * g.sh, g.h)):
                a, r = (i - lowest) % g.sh, (i - lowest) // g.sh
                source = (a * g.sw * items + item) * size + r * remainders.columns
                if g.sw == 1:
                    copy(x, place + i * g.w, parts, source, g.w)
                else:
                    interleave(buffer, 0, parts, source, items * size, g.sw, remainders.columns)
                    copy(x, place + i * g.w, buffer, g.left % g.sw, g.w)


@njit(nogil=True, error_model="numpy", inline="always")
def _item(
    item, dy, w, x, n, work, g, planes, remainders, count, sizes, taps, across, parts, buffer, memory, segments, room,
    runs,
):  # fmt: skip
    part, item = item % work.parts, item // work.parts
    row, item = item % work.bands * work.rows, item // work.bands
    chunks = (n.batch + work.images - 1) // work.images
    image, group = item % chunks * work.images, item // chunks
    rows, images = min(work.rows, remainders.rows - row), min(work.images, n.batch - image)
    filters, channels = planes.channels, n.results // n.groups
    source_channel, channel = image * n.sources + group * filters, image * n.results + group * channels
    source, first, limit, apart = memory, 0, room.panel, filters * planes.size
    if planes.is_image:
        source, limit, apart = pointer(dy), dy.size, n.sources * planes.size
        first = source_channel * planes.size + row * planes.row
    else:
        fill_planes(memory, pointer(dy), images, source_channel, filters, n.sources, planes, row, rows)
    width, pairs = remainders.columns, g.sh * g.sw
    for i in range(count):
        top, high, left, wide = get(sizes, 0), min(get(sizes, 1), rows), get(sizes, 2), get(sizes, 3)
        to, place, one, each = parts, i * images * channels * rows * width, rows * width, channels * rows * width
        if pairs == 1:
            to, place = pointer(x), channel * g.h * g.w + (row + top) * width + left
            one, each = g.h * g.w, n.results * g.h * g.w
        at = Pixels(images, high, wide, planes.row, apart, width, one, each, work.packed, False, planes.is_image)
        depth = get(sizes, 4)
        if depth > 0:
            multiply_share(
                part, work.parts, source, first, limit, taps, across, depth, pointer(w),
                group * filters * channels * n.taps, n.taps, channels, pointer(room.zero), 0, to, place, at, i,
                get(sizes, 5), row, memory, segments, room, runs,
            )  # fmt: skip
        else:
            clear(to, place, images * channels * rows * width)
        sizes, taps, across = moved(sizes, SIZES), moved(taps, depth), moved(across, depth)
    if pairs > 1:
        first_row, last_row = share_of(part, work.parts, channels, work.block)
        _weave(
            parts, pointer(x), images, channel, channels, first_row, last_row, n, g, remainders, row,
            rows, buffer,
        )  # fmt: skip


@njit(nogil=True, error_model="numpy")
def _share(t, threads, dy, w, x, n, work, g, planes, remainders, regions, parts, buffer, memory, segments, room, runs):
    items = n.groups * ((n.batch + work.images - 1) // work.images) * work.bands * work.parts
    for item in range(t * items // threads, (t + 1) * items // threads):
        _item(
            item, dy, w, x, n, work, g, planes, remainders, regions.count, pointer(regions.sizes),
            pointer(regions.taps), pointer(regions.across), moved(pointer(parts), t * (parts.size // threads)),
            moved(pointer(buffer), t * (buffer.size // threads)), moved(pointer(memory), t * room.size),
            moved(pointer(segments), t * (segments.size // threads)), room, runs,
        )  # fmt: skip


@njit(nogil=True, cache=True, error_model="numpy")
def input_grad(dy, w, x, threads, n, work, g, planes, remainders, regions, parts, buffer, memory, segments, room, runs):
    """From `parts` to `segments` it is scratch; see `multiply_share` for `runs`."""
    spread(
        _share, threads,
        (dy, w, x, n, work, g, planes, remainders, regions, parts, buffer, memory, segments, room, runs),
    )  # fmt: skip
