"""How a convolution is divided: some images, a band of rows and some filters at a time.

What is laid out at a time is a part of the L2 cache, so that it is still there when it is multiplied. Every item of
work fills planes of its own and needs no other: threads meet only at the end.
"""

from __future__ import annotations

from typing import NamedTuple

from backends.numba_tiled.geometry import Planes
from backends.numba_tiled.kernel import FILTERS
from backends.numba_tiled.simd import BYTES

BAND_BYTES = 1 << 20  # of padded planes: what a private L2 cache holds


class Work(NamedTuple):
    """Items of work, and how their panels are read."""

    images: int  # at a time
    rows: int  # of a band
    bands: int
    parts: int  # of the filters
    packed: bool


def divide(
    planes: Planes, batch: int, groups: int, filters: int, rows: int, width: int, itemsize: int, threads: int
) -> Work:
    """For images of `rows` by `width` pixels of the output, and planes of all these rows.

    Whether panels are packed decides how the reduction is cut, so it is decided as for one thread: the bits of a
    result do not depend on the number of threads.
    """
    images, bands = _at_a_time(planes, batch, rows, itemsize)
    packed = is_packed(filters, images, -(-rows // bands), width, planes.row, BYTES // itemsize)
    fair = max(-(-batch // threads), 1)  # images a thread
    images = -(-fair // -(-fair // min(images, fair)))
    parts, items = 1, groups * -(-batch // images) * bands
    if items % threads and items < 8 * threads:  # some threads would idle
        more = -(-bands // threads) * threads
        if rows // more > 2 * planes.reach:
            bands = more
        else:
            parts = min(threads, -(-filters // FILTERS))
    band = -(-rows // bands)
    return Work(images, band, -(-rows // band), parts, packed)


def _at_a_time(planes: Planes, batch: int, rows: int, itemsize: int) -> tuple[int, int]:
    """How many images, and in how many bands."""
    batch = max(batch, 1)
    if planes.is_image:
        return batch, 1
    row_bytes = len(planes.row_phases) * len(planes.column_phases) * planes.row * planes.channels * itemsize
    image_bytes, fit = row_bytes * (rows + planes.reach), BAND_BYTES // row_bytes - planes.reach
    band = max(min(fit, rows), min(planes.reach, rows), 1)  # not so few that most rows are laid out twice
    most = BAND_BYTES // image_bytes
    if most < 8 and 8 * image_bytes <= 3 * BAND_BYTES // 2:  # small images fill panels better together
        most = 8
    images = max(1, min(most, batch))
    return -(-batch // -(-batch // images)), -(-rows // band)


def cycles(planes: Planes, batch: int, filters: int, rows: int, width: int, itemsize: int) -> float:
    """What a tap takes, for all images and as one thread."""
    images, bands = _at_a_time(planes, batch, rows, itemsize)
    sizes = filters, images, -(-rows // bands), width
    one = min(direct_cycles(*sizes, planes.row, BYTES // itemsize), packed_cycles(*sizes, BYTES // itemsize))
    return one * bands * batch / images


def is_packed(filters: int, images: int, rows: int, width: int, row: int, lanes: int) -> bool:
    """Whether packing panels costs less than the columns that are no pixels."""
    return packed_cycles(filters, images, rows, width, lanes) < direct_cycles(filters, images, rows, width, row, lanes)


def direct_cycles(filters: int, images: int, rows: int, width: int, row: int, lanes: int) -> float:
    """Of a tap of some images: FILTERS / 2 for a vector and a block of filters, somewhat more if it is not aligned.

    (Fitted to measurements, as is the next.)
    """
    blocks = -(-filters // FILTERS)
    return 1.04 * -(-((rows - 1) * row + width) // lanes) * images * blocks * FILTERS / 2


def packed_cycles(filters: int, images: int, rows: int, width: int, lanes: int) -> float:
    """The same, where packing takes about 4 for a vector or a run that is not whole."""
    blocks, vectors = -(-filters // FILTERS), -(-images * rows * width // lanes)
    return vectors * blocks * FILTERS / 2 + 4 * (vectors + images * rows)
