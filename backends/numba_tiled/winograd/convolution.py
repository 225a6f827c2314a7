"""conv2d and its input gradient by Winograd's F(2x2, 3x3) where that is faster, else as `numba_tiled` does them.

A 3x3 kernel with stride 1 and dilation 1 takes 16 products for 4 pixels instead of 36. It is other arithmetic than a
sum of products, with other rounding, so it has a name and an error bound of its own and nobody gets it unasked.

Rounding is relative to the largest numbers of a window and of a kernel, not to their products: harmless in the usual
case, but a pixel of 1e9 under a weight of zero leaves its rounding error behind.

A tile reads 4x4 pixels, but each of its results depends on its own 3x3 alone, so NaN spreads no further than it should.
But an infinity becomes NaN, a weight that is not finite meets the zeros of the border, and large numbers overflow
earlier. So a result that is not finite all over is computed again, as `numba_tiled` does it.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from backends.numba_tiled.launch.arguments import contiguous
from backends.numba_tiled.launch.threads import launch, thread_count
from backends.numba_tiled.launch.workspace import fresh, scratch
from backends.numba_tiled.layout.window import counting
from backends.numba_tiled.ops import conv2d as tiled
from backends.numba_tiled.ops import input_grad as tiled_input_grad
from backends.numba_tiled.product.leftover_dots import FEW
from backends.numba_tiled.simd.registers import BYTES
from backends.numba_tiled.winograd.matrices import FREQUENCIES, TAPS
from backends.numba_tiled.winograd.plan import applies, plan
from backends.numba_tiled.winograd.products import Room, convolve
from harness import ConvSpec


def conv2d(x: np.ndarray, w: np.ndarray, b: np.ndarray | None, spec: ConvSpec) -> np.ndarray:
    """(N, C, H, W), (F, C/G, KH, KW), (F,) or None -> (N, F, OH, OW)."""
    y = _convolve(x, w, b, spec, backwards=False) if applies(spec) else None
    return tiled.conv2d(x, w, b, spec) if y is None else y


def conv2d_input_grad(dy: np.ndarray, w: np.ndarray, spec: ConvSpec) -> np.ndarray:
    """(N, F, OH, OW), (F, C/G, KH, KW) -> (N, C, H, W): convolution with kernels turned round, and what was cut off."""
    dx = _convolve(dy, w, None, spec, backwards=True) if applies(spec) else None
    return tiled_input_grad.conv2d_input_grad(dy, w, spec) if dx is None else dx


def _convolve(
    source: np.ndarray, w: np.ndarray, b: np.ndarray | None, spec: ConvSpec, *, backwards: bool
) -> np.ndarray | None:
    """The convolution or, `backwards`, its input gradient. None if it is not finite all over."""
    dtype, threads = source.dtype, thread_count()
    result = fresh(spec.x_shape if backwards else spec.y_shape, dtype)
    g, s = plan(spec, backwards, dtype.itemsize, threads)
    start = np.empty(0, dtype) if b is None else contiguous(b)
    lanes = BYTES // dtype.itemsize
    items = s.groups * -(-s.batch // s.images) * s.bands * s.parts
    room = Room(
        scratch("winograd u", threads * FREQUENCIES * s.u, dtype),
        scratch("winograd v", threads * FREQUENCIES * s.v, dtype),
        scratch("winograd m", threads * FREQUENCIES * s.m, dtype), scratch("few", threads * FEW * s.pitch, dtype),
        np.zeros(max(3 * lanes, TAPS), dtype), counting(s.deep),
        _places(s.deep, s.tiles), np.zeros(items, np.uint8),
    )  # fmt: skip
    launch(convolve, contiguous(source), contiguous(w), start, result, threads, tuple(g), tuple(s), tuple(room))
    return None if room.spoilt.any() else result


@lru_cache(maxsize=256)
def _places(count: int, step: int) -> np.ndarray:
    """0, step, 2 * step, ..."""
    return np.arange(0, count * step, step)
