"""`numba_winograd`: the convolutions of `numba_tiled`, with Winograd's F(2x2, 3x3) where it is the faster way.

A 3x3 kernel with stride 1 and dilation 1 takes 16 products for 4 pixels instead of 36. It is other arithmetic than a
sum of products, with other rounding, so it has a name and an error bound of its own and nobody gets it unasked. Where
it does not apply (`applies`), and for im2col, col2im and the other gradients, this is `numba_tiled`.

Surprising fact: a NaN or an infinity would reach all pixels of its tiles, and large numbers overflow earlier. So a
result that is not finite all over is computed again, as `numba_tiled` does it.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numba import get_num_threads

from backends.numba_tiled import dispatch, info, unsupported
from backends.numba_tiled.dispatch import _flat, col2im, conv2d_bias_grad, conv2d_weight_grad, im2col
from backends.numba_tiled.geometry import counting
from backends.numba_tiled.kernel import FILTERS, VECTORS
from backends.numba_tiled.simd import BYTES
from backends.numba_tiled.winograd_product import FEW, Room, Share, Tiles, convolve
from backends.numba_tiled.winograd_transforms import FREQUENCIES, TAPS
from backends.numba_tiled.workspace import scratch
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
    dtype, threads = source.dtype, get_num_threads()
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
    convolve(_flat(source), _flat(w), start, _flat(result), threads, g, s, room)
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
    images, rows, parts = _chunk(g, spec.batch, spec.groups, depth, filters, itemsize, threads)
    deep = _up(-(-depth // -(-depth // _DEPTH)), lanes)
    pitch = _odd(deep, lanes)
    tiles = _odd(images * rows * g.across + lanes, lanes)
    together = max(_BLOCK_BYTES // (FREQUENCIES * itemsize * (pitch + tiles)) // FILTERS, 1) * FILTERS
    together = min(together, _up(filters, FILTERS))
    return g, Share(
        spec.batch, spec.groups, depth, filters, backwards, images, rows, -(-g.down // rows), parts, deep, together,
        tiles, _odd(depth * tiles, lanes), _odd(together * tiles, lanes), _odd(together * pitch, lanes), pitch,
    )  # fmt: skip


def _chunk(
    g: Tiles, batch: int, groups: int, depth: int, filters: int, itemsize: int, threads: int
) -> tuple[int, int, int]:
    """Images and rows of tiles of an item, and parts of the filters, that take the fewest cycles by `_cycles`.

    Parts are for when there are fewer items than threads: each transforms the image for itself.
    """
    lanes = BYTES // itemsize
    fit = _CHUNK_BYTES // (FREQUENCIES * itemsize * depth)
    fit = min(max(fit, _CHUNK_TILES[0]), _CHUNK_TILES[1])
    whole = g.down * g.across
    sizes = [(1, rows) for rows in range(1, g.down + 1) if rows * g.across <= fit or rows == 1]
    sizes += [(images, g.down) for images in range(2, min(batch, fit // whole) + 1)]
    best = (float("inf"), 1, 1, 1)
    for images, rows in sizes:
        for parts in {1, min(threads, -(-filters // FILTERS))}:
            cycles = 0.0
            for some, chunks in ((images, batch // images), (batch % images, 1)):
                for high, bands in ((rows, g.down // rows), (g.down % rows, 1)):
                    across = some * high * -(-g.across // lanes) * 17.5
                    own = _cycles(some * high * g.across, lanes) + across * (parts / filters + 1 / depth)
                    cycles += chunks * bands * own
            items = groups * -(-batch // images) * -(-g.down // rows) * parts
            idle = -(-items // threads) * threads / max(items, 1)
            best = min(best, (cycles * idle, images, rows, parts))
    return best[1:]


def _cycles(tiles: int, lanes: int) -> float:
    """Of a product and its kernels, in cycles for a step of FILTERS rows (fitted to measurements)."""
    if tiles == 0:
        return 0.0
    rest = tiles % lanes
    vectors = tiles // lanes + (rest > FEW)
    panels = -(-vectors // VECTORS)
    wide = vectors * FILTERS / 2 + (panels * VECTORS - vectors) * 0.6
    return wide + (rest if rest <= FEW else 0) * 0.8 + 2.8


def _up(count: int, multiple: int) -> int:
    return -(-count // multiple) * multiple


def _odd(count: int, lanes: int) -> int:
    """`count` or more, an odd number of vectors: so rows this far apart do not meet in the same sets of a cache."""
    return (-(-count // lanes) // 2 * 2 + 1) * lanes
