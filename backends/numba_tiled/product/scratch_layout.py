"""Scratch memory of a product: how much a thread needs, and where in it everything lies.

| padded planes | a packed panel | sums of a group of panels | taps of a few pixels | 0 |     one thread's part
0               panel            sums                        few                zero size
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from backends.numba_tiled.launch.arguments import round_up
from backends.numba_tiled.launch.workspace import scratch
from backends.numba_tiled.layout.planes import Planes
from backends.numba_tiled.layout.rows import clear
from backends.numba_tiled.product.divide import Work
from backends.numba_tiled.product.leftover_dots import elements, pitch_of
from backends.numba_tiled.product.register_tile import DEPTH, FILTERS, VECTORS
from backends.numba_tiled.product.transposed import TOGETHER
from backends.numba_tiled.simd.caches import L1_BYTES, L2_BYTES
from backends.numba_tiled.simd.compiled import inlined
from backends.numba_tiled.simd.pointers import moved, pointer
from backends.numba_tiled.simd.registers import BYTES

_SUMS_BYTES = L2_BYTES // 8  # of a group of panels
_WEIGHTS_BYTES = L2_BYTES // 4  # of some filters, that stay there from panel to panel
_READ_BYTES = L1_BYTES * 3 // 4  # by some tiles of a row, for all filters
_PANEL_BYTES = L1_BYTES * 7 // 8  # of a packed panel
_WHOLE = np.dtype(np.int64)


class ScratchLayout(NamedTuple):
    """A thread's part of the scratch memory, in elements, and a constant."""

    size: int  # of the part
    panel: int  # where the packed panel begins: of pixels or, in a transposed product, of weights
    sums: int  # where the sums begin
    few: int  # where the taps of `leftover_dots` begin
    pitch: int  # of these, from one pixel to the next
    together: int  # panels whose sums there is room for; of a transposed product pixels, by rows tiles
    deep: int  # taps that are added up apart
    filters: int  # at a time, whose weights of so many taps a part of the L2 cache holds
    zero: int  # where there is room for one zero
    places: np.ndarray  # of the taps in a packed panel


class Scratch(NamedTuple):
    """The same as pointers, for one thread."""

    planes: Any
    limit: int  # elements of `planes`
    panel: Any
    sums: Any
    few: Any
    pitch: int
    segments: Any  # to int64: runs or stores of a panel, or the pixels of a transposed product
    together: int
    deep: int
    filters: int
    zero: Any
    places: Any


def room(
    planes: Planes, work: Work, taps: int, filters: int, width: int, itemsize: int, *, along: bool = True
) -> ScratchLayout:
    """For a product of `filters` rows over `taps` of each channel, with results of `width` columns.

    `along`: the weights of a row lie along the depth.
    """
    line, panel = BYTES // itemsize, VECTORS * BYTES // itemsize
    laid_out = 0 if planes.is_image else work.images * planes.channels * planes.size
    positions = work.images * (work.rows * width if work.packed else (work.rows - 1) * planes.row + width + panel)
    deep = min(DEPTH, _PANEL_BYTES // (VECTORS * BYTES)) if work.packed else DEPTH
    most = max(_WEIGHTS_BYTES // (min(planes.channels * taps, deep) * itemsize), FILTERS)
    some = round_up(-(-filters // -(-filters // most)), FILTERS)
    one = some * panel  # sums of a panel
    together = max(min(_SUMS_BYTES // itemsize // one, -(-positions // panel)), 1)
    if work.transposed:  # pixels, of one panel of filters; the last tile may have fewer than FILTERS
        one, together = panel, min(TOGETHER, work.images * work.rows * width)
    if work.by_rows and planes.channels * taps <= deep:  # tiles
        reach = planes.width - width  # neighbouring taps read the same stretch of a row
        stretches = -(-planes.channels * taps // (reach + 1))
        one, together = 0, max(_READ_BYTES // (stretches * (panel + reach) * itemsize), 1)
    first = round_up(laid_out, line) + panel  # whole vectors are read at the end of the planes
    packs = work.packed or work.transposed or planes.is_image
    second = first + (min(planes.channels * taps, DEPTH) * panel if packs else 0) + panel
    third = second + together * one + (FILTERS * panel if work.transposed else 0) + line
    few = elements(taps, line, along=along)
    last = third + (few + line if work.dots else 0)
    pitch = pitch_of(taps, line, along=along)
    return ScratchLayout(last + line, first, second, third, pitch, together, deep, some, last, np.arange(DEPTH) * panel)


def segments(threads: int) -> np.ndarray:
    """Scratch for where the runs or the stores of a panel are, or the pixels of a transposed product."""
    return scratch("segments", threads * 2 * TOGETHER, _WHOLE)


@inlined
def part_of(t, threads, room, memory, segments):
    """The scratch of thread t; the arrays must outlive it."""
    own = moved(pointer(memory), t * room.size)
    clear(own, room.zero, 1)
    return Scratch(
        own, room.panel, moved(own, room.panel), moved(own, room.sums), moved(own, room.few), room.pitch,
        moved(pointer(segments), t * (segments.size // threads)), room.together, room.deep,
        room.filters, moved(own, room.zero), pointer(room.places),
    )  # fmt: skip
