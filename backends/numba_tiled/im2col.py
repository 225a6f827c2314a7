"""im2col as long runs of memory: (planes, H, W) -> columns (planes, KH, KW, OH, OW), a plane being a channel of an
image.

For one tap column v, the elements that windows read are the rows of the image shifted by v and thinned by the stride.
They are collected once, padding included; then the columns of every tap (u, v) are a run of whole rows of that
collection, copied with wide stores whatever the width of the image. Three steps, each flat, for a block of output rows
or, where the planes are small, for several planes at a time:

1. rows of the image into a buffer with room for the padding, which stays zero from one block to the next; rows are
   kept apart by their remainder modulo SH, then columns by theirs modulo SW (`unweave`);
2. for every v, OW elements of each row: the collection;
3. for every u, a run of the collection.

What there is no need for is left out: step 1 without stride and padding, step 2 where a row has OW elements already.

Memory: all of a block stays in the L1 cache if it can; the image is read once, columns are written once, past the
caches when the whole result would not fit in them.
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

from numba import njit, prange

from backends.numba_tiled.geometry import Window
from backends.numba_tiled.rows import clear, copy, copy_past_caches, narrow, widen
from backends.numba_tiled.vector import fence, lanes, moved, pointer
from backends.numba_tiled.weave import unweave

BLOCK_BYTES = 32 << 10


class Blocks(NamedTuple):
    """How the work is cut. Sizes in elements."""

    planes: int  # at a time
    rows: int  # output rows at a time
    reach: int  # further rows (of a remainder) that their windows need
    slots: int  # remainders of rows that any tap reads: 1 or SH
    parts: int  # remainders of columns: 1 or SW
    pitch: int  # of a row of a part
    is_image: bool  # the image is its own layout
    collected: bool  # whether there is a step 2
    size: int  # of the padded rows
    room: int  # of all buffers


@lru_cache(maxsize=256)
def blocks(g: Window, planes: int, itemsize: int, lanes: int, streamed: bool) -> Blocks:
    """For `planes` planes a thread."""
    reach, pitch = (g.kh - 1) * g.dh // g.sh, g.ow + (g.kw - 1) * g.dw // g.sw
    slots = g.sh if any(u * g.dh % g.sh for u in range(g.kh)) else 1
    parts = g.sw if any(v * g.dw % g.sw for v in range(g.kw)) else 1
    is_image = (g.sh, g.sw, g.top, g.left, g.oh + reach, pitch) == (1, 1, 0, 0, g.h, g.w)
    collected = pitch != g.ow and (streamed or (g.kh > 1 and g.ow < 3 * lanes))
    kept = g.kw * g.ow if collected else 0
    row = slots * (pitch * g.sw * (1 if g.sw == 1 else 2) + kept) * itemsize
    most = min(max(BLOCK_BYTES // max(row, 1) - reach, 1 + reach // 2), g.oh)
    rows = -(-g.oh // -(-g.oh // most))
    together = 1
    if rows == g.oh:
        together = min(max(BLOCK_BYTES // max(row * (rows + reach), 1), 1), max(planes, 1))
    height = together * slots * (rows + reach)
    size = 0 if is_image else -(-height * pitch // lanes) * lanes * g.sw
    buffers = {1: 1, 2: 2}.get(g.sw, 3)
    return Blocks(
        together, rows, reach, slots, parts, pitch, is_image, collected, size, buffers * size + height * kept + 4 * lanes
    )  # fmt: skip


@njit(nogil=True, error_model="numpy")
def _pad(to, x, plane, planes, first, height, g, b):
    """to[plane][slot][row]: `pitch` * SW elements each, zeros outside the image."""
    row = b.pitch * g.sw
    count = max(min(g.w, row - g.left), 0)
    for k in range(planes):
        for slot in range(b.slots):
            start, i = (k * b.slots + slot) * height, first * g.sh + slot - g.top
            above = min(max((g.sh - 1 - i) // g.sh, 0), height)
            below = min(max((g.h - 1 - i) // g.sh + 1, above), height)
            clear(to, start * row, above * row)
            source = ((plane + k) * g.h + i + above * g.sh) * g.w
            widen(to, (start + above) * row + g.left, row, x, source, g.sh * g.w, below - above, count)
            clear(to, (start + below) * row, (height - below) * row)


@njit(nogil=True, error_model="numpy")
def _block(x, columns, plane, planes, first, count, g, b, buffer, streamed):
    """Output rows first <= p < first + count of some planes."""
    n, height, source, place = lanes(x), count + b.reach, x, (plane * g.h + first) * g.w
    gap = (planes * b.slots * height * b.pitch + n - 1) // n * n
    if not b.is_image:
        _pad(buffer, x, plane, planes, first, height, g, b)
        source, place = buffer, unweave(buffer, 0, b.size, gap, g.sw, b.parts)
    to, pitch = (plane * g.kh * g.kw * g.oh + first) * g.ow, b.pitch
    if b.collected:
        rows, pitch = planes * b.slots * height, g.ow
        collection = b.room - g.kw * b.planes * b.slots * (b.rows + b.reach) * g.ow - n
        for v in range(g.kw):
            start = place + v * g.dw % g.sw * gap + v * g.dw // g.sw
            narrow(buffer, collection + v * rows * g.ow, source, start, b.pitch, rows, g.ow)
        source, place = buffer, collection
    for k in range(planes):
        for u in range(g.kh):
            row = place + ((k * b.slots + u * g.dh % g.sh) * height + u * g.dh // g.sh) * pitch
            for v in range(g.kw):
                if b.collected:
                    start = row + v * planes * b.slots * height * g.ow
                else:
                    start = row + v * g.dw % g.sw * gap + v * g.dw // g.sw
                if streamed:
                    copy_past_caches(columns, to, source, start, count * g.ow)
                elif pitch == g.ow:
                    copy(columns, to, source, start, count * g.ow)
                else:
                    narrow(columns, to, source, start, pitch, count, g.ow)
                to += g.oh * g.ow


@njit(nogil=True, error_model="numpy")
def _share(t, threads, x, columns, planes, g, b, buffer, streamed):
    own = moved(pointer(buffer), t * (buffer.size // threads))
    x, columns = pointer(x), pointer(columns)
    clear(own, 0, b.size + lanes(own))
    blocks, groups = (g.oh + b.rows - 1) // b.rows, (planes + b.planes - 1) // b.planes
    items = groups * blocks
    for item in range(t * items // threads, (t + 1) * items // threads):
        first, plane = item % blocks * b.rows, item // blocks * b.planes
        count, together = min(b.rows, g.oh - first), min(b.planes, planes - plane)
        _block(x, columns, plane, together, first, count, g, b, own, streamed)
    if streamed:
        fence()


@njit(nogil=True, cache=True, error_model="numpy", parallel={"prange": True, "fusion": False})
def im2col(x, columns, threads, planes, g, b, buffer, streamed):
    """All planes, some planes or some rows at a time; each thread has its part of `buffer`."""
    for t in prange(threads):
        _share(t, threads, x, columns, planes, g, b, buffer, streamed)
