"""Lays images out as padded planes.

Of each phase, rows above the image, rows of it and rows below; `planes` has the drawing:

    . . . . .        above: cleared
    . a b c d        `take`: zeros, every SW-th element of a row of the image, zeros
    . e f g h
    . . . . . .      below: cleared, to the end of the last row
"""

from __future__ import annotations

from backends.numba_tiled.layout.rows import Rows, clear_rows
from backends.numba_tiled.layout.strided import take
from backends.numba_tiled.simd.compiled import inlined

_TOGETHER = 1 << 13  # elements of planes for which sizes are worked out once


@inlined
def _fill(to, place, x, source, count, planes, row, rows):
    """Lay out what output rows row <= p < row + rows read of `count` planes of x, which start at `source`."""
    sh, sw, height, width = planes.sh, planes.sw, rows + planes.reach, planes.width
    for row_phase in planes.row_phases:
        first = row_phase - planes.top + row * sh
        above = min(max((-first + sh - 1) // sh, 0), height)
        below = min(max((planes.h - 1 - first) // sh + 1, above), height)
        for column_phase in planes.column_phases:
            offset = column_phase - planes.left
            low = min(max((-offset + sw - 1) // sw, 0), width)
            high = min(max((planes.w - 1 - offset) // sw + 1, low), width)
            start = source + (first + above * sh) * planes.w + offset
            clear_rows(to, place, planes.size, count, above * planes.row)
            take(
                to, Rows(place + above * planes.row, planes.size, planes.row), width,
                x, Rows(start, planes.h * planes.w, sh * planes.w), count, below - above, sw, low, high,
            )  # fmt: skip
            end = place + below * planes.row
            clear_rows(to, end, planes.size, count, (height - below) * planes.row + width - planes.row)
            place += planes.part


@inlined
def fill_planes(to, x, images, channel, channels, sources, planes, row, rows):
    """The planes of `channels` channels from `channel` on, of `images` images of `sources` channels.

    They hold what output rows row <= p < row + rows read.
    """
    if channels == sources:  # one image follows the other
        images, channels = 1, images * channels
    together = max(_TOGETHER // planes.size, 1)
    for image in range(images):
        for c in range(0, channels, together):
            source = (channel + image * sources + c) * planes.h * planes.w
            count = min(together, channels - c)
            _fill(to, (image * channels + c) * planes.size, x, source, count, planes, row, rows)
