"""col2im as a gather: columns (planes, KH, KW, OH, OW) -> (planes, H, W), every pixel written once.

The mirror of im2col, for a block of image rows or, where the planes are small, for several planes at a time:

1. rows of columns are added, shifted by v, onto rows of the padded image, which are kept apart by their remainder
   modulo SH, and their columns by theirs modulo SW, so that neighbours fall on neighbours;
2. `weave` puts the columns of different remainders side by side, and the padding is left out.

What is added up is kept in a register for the taps u that fall on the same remainder, as their rows are a fixed
distance apart. Where a row has OW elements (1x1 kernels, patches), step 1 is over runs of rows. No two blocks write the
same pixel, so there are no atomics, and the order of every sum is the same whatever the number of threads.

Memory: columns are read once, the image is written once, all between stays in the L1 or L2 cache. Reading binds, and
what it costs depends on the order: columns that exceed the caches are read in the order of memory, or prefetched in it
(measured here: one run of memory 33 GB/s, three short runs side by side 15 GB/s).
"""

from __future__ import annotations

from functools import lru_cache
from math import gcd
from typing import NamedTuple

from numba import njit

from backends.numba_tiled.layout.planes import Window
from backends.numba_tiled.layout.rows import clear, clear_rows, copy, crop
from backends.numba_tiled.launch.spread import spread
from backends.numba_tiled.simd.vector import (
    lanes,
    load,
    load_between,
    load_first,
    misaligned,
    moved,
    pointer,
    prefetch,
    store,
    store_first,
)
from backends.numba_tiled.layout.weave import weave

BLOCK_BYTES = 32 << 10
NARROW_CACHE, WIDE_CACHE = 6 << 20, 16 << 20  # bytes of columns that are taken to come from a cache
NARROW_BLOCK_BYTES, WIDE_BLOCK_BYTES = 8 << 10, 512 << 10  # of other columns


class Blocks(NamedTuple):
    """How the work is cut. Sizes in elements."""

    planes: int  # at a time
    rows: int  # image rows at a time, a multiple of SH if there are more
    slots: int  # remainders of rows on which any tap falls: 1 or SH
    parts: int  # remainders of columns: 1 or SW
    tight: bool  # whether a row has OW elements, so that runs of rows are added at once
    wide: bool  # whether rows are many vectors
    prefetched: bool  # whether the next planes' columns are
    alone: bool  # whether no two taps fall on the same remainders
    apart: int  # taps u and u + apart are added up in one register
    pitch: int  # of a row of a part
    part: int  # of all rows of a part
    is_copy: bool  # whether columns are the image
    room: int  # of all buffers


@lru_cache(maxsize=256)
def blocks(g: Window, planes: int, threads: int, itemsize: int, lanes: int) -> Blocks:
    """How to cut; the order of the sums must not follow from the number of threads."""
    reach, width = (g.kw - 1) * g.dw // g.sw, -(-(g.w + g.left) // g.sw)
    down, right = {u * g.dh % g.sh for u in range(g.kh)}, {v * g.dw % g.sw for v in range(g.kw)}
    slots, parts = g.sh if max(down) else 1, g.sw if max(right) else 1
    tight = reach == 0 and width <= g.ow
    wide = g.ow >= 4 * lanes
    # A wide row has room for whole vectors: a load that met the row before, just stored, would wait for it.
    pitch = g.ow if tight else -(-max(width, reach + (-(-g.ow // lanes) * lanes if wide else g.ow)) // lanes) * lanes
    apart = g.sh // gcd(g.sh, g.dh)
    row = slots * parts * pitch * itemsize
    # Columns that come from memory are better read in its order: tap by tap, with whole planes of wide rows in the L2
    # cache, and prefetched for narrow ones. Others are added up in registers.
    large = planes * g.kh * g.kw * g.oh * g.ow * itemsize > (WIDE_CACHE if wide else NARROW_CACHE)
    large = large and not tight
    block = BLOCK_BYTES
    if large and wide:
        block, apart = WIDE_BLOCK_BYTES, apart * -(-g.kh // apart)
    elif large:  # small blocks, but no part of a plane
        block = min(max(row * -(-g.h // g.sh), NARROW_BLOCK_BYTES), WIDE_BLOCK_BYTES)
    most = max(block // row, -(-8 * lanes // g.ow)) * g.sh
    rows = -(-g.h // -(-g.h // min(most, g.h)))
    rows = min(-(-rows // g.sh) * g.sh, g.h)
    together = 1
    if rows == g.h and not wide:
        together = min(max(block // (row * -(-rows // g.sh)), 1), max(-(-planes // threads), 1))
    prefetched = large and not wide and rows == g.h
    part = -(-together * -(-rows // g.sh) * pitch // lanes) * lanes
    room = slots * parts * part + (2 * g.sw * part if g.sw > 1 else 0) + 3 * lanes
    is_copy = (g.kh, g.kw, g.sh, g.sw, g.top, g.left, g.oh, g.ow) == (1, 1, 1, 1, 0, 0, g.h, g.w)
    alone = tight and len(down) == g.kh and len(right) == g.kw
    return Blocks(together, rows, slots, parts, tight, wide, prefetched, alone, apart, pitch, part, is_copy, room)


@njit(nogil=True, error_model="numpy")
def _add_runs(to, i, to_step, source, j, step, planes, count, alone):
    """to[i + k * to_step + q] += source[j + k * step + q] for q < count; of zeros if `alone`."""
    n = lanes(to)
    whole = count - count % n
    rest = count - whole
    for k in range(planes):
        a, b = i + k * to_step, j + k * step
        for q in range(0, whole, n):
            value = load(source, b + q)
            store(to, a + q, value if alone else load(to, a + q) + value)
        if rest:
            value = load_first(source, b + whole, rest)
            store_first(to, a + whole, value if alone else load(to, a + whole) + value, rest)


@njit(nogil=True, error_model="numpy")
def _add_strip(to, i, to_step, pitch, source, j, step, row, term, planes, rows, terms, low, high, ahead):
    """One vector of every row: to[i + k * to_step + r * pitch] += source[j + k * step + r * row + m * term], m < terms.

    Only lanes low <= lane < high are read; the mask is made once. For every vector that is read, one from `ahead` on is
    prefetched, if that is not negative: this order of reads is not one that the CPU foresees.
    """
    n = lanes(to)
    for k in range(planes):
        for r in range(rows):
            a, b = i + k * to_step + r * pitch, j + k * step + r * row
            value = load(to, a)
            for _ in range(terms):
                if ahead >= 0:
                    prefetch(source, ahead)
                    ahead += n
                value = value + load_between(source, b, low, high)
                b += term
            store(to, a, value)


@njit(nogil=True, error_model="numpy")
def _add_wide(to, i, to_step, pitch, source, j, step, row, term, planes, rows, terms):
    """The same for whole rows, of `row` elements, one after the other: these the CPU foresees."""
    n = lanes(to)
    whole = row - row % n
    for k in range(planes):
        for r in range(rows):
            a, b = i + k * to_step + r * pitch, j + k * step + r * row
            for q in range(0, whole, n):
                value = load(to, a + q)
                for m in range(terms):
                    value = value + load(source, b + q + m * term)
                store(to, a + q, value)
            if whole < row:
                value = load(to, a + whole)
                for m in range(terms):
                    value = value + load_first(source, b + whole + m * term, row - whole)
                store(to, a + whole, value)


@njit(nogil=True, error_model="numpy")
def _add_up(to, columns, plane, planes, first, count, height, part, g, b):
    """to[slot][part][plane][row] = all that falls on image rows first <= i < first + count."""
    n, above, size = lanes(to), first + g.top, g.oh * g.ow
    step, to_step = g.kh * g.kw * size, height * b.pitch
    ahead = (plane + planes) * step if b.prefetched else -1  # where the next planes' columns begin
    for u in range(min(b.apart, g.kh)):  # taps u, u + apart, ... fall on rows of the same remainder
        taps, ends = (g.kh - 1 - u) // b.apart + 1, b.apart * g.dh // g.sh
        term = b.apart * g.kw * size - ends * g.ow
        slot, steps = (u * g.dh - above) % g.sh, (u * g.dh - above) // g.sh
        p, last = -steps, (count - 1 - slot) // g.sh - steps  # row of the window for the block's first and last row
        slot = slot if b.slots > 1 else 0
        while p <= last:  # as many rows as the same taps fall on
            low, high = max((p - g.oh) // ends + 1, 0), min(p // ends + 1, taps)
            if low >= taps:
                break
            end = last + 1
            if high < taps:
                end = min(end, high * ends)
            end = min(end, g.oh + low * ends)
            for v in range(g.kw if high > low else 0):
                shift = v * g.dw // g.sw
                place = (slot * b.parts + v * g.dw % g.sw) * part + (p + steps) * b.pitch
                source = ((plane * g.kh + u + low * b.apart) * g.kw + v) * size + (p - low * ends) * g.ow
                if b.tight:
                    for tap in range(high - low):
                        own, rows = source + tap * term, end - p
                        _add_runs(to, place, to_step, columns, own, step, planes, rows * g.ow, b.alone)
                    continue
                if b.wide:
                    _add_wide(
                        to, place + shift, to_step, b.pitch, columns, source, step, g.ow, term, planes, end - p,
                        high - low,
                    )  # fmt: skip
                    continue
                for j in range(shift // n * n, shift + g.ow, n):
                    _add_strip(
                        to, place + j, to_step, b.pitch, columns, source + j - shift, step, g.ow, term, planes, end - p,
                        high - low, shift - j, shift + g.ow - j, ahead,
                    )  # fmt: skip
                    ahead += planes * (end - p) * (high - low) * n if ahead >= 0 else 0
            p = end


@njit(nogil=True, error_model="numpy")
def _block(columns, x, plane, planes, first, count, g, b, buffer):
    """Image rows first <= i < first + count of some planes."""
    n, height, row = lanes(x), (count + g.sh - 1) // g.sh, b.pitch * g.sw
    part = (planes * height * b.pitch + n - 1) // n * n
    clear(buffer, 0, b.slots * b.parts * part)
    _add_up(buffer, columns, plane, planes, first, count, height, part, g, b)
    times, together = planes, 1
    if height * g.sh == g.h:  # rows of one remainder are equally far apart in all planes
        times, together = 1, planes
    for slot in range(g.sh):
        place, rows = (plane * g.h + first + slot) * g.w, together * ((count - slot + g.sh - 1) // g.sh)
        if b.slots < g.sh and (first + g.top + slot) % g.sh > 0:  # no tap falls on these rows
            for k in range(times):
                clear_rows(x, place + k * g.h * g.w, g.sh * g.w, rows, g.w)
            continue
        own = slot if b.slots > 1 else 0
        at = weave(buffer, own * b.parts * part, b.slots * b.parts * b.part, part, g.sw, b.parts) + g.left
        for k in range(times):
            crop(x, place + k * g.h * g.w, g.sh * g.w, buffer, at + k * height * row, row, rows, g.w)


@njit(nogil=True, error_model="numpy")
def _share(t, threads, columns, x, planes, g, b, buffer):
    own = moved(pointer(buffer), t * (buffer.size // threads))
    own = moved(own, (lanes(own) - misaligned(own, 0)) % lanes(own))
    columns, x = pointer(columns), pointer(x)
    blocks, groups = (g.h + b.rows - 1) // b.rows, (planes + b.planes - 1) // b.planes
    items = groups * blocks
    for item in range(t * items // threads, (t + 1) * items // threads):
        first, plane = item % blocks * b.rows, item // blocks * b.planes
        count, together = min(b.rows, g.h - first), min(b.planes, planes - plane)
        if b.is_copy:
            copy(x, first * g.w, columns, first * g.w, count * g.w)
        else:
            _block(columns, x, plane, together, first, count, g, b, own)


@njit(nogil=True, cache=True, error_model="numpy")
def col2im(columns, x, threads, planes, g, b, buffer):
    """All planes, some planes or some rows at a time; each thread has its part of `buffer`.

    `g` and `b` come as plain tuples, which cost a microsecond less a call.
    """
    spread(_share, threads, (columns, x, planes, Window(*g), Blocks(*b), buffer))
