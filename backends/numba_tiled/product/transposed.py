"""The turned product: lanes go along the filters, for images so small that pixels would not fill the lanes.

A register tile is FILTERS pixels by VECTORS vectors of filters. A step broadcasts the elements that FILTERS pixels
read for one tap, straight from the planes: a table says where pixels are, so there are none between rows, images
follow each other without gaps, and pixels need no packing. What is packed is [tap][filter], a block of taps at a time:
it stays in the L1 cache for a whole group of pixels. The sums are [pixel][filter], and turned back as they are written.
"""

from __future__ import annotations

from numba import njit

from backends.numba_tiled.product.register_tile import FILTERS, VECTORS, multiply_tile, panel_of, places_of, rows_of
from backends.numba_tiled.layout.transpose import turn_all, turn_rows
from backends.numba_tiled.simd.vector import fill, get, lanes, load_first, moved, put, store

TOGETHER = 1024  # pixels for which weights are turned over once, and whose sums are kept
_FEW = 4  # taps: to turn fewer at a time takes longer than to move them one by one


@njit(nogil=True, error_model="numpy")
def _find_pixels(table, q, count, lows, highs, at):
    """Where `count` pixels from q on are in the planes; after TOGETHER of them, which runs of taps each tile sees."""
    area = at.rows * at.width
    image, row, column = q // area, q % area // at.width, q % at.width
    place = image * at.image + row * at.row
    for i in range(count):
        put(table, i, place + column)
        tile = TOGETHER + i // FILTERS * 2
        low, high = get(lows, row), get(highs, row)
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


@njit(nogil=True, error_model="numpy")
def _turn_weights(panel, weights, rows, pitch, across, deep):
    """`deep` taps of `rows` filters as [tap][filter]; what neighbours in memory is turned together."""
    n, width = lanes(panel), VECTORS * lanes(panel)
    k = 0
    while k < deep:
        source, run = get(across, k), 1
        while k + run < deep and get(across, k + run) == source + run:
            run += 1
        if run < _FEW:
            for i in range(run):
                for f in range(rows):
                    put(panel, (k + i) * width + f, get(weights, f * pitch + source + i))
        else:
            for f in range(0, rows, n):
                turn_rows(panel, k * width + f, width, weights, f * pitch + source, min(n, rows - f), pitch, run)
        k += run


@njit(nogil=True, error_model="numpy")
def _start(sums, count, start, pitch, rows):
    """start[f * pitch] in the sums of filter f of every pixel."""
    n, width = lanes(sums), VECTORS * lanes(sums)
    for f in range(0, rows, n):
        one = load_first(start, f, rows - f) if pitch == 1 else fill(start, 0)
        for i in range(count):
            store(sums, i * width + f, one)


@njit(nogil=True, error_model="numpy")
def multiply_turned(
    planes, taps, across, depth, most, kernel_rows, lows, highs, weights, pitch, first_row, last_row, start,
    start_pitch, y, place, at, panel, table, sums, together, zero, places,
):  # fmt: skip
    """All pixels, filters first_row <= f < last_row; `most` taps are added up apart, of `together` pixels at a time."""
    n, width, area = lanes(y), VECTORS * lanes(y), at.rows * at.width
    pixels, vectors = at.images * area, (last_row - first_row + n - 1) // n
    panels = (vectors + VECTORS - 1) // VECTORS
    for group in range(0, pixels, together):
        count = min(together, pixels - group)
        _find_pixels(table, group, count, lows, highs, at)
        for j in range(panels):
            begin, wide = panel_of(j, vectors, panels)
            first = first_row + begin * n
            rows = min(wide * n, last_row - first)
            _start(sums, count, moved(start, first * start_pitch), start_pitch, rows)
            for k in range(0, depth, most):
                deep = min(most, depth - k)
                run = deep // kernel_rows
                _turn_weights(panel, moved(weights, first * pitch), rows, pitch, moved(across, k), deep)
                for i in range(0, count, FILTERS):
                    tile = TOGETHER + i // FILTERS * 2
                    low, high = get(table, tile) * run, get(table, tile + 1) * run
                    multiply_tile(
                        wide, high - low, planes, places_of(table, i, count - 1), moved(taps, k + low), panel, 0,
                        moved(places, k + low), zero, rows_of(0, 0, 0), sums, i * width, width, True,
                    )  # fmt: skip
            i = 0
            while i < count:
                image, l = (group + i) // area, (group + i) % area
                long = min(area - l, count - i)
                to = place + image * at.stride + l + first * at.channel
                turn_all(y, to, at.channel, sums, i * width, width, long, rows)
                i += long
