"""conv2d_weight_grad: how much is laid out at a time, and which pixels each tap of the kernel is added up over.

Bands, and so the order of the sums, are those of one thread whatever their number. A band's sums are added up apart, so
rounding grows with the number of bands.
"""

from __future__ import annotations

from functools import lru_cache
from itertools import product
from typing import NamedTuple

import numpy as np

from backends.numba_tiled.depthwise import convolve as depthwise
from backends.numba_tiled.launch.arguments import contiguous, round_up
from backends.numba_tiled.launch.records import packed
from backends.numba_tiled.launch.threads import launch, thread_count, worth
from backends.numba_tiled.launch.workspace import fresh, scratch
from backends.numba_tiled.layout.planes import Planes, planes_of_x
from backends.numba_tiled.layout.window import counts, window, work
from backends.numba_tiled.ops.weight_grad_kernel import Panels, Plan, weight_grad
from backends.numba_tiled.product.divide import BAND_BYTES
from backends.numba_tiled.product.register_tile import FILTERS, VECTORS
from backends.numba_tiled.simd.registers import BYTES
from harness import ConvSpec

_SMALLER = 0.97  # of the work: what it takes to keep the taps of the kernel apart
_ROW = 1  # pixels' worth of time that a row takes besides


def conv2d_weight_grad(dy: np.ndarray, x: np.ndarray, spec: ConvSpec) -> np.ndarray:
    """(N, F, OH, OW), (N, C, H, W) -> (F, C/G, KH, KW)."""
    if depthwise.takes(spec):
        dw = fresh(spec.w_shape, dy.dtype)
        depthwise.conv2d_weight_grad(contiguous(dy), contiguous(x), dw, spec)
        return dw
    p, w_shape, threads, size = _arguments(spec, dy.itemsize, thread_count())
    dw = fresh(w_shape, dy.dtype)
    launch(weight_grad, contiguous(dy), contiguous(x), dw, threads, p, scratch("memory", size, dy.dtype))
    return dw


class _Arguments(NamedTuple):
    """What a call needs to know."""

    plan: np.ndarray  # packed
    w_shape: tuple[int, ...]
    threads: int
    size: int  # elements of scratch memory, of all threads


@lru_cache(maxsize=256)
def _arguments(spec: ConvSpec, itemsize: int, threads: int) -> _Arguments:
    threads = worth(threads, work(spec))
    p = plan(spec, itemsize, threads)
    return _Arguments(packed(p), spec.w_shape, threads, threads * p.cut.size)


def plan(spec: ConvSpec, itemsize: int, threads: int) -> Plan:
    """What the compiled function is given."""
    whole, _ = planes_of_x(spec, spec.output_size[0])
    cut = _panels(whole, spec, itemsize, threads)
    planes, taps = planes_of_x(spec, cut.rows)
    n, cut = counts(spec, spec.out_channels, spec.in_channels), _placed(cut, planes, spec, itemsize)
    return Plan(n, cut, window(spec), planes, _by_kinds(taps, cut.kinds), _live(spec, cut.kinds))


def _panels(planes: Planes, spec: ConvSpec, itemsize: int, threads: int) -> Panels:
    """For planes of all rows: what is laid out at a time, and dy transposed, are a part of the L2 cache.

    Unless the sums are too large for it: then it is better to go through them less often.
    """
    lanes, (height, width), filters = BYTES // itemsize, spec.output_size, spec.out_channels // spec.groups
    vectors = -(-filters // lanes)
    parts = min(threads, planes.channels) if spec.groups % threads else 1
    row = len(planes.row_phases) * len(planes.column_phases) * planes.row * planes.channels * itemsize
    budget = BAND_BYTES // 2
    if planes.channels * spec.taps * vectors * BYTES > BAND_BYTES:
        budget *= 4
    row, fixed = max(row, width * vectors * BYTES), 0 if planes.is_image else row * planes.reach
    rows = min(max((budget - fixed) // row, planes.reach, 1), height)
    rows = -(-height // -(-height // rows))
    images = max(1, min(budget // (row * height + fixed), spec.batch))
    apart = round_up(planes.channels, FILTERS) * sum((b - a) * (d - c + _ROW) for a, b, c, d in _live(spec, spec.taps))
    mixed = round_up(planes.channels * spec.taps, FILTERS) * height * (width + _ROW)
    kinds = spec.taps if apart < _SMALLER * mixed else 1
    return Panels(images, rows, parts, vectors, -(-vectors // VECTORS), kinds, 0, 0, 0, 0)


def _live(spec: ConvSpec, kinds: int) -> np.ndarray:
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
    """The results p, from the first to the last and one, for which p * stride + place is one of `size`."""
    first = min(max(-(place // stride), 0), results)
    return first, max(min((size - 1 - place) // stride + 1, results), first)


def _by_kinds(taps: np.ndarray, kinds: int) -> np.ndarray:
    """The places of the taps, of which those of a kind follow each other."""
    return np.ascontiguousarray(taps.reshape(-1, kinds).T).ravel()


def _placed(cut: Panels, planes: Planes, spec: ConvSpec, itemsize: int) -> Panels:
    """The same, with the sizes of the memory; the planes are of as many rows as are laid out at a time."""
    line, channels = BYTES // itemsize, -(-planes.channels // cut.parts)
    dy = round_up(0 if planes.is_image else cut.images * channels * planes.size + line, line)
    sums = dy + cut.vectors * line * cut.rows * spec.output_size[1] * cut.images
    zero = sums + round_up(channels * spec.taps // cut.kinds, FILTERS) * cut.kinds * cut.vectors * line + line
    return cut._replace(size=zero + line, dy=dy, sums=sums, zero=zero)
