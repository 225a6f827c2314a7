"""col2im as a gather: columns (planes, KH, KW, OH, OW) -> (planes, H, W), every pixel written once.

The mirror of im2col. For one tap column v, the columns of the taps (u, v) are added, as runs of whole rows, onto rows
that keep the width OW and the shift v (`sums`); then a row of the image is the sum of its KW shifted rows. No two
blocks write the same pixel, so there are no atomics, and the order of every sum is the same whatever the number of
threads.

Memory: columns are read once, the image is written once; the sums of a block of image rows stay in the L1 cache.
"""

from __future__ import annotations

from numba import njit, prange

from backends.numba_tiled.geometry import Window
from backends.numba_tiled.rows import add, clear, copy, interleave
from backends.numba_tiled.vector import (
    lanes,
    load,
    load_between,
    moved,
    pointer,
    store,
    store_between,
    store_first,
    zeros,
    zip_high,
    zip_low,
)

BLOCK_BYTES = 32 << 10  # of sums


def rows_a_block(g: Window, itemsize: int) -> int:
    """Image rows whose sums fit `BLOCK_BYTES`, in blocks of about equal height."""
    most = min(max(BLOCK_BYTES // max(g.kw * g.ow * itemsize, 1), 8), g.h)
    return -(-g.h // -(-g.h // most))


def room(g: Window, rows: int, lanes: int) -> int:
    """Elements of the sums, then of a row in parts and woven together."""
    part = -(-(g.w + g.left) // g.sw) + lanes
    return g.kw * g.sh * -(-rows // g.sh) * g.ow + 2 * g.sw * (part + lanes)


@njit(nogil=True, error_model="numpy")
def add_columns(sums, height, columns, plane, oh, above, count, g):
    """sums[v][phase][row] = all that falls on `count` image rows from the block of columns with `oh` rows.

    `above` is the padded row of the first image row, counted from the padded row of the first window.
    """
    for v in range(g.kw):
        clear(sums, v * g.sh * height * g.ow, g.sh * height * g.ow)
        for u in range(g.kh):
            shift = u * g.dh - above  # window p falls on row p * sh + shift
            phase, ahead = shift % g.sh, shift // g.sh
            low = max(-ahead, 0)
            high = min((count - 1 - phase) // g.sh + 1 - ahead, oh)
            if high > low:
                to = ((v * g.sh + phase) * height + low + ahead) * g.ow
                add(sums, to, columns, (((plane * g.kh + u) * g.kw + v) * oh + low) * g.ow, (high - low) * g.ow)


@njit(nogil=True, error_model="numpy")
def _part(sums, row, step, g, phase, j):
    """Padded columns (j + lane) * SW + phase of an image row: the sum of what its tap columns hold there."""
    n, value = lanes(sums), zeros(sums)
    for v in range(g.kw):
        if v * g.dw % g.sw == phase:
            shift = v * g.dw // g.sw
            low, high, source = shift - j, g.ow + shift - j, row + v * step - shift + j
            if low <= 0 and n <= high:
                value = value + load(sums, source)
            elif low < n and high > 0:
                value = value + load_between(sums, source, low, high)
    return value


@njit(nogil=True, error_model="numpy")
def _write_row(x, place, sums, row, step, g, parts):
    """One row of the image from its KW rows of sums: the first at `row`, the others each `step` further."""
    n = lanes(x)
    width = (g.w + g.left + g.sw - 1) // g.sw  # of one remainder of the padded columns
    gap = (width + n - 1) // n * n
    if g.sw == 1:
        for j in range(0, g.w, n):
            value = zeros(x)
            for v in range(g.kw):
                shift = g.left - v * g.dw
                low, high, source = -shift - j, g.ow - shift - j, row + v * step + shift + j
                if low <= 0 and n <= high:
                    value = value + load(sums, source)
                elif low < n and high > 0:
                    value = value + load_between(sums, source, low, high)
            if j + n <= g.w:
                store(x, place + j, value)
            else:
                store_first(x, place + j, value, g.w - j)
    elif g.sw == 2:
        for j in range(0, width, n):
            a, b = _part(sums, row, step, g, 0, j), _part(sums, row, step, g, 1, j)
            low, high, to = g.left - 2 * j, g.left + g.w - 2 * j, place + 2 * j - g.left
            store_between(x, to, zip_low(a, b), low, high)
            store_between(x, to + n, zip_high(a, b), low - n, high - n)
    else:
        for phase in range(g.sw):
            for j in range(0, width, n):
                store(sums, parts + phase * gap + j, _part(sums, row, step, g, phase, j))
        interleave(sums, parts + g.sw * gap, sums, parts, gap, g.sw, width)
        copy(x, place, sums, parts + g.sw * gap + g.left, g.w)


@njit(nogil=True, error_model="numpy")
def _is_hit(remainder, g):
    """Whether any tap falls on padded rows with this remainder modulo SH."""
    hits = 0
    for u in range(g.kh):
        hits += u * g.dh % g.sh == remainder
    return hits > 0


@njit(nogil=True, error_model="numpy")
def _share(t, threads, columns, x, planes, g, rows, buffer):
    sums = moved(pointer(buffer), t * (buffer.size // threads))
    columns, x = pointer(columns), pointer(x)
    blocks, height = (g.h + rows - 1) // rows, (rows + g.sh - 1) // g.sh
    step = g.sh * height * g.ow
    parts = g.kw * step
    items = planes * blocks
    pointwise = g.kh == 1 and g.kw == 1 and g.sh == 1 and g.sw == 1
    same = pointwise and g.oh == g.h and g.ow == g.w and g.top == 0 and g.left == 0
    for item in range(t * items // threads, (t + 1) * items // threads):
        plane, first = item // blocks, item % blocks * rows
        count = min(rows, g.h - first)
        place = (plane * g.h + first) * g.w
        if same:
            copy(x, place, columns, place, count * g.w)
            continue
        add_columns(sums, height, columns, plane, g.oh, first + g.top, count, g)
        for i in range(count):
            if g.kh < g.sh and not _is_hit((first + i + g.top) % g.sh, g):
                clear(x, place + i * g.w, g.w)
            else:
                _write_row(x, place + i * g.w, sums, (i % g.sh * height + i // g.sh) * g.ow, step, g, parts)


@njit(nogil=True, cache=True, error_model="numpy", parallel={"prange": True, "fusion": False})
def col2im(columns, x, threads, planes, g, rows, buffer):
    """All planes, in blocks of `rows` image rows; each thread has its part of `buffer`."""
    for t in prange(threads):
        _share(t, threads, columns, x, planes, g, rows, buffer)
