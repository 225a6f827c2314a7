"""Regions of a result whose pixels are reached by the same taps, so that taps which see only padding are skipped.

With a dilation of 12 and as much padding, a corner of a 33x33 image is reached by 4 taps of 9. Each region is a product
of its own, over its own taps. All of these lie inside the image, so it is read in place: there is no padding at all.
Regions follow from the geometry alone, so the bits of a result do not depend on the number of threads.
"""

from __future__ import annotations

from itertools import pairwise, product

import numpy as np

from backends.numba_tiled.layout.planes import Planes, Regions, window
from backends.numba_tiled.simd.registers import BYTES
from backends.numba_tiled.product.divide import cycles, packed_cycles
from harness import ConvSpec

_SMALLER = 0.95  # of the cycles: what is skipped must outweigh shorter runs and more passes over the weights
_MOST = 32  # regions: each has tables of its own


def of_y(spec: ConvSpec, whole: Planes, itemsize: int) -> tuple[Planes, Regions] | None:
    """Regions of y, with x as their planes, if they are less work than products over planes like `whole`."""
    g = window(spec)
    down, right = [u * g.dh - g.top for u in range(g.kh)], [v * g.dw - g.left for v in range(g.kw)]
    return _regions(spec, whole, itemsize, down, right, g.oh, g.ow, spec.out_channels // spec.groups, spec.taps)


def of_dx(spec: ConvSpec, whole: Planes, itemsize: int) -> tuple[Planes, Regions] | None:
    """Regions of the gradient of the input, with dy as their planes."""
    g, channels = window(spec), spec.in_channels // spec.groups
    down, right = [g.top - u * g.dh for u in range(g.kh)], [g.left - v * g.dw for v in range(g.kw)]
    return _regions(spec, whole, itemsize, down, right, g.h, g.w, channels, channels * spec.taps)


def _regions(
    spec: ConvSpec, whole: Planes, itemsize: int, down: list[int], right: list[int], height: int, width: int,
    results: int, pitch: int,
) -> tuple[Planes, Regions] | None:  # fmt: skip
    """Of results (p, q) that read (p + down[u], q + right[v]); weights of two channels are `pitch` apart."""
    if spec.stride != (1, 1):
        return None
    rectangles = list(product(_parts(down, whole.h, height), _parts(right, whole.w, width)))
    if not 0 < len(rectangles) <= _MOST or not all(us and vs for (_, _, us), (_, _, vs) in rectangles):
        return None
    spent = sum(
        len(us) * len(vs) * packed_cycles(results, spec.batch, rows, columns, BYTES // itemsize)
        for (_, rows, us), (_, columns, vs) in rectangles
    )
    if spent > _SMALLER * spec.taps * cycles(
        whole, spec.batch, results, height, width, itemsize, whole.channels * spec.taps
    ):  # fmt: skip
        return None
    h, w, channels = whole.h, whole.w, np.arange(whole.channels)
    taps, across = [], []
    sizes: list[int] = []
    for (row, rows, us), (column, columns, vs) in rectangles:
        places = [(row + down[u]) * w + column + right[v] for u in us for v in vs]
        taps.append(np.add.outer(channels * h * w, places).ravel())
        across.append(np.add.outer(channels * pitch, [u * len(right) + v for u in us for v in vs]).ravel())
        sizes += [row, rows, column, columns, taps[-1].size, sum(map(len, taps[:-1]))]
    none = np.zeros(1, np.int64)
    planes = Planes(h, w, 1, 1, 0, 0, whole.channels, w, h * w, h * w, 0, w, True, none, none)
    return planes, Regions(len(rectangles), np.array(sizes), np.concatenate(taps), np.concatenate(across))


def _parts(places: list[int], size: int, results: int) -> list[tuple[int, int, list[int]]]:
    """(first result, how many, the taps whose place of `size` they read): result p reads p + places[tap]."""
    ends = {end for place in places for end in (-place, size - place) if 0 < end < results}
    return [
        (first, after - first, [i for i, place in enumerate(places) if 0 <= first + place < size])
        for first, after in pairwise(sorted({0, results, *ends}))
    ]
