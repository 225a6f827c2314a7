"""The gradient of the weights: taps of padded planes times dy, summed over pixels, without a column matrix.

dw[f, k] is the sum over pixels q of dy[f, q] * x[q + tap k]. Lanes go along the filters: dy is turned once into
[pixel][filter] panels, and a register tile is FILTERS taps by VECTORS vectors of filters. The taps need no packing at
all: a step broadcasts the elements that FILTERS taps read for one pixel, each from its own place in the planes, which
a tap finds at a fixed distance. So few channels fill the lanes as well as many do.

Sums of a block of pixels are added up apart, so rounding grows with the number of blocks.
"""

from __future__ import annotations

from numba import njit, prange

from backends.numba_tiled.kernel import (
    FILTERS,
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
from backends.numba_tiled.packing import turn_rows
from backends.numba_tiled.planes import fill_share
from backends.numba_tiled.vector import get, lanes, moved, pointer, put


@njit(nogil=True, error_model="numpy")
def _tile(vectors, x, places, count, image, high, row, wide, dy, j, zero, c, k, pitch):
    """c += a tile, over `count` images of `high` rows of `wide` pixels; dy follows without gaps."""
    width = vectors * lanes(c)
    if vectors == 3:
        tile = start_3(zero, rows_of(0, 0, 0))
        for n in range(count):
            for p in range(high):
                begin = n * image + p * row
                for q in range(begin, begin + wide):
                    tile = step_3(tile, x, places, q, dy, j)
                    j += width
        put_3(tile, c, k, pitch, True)
    elif vectors == 2:
        tile_2 = start_2(zero, rows_of(0, 0, 0))
        for n in range(count):
            for p in range(high):
                begin = n * image + p * row
                for q in range(begin, begin + wide):
                    tile_2 = step_2(tile_2, x, places, q, dy, j)
                    j += width
        put_2(tile_2, c, k, pitch, True)
    else:
        tile_1 = start_1(zero, rows_of(0, 0, 0))
        for n in range(count):
            for p in range(high):
                begin = n * image + p * row
                for q in range(begin, begin + wide):
                    tile_1 = step_1(tile_1, x, places, q, dy, j)
                    j += width
        put_1(tile_1, c, k, pitch, True)


@njit(nogil=True, error_model="numpy")
def _panel(i, vectors, panels):
    """First vector of panel i, and how many it has: `vectors` in `panels` of about the same width."""
    first = i * vectors // panels
    return first, (i + 1) * vectors // panels - first


@njit(nogil=True, error_model="numpy")
def _turn_share(t, threads, dy, turned, image, images, first_filter, filters, length, n, vectors, panels):
    """Part t of dy as [panel][pixel][filters of the panel]."""
    dy, turned = pointer(dy), pointer(turned)
    across = lanes(dy)
    items = vectors * images
    for item in range(t * items // threads, (t + 1) * items // threads):
        vector, one = item // images, item % images
        i = 0
        first, wide = _panel(0, vectors, panels)
        while first + wide <= vector:
            i += 1
            first, wide = _panel(i, vectors, panels)
        to = ((first * images + one * wide) * length + vector - first) * across
        source = ((image + one) * n.sources + first_filter + vector * across) * length
        rows = min(across, filters - vector * across)
        turn_rows(turned, to, wide * across, dy, source, rows, length, length)


@njit(nogil=True, error_model="numpy")
def _sum_share(t, threads, planes, start, images, apart, taps, turned, g, row, vectors, panels, zero, sums):
    """sums[tap][filter] += the products of these images; part t of the blocks of taps and panels of filters."""
    x, which, turned, zero, c = (
        moved(pointer(planes), start),
        pointer(taps),
        pointer(turned),
        pointer(zero),
        pointer(sums),
    )
    across = lanes(c)
    blocks = (taps.size + FILTERS - 1) // FILTERS
    items = blocks * panels
    for item in range(t * items // threads, (t + 1) * items // threads):
        i, block = item // blocks, item % blocks
        first, wide = _panel(i, vectors, panels)
        places = places_of(which, block * FILTERS, taps.size - 1)
        to = (block * FILTERS * vectors + first) * across
        j = first * images * g.oh * g.ow * across
        _tile(wide, x, places, images, apart, g.oh, row, g.ow, turned, j, zero, c, to, vectors * across)


@njit(nogil=True, error_model="numpy")
def _write_share(t, threads, sums, dw, place, filters, depth, pitch):
    """dw[f][k] = sums[k][f]."""
    sums, dw = pointer(sums), moved(pointer(dw), place)
    n = lanes(dw)
    whole = depth - depth % n
    begin, end = t * filters // threads, (t + 1) * filters // threads
    for k in range(0, whole, n):
        turn_rows(dw, begin * depth + k, depth, sums, k * pitch + begin, n, pitch, end - begin)
    for f in range(begin, end):
        for k in range(whole, depth):
            put(dw, f * depth + k, get(sums, k * pitch + f))


@njit(nogil=True, cache=True, error_model="numpy", parallel={"prange": True, "fusion": False})
def weight_grad(dy, x, dw, threads, n, at_a_time, g, planes, taps, filled, turned, sums, zero, vectors, panels):
    """`filled`, `turned` and `sums` are scratch; filters are `vectors` wide, in `panels` of about the same width."""
    filters, depth, length = n.sources // n.groups, taps.size, g.oh * g.ow
    pitch = sums.size // ((depth + FILTERS - 1) // FILTERS * FILTERS)
    for group in range(n.groups):
        sums[:] = 0
        for image in range(0, n.batch, at_a_time):
            images = min(at_a_time, n.batch - image)
            for t in prange(threads):
                _turn_share(t, threads, dy, turned, image, images, group * filters, filters, length, n, vectors, panels)
            source, first, apart = filled, 0, planes.channels * planes.size
            if planes.is_image:
                source, first, apart = (
                    x,
                    (image * n.results + group * planes.channels) * planes.size,
                    n.results * planes.size,
                )
            else:
                for t in prange(threads):
                    fill_share(t, threads, x, filled, image, images, n.results, group * planes.channels, planes, g.oh)
            for t in prange(threads):
                _sum_share(
                    t, threads, source, first, images, apart, taps, turned, g, planes.row, vectors, panels, zero, sums
                )
        for t in prange(threads):
            _write_share(t, threads, sums, dw, group * filters * depth, filters, depth, pitch)
