"""col2im as a gather: columns (planes, KH, KW, OH, OW) -> (planes, H, W), every pixel written once.

The mirror of im2col, for a block of image rows or, where the planes are small, for several planes at a time:

1. for one tap column v, the columns of the taps (u, v) are added, as runs of whole rows, onto rows that keep the width
   OW and the shift v (the sums);
2. these rows are added, shifted, onto the rows of the padded image, kept apart by their remainders modulo the stride;
3. `weave` puts the columns of different remainders side by side, and the padding is left out.

What there is no need for is left out: where every remainder has one tap column (1x1 kernels, patches), step 1 writes
what step 2 would. No two blocks write the same pixel, so there are no atomics, and the order of every sum is the same
whatever the number of threads.

Memory: columns are read once, and what the next block reads of them is asked for while this one is added up; the image
is written once; all between stays in the L1 cache if it can.
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

from numba import njit, prange

from backends.numba_tiled.geometry import Window
from backends.numba_tiled.rows import clear, crop, spread
from backends.numba_tiled.vector import lanes, load, load_first, moved, pointer, prefetch, store, store_first
from backends.numba_tiled.weave import weave

BLOCK_BYTES = 32 << 10


class Blocks(NamedTuple):
    """How the work is cut. Sizes in elements."""

    planes: int  # at a time
    rows: int  # image rows at a time, a multiple of SH if there are more
    slots: int  # remainders of rows on which any tap falls: 1 or SH
    parts: int  # remainders of columns: 1 or SW
    alone: bool  # whether no two taps of a tap column fall on rows of the same remainder
    tight: bool  # whether sums are parts of the image already
    pitch: int  # of a row of a part
    sums: int  # in one block
    part: int
    room: int  # of all buffers


@lru_cache(maxsize=256)
def blocks(g: Window, planes: int, itemsize: int, lanes: int) -> Blocks:
    """For `planes` planes a thread."""
    reach, width = (g.kw - 1) * g.dw // g.sw, -(-(g.w + g.left) // g.sw)
    slots = g.sh if any(u * g.dh % g.sh for u in range(g.kh)) else 1
    parts = g.sw if any(v * g.dw % g.sw for v in range(g.kw)) else 1
    alone = len({u * g.dh % g.sh for u in range(g.kh)}) == g.kh
    tight = reach == 0 and width <= g.ow
    # Room for whole vectors in each row: a store and the next row's load must not meet.
    pitch = g.ow if tight else max(width, reach + -(-g.ow // lanes) * lanes)
    row = slots * (pitch * (parts + (2 * g.sw if g.sw > 1 else 0)) + (0 if tight else g.ow)) * itemsize
    most = min(max(BLOCK_BYTES // row, 1) * g.sh, g.h)
    rows = -(-g.h // -(-g.h // most))
    rows = min(-(-rows // g.sh) * g.sh, g.h)
    together = 1
    if rows == g.h:
        together = min(max(BLOCK_BYTES // (row * -(-rows // g.sh)), 1), max(planes, 1))
    height = together * slots * -(-rows // g.sh)
    sums = 0 if tight else -(-height * g.ow // lanes) * lanes
    part = -(-height * pitch // lanes) * lanes
    room = sums + parts * part + (2 * g.sw * part if g.sw > 1 else 0) + 2 * lanes
    return Blocks(together, rows, slots, parts, alone, tight, pitch, sums, part, room)


@njit(nogil=True, error_model="numpy")
def _add_runs(to, i, to_step, source, j, step, times, count, ahead, alone):
    """to[i + k * to_step :][:count] += source[j + k * step :][:count]; of zeros if `alone`."""
    n = lanes(to)
    whole = count - count % n
    rest = count - whole
    for k in range(times):
        a, b = i + k * to_step, j + k * step
        for q in range(0, whole, n):
            prefetch(source, b + q + ahead)
            value = load(source, b + q)
            store(to, a + q, value if alone else load(to, a + q) + value)
        if rest:
            prefetch(source, b + whole + ahead)
            value = load_first(source, b + whole, rest)
            store_first(to, a + whole, value if alone else load_first(to, a + whole, rest) + value, rest)


@njit(nogil=True, error_model="numpy")
def _add_up(sums, start, columns, plane, planes, first, count, height, v, ahead, g, b):
    """sums[plane][slot][row] = what tap column v holds for image rows first <= i < first + count."""
    above = first + g.top
    for u in range(g.kh):
        shift = u * g.dh - above  # window p falls on row p * sh + shift
        slot, steps = shift % g.sh, shift // g.sh
        low = max(-steps, 0)
        high = min((count - 1 - slot) // g.sh + 1 - steps, g.oh)
        if high > low:
            row = (slot if b.slots > 1 else 0) * height + low + steps
            source = (((plane * g.kh + u) * g.kw + v) * g.oh + low) * g.ow
            _add_runs(
                sums, start + row * g.ow, b.slots * height * g.ow, columns, source, g.kh * g.kw * g.oh * g.ow, planes,
                (high - low) * g.ow, ahead, b.alone,
            )  # fmt: skip


@njit(nogil=True, error_model="numpy")
def _crop(x, plane, planes, first, count, height, padded, at, g, b):
    """The padded rows without their padding, to the image."""
    row = b.pitch * g.sw
    for k in range(planes):
        for slot in range(g.sh):
            place, own = ((plane + k) * g.h + first + slot) * g.w, slot
            rows = (count - slot + g.sh - 1) // g.sh
            if b.slots == 1:
                own = 0
                if (first + g.top + slot) % g.sh > 0:  # no tap falls on these rows
                    for r in range(rows):
                        clear(x, place + r * g.sh * g.w, g.w)
                    continue
            start = at + (k * b.slots + own) * height * row + g.left
            crop(x, place, g.sh * g.w, padded, start, row, rows, g.w)


@njit(nogil=True, error_model="numpy")
def _block(columns, x, plane, planes, first, count, g, b, buffer):
    """Image rows first <= i < first + count of some planes."""
    n, height = lanes(x), (count + g.sh - 1) // g.sh
    rows = planes * b.slots * height
    part = (rows * b.pitch + n - 1) // n * n
    ahead = b.planes * g.kh * g.kw * g.oh * g.ow if b.rows == g.h else b.rows // g.sh * g.ow
    clear(buffer, b.sums, b.parts * part)
    for v in range(g.kw):
        to = b.sums + (v * g.dw % g.sw * part if b.parts > 1 else 0)
        if b.tight:
            _add_up(buffer, to, columns, plane, planes, first, count, height, v, ahead, g, b)
        else:
            clear(buffer, 0, rows * g.ow)
            _add_up(buffer, 0, columns, plane, planes, first, count, height, v, ahead, g, b)
            spread(buffer, to + v * g.dw // g.sw, b.pitch, buffer, 0, rows, g.ow)
    at = weave(buffer, b.sums, b.sums + b.parts * b.part, part, g.sw, b.parts)
    _crop(x, plane, planes, first, count, height, buffer, at, g, b)


@njit(nogil=True, error_model="numpy")
def _share(t, threads, columns, x, planes, g, b, buffer):
    own = moved(pointer(buffer), t * (buffer.size // threads))
    columns, x = pointer(columns), pointer(x)
    blocks, groups = (g.h + b.rows - 1) // b.rows, (planes + b.planes - 1) // b.planes
    items = groups * blocks
    for item in range(t * items // threads, (t + 1) * items // threads):
        first, plane = item % blocks * b.rows, item // blocks * b.planes
        count, together = min(b.rows, g.h - first), min(b.planes, planes - plane)
        _block(columns, x, plane, together, first, count, g, b, own)


@njit(nogil=True, cache=True, error_model="numpy", parallel={"prange": True, "fusion": False})
def col2im(columns, x, threads, planes, g, b, buffer):
    """All planes, some planes or some rows at a time; each thread has its part of `buffer`."""
    for t in prange(threads):
        _share(t, threads, columns, x, planes, g, b, buffer)
