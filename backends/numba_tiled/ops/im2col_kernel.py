"""im2col as rows at a fixed distance: (planes, H, W) -> columns (planes, KH, KW, OH, OW), a plane being a channel of an
image. Three steps for a block of output rows or, where the planes are small, for several planes at a time:

1. rows of the image into a buffer with room for the padding, which stays zero from one block to the next; rows are
   kept apart by their remainder modulo SH, then columns by theirs modulo SW (`unweave`), so that neighbours in the
   output are neighbours there;
2. for every tap column v, OW elements of each row, one row after the other: the collection;
3. the columns of every tap (u, v) are a run of the collection, copied with whole vectors whatever the image's width.

What there is no need for is left out: step 1 without stride and padding; step 2 where a row has OW elements already, or
so many that step 3 may as well copy row by row.

Memory: all of a block stays in the L1 cache if it can; the image is read once, columns are written once and in their
order (any other order halves the speed), past the caches when the whole result would not fit in them.
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

from numba import njit

from backends.numba_tiled.layout.planes import Window
from backends.numba_tiled.layout.rows import clear, copy, copy_past_caches, narrow, take, widen
from backends.numba_tiled.launch.spread import spread
from backends.numba_tiled.simd.vector import fence, lanes, moved, pointer
from backends.numba_tiled.layout.weave import unweave

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
    is_subset: bool  # 1x1 with a stride: columns are some of the image's elements
    collected: bool  # whether there is a step 2
    part: int  # of a slot
    room: int  # of all buffers


@lru_cache(maxsize=256)
def blocks(g: Window, planes: int, itemsize: int, lanes: int, streamed: bool) -> Blocks:
    """For `planes` planes a thread."""
    reach, pitch = (g.kh - 1) * g.dh // g.sh, g.ow + (g.kw - 1) * g.dw // g.sw
    slots = g.sh if any(u * g.dh % g.sh for u in range(g.kh)) else 1
    parts = g.sw if any(v * g.dw % g.sw for v in range(g.kw)) else 1
    is_image = (g.sh, g.sw, g.top, g.left, g.oh + reach, pitch) == (1, 1, 0, 0, g.h, g.w)
    # Vectors moved for a tap column: with a collection, and row by row, where a vector weighs 1.2 for its ragged end.
    row, taps = -(-g.ow // lanes) * lanes, g.kh * g.oh
    fewer = slots * (g.oh + reach) * row + taps * g.ow <= 1.2 * taps * row
    collected = pitch != g.ow and (streamed or fewer)
    kept = g.kw * g.ow if collected else 0
    row = slots * (parts * pitch + kept) * itemsize
    most = max(BLOCK_BYTES // max(row, 1) - reach, 1 + reach // 2, -(-8 * lanes // g.ow))
    rows = -(-g.oh // -(-g.oh // min(most, g.oh)))
    together = 1
    if rows == g.oh:
        together = min(max(BLOCK_BYTES // max(row * (rows + reach), 1), 1), max(planes, 1))
    height = together * (rows + reach)
    part = 0 if is_image else -(-height * pitch // lanes) * lanes
    # Padded rows of a slot and two buffers between passes; then all slots, then the collection.
    room = (3 * g.sw * part if g.sw > 1 else 0) + slots * parts * part + slots * height * kept + 4 * lanes
    is_subset = (g.kh, g.kw, g.top, g.left) == (1, 1, 0, 0) and g.sh * g.sw > 1
    is_subset = is_subset and (g.oh - 1) * g.sh < g.h and (g.ow - 1) * g.sw < g.w
    return Blocks(together, rows, reach, slots, parts, pitch, is_image, is_subset, collected, part, room)


@njit(nogil=True, error_model="numpy")
def _pad(to, start, x, plane, planes, first, slot, height, g, b):
    """to[plane][row]: `pitch` * SW elements each, the rows of one remainder, zeros outside the image."""
    row = b.pitch * g.sw
    count, i = max(min(g.w, row - g.left), 0), first * g.sh + slot - g.top
    above = min(max((g.sh - 1 - i) // g.sh, 0), height)
    below = min(max((g.h - 1 - i) // g.sh + 1, above), height)
    for k in range(planes):
        place, source = start + k * height * row, ((plane + k) * g.h + i + above * g.sh) * g.w
        clear(to, place, above * row)
        widen(to, place + above * row + g.left, row, x, source, g.sh * g.w, below - above, count)
        clear(to, place + below * row, (height - below) * row)


@njit(nogil=True, error_model="numpy")
def _block(x, columns, plane, planes, first, count, g, b, buffer, streamed):
    """Output rows first <= p < first + count of some planes."""
    n, height, source, place, pitch = lanes(x), count + b.reach, x, (plane * g.h + first) * g.w, b.pitch
    part = (planes * height * pitch + n - 1) // n * n
    if not b.is_image:
        source, place = buffer, 3 * g.sw * b.part if g.sw > 1 else 0
        for slot in range(b.slots):
            to = place + slot * b.parts * b.part
            padded = 0 if g.sw > 1 else to
            _pad(buffer, padded, x, plane, planes, first, slot, height, g, b)
            unweave(buffer, to, padded, g.sw * b.part, part, g.sw, b.parts)
    slots, each = b.parts * b.part, part  # how far they are apart
    if b.collected:
        own, rows = b.room - g.kw * b.slots * b.planes * (b.rows + b.reach) * g.ow - n, planes * height
        for slot in range(b.slots):
            for v in range(g.kw):
                start = place + slot * slots + v * g.dw % g.sw * part + v * g.dw // g.sw
                narrow(buffer, own + (slot * g.kw + v) * rows * g.ow, source, start, pitch, rows, g.ow)
        source, place, pitch, slots, each = buffer, own, g.ow, g.kw * rows * g.ow, rows * g.ow
    to = (plane * g.kh * g.kw * g.oh + first) * g.ow
    for k in range(planes):
        for u in range(g.kh):
            row = place + u * g.dh % g.sh * slots + (k * height + u * g.dh // g.sh) * pitch
            for v in range(g.kw):
                start = row + (v * each if b.collected else v * g.dw % g.sw * each + v * g.dw // g.sw)
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
    if not (b.is_image or b.is_subset):
        clear(own, 0, (g.sw if g.sw > 1 else b.slots) * b.part + lanes(own))
    blocks, groups = (g.oh + b.rows - 1) // b.rows, (planes + b.planes - 1) // b.planes
    items = groups * blocks
    for item in range(t * items // threads, (t + 1) * items // threads):
        first, plane = item % blocks * b.rows, item // blocks * b.planes
        count, together = min(b.rows, g.oh - first), min(b.planes, planes - plane)
        if b.is_subset:
            source, to = (plane * g.h + first * g.sh) * g.w, (plane * g.oh + first) * g.ow
            take(
                columns, to, g.oh * g.ow, g.ow, g.ow, x, source, g.h * g.w, g.sh * g.w, together, count, g.sw, 0, g.ow
            )  # fmt: skip
        else:
            _block(x, columns, plane, together, first, count, g, b, own, streamed)
    if streamed:
        fence()


@njit(nogil=True, cache=True, error_model="numpy")
def im2col(x, columns, threads, planes, g, b, buffer, streamed):
    """All planes, some planes or some rows at a time; each thread has its part of `buffer`.

    `g` and `b` come as plain tuples, which cost a microsecond less a call.
    """
    spread(_share, threads, (x, columns, planes, Window(*g), Blocks(*b), buffer, streamed))
