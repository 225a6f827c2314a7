"""How a convolution is divided: some images, a band of rows and some filters at a time.

    group | some images | a band of rows | a part of the filters      one item of work

What is laid out at a time is a part of the L2 cache, so that it is still there when it is multiplied. Every item of
work fills planes of its own and needs no other: threads meet only at the end.
"""

from __future__ import annotations

import math
from typing import NamedTuple

from backends.numba_tiled.layout.planes import Planes
from backends.numba_tiled.product.cost import WAYS, Product, cycles
from backends.numba_tiled.product.leftover_dots import FEW
from backends.numba_tiled.product.register_tile import FILTERS
from backends.numba_tiled.simd.caches import L2_BYTES
from backends.numba_tiled.simd.compiled import inlined, inner
from backends.numba_tiled.simd.registers import BYTES

BAND_BYTES = min(L2_BYTES, 1 << 20)  # of padded planes; more would be memory that the op takes besides


class Sizes(NamedTuple):
    """The results of an op, and on how many threads they are computed."""

    batch: int
    groups: int
    filters: int  # of a group: rows of the product
    rows: int  # of an image
    width: int
    itemsize: int  # bytes of an element
    threads: int


class Work(NamedTuple):
    """Items of work, and which way their products go."""

    images: int  # at a time
    rows: int  # of a band
    bands: int
    parts: int  # of the filters
    packed: bool
    dots: bool  # of positions beyond whole vectors
    transposed: bool
    by_rows: bool
    block: int  # filters that are not divided


class Weights(NamedTuple):
    """How the weights of a product lie in memory."""

    along: bool = False  # those of a row along the depth
    copied: bool = False  # those of a column do not have to be transposed
    dots: bool = False  # so that a few positions beyond whole vectors can be dot products


class Item(NamedTuple):
    """One item of work: rows row <= p < row + rows of some images, one group, a part of its filters."""

    part: int  # of the filters
    row: int
    rows: int
    image: int
    images: int
    group: int


@inlined
def item_of(number, work, batch, height):
    """The item with a number; results have `height` rows."""
    part, number = number % work.parts, number // work.parts
    row, number = number % work.bands * work.rows, number // work.bands
    chunks = (batch + work.images - 1) // work.images
    image, group = number % chunks * work.images, number // chunks
    return Item(part, row, min(work.rows, height - row), image, min(work.images, batch - image), group)


@inlined
def item_count(work, batch, groups):
    """How many items there are."""
    return groups * ((batch + work.images - 1) // work.images) * work.bands * work.parts


@inner
def share_of(part, parts, filters, block):
    """The filters of a part: first_row <= f < last_row, whole blocks but for the last."""
    blocks = (filters + block - 1) // block
    return part * blocks // parts * block, min((part + 1) * blocks // parts * block, filters)


def divide(
    planes: Planes, sizes: Sizes, depth: int, weights: Weights, *, seen: float = 1, regions: bool = False,
    only: str = "",
) -> Work:  # fmt: skip
    """For planes of all rows of an image, and sums of `depth` taps.

    A transposed product takes the share `seen` of the taps. `regions`: of each, all rows are packed. `only`: the way
    that it goes, if it can.

    Which way a product goes decides the order of a sum, so it is decided as for one thread, and threads do not divide
    the rows of what has dots: the bits of a result do not depend on their number.
    """
    batch, groups, filters, rows, width, itemsize, threads = sizes
    images, bands = _at_a_time(planes, batch, rows, itemsize)
    lanes, few = BYTES // itemsize, weights.dots and bands == 1
    alone = planes.width == width  # no column beyond those of the results: taps have no neighbours
    product = Product(
        filters, images, -(-rows // bands), width, planes.row, depth, lanes, seen, alone,
        scattered=not weights.along, copied=weights.copied,
    )  # fmt: skip
    ways = ["packed"] if regions else [only] if only else WAYS
    dotted = [way for way in ways if few and (way == "direct" or (way == "packed" and batch == 1))]
    taken = {(way, False): cycles(product, way) for way in ways if not (weights.along and way in dotted)}
    taken |= {(way, True): cycles(product._replace(dots=True), way) for way in dotted}
    way, dots = min(taken, key=taken.__getitem__)
    # Rows shorter than a vector go by rows together, so none of them may be in a band of its own.
    by_rows = way == "by_rows" and taken[way, dots] < math.inf and (width >= lanes or bands == 1)
    packed, transposed, whole = way == "packed", way == "transposed", by_rows and width < lanes
    positions = rows * width if packed else (rows - 1) * planes.row + width
    block = lanes if transposed else FILTERS
    dots = dots and 0 < positions % lanes <= FEW
    fair = max(-(-batch // threads), 1)  # images a thread
    images = -(-fair // -(-fair // min(images, fair)))
    parts, items = 1, groups * -(-batch // images) * bands
    if items % threads and items < 8 * threads:  # some threads would idle
        more = -(-bands // threads) * threads
        if rows // more > 2 * planes.reach and not (dots or regions or whole):
            bands = more
        else:
            parts = min(threads, filters // FILTERS if by_rows else -(-filters // block))
    band = -(-rows // bands)
    return Work(images, band, -(-rows // band), parts, packed, dots, transposed, by_rows, block)


def way_of(work: Work) -> str:
    """Which of `WAYS` some work goes."""
    taken = {"packed": work.packed, "transposed": work.transposed, "by_rows": work.by_rows}
    return next((way for way, is_taken in taken.items() if is_taken), "direct")


def least_cycles(planes: Planes, sizes: Sizes, depth: int) -> float:
    """What a product over `depth` taps takes for all images, the best way and as one thread."""
    images, bands = _at_a_time(planes, sizes.batch, sizes.rows, sizes.itemsize)
    band, lanes = -(-sizes.rows // bands), BYTES // sizes.itemsize
    product = Product(sizes.filters, images, band, sizes.width, planes.row, depth, lanes)
    return min(cycles(product, way) for way in WAYS) * bands * sizes.batch / images


def _at_a_time(planes: Planes, batch: int, rows: int, itemsize: int) -> tuple[int, int]:
    """How many images are laid out at a time, and in how many bands of their rows."""
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
