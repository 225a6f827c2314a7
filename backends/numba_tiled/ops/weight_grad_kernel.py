"""The gradient of the weights: taps of padded planes times dy, summed over pixels, without a column matrix.

dw[f, k] is the sum over pixels q of dy[f, q] * x[q + tap k]. Lanes go along the filters: dy is turned once into
[pixel][filter] panels, and a register tile is FILTERS taps by VECTORS vectors of filters. The taps need no packing at
all: a step broadcasts the elements that FILTERS taps read for one pixel, each from its own place in the planes, which
a tap finds at a fixed distance. So few channels fill the lanes as well as many do.

Where padding is worth it, a tile is one tap of the kernel in FILTERS channels, and only the rows and columns of dy for
which that tap sees the image are added up.

A band of rows (or a few small images) is laid out at a time, as a part of the L2 cache. Its sums are added up apart, so
rounding grows with the number of bands.
"""

from __future__ import annotations

from itertools import product
from typing import NamedTuple

import numpy as np
from numba import njit

from backends.numba_tiled.layout.planes import Planes, window
from backends.numba_tiled.product.register_tile import (
    FILTERS,
    VECTORS,
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
from backends.numba_tiled.layout.fill import fill_planes
from backends.numba_tiled.layout.rows import clear
from backends.numba_tiled.simd.registers import BYTES
from backends.numba_tiled.launch.spread import spread
from backends.numba_tiled.layout.transpose import turn_all, turn_rows
from backends.numba_tiled.simd.vector import get, lanes, moved, pointer
from backends.numba_tiled.product.divide import BAND_BYTES
from harness import ConvSpec

_SMALLER = 0.97  # of the work: what it takes to keep the taps of the kernel apart
_ROW = 1  # pixels' worth of time that a row takes besides


@njit(nogil=True, error_model="numpy")
def _tile(
    vectors, x, places, count, image, row, low, high, left, right, dy, dy_from, rows, pixels, zero, c, k, pitch
):  # fmt: skip
    """c += a tile, over the pixels low <= p < high, left <= q < right of `count` images.

    dy has `rows` rows of `pixels` pixels of an image, and follows without gaps.
    """
    width = vectors * lanes(c)
    if vectors == 3:
        tile = start_3(zero, rows_of(0, 0, 0))
        for n in range(count):
            for p in range(low, high):
                j = dy_from + ((n * rows + p) * pixels + left) * width
                begin = n * image + p * row
                for q in range(begin + left, begin + right):
                    tile = step_3(tile, x, places, q, dy, j)
                    j += width
        put_3(tile, c, k, pitch, True)
    elif vectors == 2:
        tile_2 = start_2(zero, rows_of(0, 0, 0))
        for n in range(count):
            for p in range(low, high):
                j = dy_from + ((n * rows + p) * pixels + left) * width
                begin = n * image + p * row
                for q in range(begin + left, begin + right):
                    tile_2 = step_2(tile_2, x, places, q, dy, j)
                    j += width
        put_2(tile_2, c, k, pitch, True)
    else:
        tile_1 = start_1(zero, rows_of(0, 0, 0))
        for n in range(count):
            for p in range(low, high):
                j = dy_from + ((n * rows + p) * pixels + left) * width
                begin = n * image + p * row
                for q in range(begin + left, begin + right):
                    tile_1 = step_1(tile_1, x, places, q, dy, j)
                    j += width
        put_1(tile_1, c, k, pitch, True)


class Panels(NamedTuple):
    """How the gradient is divided, and a thread's part of the scratch memory: planes, dy turned over, sums."""

    images: int  # at a time
    rows: int  # at a time
    parts: int  # of the channels of a group
    vectors: int  # of filters
    count: int  # panels of vectors
    kinds: int  # of tiles: one for every tap of the kernel, or one for all
    size: int  # elements
    turned: int  # where it begins
    sums: int


def panels(planes: Planes, spec: ConvSpec, itemsize: int, threads: int) -> Panels:
    """For planes of all rows: what is laid out at a time, and dy turned over, are a part of the L2 cache.

    Unless the sums are too large for it: then it is better to go through them less often. Bands, and so the order of
    the sums, are those of one thread whatever their number.
    """
    n, (height, width), filters = BYTES // itemsize, spec.output_size, spec.out_channels // spec.groups
    vectors = -(-filters // n)
    parts = min(threads, planes.channels) if spec.groups % threads else 1
    row = len(planes.row_phases) * len(planes.column_phases) * planes.row * planes.channels * itemsize
    budget = BAND_BYTES // 2
    if planes.channels * spec.taps * vectors * BYTES > BAND_BYTES:
        budget *= 4
    row, fixed = max(row, width * vectors * BYTES), 0 if planes.is_image else row * planes.reach
    rows = min(max((budget - fixed) // row, planes.reach, 1), height)
    rows = -(-height // -(-height // rows))
    images = max(1, min(budget // (row * height + fixed), spec.batch))
    apart = _up(planes.channels, FILTERS) * sum((b - a) * (d - c + _ROW) for a, b, c, d in live(spec, spec.taps))
    mixed = _up(planes.channels * spec.taps, FILTERS) * height * (width + _ROW)
    kinds = spec.taps if apart < _SMALLER * mixed else 1
    return Panels(images, rows, parts, vectors, -(-vectors // VECTORS), kinds, 0, 0, 0)


def live(spec: ConvSpec, kinds: int) -> np.ndarray:
    """Rows and columns of dy (from, to, from, to) that each kind of tile reads: in the others it sees only padding.

    With one kind these are all, as a tile has taps of several rows of the kernel.
    """
    g = window(spec)
    if kinds == 1:
        return np.array([[0, g.oh, 0, g.ow]])
    down = [_reached(u * g.dh - g.top, g.sh, g.h, g.oh) for u in range(g.kh)]
    right = [_reached(v * g.dw - g.left, g.sw, g.w, g.ow) for v in range(g.kw)]
    return np.array([one + other for one, other in product(down, right)])


def _reached(place: int, stride: int, size: int, results: int) -> tuple[int, int]:
    """From where to where p * stride + place is one of `size`."""
    first = min(max(-(place // stride), 0), results)
    return first, max(min((size - 1 - place) // stride + 1, results), first)


def by_kinds(taps: np.ndarray, kinds: int) -> np.ndarray:
    """The places of the taps, of which those of a kind follow each other."""
    return np.ascontiguousarray(taps.reshape(-1, kinds).T).ravel()


def _up(count: int, multiple: int) -> int:
    return -(-count // multiple) * multiple


def placed(cut: Panels, planes: Planes, spec: ConvSpec, itemsize: int) -> Panels:
    """The same, with the sizes of the memory; the planes are of as many rows as are laid out at a time."""
    line, channels = BYTES // itemsize, -(-planes.channels // cut.parts)
    turned = 0 if planes.is_image else cut.images * channels * planes.size + line
    turned = -(-turned // line) * line
    sums = turned + cut.vectors * line * cut.rows * spec.output_size[1] * cut.images
    size = sums + _up(channels * spec.taps // cut.kinds, FILTERS) * cut.kinds * cut.vectors * line + line
    return cut._replace(size=size, turned=turned, sums=sums)


@njit(nogil=True, error_model="numpy")
def _turn(turned, dy, image, images, channel, filters, place, length, n, of_image, cut):
    """dy as [panel][pixel][filters of the panel]: `length` pixels of each image, from `place` on."""
    across, i = lanes(dy), 0
    first, wide = panel_of(0, cut.vectors, cut.count)
    for vector in range(cut.vectors):
        if vector == first + wide:
            i += 1
            first, wide = panel_of(i, cut.vectors, cut.count)
        rows = min(across, filters - vector * across)
        for one in range(images):
            to = ((first * images + one * wide) * length + vector - first) * across
            source = ((image + one) * n.sources + channel + vector * across) * of_image + place
            turn_rows(turned, to, wide * across, dy, source, rows, of_image, length)


@njit(nogil=True, error_model="numpy")
def _item(item, dy, x, dw, n, cut, g, planes, taps, live, zero, memory):
    """The channels of a part, all filters of its group: dw is written once, at the end."""
    part, group = item % cut.parts, item // cut.parts
    first_channel, after = part * planes.channels // cut.parts, (part + 1) * planes.channels // cut.parts
    channels, filters, width = after - first_channel, n.sources // n.groups, cut.vectors * lanes(dw)
    depth, turned, sums = channels * n.taps, moved(memory, cut.turned), moved(memory, cut.sums)
    each, pitch = depth // cut.kinds, planes.channels * n.taps // cut.kinds
    clear(sums, 0, (each + FILTERS - 1) // FILTERS * FILTERS * cut.kinds * width)
    for image in range(0, n.batch, cut.images):
        images, channel = min(cut.images, n.batch - image), image * n.results + group * planes.channels + first_channel
        for row in range(0, g.oh, cut.rows):
            rows = min(cut.rows, g.oh - row)
            _turn(turned, dy, image, images, group * filters, filters, row * g.ow, rows * g.ow, n, g.oh * g.ow, cut)
            source, apart = memory, channels * planes.size
            if planes.is_image:
                source, apart = moved(x, channel * planes.size + row * planes.row), n.results * planes.size
            else:
                fill_planes(memory, x, images, channel, channels, n.results, planes, row, rows)
            for i in range(cut.count):
                first, wide = panel_of(i, cut.vectors, cut.count)
                j = first * images * rows * g.ow * lanes(dw)
                for k in range(0, each, FILTERS):
                    for kind in range(cut.kinds):
                        places = places_of(taps, kind * pitch + k, kind * pitch + each - 1)
                        low, high = max(get(live, 4 * kind) - row, 0), min(get(live, 4 * kind + 1) - row, rows)
                        left, right = get(live, 4 * kind + 2), get(live, 4 * kind + 3)
                        to = (k * cut.kinds + kind) * width + first * lanes(dw)
                        _tile(
                            wide, source, places, images, apart, planes.row, low, high, left, right, turned, j, rows,
                            g.ow, zero, sums, to, cut.kinds * width,
                        )  # fmt: skip
    to = group * filters * planes.channels * n.taps + first_channel * n.taps
    turn_all(dw, to, planes.channels * n.taps, sums, 0, width, depth, filters)


@njit(nogil=True, error_model="numpy")
def _share(t, threads, dy, x, dw, n, cut, g, planes, taps, live, zero, memory):
    items = n.groups * cut.parts
    for item in range(t * items // threads, (t + 1) * items // threads):
        _item(
            item, pointer(dy), pointer(x), pointer(dw), n, cut, g, planes, pointer(taps), pointer(live), pointer(zero),
            moved(pointer(memory), t * cut.size),
        )  # fmt: skip


@njit(nogil=True, cache=True, error_model="numpy")
def weight_grad(dy, x, dw, threads, n, cut, g, planes, taps, live, zero, memory):
    """`memory` is scratch; `zero` is one."""
    spread(_share, threads, (dy, x, dw, n, cut, g, planes, taps, live, zero, memory))
