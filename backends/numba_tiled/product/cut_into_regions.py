"""A result cut into rectangles that the same taps reach, so that taps which see only padding are skipped.

With a dilation of 12 and as much padding, a corner of a 33x33 image is reached by 4 taps of 9:

    4 | 6 | 4
    --+---+--      how many of the 9 taps reach the pixels of each region
    6 | 9 | 6
    --+---+--
    4 | 6 | 4

Each region is a product of its own, over its own taps. All of these lie inside the image, so it is read in place: there
is no padding at all. Regions follow from the geometry alone, so the bits of a result do not depend on the number of
threads.
"""

from __future__ import annotations

from itertools import pairwise, product
from typing import NamedTuple

import numpy as np

from backends.numba_tiled.layout.planes import Planes
from backends.numba_tiled.layout.regions import Regions
from backends.numba_tiled.layout.window import window
from backends.numba_tiled.product.cost import Product, cycles
from backends.numba_tiled.product.divide import Sizes, least_cycles
from backends.numba_tiled.simd.caches import L2_BYTES
from backends.numba_tiled.simd.registers import BYTES
from harness import ConvSpec

_SMALLER = 0.95  # of the cycles: what is skipped must outweigh shorter runs and more passes over the weights
_BYTES = 4  # of weights a cycle, from beyond the L2 cache: each region goes through those of its taps anew
_MOST = 32  # regions: each has tables of its own


class _Reads(NamedTuple):
    """Result (p, q) reads (p + down[u], q + right[v]) for tap (u, v); stride 1."""

    down: list[int]
    right: list[int]
    pitch: int  # in the weights, from one channel to the next


class _Side(NamedTuple):
    """Some rows (or columns) of a result, and the taps of that axis that see the image from them."""

    first: int
    size: int
    taps: list[int]


def regions_of_y(spec: ConvSpec, whole: Planes, sizes: Sizes) -> tuple[Planes, Regions] | None:
    """Regions of y, with x as their planes, if they are less work than a product over planes like `whole`."""
    g = window(spec)
    down, right = [u * g.dh - g.top for u in range(g.kh)], [v * g.dw - g.left for v in range(g.kw)]
    return _regions(spec, whole, sizes, _Reads(down, right, spec.taps))


def regions_of_dx(spec: ConvSpec, whole: Planes, sizes: Sizes) -> tuple[Planes, Regions] | None:
    """Regions of the gradient of the input, with dy as their planes."""
    g = window(spec)
    down, right = [g.top - u * g.dh for u in range(g.kh)], [g.left - v * g.dw for v in range(g.kw)]
    return _regions(spec, whole, sizes, _Reads(down, right, sizes.filters * spec.taps))


def _regions(spec: ConvSpec, whole: Planes, sizes: Sizes, reads: _Reads) -> tuple[Planes, Regions] | None:
    """Every pair of a side of the rows and one of the columns; None if they are too many, or no less work."""
    if spec.stride != (1, 1):
        return None
    down, right, pitch = reads
    rectangles = list(product(_sides(down, whole.h, sizes.rows), _sides(right, whole.w, sizes.width)))
    if not 0 < len(rectangles) <= _MOST or not all(rows.taps and columns.taps for rows, columns in rectangles):
        return None
    spent = sum(_cycles(spec, whole, sizes, rows, columns) for rows, columns in rectangles)
    if spent > _SMALLER * least_cycles(whole, sizes, whole.channels * spec.taps):
        return None
    h, w, channels = whole.h, whole.w, np.arange(whole.channels)
    taps, across = [], []
    numbers: list[int] = []
    for (row, rows, us), (column, columns, vs) in rectangles:
        places = [(row + down[u]) * w + column + right[v] for u in us for v in vs]
        taps.append(np.add.outer(channels * h * w, places).ravel())
        across.append(np.add.outer(channels * pitch, [u * len(right) + v for u in us for v in vs]).ravel())
        numbers += [row, rows, column, columns, taps[-1].size, sum(map(len, taps[:-1]))]
    none = np.zeros(1, np.int64)
    planes = Planes(
        h, w, sh=1, sw=1, top=0, left=0, channels=whole.channels, row=w, part=h * w, size=h * w, reach=0, width=w,
        is_image=True, row_phases=none, column_phases=none,
    )  # fmt: skip
    return planes, Regions(len(rectangles), np.array(numbers), np.concatenate(taps), np.concatenate(across))


def _cycles(spec: ConvSpec, whole: Planes, sizes: Sizes, rows: _Side, columns: _Side) -> float:
    """What the product of one region takes."""
    depth, lanes = whole.channels * len(rows.taps) * len(columns.taps), BYTES // sizes.itemsize
    region = Product(sizes.filters, spec.batch, rows.size, columns.size, whole.w, depth, lanes)
    weights = sizes.filters * whole.channels * spec.taps * sizes.itemsize
    again = sizes.filters * depth * sizes.itemsize / _BYTES if weights > L2_BYTES // 4 else 0
    return cycles(region, "packed") + again


def _sides(places: list[int], size: int, results: int) -> list[_Side]:
    """`results` results, cut where a tap enters or leaves the image of `size`: result p reads p + places[tap]."""
    ends = {end for place in places for end in (-place, size - place) if 0 < end < results}
    return [
        _Side(first, after - first, [i for i, place in enumerate(places) if 0 <= first + place < size])
        for first, after in pairwise(sorted({0, results, *ends}))
    ]
