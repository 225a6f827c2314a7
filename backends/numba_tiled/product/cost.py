"""How many cycles each way of computing a product takes: the least decides. The numbers are fitted to measurements.

A multiply-add of a vector takes half a cycle on a core with two FMA units, so a vector of pixels takes FILTERS / 2
cycles for a block of filters. The ways differ in how many vectors there are, and in what they do besides.
"""

from __future__ import annotations

from typing import NamedTuple

from backends.numba_tiled.launch.arguments import round_up
from backends.numba_tiled.product.leftover_dots import FEW
from backends.numba_tiled.product.register_tile import FILTERS
from backends.numba_tiled.product.transposed import TOGETHER


class Product(NamedTuple):
    """The size of a product: `filters` times the pixels of some images, each of `rows` by `width`."""

    filters: int
    images: int
    rows: int
    width: int
    lanes: int  # of a vector

    @property
    def pixels(self) -> int:
        """Of all images."""
        return self.images * self.rows * self.width


def direct_cycles(p: Product, row: int, *, dots: bool = False) -> float:
    """Of a tap, if positions run over the rows of planes, `row` apart.

    Vectors that are not aligned cost somewhat more. With `dots` a few positions beyond whole vectors cost little.
    """
    vectors = _vectors((p.rows - 1) * row + p.width, p.lanes, dots)
    return 1.04 * vectors * p.images * round_up(p.filters, FILTERS) / 2


def packed_cycles(p: Product, *, dots: bool = False) -> float:
    """Of a tap, if pixels are packed: about 4 cycles for a vector, and for each run that is not whole."""
    product = _vectors(p.pixels, p.lanes, dots) * round_up(p.filters, FILTERS) / 2
    return product + 4 * (-(-p.pixels // p.lanes) + p.images * p.rows)


def transposed_cycles(p: Product, depth: int, seen: float) -> float:
    """Of a tap of `depth`, with lanes along the filters: half a cycle for a vector and a pixel that sees it.

    A vector that is alone in its panel takes more. To transpose a vector of weights takes 16 cycles for TOGETHER
    pixels, to transpose one of sums 11.
    """
    vectors = -(-p.filters // p.lanes)
    tiles = round_up(p.pixels, FILTERS) / 2 * (1.35 if vectors == 1 else 1) * seen
    return vectors * (tiles + 16 * -(-p.pixels // TOGETHER) + 11 * p.pixels / max(depth, 1))


def _vectors(positions: int, lanes: int, dots: bool) -> int:
    """Vectors that `positions` take, without those few that are dot products."""
    rest = positions % lanes
    return positions // lanes + (rest > FEW if dots else rest > 0)
