"""Depthwise convolution: one channel a group, any number of filters to a channel. From specs to `stencil` and its kin.

With one channel a group there is no matrix product: a multiply-add for each tap and pixel, and nothing to reuse but
the plane itself. Filter f reads channel f // multiplier.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from backends.numba_tiled.depthwise.bands import Bands, Fit, fit
from backends.numba_tiled.depthwise.correlate import Correlation, correlate
from backends.numba_tiled.layout.planes import window
from backends.numba_tiled.simd.registers import BYTES
from backends.numba_tiled.depthwise.stencil import Stencil, stencil
from backends.numba_tiled.launch.threads import launch, thread_count
from backends.numba_tiled.launch.workspace import scratch
from harness import ConvSpec

# Filters of one channel from which on the implicit product, which reads a plane once for 8 of them, is as fast.
_MANY = 16


def takes(spec: ConvSpec) -> bool:
    """Whether conv2d and the weight gradient are better off here. The input gradient is, for any number of filters."""
    return spec.in_channels == spec.groups and spec.out_channels < _MANY * spec.groups


def conv2d(x: np.ndarray, w: np.ndarray, start: np.ndarray, y: np.ndarray, spec: ConvSpec) -> None:
    """All flat; `start` is the bias, or zeros."""
    s, bands, size = _of_result(spec, x.itemsize)
    threads = thread_count()
    buffer = scratch("bands", threads * size, x.dtype)
    units = spec.batch * spec.in_channels
    launch(stencil, x, w, start, y, threads, units, spec.out_channels, spec.taps, s, bands, buffer)


def conv2d_input_grad(dy: np.ndarray, w: np.ndarray, dx: np.ndarray, spec: ConvSpec) -> None:
    """All flat; the weights must be finite."""
    s, bands, size = _of_image(spec, dy.itemsize)
    threads = thread_count()
    buffer, start = scratch("bands", threads * size, dy.dtype), np.zeros(spec.in_channels, dy.dtype)
    units = spec.batch * spec.in_channels
    launch(stencil, dy, w, start, dx, threads, units, spec.in_channels, s.sources * spec.taps, s, bands, buffer)


def conv2d_weight_grad(dy: np.ndarray, x: np.ndarray, dw: np.ndarray, spec: ConvSpec) -> None:
    """All flat."""
    c, of_x, of_dy, size = _of_weights(spec, dy.itemsize)
    threads = thread_count()
    buffer = scratch("bands", threads * size, dy.dtype)
    launch(correlate, dy, x, dw, threads, spec.batch, spec.in_channels, c, of_x, of_dy, buffer)


@lru_cache(maxsize=256)
def _of_result(spec: ConvSpec, itemsize: int) -> tuple[Stencil, Bands, int]:
    """conv2d: x in phases, the result in one part; and the scratch memory of a thread."""
    g, lanes, multiplier = window(spec), BYTES // itemsize, spec.out_channels // spec.groups
    bands, taps, f = _bands_of_x(spec, itemsize)
    laid = _apart(len(bands.row_phases) * len(bands.column_phases) * bands.phase, lanes)
    s = Stencil(
        f.together, 1, multiplier, f.rows, f.bands, f.run, g.oh, g.ow, 1, 1, laid,
        *_by_neighbours([list(zip(taps, range(len(taps)), strict=True))], (3, 2, 1)),
    )  # fmt: skip
    return s, bands, laid + _apart(f.together * f.run, lanes)


@lru_cache(maxsize=256)
def _of_image(spec: ConvSpec, itemsize: int) -> tuple[Stencil, Bands, int]:
    """conv2d_input_grad: dy as it is, the image in parts. Pixel (d + k * SH, ...) receives dy[k + down, ...] * w."""
    g, lanes, sources = window(spec), BYTES // itemsize, spec.out_channels // spec.groups
    rows = [_reach(d, g.top, g.kh, g.dh, g.sh) for d in range(g.sh)]
    columns = [_reach(e, g.left, g.kw, g.dw, g.sw) for e in range(g.sw)]
    above, span = _extent(rows)
    beside, across = _extent(columns)
    width = _wide(-(-g.w // g.sw) + across, lanes)
    f = fit(-(-g.h // g.sh), -(-g.w // g.sw), span, width, sources, g.sw, lanes, itemsize)
    height = f.rows + span
    bands = Bands(g.oh, g.ow, 1, 1, -above, -beside, height, width, 0, np.zeros(1, int), np.zeros(1, int))
    parts = [
        [
            ((m * height + down - above) * width + right - beside, (m * g.kh + u) * g.kw + v)
            for m in range(sources)
            for u, down in row
            for v, right in column
        ]
        for row in rows
        for column in columns
    ]
    laid = _apart(f.together * sources * height * width, lanes)
    s = Stencil(
        f.together, sources, 1, f.rows, f.bands, f.run, g.h, g.w, g.sh, g.sw, laid,
        *_by_neighbours(parts, (3, 2, 1)),
    )  # fmt: skip
    return s, bands, laid + _apart(g.sw * f.together * f.run, lanes)


@lru_cache(maxsize=256)
def _of_weights(spec: ConvSpec, itemsize: int) -> tuple[Correlation, Bands, Bands, int]:
    """conv2d_weight_grad: x in phases, dy with as wide rows."""
    g, lanes, multiplier = window(spec), BYTES // itemsize, spec.out_channels // spec.groups
    bands, taps, f = _bands_of_x(spec, itemsize)
    of_dy = Bands(g.oh, g.ow, 1, 1, 0, 0, f.rows, bands.width, 0, np.zeros(1, int), np.zeros(1, int))
    laid = _apart(len(bands.row_phases) * len(bands.column_phases) * bands.phase, lanes)
    begin, *lists = _by_neighbours([list(zip(taps, range(len(taps)), strict=True))], (3, 1))
    c = Correlation(f.together, multiplier, g.oh, g.ow, f.rows, f.bands, laid, len(taps), int(begin[1]), *lists)
    return c, bands, of_dy, laid + _apart(f.together * f.rows * bands.width, lanes)


def _bands_of_x(spec: ConvSpec, itemsize: int) -> tuple[Bands, list[int], Fit]:
    """The planes of x in phases, where the taps are in them, and how many rows of the result go together."""
    g = window(spec)
    rows, row_phases = _phases([u * g.dh for u in range(g.kh)], g.sh)
    columns, column_phases = _phases([v * g.dw for v in range(g.kw)], g.sw)
    phases, span = len(row_phases) * len(column_phases), max(down for _, down in rows)
    width = _wide(g.ow + max(right for _, right in columns), BYTES // itemsize)
    f = fit(g.oh, g.ow, span, width, phases, 1, BYTES // itemsize, itemsize)
    height = f.rows + span
    phase = f.together * height * width + BYTES // itemsize
    bands = Bands(
        g.h, g.w, g.sh, g.sw, g.top, g.left, height, width, phase, np.array(row_phases), np.array(column_phases)
    )
    taps = [(a * len(column_phases) + b) * phase + down * width + right for a, down in rows for b, right in columns]
    return bands, taps, f


def _by_neighbours(
    parts: list[list[tuple[int, int]]], sizes: tuple[int, ...]
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Each part's taps (place, weight) in groups of neighbours, by size: where each size begins, places, weights."""
    begin, ordered = [0], []
    for part in parts:
        groups: dict[int, list[tuple[int, int]]] = {size: [] for size in sizes}
        rest = sorted(part)
        while rest:
            size = next(s for s in sizes if [place for place, _ in rest[:s]] == [rest[0][0] + k for k in range(s)])
            groups[size] += rest[:size]
            rest = rest[size:]
        for group in groups.values():
            ordered += group
            begin.append(len(ordered))
    return np.array(begin), np.array([place for place, _ in ordered]), np.array([weight for _, weight in ordered])


def _phases(places: list[int], stride: int) -> tuple[list[tuple[int, int]], list[int]]:
    """For every place (which of the phases, steps within it), and the phases that are read."""
    phases = sorted({place % stride for place in places})
    if stride == 2:
        phases = [0, 1]  # both come with one load
    return [(phases.index(place % stride), place // stride) for place in places], phases


def _reach(remainder: int, padding: int, kernel: int, dilation: int, stride: int) -> list[tuple[int, int]]:
    """The taps that reach rows remainder + k * stride of the image, each with the row of dy it comes from, less k."""
    return [
        (u, (remainder + padding - u * dilation) // stride)
        for u in range(kernel)
        if (remainder + padding - u * dilation) % stride == 0
    ]


def _extent(reached: list[list[tuple[int, int]]]) -> tuple[int, int]:
    """The first of all rows of dy, and how far it is to the last."""
    places = [place for taps in reached for _, place in taps]
    return min(places), max(places) - min(places)


def _wide(width: int, lanes: int) -> int:
    """Rows of whole vectors, where that is not much more: a load that crosses a line costs as much as four others."""
    whole = -(-width // lanes) * lanes
    return whole if whole * 3 <= width * 4 else width


def _apart(count: int, lanes: int) -> int:
    """Whole vectors, and two more: kernels read and write past the end, and threads must share no line."""
    return (-(-count // lanes) + 2) * lanes
