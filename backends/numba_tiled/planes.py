"""Fills padded planes, see `geometry`."""

from __future__ import annotations

from numba import njit

from backends.numba_tiled.rows import clear, take
from backends.numba_tiled.vector import pointer


@njit(nogil=True, error_model="numpy")
def fill_plane(to, place, x, source, planes):
    """Lay out one plane of x, which starts at `source`."""
    sh, sw, height, width = planes.sh, planes.sw, planes.height, planes.width
    for row_phase in planes.row_phases:
        first = row_phase - planes.top
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
            clear(to, place + below * planes.row, planes.part - below * planes.row)
            place += planes.part


@njit(nogil=True, error_model="numpy")
def fill_share(t, threads, x, to, image, images, sources, first_channel, planes):
    """Part t of the planes of `images` images from `image` on, of the group's channels among `sources`."""
    x, to = pointer(x), pointer(to)
    items = images * planes.channels
    for item in range(t * items // threads, (t + 1) * items // threads):
        channel = (image + item // planes.channels) * sources + first_channel + item % planes.channels
        fill_plane(to, item * planes.size, x, channel * planes.h * planes.w, planes)
