"""im2col as long runs of memory: (planes, H, W) -> columns (planes, KH, KW, OH, OW), a plane being a channel of an
image.

For one tap column v, the elements that windows read are the rows of the image shifted by v and thinned by the stride.
They are collected once (`take`), padding written and not tested for; then the columns of every tap (u, v) are a run
of whole rows of that collection, copied with wide stores whatever the width of the image. With a vertical stride the
collection keeps its rows apart by their remainder (`phase`), so that runs stay runs.

Memory: the collection of a block of output rows stays in the cache; the image is read once, columns are written once,
past the caches when the whole result would not fit in them.
"""

from __future__ import annotations

from numba import njit, prange

from backends.numba_tiled.geometry import Window
from backends.numba_tiled.rows import clear, copy, copy_past_caches, take
from backends.numba_tiled.vector import fence, moved, pointer

BLOCK_BYTES = 48 << 10  # of a collection


def rows_a_block(g: Window, itemsize: int) -> int:
    """Output rows whose collection fits `BLOCK_BYTES`, in blocks of about equal height."""
    row = g.kw * g.ow * itemsize * min(g.sh, g.kh)
    most = min(max(BLOCK_BYTES // max(row, 1) - (g.kh - 1) * g.dh // g.sh, 8), g.oh)
    return -(-g.oh // -(-g.oh // most))


def room(g: Window, rows: int) -> int:
    """Elements of a collection."""
    return g.kw * g.sh * (rows + (g.kh - 1) * g.dh // g.sh) * g.ow


@njit(nogil=True, error_model="numpy")
def _take_rows(to, place, x, plane, first, step, count, v, g):
    """What tap column v reads of `count` image rows, `step` apart from row `first` on; rows outside are padding."""
    above = min(max((-first + step - 1) // step, 0), count)
    below = min(max((g.h - 1 - first) // step + 1, above), count)
    offset = v * g.dw - g.left
    low = min(max((-offset + g.sw - 1) // g.sw, 0), g.ow)
    high = min(max((g.w - 1 - offset) // g.sw + 1, low), g.ow)
    source = (plane * g.h + first + above * step) * g.w + offset
    clear(to, place, above * g.ow)
    take(to, place + above * g.ow, g.ow, g.ow, x, source, step * g.w, below - above, g.sw, low, high)
    clear(to, place + below * g.ow, (count - below) * g.ow)


@njit(nogil=True, error_model="numpy")
def _collect(to, place, apart, height, x, plane, first, count, g):
    """to[v][phase][row] for output rows first <= p < first + count; only the rows that a tap reads.

    The part of v begins at place + v * apart.
    """
    for phase in range(g.sh):
        lowest, highest = height, -1
        for u in range(g.kh):
            if u * g.dh % g.sh == phase:
                steps = u * g.dh // g.sh
                lowest, highest = min(lowest, steps), max(highest, steps + count - 1)
        if highest < lowest:  # no tap reads this remainder
            continue
        i = (first + lowest) * g.sh + phase - g.top
        for v in range(g.kw):
            start = place + v * apart + (phase * height + lowest) * g.ow
            _take_rows(to, start, x, plane, i, g.sh, highest + 1 - lowest, v, g)


@njit(nogil=True, error_model="numpy")
def _block(x, columns, plane, first, count, g, collection, streamed):
    """Output rows first <= p < first + count of one plane."""
    height = count + (g.kh - 1) * g.dh // g.sh
    apart = g.sh * height * g.ow
    to, start, wide = collection, 0, apart
    if g.kh == 1:  # every collected row would be used once: collect it where it belongs
        to, start, wide = columns, (plane * g.kw * g.oh + first) * g.ow, g.oh * g.ow
    _collect(to, start, wide, height, x, plane, first, count, g)
    if g.kh == 1:
        return
    for u in range(g.kh):
        for v in range(g.kw):
            run = v * apart + (u * g.dh % g.sh * height + u * g.dh // g.sh) * g.ow
            place = (((plane * g.kh + u) * g.kw + v) * g.oh + first) * g.ow
            if streamed:
                copy_past_caches(columns, place, collection, run, count * g.ow)
            else:
                copy(columns, place, collection, run, count * g.ow)


@njit(nogil=True, error_model="numpy")
def _share(t, threads, x, columns, planes, g, rows, buffer, streamed):
    collection = moved(pointer(buffer), t * (buffer.size // threads))
    x, columns = pointer(x), pointer(columns)
    blocks = (g.oh + rows - 1) // rows
    items = planes * blocks
    for item in range(t * items // threads, (t + 1) * items // threads):
        first = item % blocks * rows
        _block(x, columns, item // blocks, first, min(rows, g.oh - first), g, collection, streamed)
    if streamed:
        fence()


@njit(nogil=True, cache=True, error_model="numpy", parallel={"prange": True, "fusion": False})
def im2col(x, columns, threads, planes, g, rows, buffer, streamed):
    """All planes, in blocks of `rows` output rows; each thread has its part of `buffer`."""
    for t in prange(threads):
        _share(t, threads, x, columns, planes, g, rows, buffer, streamed)
