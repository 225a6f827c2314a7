"""How a convolution is divided: some images, a band of rows and some filters at a time.

What is laid out at a time is a part of the L2 cache, so that it is still there when it is multiplied. Every item of
work fills planes of its own and needs no other: threads meet only at the end.
"""

from __future__ import annotations

from typing import NamedTuple

from numba import njit

from backends.numba_tiled.product.leftover_dots import FEW
from backends.numba_tiled.layout.planes import Planes
from backends.numba_tiled.product.register_tile import FILTERS
from backends.numba_tiled.simd.registers import BYTES
from backends.numba_tiled.product.transposed import TOGETHER

BAND_BYTES = 1 << 20  # of padded planes: what a private L2 cache holds


class Work(NamedTuple):
    """Items of work, and which way their products go."""

    images: int  # at a time
    rows: int  # of a band
    bands: int
    parts: int  # of the filters
    packed: bool
    dots: bool  # of positions beyond whole vectors
    turned: bool
    block: int  # filters that are not divided


@njit(nogil=True, error_model="numpy")
def share_of(part, parts, filters, block):
    """The filters of a part: first_row <= f < last_row, whole blocks but for the last."""
    blocks = (filters + block - 1) // block
    return part * blocks // parts * block, min((part + 1) * blocks // parts * block, filters)


def divide(
    planes: Planes, batch: int, groups: int, filters: int, rows: int, width: int, itemsize: int, threads: int,
    *, depth: int, seen: float = 1, along: bool = False, regions: bool = False,
) -> Work:  # fmt: skip
    """For images of `rows` by `width` pixels of the output, planes of all these rows, and sums of `depth` taps.

    A turned product takes the share `seen` of the taps. `along`: a row of the weights lies along the depth, so that dot
    products are possible. `regions`: of each, all rows are packed. Which way a product goes decides the order of a sum,
    so it is decided as for one thread, and threads do not divide the rows of what has dots: the bits of a result do not
    depend on their number.
    """
    images, bands = _at_a_time(planes, batch, rows, itemsize)
    lanes, along = BYTES // itemsize, along and bands == 1
    sizes = filters, images, -(-rows // bands), width
    direct = direct_cycles(*sizes, planes.row, lanes, dots=along)
    packing = packed_cycles(*sizes, lanes, dots=along and batch == 1)
    turned = not regions and turned_cycles(*sizes, depth, seen, lanes) < 0.98 * min(direct, packing)
    packed = regions or (not turned and packing < direct)
    positions = rows * width if packed else (rows - 1) * planes.row + width
    block = lanes if turned else FILTERS
    dots = along and not turned and (batch == 1 or not packed) and 0 < positions % lanes <= FEW
    fair = max(-(-batch // threads), 1)  # images a thread
    images = -(-fair // -(-fair // min(images, fair)))
    parts, items = 1, groups * -(-batch // images) * bands
    if items % threads and items < 8 * threads:  # some threads would idle
        more = -(-bands // threads) * threads
        if rows // more > 2 * planes.reach and not (dots or regions):
            bands = more
        else:
            parts = min(threads, -(-filters // block))
    band = -(-rows // bands)
    return Work(images, band, -(-rows // band), parts, packed, dots, turned, block)


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


def cycles(planes: Planes, batch: int, filters: int, rows: int, width: int, itemsize: int, depth: int) -> float:
    """What a tap takes, for all images and as one thread."""
    images, bands = _at_a_time(planes, batch, rows, itemsize)
    sizes, lanes = (filters, images, -(-rows // bands), width), BYTES // itemsize
    direct, packed = direct_cycles(*sizes, planes.row, lanes), packed_cycles(*sizes, lanes)
    return min(direct, packed, turned_cycles(*sizes, depth, 1, lanes)) * bands * batch / images


def direct_cycles(
    filters: int, images: int, rows: int, width: int, row: int, lanes: int, *, dots: bool = False
) -> float:  # fmt: skip
    """Of a tap of some images: FILTERS / 2 for a vector and a block of filters, somewhat more if it is not aligned.

    With `dots`, a few positions beyond whole vectors cost little. (Fitted to measurements, as are the next two.)
    """
    return 1.04 * _vectors((rows - 1) * row + width, lanes, dots) * images * -(-filters // FILTERS) * FILTERS / 2


def packed_cycles(filters: int, images: int, rows: int, width: int, lanes: int, *, dots: bool = False) -> float:
    """The same, where packing takes about 4 for a vector or a run that is not whole."""
    pixels = images * rows * width
    product = _vectors(pixels, lanes, dots) * -(-filters // FILTERS) * FILTERS / 2
    return product + 4 * (-(-pixels // lanes) + images * rows)


def turned_cycles(
    filters: int, images: int, rows: int, width: int, depth: int, seen: float, lanes: int
) -> float:  # fmt: skip
    """The same with lanes along the filters: half a cycle for a vector and a pixel, more if it is alone in its panel.

    To turn a vector of the weights over takes 16 for TOGETHER pixels, one of sums 11.
    """
    pixels, vectors = images * rows * width, -(-filters // lanes)
    tiles = -(-pixels // FILTERS) * FILTERS / 2 * (1.35 if vectors == 1 else 1) * seen
    return vectors * (tiles + 16 * -(-pixels // TOGETHER) + 11 * pixels / max(depth, 1))


def _vectors(positions: int, lanes: int, dots: bool) -> int:
    rest = positions % lanes
    return positions // lanes + (rest > FEW if dots else rest > 0)
