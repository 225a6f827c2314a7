"""`numba_winograd`: the convolutions of `numba_tiled`, with Winograd's F(2x2, 3x3) where it is the faster way.

A 3x3 kernel with stride 1 and dilation 1 takes 16 products for 4 pixels instead of 36. It is other arithmetic than a
sum of products, with other rounding, so it has a name and an error bound of its own and nobody gets it unasked. Where
it does not apply (`applies`), and for im2col, col2im and the other gradients, this is `numba_tiled`.

Rounding is relative to the largest numbers of a window and of a kernel, not to their products: harmless in the usual
case, but a pixel of 1e9 under a weight of zero leaves its rounding error behind.

Surprising fact: a tile reads 4x4 pixels, but each of its results depends on its own 3x3 alone, so NaN spreads no
further than it should. But an infinity becomes NaN, a weight that is not finite meets the zeros of the border, and
large numbers overflow earlier. So a result that is not finite all over is computed again, as `numba_tiled` does it.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from backends.numba_tiled.ops import dispatch
from backends.numba_tiled import info
from backends.numba_tiled import unsupported
from backends.numba_tiled.ops.dispatch import _flat, col2im, conv2d_bias_grad, conv2d_weight_grad, im2col
from backends.numba_tiled.product.leftover_dots import FEW
from backends.numba_tiled.layout.planes import counting
from backends.numba_tiled.product.register_tile import FILTERS, VECTORS
from backends.numba_tiled.simd.registers import BYTES
from backends.numba_tiled.launch.threads import launch, thread_count
from backends.numba_tiled.winograd.products import Room, Share, Tiles, convolve
from backends.numba_tiled.winograd.transforms import FREQUENCIES, TAPS
from backends.numba_tiled.launch.workspace import scratch
from harness import ConvSpec

__all__ = [
    "col2im", "conv2d", "conv2d_bias_grad", "conv2d_input_grad", "conv2d_weight_grad", "im2col", "info", "numerics",
    "unsupported",
]  # fmt: skip

numerics = "winograd"
_FEWEST_CHANNELS = 12  # of a group, on both sides
_FEWEST_TILES = 32
_DEPTH = 192  # channels at a time: a panel of V is then 36 KiB of the L1 cache
_BLOCK_BYTES = 1 << 20  # of U and M for some filters: about an L2 cache
_CHUNK_BYTES = 8 << 20  # of V, a part of the L3 cache
_CHUNK_TILES = (96, 448)  # at least that many in spite of it, and not more: the other costs are spread by then


def applies(spec: ConvSpec) -> bool:
    """Whether a convolution is Winograd's here: 3x3, stride 1, dense, 12 channels a group, 32 tiles of 2x2 pixels."""
    (height, width), (kept, lost) = spec.output_size, spec.input_size
    fewest = min(-(-height // 2) * -(-width // 2), -(-kept // 2) * -(-lost // 2)) * spec.batch
    channels = min(spec.in_channels, spec.out_channels) // spec.groups
    return is_dense_3x3(spec) and channels >= _FEWEST_CHANNELS and fewest >= _FEWEST_TILES


def conv2d(x: np.ndarray, w: np.ndarray, b: np.ndarray | None, spec: ConvSpec) -> np.ndarray:
    """(N, C, H, W), (F, C/G, KH, KW), (F,) or None -> (N, F, OH, OW)."""
    y = _convolve(x, w, b, spec, False) if applies(spec) else None
    return dispatch.conv2d(x, w, b, spec) if y is None else y


def conv2d_input_grad(dy: np.ndarray, w: np.ndarray, spec: ConvSpec) -> np.ndarray:
    """(N, F, OH, OW), (F, C/G, KH, KW) -> (N, C, H, W): convolution with kernels turned round, and what was cut off."""
    dx = _convolve(dy, w, None, spec, True) if applies(spec) else None
    return dispatch.conv2d_input_grad(dy, w, spec) if dx is None else dx


def is_dense_3x3(spec: ConvSpec) -> bool:
    return (spec.kernel_size, spec.stride, spec.dilation) == ((3, 3), (1, 1), (1, 1))


def _convolve(
    source: np.ndarray, w: np.ndarray, b: np.ndarray | None, spec: ConvSpec, backwards: bool
) -> np.ndarray | None:
    """The convolution or, `backwards`, its input gradient. None if it is not finite all over."""
    dtype, threads = source.dtype, thread_count()
    result = np.empty(spec.x_shape if backwards else spec.y_shape, dtype)
    g, s = _plan(spec, backwards, dtype.itemsize, threads)
    start = np.empty(0, dtype) if b is None else _flat(b)
    lanes = BYTES // dtype.itemsize
    items = s.groups * -(-s.batch // s.images) * s.bands * s.parts
    room = Room(
        scratch("winograd u", threads * FREQUENCIES * s.u, dtype),
        scratch("winograd v", threads * FREQUENCIES * s.v, dtype),
        scratch("winograd m", threads * FREQUENCIES * s.m, dtype), scratch("few", threads * FEW * s.pitch, dtype),
        np.zeros(max(3 * lanes, TAPS), dtype), counting(s.deep),
        _places(s.deep, s.tiles), np.zeros(items, np.uint8),
    )  # fmt: skip
    launch(convolve, _flat(source), _flat(w), start, _flat(result), threads, g, s, room)
    return None if room.spoilt.any() else result


@lru_cache(maxsize=256)
def _places(count: int, step: int) -> np.ndarray:
    return np.arange(0, count * step, step)


@lru_cache(maxsize=256)
def _plan(spec: ConvSpec, backwards: bool, itemsize: int, threads: int) -> tuple[Tiles, Share]:
    (h, w), (oh, ow), (top, _, left, _) = spec.input_size, spec.output_size, spec.padding
    depth, filters = spec.in_channels // spec.groups, spec.out_channels // spec.groups
    if backwards:
        h, w, oh, ow, top, left, depth, filters = oh, ow, h, w, 2 - top, 2 - left, filters, depth
    g = Tiles(h, w, oh, ow, top, left, -(-oh // 2), -(-ow // 2))
    lanes = BYTES // itemsize
    images, rows = _chunk(g, spec.batch, depth, filters, itemsize)
    items, blocks = spec.groups * -(-spec.batch // images) * -(-g.down // rows), -(-filters // FILTERS)

    def slowest(parts: int) -> float:
        """The busiest thread's cycles, if filters are shared out too and each part transforms the image for itself."""
        turns = -(-items * parts // threads) * threads / max(items * parts, 1)
        return turns * _cycles(g, spec.batch, depth, filters, itemsize, images, rows, parts)

    parts = min(range(1, min(threads, blocks) + 1), key=slowest)
    deep = _up(-(-depth // -(-depth // _DEPTH)), lanes)
    pitch = _odd(deep, lanes)
    tiles = _odd(images * rows * g.across + lanes, lanes)
    together = max(_BLOCK_BYTES // (FREQUENCIES * itemsize * (pitch + tiles)) // FILTERS, 1) * FILTERS
    together = min(together, _up(filters, FILTERS))
    return g, Share(
        spec.batch, spec.groups, depth, filters, backwards, images, rows, -(-g.down // rows), parts, deep, together,
        tiles, _odd(depth * tiles, lanes), _odd(together * tiles, lanes), _odd(together * pitch, lanes), pitch,
    )  # fmt: skip


def _chunk(g: Tiles, batch: int, depth: int, filters: int, itemsize: int) -> tuple[int, int]:
    """Images and rows of tiles of an item, for the fewest cycles. Threads have no say: they must not change bits."""
    fit = min(max(_CHUNK_BYTES // (FREQUENCIES * itemsize * depth), _CHUNK_TILES[0]), _CHUNK_TILES[1])
    whole = g.down * g.across
    sizes = [(1, rows) for rows in range(1, g.down + 1) if rows * g.across <= fit or rows == 1]
    sizes += [(images, g.down) for images in range(2, min(batch, fit // whole) + 1)]
    return min(sizes, key=lambda size: _cycles(g, batch, depth, filters, itemsize, *size, 1))


def _cycles(g: Tiles, batch: int, depth: int, filters: int, itemsize: int, images: int, rows: int, parts: int) -> float:
    """Of a group, in cycles for a step of FILTERS rows of every product (fitted to measurements)."""
    lanes, cycles = BYTES // itemsize, 0.0
    for some, chunks in ((images, batch // images), (batch % images, 1)):
        for high, bands in ((rows, g.down // rows), (g.down % rows, 1)):
            vectors = some * high * -(-g.across // lanes)  # of the transforms: rows of tiles are not mixed there
            if vectors:
                transforms = 17.5 * vectors * (parts / filters + 1 / depth) + 2.8
                cycles += chunks * bands * (_product_cycles(some * high * g.across, lanes) + transforms)
    return cycles


def _product_cycles(tiles: int, lanes: int) -> float:
    rest = tiles % lanes
    vectors = tiles // lanes + (rest > FEW)
    panels = -(-vectors // VECTORS)
    return vectors * FILTERS / 2 + (panels * VECTORS - vectors) * 0.6 + (rest if rest <= FEW else 0) * 0.8


def _up(count: int, multiple: int) -> int:
    return -(-count // multiple) * multiple


def _odd(count: int, lanes: int) -> int:
    """`count` or more, an odd number of vectors: so rows this far apart do not meet in the same sets of a cache."""
    return (-(-count // lanes) // 2 * 2 + 1) * lanes
