"""im2col as rows at a fixed distance: (planes, H, W) -> columns (planes, KH, KW, OH, OW).

A plane is a channel of an image. Three steps for a block of output rows or, where the planes are small, for several
planes at a time:

1. rows of the image into a buffer with room for the padding, which stays zero from one block to the next; rows are
   kept apart by their remainder modulo SH, then columns by theirs modulo SW (`unweave`), so that neighbours in the
   output are neighbours there;
2. for every tap column v, OW elements of each row, one row after the other: the collection;
3. the columns of every tap (u, v) are a run of the collection, copied with whole vectors whatever the image's width.

With a 4-column image, a 3x3 kernel and padding 1 (a dot is a zero):

    buffer             v = 0      v = 1      v = 2
    . a b c d .        . a b c    a b c d    b c d .      one row after the other: tap (0, v) is a run from the first
    . e f g h .        . e f g    e f g h    f g h .      row on, tap (1, v) one from the second, tap (2, v) from the
    . i j k l .        . i j k    i j k l    j k l .      third

What there is no need for is left out: step 1 without stride and padding; step 2 where a row has OW elements already, or
so many that step 3 may as well copy row by row.

Memory: all of a block stays in the L1 cache if it can; the image is read once, columns are written once and in their
order (any other order halves the speed), past the caches when they exceed half of the last one, in runs that are long.
"""

from __future__ import annotations

from typing import NamedTuple

from backends.numba_tiled.launch.records import record
from backends.numba_tiled.launch.spread import spread
from backends.numba_tiled.layout.rows import Rows, clear, copy, copy_past_caches, narrow, widen
from backends.numba_tiled.layout.strided import take
from backends.numba_tiled.layout.weave import unweave
from backends.numba_tiled.layout.window import Window
from backends.numba_tiled.simd.compiled import entry, inlined, inner
from backends.numba_tiled.simd.pointers import fence, moved, pointer
from backends.numba_tiled.simd.vector import lanes


class Cut(NamedTuple):
    """How the work is cut into blocks. Sizes in elements."""

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


class Given(NamedTuple):
    """What a call is given besides its arrays."""

    planes: int
    g: Window
    cut: Cut
    streamed: bool  # past the caches


class Block(NamedTuple):
    """Output rows first <= p < first + rows of planes plane <= k < plane + planes."""

    plane: int
    planes: int
    first: int
    rows: int


@inner
def _pad(to, start, x, block, slot, g, cut):
    """to[start:] as [plane][row]: cut.pitch * SW elements each, the rows of one remainder, zeros outside the image."""
    row, height = cut.pitch * g.sw, block.rows + cut.reach
    count, i = max(min(g.w, row - g.left), 0), block.first * g.sh + slot - g.top
    above = min(max((g.sh - 1 - i) // g.sh, 0), height)
    below = min(max((g.h - 1 - i) // g.sh + 1, above), height)
    for k in range(block.planes):
        place, source = start + k * height * row, ((block.plane + k) * g.h + i + above * g.sh) * g.w
        clear(to, place, above * row)
        widen(to, place + above * row + g.left, row, x, source, g.sh * g.w, below - above, count)
        clear(to, place + below * row, (height - below) * row)


@inlined
def _block(x, columns, block, g, cut, buffer, streamed):
    """The columns of a block."""
    n, plane, planes, first, count = lanes(x), block.plane, block.planes, block.first, block.rows
    height, source, place, pitch = count + cut.reach, x, (plane * g.h + first) * g.w, cut.pitch
    part = (planes * height * pitch + n - 1) // n * n
    if not cut.is_image:
        source, place = buffer, 3 * g.sw * cut.part if g.sw > 1 else 0
        for slot in range(cut.slots):
            to = place + slot * cut.parts * cut.part
            padded = 0 if g.sw > 1 else to
            _pad(buffer, padded, x, block, slot, g, cut)
            unweave(buffer, to, padded, g.sw * cut.part, part, g.sw, cut.parts)
    slots, each = cut.parts * cut.part, part  # how far they are apart
    if cut.collected:
        own, rows = cut.room - g.kw * cut.slots * cut.planes * (cut.rows + cut.reach) * g.ow - n, planes * height
        for slot in range(cut.slots):
            for v in range(g.kw):
                start = place + slot * slots + v * g.dw % g.sw * part + v * g.dw // g.sw
                narrow(buffer, own + (slot * g.kw + v) * rows * g.ow, source, start, pitch, rows, g.ow)
        source, place, pitch, slots, each = buffer, own, g.ow, g.kw * rows * g.ow, rows * g.ow
    to = (plane * g.kh * g.kw * g.oh + first) * g.ow
    for k in range(planes):
        for u in range(g.kh):
            row = place + u * g.dh % g.sh * slots + (k * height + u * g.dh // g.sh) * pitch
            for v in range(g.kw):
                start = row + (v * each if cut.collected else v * g.dw % g.sw * each + v * g.dw // g.sw)
                if streamed:
                    copy_past_caches(columns, to, source, start, count * g.ow)
                elif pitch == g.ow:
                    copy(columns, to, source, start, count * g.ow)
                else:
                    narrow(columns, to, source, start, pitch, count, g.ow)
                to += g.oh * g.ow


@inner
def _share(t, threads, x, columns, given, buffer):
    """Thread t's part of the blocks."""
    planes, g, cut, streamed = given
    own = moved(pointer(buffer), t * (buffer.size // threads))
    x, columns = pointer(x), pointer(columns)
    if not (cut.is_image or cut.is_subset):
        clear(own, 0, (g.sw if g.sw > 1 else cut.slots) * cut.part + lanes(own))
    blocks, groups = (g.oh + cut.rows - 1) // cut.rows, (planes + cut.planes - 1) // cut.planes
    items = groups * blocks
    for item in range(t * items // threads, (t + 1) * items // threads):
        first, plane = item % blocks * cut.rows, item // blocks * cut.planes
        count, together = min(cut.rows, g.oh - first), min(cut.planes, planes - plane)
        if cut.is_subset:
            source, to = (plane * g.h + first * g.sh) * g.w, (plane * g.oh + first) * g.ow
            origin = Rows(source, g.h * g.w, g.sh * g.w)
            low = min(t, 0)  # 0, but no literal: see `simd.compiled`
            take(columns, Rows(to, g.oh * g.ow, g.ow), g.ow, x, origin, together, count, g.sw, low, g.ow)
        else:
            _block(x, columns, Block(plane, together, first, count), g, cut, own, streamed)
    if streamed:
        fence()


@entry
def write_columns(x, columns, threads, given, buffer):
    """The columns of all planes, of a packed `Given`; each thread has its part of `buffer`."""
    spread(_share, threads, (x, columns, record(Given, given), buffer))
