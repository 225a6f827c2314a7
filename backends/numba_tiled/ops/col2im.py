"""col2im: how its work is cut, and what the compiled function is given.

Reading the columns binds. A block is what has room in the L1 cache, and of several small planes those whose columns
leave room in the L2 cache for those of the next block.
"""

from __future__ import annotations

import math
from functools import lru_cache
from math import gcd
from typing import NamedTuple

import numpy as np

from backends.numba_tiled.launch.arguments import apart, contiguous
from backends.numba_tiled.launch.records import packed
from backends.numba_tiled.launch.threads import launch, thread_count, worth
from backends.numba_tiled.launch.workspace import fresh, scratch
from backends.numba_tiled.layout.window import Window
from backends.numba_tiled.ops.col2im_kernel import Cut, Given, write_image
from backends.numba_tiled.ops.im2col import planes_of
from backends.numba_tiled.simd.caches import L2_BYTES
from backends.numba_tiled.simd.registers import BYTES
from harness import ConvSpec

_BLOCK_BYTES = 32 << 10
_COLUMN_BYTES = L2_BYTES // 8  # of a block of several planes: the next one's are fetched meanwhile


class Plan(NamedTuple):
    """What a call needs to know."""

    shape: tuple[int, ...]  # of the image
    threads: int
    given: np.ndarray  # a `Given`, packed
    size: int  # elements of scratch memory, of all threads


def col2im(columns: np.ndarray, spec: ConvSpec) -> np.ndarray:
    """(N, C*KH*KW, L) -> (N, C, H, W)."""
    shape, threads, given, size = plan(spec, columns.itemsize, thread_count())
    x = fresh(shape, columns.dtype)
    buffer = scratch("rows", size, columns.dtype)
    launch(write_image, contiguous(columns), x, threads, given, buffer)
    return x


@lru_cache(maxsize=256)
def plan(spec: ConvSpec, itemsize: int, threads: int) -> Plan:
    """What the compiled function is given."""
    g, planes = planes_of(spec)
    threads = worth(threads, math.prod(spec.columns_shape))
    cut = _cut(g, planes, threads, itemsize)
    return Plan(spec.x_shape, threads, packed(Given(planes, g, cut)), threads * apart(cut.room, itemsize))


def _cut(g: Window, planes: int, threads: int, itemsize: int) -> Cut:
    """How the planes are divided into blocks that a thread adds up, and in which order.

    Nothing here that decides the order of the sums looks at the number of threads: the bits must not depend on it.
    """
    lanes = BYTES // itemsize
    reach, width = (g.kw - 1) * g.dw // g.sw, -(-(g.w + g.left) // g.sw)
    down, right = {u * g.dh % g.sh for u in range(g.kh)}, {v * g.dw % g.sw for v in range(g.kw)}
    slots, parts = g.sh if max(down) else 1, g.sw if max(right) else 1
    tight = reach == 0 and width <= g.ow
    wide = g.ow >= 4 * lanes
    # A wide row has room for whole vectors: a load that met the row before, just stored, would wait for it.
    pitch = g.ow if tight else -(-max(width, reach + (-(-g.ow // lanes) * lanes if wide else g.ow)) // lanes) * lanes
    rows_apart = g.sh // gcd(g.sh, g.dh)
    row = slots * parts * pitch * itemsize
    most = max(_BLOCK_BYTES // row, -(-8 * lanes // g.ow)) * g.sh
    rows = -(-g.h // -(-g.h // min(most, g.h)))
    rows = min(-(-rows // g.sh) * g.sh, g.h)
    together = 1
    if rows == g.h and not wide:
        column = g.kh * g.kw * g.oh * g.ow * itemsize
        fitting = min(_BLOCK_BYTES // (row * -(-rows // g.sh)), _COLUMN_BYTES // max(column, 1))
        together = min(max(fitting, 1), max(-(-planes // threads), 1))
    part = -(-together * -(-rows // g.sh) * pitch // lanes) * lanes
    room = slots * parts * part + (2 * g.sw * part if g.sw > 1 else 0) + 3 * lanes
    large = planes * g.kh * g.kw * g.oh * g.ow * itemsize > 2 * L2_BYTES
    is_copy = (g.kh, g.kw, g.sh, g.sw, g.top, g.left, g.oh, g.ow) == (1, 1, 1, 1, 0, 0, g.h, g.w)
    alone = tight and len(down) == g.kh and len(right) == g.kw
    return Cut(together, rows, slots, parts, large, tight, wide, alone, rows_apart, pitch, part, is_copy, room)
