"""Fills padded planes, see `geometry`."""

from __future__ import annotations

from numba import njit

from backends.numba_tiled.rows import clear, take


@njit(nogil=True, error_model="numpy")
def fill_plane(to, place, x, source, planes, row, rows):
    """Lay out what output rows row <= p < row + rows read of one plane of x, which starts at `source`."""
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
            clear(to, place, above * planes.row)
            take(
                to, place + above * planes.row, planes.row, width, x, start, sh * planes.w, below - above, sw, low, high
            )  # fmt: skip
            end = place + below * planes.row
            clear(to, end, (height - below) * planes.row + width - planes.row)
            place += planes.part


@njit(nogil=True, error_model="numpy")
def fill_planes(to, x, images, channel, channels, sources, planes, row, rows):
    """The planes of `channels` channels from `channel` on, of `images` images of `sources` channels."""
    for item in range(images * channels):
        one = channel + item // channels * sources + item % channels
        fill_plane(to, item * planes.size, x, one * planes.h * planes.w, planes, row, rows)
