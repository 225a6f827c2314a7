"""From specs to what `stencil` and `correlate` are given: bands, and taps in the order in which they share loads."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from backends.numba_tiled.depthwise.bands import Bands, Fill, Fit, fit
from backends.numba_tiled.depthwise.correlate import Correlation, Correlations
from backends.numba_tiled.depthwise.stencil import Stencil, Stencils
from backends.numba_tiled.launch.arguments import apart, round_up
from backends.numba_tiled.launch.records import packed
from backends.numba_tiled.layout.window import window
from backends.numba_tiled.simd.registers import BYTES
from harness import ConvSpec


@lru_cache(maxsize=256)
def of_result(spec: ConvSpec, itemsize: int) -> tuple[np.ndarray, int]:
    """conv2d: `Stencils` over x in phases, packed, the result in one part; and a thread's scratch memory."""
    g, multiplier = window(spec), spec.out_channels // spec.groups
    bands, taps, f = _bands_of_x(spec, itemsize)
    laid = apart(len(bands.row_phases) * len(bands.column_phases) * bands.phase, itemsize)
    begin, places, weights = _by_neighbours([list(zip(taps, range(len(taps)), strict=True))], (3, 2, 1))
    s = Stencil(
        units=spec.batch * spec.in_channels, channels=spec.out_channels, depth=spec.taps, together=f.together,
        sources=1, results=multiplier, rows=f.rows, bands=f.bands, run=f.run, h=g.oh, w=g.ow, sh=1, sw=1, laid=laid,
        begin=begin, taps=places, weights=weights,
    )  # fmt: skip
    return packed(Stencils(s, bands)), laid + apart(f.together * f.run, itemsize)


@lru_cache(maxsize=256)
def of_image(spec: ConvSpec, itemsize: int) -> tuple[np.ndarray, int]:
    """conv2d_input_grad: `Stencils` over dy as it is, packed, the image in parts; and a thread's scratch memory.

    Pixel (d + k * SH, ...) receives dy[k + down, ...] * w.
    """
    g, lanes, sources = window(spec), BYTES // itemsize, spec.out_channels // spec.groups
    rows = [_reach(d, g.top, g.kh, g.dh, g.sh) for d in range(g.sh)]
    columns = [_reach(e, g.left, g.kw, g.dw, g.sw) for e in range(g.sw)]
    above, span = _extent(rows)
    beside, across = _extent(columns)
    width = _wide(-(-g.w // g.sw) + across, lanes)
    f = fit(-(-g.h // g.sh), -(-g.w // g.sw), span, width, Fill(sources, g.sw), itemsize)
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
    laid = apart(f.together * sources * height * width, itemsize)
    begin, places, weights = _by_neighbours(parts, (3, 2, 1))
    s = Stencil(
        units=spec.batch * spec.in_channels, channels=spec.in_channels, depth=sources * spec.taps, together=f.together,
        sources=sources, results=1, rows=f.rows, bands=f.bands, run=f.run, h=g.h, w=g.w, sh=g.sh, sw=g.sw, laid=laid,
        begin=begin, taps=places, weights=weights,
    )  # fmt: skip
    return packed(Stencils(s, bands)), laid + apart(g.sw * f.together * f.run, itemsize)


@lru_cache(maxsize=256)
def of_weights(spec: ConvSpec, itemsize: int) -> tuple[np.ndarray, int]:
    """conv2d_weight_grad: `Correlations` of x in phases and dy, as wide, packed; and a thread's scratch memory."""
    g, multiplier = window(spec), spec.out_channels // spec.groups
    bands, taps, f = _bands_of_x(spec, itemsize)
    of_dy = Bands(g.oh, g.ow, 1, 1, 0, 0, f.rows, bands.width, 0, np.zeros(1, int), np.zeros(1, int))
    laid = apart(len(bands.row_phases) * len(bands.column_phases) * bands.phase, itemsize)
    begin, places, weights = _by_neighbours([list(zip(taps, range(len(taps)), strict=True))], (3, 1))
    c = Correlation(
        batch=spec.batch, channels=spec.in_channels, together=f.together, multiplier=multiplier, oh=g.oh, ow=g.ow,
        rows=f.rows, bands=f.bands, laid=laid, depth=len(taps), threes=int(begin[1]), taps=places, weights=weights,
    )  # fmt: skip
    return packed(Correlations(c, bands, of_dy)), laid + apart(f.together * f.rows * bands.width, itemsize)


def _bands_of_x(spec: ConvSpec, itemsize: int) -> tuple[Bands, list[int], Fit]:
    """The planes of x in phases, where the taps are in them, and how many rows of the result go together."""
    g = window(spec)
    rows, row_phases = _phases([u * g.dh for u in range(g.kh)], g.sh)
    columns, column_phases = _phases([v * g.dw for v in range(g.kw)], g.sw)
    phases, span = len(row_phases) * len(column_phases), max(down for _, down in rows)
    width = _wide(g.ow + max(right for _, right in columns), BYTES // itemsize)
    f = fit(g.oh, g.ow, span, width, Fill(phases, 1), itemsize)
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
    whole = round_up(width, lanes)
    return whole if whole * 3 <= width * 4 else width
