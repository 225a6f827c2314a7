"""col2im as a gather: columns (planes, KH, KW, OH, OW) -> (planes, H, W), every pixel written once.

The mirror of im2col, for a block of image rows or, where the planes are small, for several planes at a time:

1. rows of columns are added, shifted by v, onto rows of the padded image, which are kept apart by their remainder
   modulo SH, and their columns by theirs modulo SW, so that neighbours fall on neighbours;
2. `weave` puts the columns of different remainders side by side, and the padding is left out.

Onto one row of the padded image, for a 3x3 kernel with stride 1, fall (a column's row p + u is the image's):

    tap column v = 0     a a a a          row p     of tap u = 0
                         b b b b          row p - 1 of tap u = 1     the three are added up in a register:
                         c c c c          row p - 2 of tap u = 2     a fixed distance apart in memory
    tap column v = 1       d d d d        ... shifted by one
    tap column v = 2         e e e e      ... by two

What is added up is kept in a register for the taps u that fall on the same remainder. Where a row has OW elements (1x1
kernels, patches), step 1 is over runs of rows. No two blocks write the same pixel, so there are no atomics, and the
order of every sum is the same whatever the number of threads.

Memory: columns are read once, the image is written once, all between stays in the L1 or L2 cache. Columns mostly come
from memory, many short stretches of them side by side, so what the next block reads (of wide rows what follows in the
row) is fetched into the L2 cache meanwhile. Not into the L1 cache: too few lines can be on their way there at a time.
"""

from __future__ import annotations

from typing import NamedTuple

from backends.numba_tiled.launch.records import record
from backends.numba_tiled.launch.spread import spread
from backends.numba_tiled.layout.rows import clear, clear_rows, copy, crop
from backends.numba_tiled.layout.weave import weave
from backends.numba_tiled.layout.window import Window
from backends.numba_tiled.simd.compiled import entry, inlined, inner
from backends.numba_tiled.simd.pointers import misaligned, moved, pointer, prefetch
from backends.numba_tiled.simd.registers import BYTES
from backends.numba_tiled.simd.vector import lanes, load, load_between, load_first, store, store_first

_FORESEEN = 5  # stretches side by side from which on the CPU fetches enough by itself if they are in the L3 cache
_AHEAD = 2 << 10  # bytes from what is read of a long row to what is fetched


class Cut(NamedTuple):
    """How the work is cut into blocks. Sizes in elements."""

    planes: int  # at a time
    rows: int  # image rows at a time, a multiple of SH if there are more
    slots: int  # remainders of rows on which any tap falls: 1 or SH
    parts: int  # remainders of columns: 1 or SW
    large: bool  # whether columns exceed the L2 cache by far
    tight: bool  # whether a row has OW elements, so that runs of rows are added at once
    wide: bool  # whether rows are many vectors
    alone: bool  # whether no two taps fall on the same remainders
    apart: int  # taps u and u + apart are added up in one register
    pitch: int  # of a row of a part
    part: int  # of all rows of a part
    is_copy: bool  # whether columns are the image
    room: int  # of all buffers


class Given(NamedTuple):
    """What a call is given besides its arrays."""

    planes: int
    g: Window
    cut: Cut


class Block(NamedTuple):
    """Image rows first <= i < first + rows of planes plane <= k < plane + planes."""

    plane: int
    planes: int
    first: int
    rows: int


# The next three are innermost kernels and take numbers: with records narrow rows took 9 to 13 % longer.
# In the buffer row r of plane k begins at i + k * to_step + r * pitch; in the columns term m of it at j + k * step +
# r * row + m * term.


@inner
def _add_runs(to, i, to_step, source, j, step, planes, count, alone):
    """One term, whose rows are one run of `count` elements in each plane; onto zeros if `alone`."""
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


@inner
def _add_strip(to, i, to_step, pitch, source, j, step, row, term, planes, rows, terms, low, high, ahead):
    """One vector of every row: all terms added, of which lanes low <= lane < high are read.

    The masks are made once. For every vector that is read, the one `ahead` elements further is fetched, if that is not
    0: this order of reads is not one that the CPU foresees.
    """
    for k in range(planes):
        for r in range(rows):
            a, b = i + k * to_step + r * pitch, j + k * step + r * row
            value = load(to, a)
            for _ in range(terms):
                if ahead > 0:
                    prefetch(source, b + ahead)
                value = value + load_between(source, b, low, high)
                b += term
            store(to, a, value)


@inner
def _add_wide(to, i, to_step, pitch, source, j, step, row, term, planes, rows, terms):
    """The same for whole rows, of `row` elements, one after the other."""
    n = lanes(to)
    whole, ahead = row - row % n, _AHEAD // BYTES * n
    for k in range(planes):
        for r in range(rows):
            a, b = i + k * to_step + r * pitch, j + k * step + r * row
            for q in range(0, whole, n):
                value = load(to, a + q)
                for m in range(terms):
                    prefetch(source, b + q + m * term + ahead)
                    value = value + load(source, b + q + m * term)
                store(to, a + q, value)
            if whole < row:
                value = load(to, a + whole)
                for m in range(terms):
                    value = value + load_first(source, b + whole + m * term, row - whole)
                store(to, a + whole, value)


@inner
def _add_up(to, columns, block, height, part, g, cut):
    """to[slot][part][plane][row] += all that falls on the rows of a block."""
    n, above, size, planes = lanes(to), block.first + g.top, g.oh * g.ow, block.planes
    step, to_step = g.kh * g.kw * size, height * cut.pitch
    ahead = planes * step if block.rows == g.h else block.rows // g.sh * g.ow  # the same place of the next block
    for u in range(min(cut.apart, g.kh)):  # taps u, u + apart, ... fall on rows of the same remainder
        taps, ends = (g.kh - 1 - u) // cut.apart + 1, cut.apart * g.dh // g.sh
        term = cut.apart * g.kw * size - ends * g.ow
        slot, steps = (u * g.dh - above) % g.sh, (u * g.dh - above) // g.sh
        # Rows of the window for the block's first and last row.
        p, last = -steps, (block.rows - 1 - slot) // g.sh - steps
        slot = slot if cut.slots > 1 else 0
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
                place = (slot * cut.parts + v * g.dw % g.sw) * part + (p + steps) * cut.pitch
                source = ((block.plane * g.kh + u + low * cut.apart) * g.kw + v) * size + (p - low * ends) * g.ow
                rows, terms = end - p, high - low
                if cut.tight:
                    for m in range(terms):
                        own = source + m * term
                        _add_runs(to, place, to_step, columns, own, step, planes, rows * g.ow, cut.alone)
                    continue
                if cut.wide:
                    _add_wide(
                        to, place + shift, to_step, cut.pitch, columns, source, step, g.ow, term, planes, rows, terms
                    )  # fmt: skip
                    continue
                fetched = ahead if cut.large or terms < _FORESEEN else 0
                for j in range(shift // n * n, shift + g.ow, n):
                    _add_strip(
                        to, place + j, to_step, cut.pitch, columns, source + j - shift, step, g.ow, term, planes, rows,
                        terms, shift - j, shift + g.ow - j, fetched,
                    )  # fmt: skip
            p = end


@inlined
def _block(columns, x, block, g, cut, buffer):
    """The image rows of a block."""
    n, plane, planes, first, count = lanes(x), block.plane, block.planes, block.first, block.rows
    height, row = (count + g.sh - 1) // g.sh, cut.pitch * g.sw
    part = (planes * height * cut.pitch + n - 1) // n * n
    clear(buffer, 0, cut.slots * cut.parts * part)
    _add_up(buffer, columns, block, height, part, g, cut)
    times, together = planes, 1
    if height * g.sh == g.h:  # rows of one remainder are equally far apart in all planes
        times, together = 1, planes
    for slot in range(g.sh):
        place, rows = (plane * g.h + first + slot) * g.w, together * ((count - slot + g.sh - 1) // g.sh)
        if cut.slots < g.sh and (first + g.top + slot) % g.sh > 0:  # no tap falls on these rows
            for k in range(times):
                clear_rows(x, place + k * g.h * g.w, g.sh * g.w, rows, g.w)
            continue
        own = slot if cut.slots > 1 else 0
        at = weave(buffer, own * cut.parts * part, cut.slots * cut.parts * cut.part, part, g.sw, cut.parts) + g.left
        for k in range(times):
            crop(x, place + k * g.h * g.w, g.sh * g.w, buffer, at + k * height * row, row, rows, g.w)


@inner
def _share(t, threads, columns, x, given, buffer):
    """Thread t's part of the blocks."""
    planes, g, cut = given
    own = moved(pointer(buffer), t * (buffer.size // threads))
    own = moved(own, (lanes(own) - misaligned(own, 0)) % lanes(own))
    columns, x = pointer(columns), pointer(x)
    blocks, groups = (g.h + cut.rows - 1) // cut.rows, (planes + cut.planes - 1) // cut.planes
    items = groups * blocks
    for item in range(t * items // threads, (t + 1) * items // threads):
        first, plane = item % blocks * cut.rows, item // blocks * cut.planes
        count, together = min(cut.rows, g.h - first), min(cut.planes, planes - plane)
        if cut.is_copy:
            copy(x, first * g.w, columns, first * g.w, count * g.w)
        else:
            _block(columns, x, Block(plane, together, first, count), g, cut, own)


@entry
def write_image(columns, x, threads, given, buffer):
    """All planes of the image, of a packed `Given`; each thread has its part of `buffer`."""
    spread(_share, threads, (columns, x, record(Given, given), buffer))
