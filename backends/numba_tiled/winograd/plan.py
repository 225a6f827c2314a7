"""Which layers are Winograd's, and how they are cut: chunks of tiles by a count of cycles, fitted to measurements."""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

from backends.numba_tiled.launch.arguments import round_up
from backends.numba_tiled.product.leftover_dots import FEW
from backends.numba_tiled.product.register_tile import FILTERS, VECTORS
from backends.numba_tiled.simd.registers import BYTES
from backends.numba_tiled.winograd.matrices import FREQUENCIES
from backends.numba_tiled.winograd.products import Cut, Tiles
from harness import ConvSpec

_FEWEST_CHANNELS = 12  # of a group, on both sides
_FEWEST_TILES = 32
_DEPTH = 192  # channels at a time: a panel of V is then 36 KiB of the L1 cache
_BLOCK_BYTES = 1 << 20  # of U and M for some filters: about an L2 cache
_CHUNK_BYTES = 8 << 20  # of V, a part of the L3 cache
_CHUNK_TILES = (96, 448)  # at least that many in spite of it, and not more: the other costs are spread by then


class _Layer(NamedTuple):
    """What the count of cycles looks at."""

    g: Tiles
    batch: int
    depth: int  # channels of a group that are read
    filters: int  # channels of a group that are written
    lanes: int  # of a vector


def is_dense_3x3(spec: ConvSpec) -> bool:
    """Whether the kernel is one of F(2x2, 3x3)."""
    return (spec.kernel_size, spec.stride, spec.dilation) == ((3, 3), (1, 1), (1, 1))


def applies(spec: ConvSpec) -> bool:
    """Whether a convolution is Winograd's here: 3x3, stride 1, dense, 12 channels a group, 32 tiles of 2x2 pixels."""
    (height, width), (kept, lost) = spec.output_size, spec.input_size
    fewest = min(-(-height // 2) * -(-width // 2), -(-kept // 2) * -(-lost // 2)) * spec.batch
    channels = min(spec.in_channels, spec.out_channels) // spec.groups
    return is_dense_3x3(spec) and channels >= _FEWEST_CHANNELS and fewest >= _FEWEST_TILES


@lru_cache(maxsize=256)
def plan(spec: ConvSpec, backwards: bool, itemsize: int, threads: int) -> tuple[Tiles, Cut]:
    """Of the convolution or, `backwards`, of its input gradient."""
    (h, w), (oh, ow), (top, _, left, _) = spec.input_size, spec.output_size, spec.padding
    depth, filters = spec.in_channels // spec.groups, spec.out_channels // spec.groups
    if backwards:
        h, w, oh, ow, top, left, depth, filters = oh, ow, h, w, 2 - top, 2 - left, filters, depth
    g = Tiles(h, w, oh, ow, top, left, -(-oh // 2), -(-ow // 2))
    lanes = BYTES // itemsize
    layer = _Layer(g, spec.batch, depth, filters, lanes)
    images, rows = _chunk(layer)
    items, blocks = spec.groups * -(-spec.batch // images) * -(-g.down // rows), -(-filters // FILTERS)

    def slowest(parts: int) -> float:
        """The busiest thread's cycles, if filters are shared out too and each part transforms the image for itself."""
        turns = -(-items * parts // threads) * threads / max(items * parts, 1)
        return turns * _cycles(layer, images, rows, parts)

    parts = min(range(1, min(threads, blocks) + 1), key=slowest)
    deep = round_up(-(-depth // -(-depth // _DEPTH)), lanes)
    pitch = _odd(deep, lanes)
    tiles = _odd(images * rows * g.across + lanes, lanes)
    together = max(_BLOCK_BYTES // (FREQUENCIES * itemsize * (pitch + tiles)) // FILTERS, 1) * FILTERS
    together = min(together, round_up(filters, FILTERS))
    return g, Cut(
        spec.batch, spec.groups, depth, filters, flipped=backwards, images=images, rows=rows, bands=-(-g.down // rows),
        parts=parts, deep=deep, together=together, tiles=tiles, v=_odd(depth * tiles, lanes),
        m=_odd(together * tiles, lanes), u=_odd(together * pitch, lanes), pitch=pitch,
    )  # fmt: skip


def _chunk(layer: _Layer) -> tuple[int, int]:
    """Images and rows of tiles of an item, for the fewest cycles. Threads have no say: they must not change bits."""
    g, itemsize = layer.g, BYTES // layer.lanes
    fit = min(max(_CHUNK_BYTES // (FREQUENCIES * itemsize * layer.depth), _CHUNK_TILES[0]), _CHUNK_TILES[1])
    whole = g.down * g.across
    sizes = [(1, rows) for rows in range(1, g.down + 1) if rows * g.across <= fit or rows == 1]
    sizes += [(images, g.down) for images in range(2, min(layer.batch, fit // whole) + 1)]
    return min(sizes, key=lambda size: _cycles(layer, size[0], size[1], 1))


def _cycles(layer: _Layer, images: int, rows: int, parts: int) -> float:
    """Of a group, in chunks of some images and rows of tiles: cycles for a step of FILTERS rows of every product."""
    g, lanes, cycles = layer.g, layer.lanes, 0.0
    for some, chunks in ((images, layer.batch // images), (layer.batch % images, 1)):
        for high, bands in ((rows, g.down // rows), (g.down % rows, 1)):
            vectors = some * high * -(-g.across // lanes)  # of the transforms: rows of tiles are not mixed there
            if vectors:
                transforms = 17.5 * vectors * (parts / layer.filters + 1 / layer.depth) + 2.8
                cycles += chunks * bands * (_product_cycles(some * high * g.across, lanes) + transforms)
    return cycles


def _product_cycles(tiles: int, lanes: int) -> float:
    """Of the product alone, for one channel."""
    rest = tiles % lanes
    vectors = tiles // lanes + (rest > FEW)
    panels = -(-vectors // VECTORS)
    return vectors * FILTERS / 2 + (panels * VECTORS - vectors) * 0.6 + (rest if rest <= FEW else 0) * 0.8


def _odd(count: int, lanes: int) -> int:
    """`count` or more, an odd number of vectors: so rows this far apart do not meet in the same sets of a cache."""
    return (-(-count // lanes) // 2 * 2 + 1) * lanes
