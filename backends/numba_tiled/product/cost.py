"""How many cycles each way of computing a product takes: the least decides.

A multiply-add of a vector takes half a cycle on a core with two FMA units, so a vector of pixels takes FILTERS / 2
cycles for a block of filters and a tap. The ways differ in how many vectors there are, and in what they do besides: to
begin and end a tile, to move its sums, to pack. What that takes is a constant of the registers, fitted to measurements
of each way of some layers (`results/ways`); those of AVX-512 are older, and hold on a Zen 4 too.
"""

from __future__ import annotations

import math
from typing import NamedTuple

from backends.numba_tiled.launch.arguments import round_up
from backends.numba_tiled.product.leftover_dots import FEW
from backends.numba_tiled.product.register_tile import DEPTH, FILTERS, VECTORS
from backends.numba_tiled.product.transposed import TOGETHER, TRANSPOSED_DEPTH
from backends.numba_tiled.simd.caches import L2_BYTES
from backends.numba_tiled.simd.registers import BYTES, REGISTERS

_NEAR = L2_BYTES // 4  # bytes of weights, which then stay in the L2 cache: long steps in them cost nothing
_PAGES = 48  # fewer than there are in the first table of addresses of most cores: 64
WAYS = ("direct", "packed", "transposed", "by_rows")


class _Costs(NamedTuple):
    """Cycles of a core with some registers; those of tiles are factors of what multiply-adds take."""

    tile: float
    alone: float  # times, if taps of a panel share no stretch of memory, as those of 1x1 kernels: too many pages
    scattered: float  # times, if a step along the depth is a long one in the weights
    transposed_tile: float
    one: float  # of tiles of one vector: sums too few to hide how long a multiply-add takes
    two: float  # of two
    begin: float  # a tile whose sums are kept in scratch memory, for a block of taps
    begin_row: float  # a tile that is stored from registers
    begin_transposed: float
    keep: float  # a vector of sums, for a block of taps, if a row has several blocks
    store: float  # a vector of sums to y, from positions that are not all pixels
    store_packed: float
    store_transposed: float
    pack: float  # a vector of pixels, for a tap
    pack_weights: float  # a weight, for TOGETHER pixels
    copy_weights: float  # the same where filters are neighbours, and nothing is transposed


_COSTS = (
    _Costs(
        tile=1.04, alone=1.0, scattered=1.2, transposed_tile=1.0, one=1.35, two=1.0, begin=60, begin_row=40,
        begin_transposed=30, keep=3, store=3,
        store_packed=3, store_transposed=11, pack=4, pack_weights=1, copy_weights=0.5,
    )
    if REGISTERS == 32
    else _Costs(
        tile=1.16, alone=1.21, scattered=1.15, transposed_tile=0.96, one=1.77, two=1.06, begin=100, begin_row=110,
        begin_transposed=190, keep=18, store=14, store_packed=3.6, store_transposed=15.8, pack=2.7, pack_weights=0.9,
        copy_weights=0.3,
    )
)  # fmt: skip


class Product(NamedTuple):
    """The size of a product: `filters` times the pixels of some images, each of `rows` by `width`."""

    filters: int
    images: int
    rows: int
    width: int
    row: int  # in the planes, from one row to the next
    depth: int  # taps
    lanes: int  # of a vector
    seen: float = 1  # share of the taps that a transposed product does not leave out
    alone: bool = False  # no two taps read the same stretch of memory
    scattered: bool = False  # the weights of a row do not lie along the depth
    copied: bool = False  # those of a column do, and a transposed product packs them by copying
    dots: bool = False  # a few positions beyond whole vectors take none: see `leftover_dots`

    @property
    def pixels(self) -> int:
        """Of all images."""
        return self.images * self.rows * self.width

    @property
    def blocks(self) -> int:
        """Blocks of filters."""
        return -(-self.filters // FILTERS)


def cycles(p: Product, way: str) -> float:
    """What a product takes, one of `WAYS`; infinity where it cannot go that way."""
    return {"direct": _direct, "packed": _packed, "transposed": _transposed, "by_rows": _by_rows}[way](p)


def _direct(p: Product) -> float:
    """Positions run over the rows of planes."""
    positions = (p.rows - 1) * p.row + p.width
    vectors = p.images * _vectors(p, positions)
    product = _in_panels(p, vectors, read_in_place=True) + p.images * _dots(p, positions)
    return product + _COSTS.store * vectors * p.filters


def _packed(p: Product) -> float:
    """Pixels are packed; each run of them that is not whole takes a vector more."""
    vectors = _vectors(p, p.pixels)
    runs = -(-p.pixels // p.lanes) + p.images * p.rows
    product = _in_panels(p, vectors, read_in_place=False) + _dots(p, p.pixels)
    return product + _COSTS.store_packed * vectors * p.filters + _COSTS.pack * runs * p.depth


def _transposed(p: Product) -> float:
    """Lanes along the filters: half a cycle for a vector and a pixel that sees it."""
    vectors, slabs = -(-p.filters // p.lanes), -(-p.depth // TRANSPOSED_DEPTH)
    panels, weight = -(-vectors // VECTORS), _COSTS.copy_weights if p.copied else _COSTS.pack_weights
    tiles = round_up(p.pixels, FILTERS) * vectors / 2 * p.depth * p.seen * _narrow(vectors / panels)
    return (
        _COSTS.transposed_tile * tiles + _COSTS.begin_transposed * p.pixels / FILTERS * panels * slabs
        + _COSTS.store_transposed * p.pixels * vectors
        + weight * p.depth * vectors * p.lanes * -(-p.pixels // TOGETHER)
    )  # fmt: skip


def _by_rows(p: Product) -> float:
    """Tiles in one row of pixels; rows without a gap are one."""
    rows, width = (1, p.rows * p.width) if p.row == p.width else (p.rows, p.width)
    if width < p.lanes or p.filters < FILTERS:
        return math.inf
    vectors, tiles = _of_row(width, p.lanes)
    rows, slabs = rows * p.images, -(-p.depth // DEPTH)
    product = _tile(p, read_in_place=True) * rows * vectors * p.blocks * FILTERS / 2 * p.depth
    product *= _narrow(vectors / tiles)
    kept = _COSTS.keep * slabs * rows * vectors * p.filters if slabs > 1 else 0
    return product + _COSTS.begin_row * rows * tiles * p.blocks * slabs + kept


def _in_panels(p: Product, vectors: int, *, read_in_place: bool) -> float:
    """So many vectors of pixels by all filters, with sums in scratch memory."""
    tiles = vectors / VECTORS * p.blocks * -(-p.depth // DEPTH)
    product = _tile(p, read_in_place=read_in_place) * vectors * p.blocks * FILTERS / 2 * p.depth
    return product + _COSTS.begin * tiles


def _tile(p: Product, *, read_in_place: bool) -> float:
    """How much longer than its multiply-adds a tile takes that reads weights where they are."""
    far = read_in_place and p.alone and p.depth > _PAGES
    scattered = p.scattered and p.filters * p.depth * BYTES // p.lanes > _NEAR
    return _COSTS.tile * (_COSTS.alone if far else 1) * (_COSTS.scattered if scattered else 1)


def _of_row(width: int, lanes: int) -> tuple[int, int]:
    """Vectors and tiles of a row: see `whole_rows`."""
    vectors = -(-width // lanes)
    tiles = -(-vectors // VECTORS)
    return vectors, 2 if tiles == 1 and vectors * lanes > width else tiles


def _narrow(vectors: float) -> float:
    """How much longer tiles of so many vectors take."""
    return _COSTS.one if vectors <= 1 else _COSTS.two if vectors <= 2 else 1.0


def _dots(p: Product, positions: int) -> float:
    """What the few positions beyond whole vectors take: a load of weights for each vector of taps.

    Where the weights do not lie along the depth, what they are multiplied by is gathered for FILTERS rows, and sums of
    a vector wait for each other.
    """
    rest = positions % p.lanes
    if not p.dots or rest > FEW:
        return 0
    if not p.scattered:
        return rest * p.filters * (p.depth / p.lanes + 8)
    gathered = p.depth * (25 + rest * FILTERS) if rest else 0
    return gathered + rest * p.filters * (2 * p.depth / p.lanes + 10)


def _vectors(p: Product, positions: int) -> int:
    """Vectors that `positions` take, without those few that are dot products."""
    rest = positions % p.lanes
    return positions // p.lanes + (rest > FEW if p.dots else rest > 0)
