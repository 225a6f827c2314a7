"""The transposed product: lanes go along the filters, for images so small that pixels would not fill the lanes.

A register tile is FILTERS pixels by VECTORS vectors of filters. A step broadcasts what FILTERS pixels read for one tap,
straight from the planes, where a table says they are. So there are no columns between rows, images follow each other
without gaps, and pixels need no packing:

                                     weights of one tap: | 16 filters | 16 filters | 16 filters |    panel[tap]
    pixel (0, 0) of image 0   x -> x x x ...             |    +  +    |    +  +    |    +  +    |
    pixel (0, 1) of image 0   x -> x x x ...             |    +  +    |    +  +    |    +  +    |
     ...

What is packed is the weights, transposed to panel[tap][filter], a block of taps at a time: it stays in the L1 cache for
a whole group of pixels. The sums are [pixel][filter], and transposed back as they are written.
"""

from __future__ import annotations

from backends.numba_tiled.layout.rows import copy
from backends.numba_tiled.layout.transpose import transpose, transpose_rows
from backends.numba_tiled.product.register_tile import (
    DEPTH,
    FILTERS,
    VECTORS,
    multiply_tile,
    panel_of,
    places_of,
    rows_of,
)
from backends.numba_tiled.simd.compiled import inner
from backends.numba_tiled.simd.pointers import from_row, get, moved, put
from backends.numba_tiled.simd.registers import REGISTERS
from backends.numba_tiled.simd.vector import fill, lanes, load_first, store

TOGETHER = 1024  # pixels for which weights are transposed once, and whose sums are kept
TRANSPOSED_DEPTH = (
    DEPTH if REGISTERS == 32 else DEPTH // 2
)  # taps of packed weights, which share the L1 cache with sums
_FEW = 4  # taps: to transpose fewer at a time takes longer than to move them one by one


@inner
def _find_pixels(table, q, count, seen, at):
    """Where `count` pixels from q on are in the planes; and which runs of taps each tile sees.

    table   | place of pixel 0, 1, ... | low and high of tile 0, of tile 1, ... |
            0                          TOGETHER
    """
    area = at.rows * at.width
    image, row, column = q // area, q % area // at.width, q % at.width
    place = image * at.image + row * at.row
    for i in range(count):
        put(table, i, place + column)
        tile = TOGETHER + i // FILTERS * 2
        low, high = get(seen.lows, row), get(seen.highs, row)
        if i % FILTERS > 0:
            low, high = min(low, get(table, tile)), max(high, get(table, tile + 1))
        put(table, tile, low)
        put(table, tile + 1, high)
        column += 1
        if column == at.width:
            column, row, place = 0, row + 1, place + at.row
            if row == at.rows:
                row, image = 0, image + 1
                place = image * at.image


@inner
def _pack_weights(panel, weights, rows, across, deep):
    """`deep` taps of `rows` filters as [tap][filter]; what neighbours in memory is transposed together."""
    n, width = lanes(panel), VECTORS * lanes(panel)
    if weights.pitch == 1:  # filters are neighbours, as for the input gradient of a 1x1 kernel
        for k in range(deep):
            copy(panel, k * width, weights.p, get(across, k), rows)
        return
    k = 0
    while k < deep:
        source, run = get(across, k), 1
        while k + run < deep and get(across, k + run) == source + run:
            run += 1
        whole = run - run % n if run % n < _FEW else run  # 9 taps in vectors of 8: one square, and one tap by itself
        for i in range(whole, run):
            for f in range(rows):
                put(panel, (k + i) * width + f, get(weights.p, f * weights.pitch + source + i))
        if whole > 0:
            for f in range(0, rows, n):
                some = moved(weights.p, f * weights.pitch + source)
                transpose_rows(moved(panel, k * width + f), width, some, weights.pitch, min(n, rows - f), whole)
        k += run


@inner
def _start_sums(sums, count, start, rows):
    """Row f of `start`, one number, in the sum of filter f of every pixel."""
    n, width = lanes(sums), VECTORS * lanes(sums)
    for f in range(0, rows, n):
        one = load_first(start.p, f, rows - f) if start.pitch == 1 else fill(start.p, 0)
        for i in range(count):
            store(sums, i * width + f, one)


@inner
def multiply_transposed(reads, seen, weights, start, first_row, last_row, y, at, scratch):
    """All pixels of y, filters first_row <= f < last_row; see `multiply_share` for the records.

    The taps of a block are added up apart, of `scratch.together` pixels at a time.
    """
    n, width, area, table = lanes(y), VECTORS * lanes(y), at.rows * at.width, scratch.segments
    pixels, vectors = at.images * area, (last_row - first_row + n - 1) // n
    panels = (vectors + VECTORS - 1) // VECTORS
    for group in range(0, pixels, scratch.together):
        count = min(scratch.together, pixels - group)
        _find_pixels(table, group, count, seen, at)
        for j in range(panels):
            begin, wide = panel_of(j, vectors, panels)
            first = first_row + begin * n
            rows = min(wide * n, last_row - first)
            _start_sums(scratch.sums, count, from_row(start, first), rows)
            for k in range(0, reads.depth, seen.most):
                deep = min(seen.most, reads.depth - k)
                run = deep // seen.kernel_rows
                _pack_weights(scratch.panel, from_row(weights, first), rows, moved(reads.across, k), deep)
                for i in range(0, count, FILTERS):
                    tile = TOGETHER + i // FILTERS * 2
                    low, high = get(table, tile) * run, get(table, tile + 1) * run
                    multiply_tile(
                        wide, high - low, reads.planes, places_of(table, i, count - 1), moved(reads.taps, k + low),
                        scratch.panel, moved(seen.places, k + low), scratch.zero, rows_of(0, 0, 0),
                        moved(scratch.sums, i * width), width, i >= 0,
                    )  # fmt: skip  # True, but no literal: see `simd.compiled`
            i = 0
            while i < count:  # as many pixels of one image as there are
                image, l = (group + i) // area, (group + i) % area
                long = min(area - l, count - i)
                to = moved(y, image * at.stride + l + first * at.channel)
                transpose(to, at.channel, moved(scratch.sums, i * width), width, long, rows)
                i += long
