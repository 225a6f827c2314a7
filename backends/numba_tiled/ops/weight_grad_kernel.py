"""The gradient of the weights: taps of padded planes times dy, summed over pixels, without a column matrix.

dw[f, k] is the sum over pixels q of dy[f, q] * x[q + tap k]. Lanes go along the filters: dy is transposed once into
[pixel][filter] panels, and a register tile is FILTERS taps by VECTORS vectors of filters. A step is one pixel:

                                          dy of one pixel: | 16 filters | 16 filters | 16 filters |
    tap 0   x[q + tap 0] -> x x x ...                      |    +  +    |    +  +    |    +  +    |
    tap 1   x[q + tap 1] -> x x x ...                      |    +  +    |    +  +    |    +  +    |
     ...                                                      sums[tap][filter], transposed into dw at the end

The taps need no packing at all: each is broadcast from its own place in the planes, which a tap finds at a fixed
distance. So few channels fill the lanes as well as many do.

Where padding is worth it, a tile is one tap of the kernel in FILTERS channels, and only the rows and columns of dy for
which that tap sees the image are added up (`live`). A band of rows (or a few small images) is laid out at a time, as a
part of the L2 cache.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from backends.numba_tiled.launch.records import record
from backends.numba_tiled.launch.spread import spread
from backends.numba_tiled.layout.fill import fill_planes
from backends.numba_tiled.layout.planes import Planes
from backends.numba_tiled.layout.rows import clear
from backends.numba_tiled.layout.transpose import transpose, transpose_rows
from backends.numba_tiled.layout.window import Counts, Window
from backends.numba_tiled.product.register_tile import (
    FILTERS,
    panel_of,
    places_of,
    put_1,
    put_2,
    put_3,
    rows_of,
    start_1,
    start_2,
    start_3,
    step_1,
    step_2,
    step_3,
)
from backends.numba_tiled.simd.compiled import entry, inlined, inner
from backends.numba_tiled.simd.pointers import Matrix, get, moved, pointer
from backends.numba_tiled.simd.vector import lanes


class Panels(NamedTuple):
    """How the gradient is divided, and a thread's part of the scratch memory: planes, dy transposed, sums."""

    images: int  # at a time
    rows: int  # at a time
    parts: int  # of the channels of a group
    vectors: int  # of filters
    panels: int  # of vectors
    kinds: int  # of tiles: one for every tap of the kernel, or one for all
    size: int  # elements
    dy: int  # where dy begins
    sums: int
    zero: int  # where there is room for one zero


class Plan(NamedTuple):
    """All that follows from a spec: what compiled functions are given."""

    n: Counts
    cut: Panels
    g: Window
    planes: Planes
    taps: np.ndarray  # where taps are in the planes; those of a kind follow each other
    live: np.ndarray  # [kind]: from row, to row, from column, to column of dy


class _Data(NamedTuple):
    """The arrays as pointers."""

    dy: Any
    x: Any
    dw: Any
    taps: Any
    live: Any
    zero: Any


class _Band(NamedTuple):
    """What is added up at a time: some rows of some images."""

    image: int
    images: int
    row: int
    rows: int


class _Laid(NamedTuple):
    """The planes of a band."""

    p: Any
    image: int  # from one image to the next
    row: int  # from one row to the next


class _Walk(NamedTuple):
    """The pixels that a tile goes over, low <= p < high and left <= q < right of each image."""

    low: int
    high: int
    left: int
    right: int


@inner
def _add_tile(vectors, x, places, dy, zero, c, band, walk, width):
    """C += a tile, over the pixels of a walk. `dy` has `band.rows` rows of `width` pixels of an image, without gaps."""
    each, first = vectors * lanes(c.p), rows_of(0, 0, 0)
    if vectors == 3:
        tile = start_3(zero, first)
        for n in range(band.images):
            for p in range(walk.low, walk.high):
                j = ((n * band.rows + p) * width + walk.left) * each
                begin = n * x.image + p * x.row
                for q in range(begin + walk.left, begin + walk.right):
                    tile = step_3(tile, x.p, places, q, dy, j)
                    j += each
        put_3(tile, c.p, c.pitch, True)
    elif vectors == 2:
        tile_2 = start_2(zero, first)
        for n in range(band.images):
            for p in range(walk.low, walk.high):
                j = ((n * band.rows + p) * width + walk.left) * each
                begin = n * x.image + p * x.row
                for q in range(begin + walk.left, begin + walk.right):
                    tile_2 = step_2(tile_2, x.p, places, q, dy, j)
                    j += each
        put_2(tile_2, c.p, c.pitch, True)
    else:
        tile_1 = start_1(zero, first)
        for n in range(band.images):
            for p in range(walk.low, walk.high):
                j = ((n * band.rows + p) * width + walk.left) * each
                begin = n * x.image + p * x.row
                for q in range(begin + walk.left, begin + walk.right):
                    tile_1 = step_1(tile_1, x.p, places, q, dy, j)
                    j += each
        put_1(tile_1, c.p, c.pitch, True)


@inner
def _transpose_dy(to, dy, band, channel, filters, n, g, cut):
    """The band's pixels of `filters` filters from `channel` on: [panel][image][pixel][filters of the panel]."""
    across, i, length, area = lanes(dy), 0, band.rows * g.ow, g.oh * g.ow
    first, wide = panel_of(0, cut.vectors, cut.panels)
    for vector in range(cut.vectors):
        if vector == first + wide:
            i += 1
            first, wide = panel_of(i, cut.vectors, cut.panels)
        rows = min(across, filters - vector * across)
        for one in range(band.images):
            own = ((first * band.images + one * wide) * length + vector - first) * across
            source = ((band.image + one) * n.sources + channel + vector * across) * area + band.row * g.ow
            transpose_rows(moved(to, own), wide * across, moved(dy, source), area, rows, length)


@inner
def _add_band(sums, data, laid, transposed, band, each, pitch, cut, width):
    """All tiles of a band: panel by panel of filters, FILTERS taps at a time, each kind of tile.

    Rows have `width` pixels. There are `each` taps of a kind, `pitch` of them in the table of the places.
    """
    across = cut.vectors * lanes(sums)
    for i in range(cut.panels):
        first, wide = panel_of(i, cut.vectors, cut.panels)
        dy = moved(transposed, first * band.images * band.rows * width * lanes(sums))
        for k in range(0, each, FILTERS):
            for kind in range(cut.kinds):
                places = places_of(data.taps, kind * pitch + k, kind * pitch + each - 1)
                live = moved(data.live, 4 * kind)
                walk = _Walk(
                    max(get(live, 0) - band.row, 0), min(get(live, 1) - band.row, band.rows), get(live, 2),
                    get(live, 3),
                )  # fmt: skip
                c = Matrix(moved(sums, (k * cut.kinds + kind) * across + first * lanes(sums)), cut.kinds * across)
                _add_tile(wide, laid, places, dy, data.zero, c, band, walk, width)


@inlined
def _item(item, data, n, cut, g, planes, memory):
    """The channels of a part, all filters of its group: dw is written once, at the end."""
    part, group = item % cut.parts, item // cut.parts
    first_channel, after = part * planes.channels // cut.parts, (part + 1) * planes.channels // cut.parts
    channels, filters, width = after - first_channel, n.sources // n.groups, cut.vectors * lanes(data.dw)
    depth, transposed, sums = channels * n.taps, moved(memory, cut.dy), moved(memory, cut.sums)
    each, pitch = depth // cut.kinds, planes.channels * n.taps // cut.kinds  # taps of a kind: here, and in the table
    clear(sums, 0, (each + FILTERS - 1) // FILTERS * FILTERS * cut.kinds * width)
    for image in range(0, n.batch, cut.images):
        images, channel = min(cut.images, n.batch - image), image * n.results + group * planes.channels + first_channel
        for row in range(0, g.oh, cut.rows):
            band = _Band(image, images, row, min(cut.rows, g.oh - row))
            _transpose_dy(transposed, data.dy, band, group * filters, filters, n, g, cut)
            laid = _Laid(memory, channels * planes.size, planes.row)
            if planes.is_image:
                laid = _Laid(
                    moved(data.x, channel * planes.size + row * planes.row), n.results * planes.size, planes.row
                )
            else:
                fill_planes(memory, data.x, images, channel, channels, n.results, planes, row, band.rows)
            _add_band(sums, data, laid, transposed, band, each, pitch, cut, g.ow)
    to = group * filters * planes.channels * n.taps + first_channel * n.taps
    transpose(moved(data.dw, to), planes.channels * n.taps, sums, width, depth, filters)


@inner
def _share(t, threads, dy, x, dw, p, memory):
    """Thread t's part of the items."""
    n, cut, g, planes = p.n, p.cut, p.g, p.planes
    own, items = moved(pointer(memory), t * cut.size), n.groups * cut.parts
    clear(own, cut.zero, 1)
    data = _Data(pointer(dy), pointer(x), pointer(dw), pointer(p.taps), pointer(p.live), moved(own, cut.zero))
    for item in range(t * items // threads, (t + 1) * items // threads):
        _item(item, data, n, cut, g, planes, own)


@entry
def weight_grad(dy, x, dw, threads, plan, memory):
    """dw of a packed `Plan`; arrays are contiguous, `memory` is scratch."""
    spread(_share, threads, (dy, x, dw, record(Plan, plan), memory))
