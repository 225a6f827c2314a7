"""im2col: how its work is cut, and what the compiled function is given."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from backends.numba_tiled.launch.arguments import apart, contiguous
from backends.numba_tiled.launch.records import packed
from backends.numba_tiled.launch.threads import launch, thread_count, worth
from backends.numba_tiled.launch.workspace import fresh, scratch
from backends.numba_tiled.layout.window import Window, window
from backends.numba_tiled.ops.im2col_kernel import Cut, Given, write_columns
from backends.numba_tiled.simd.caches import L3_BYTES
from backends.numba_tiled.simd.registers import BYTES
from harness import ConvSpec

CACHE_BYTES = L3_BYTES // 2  # what a result must exceed to be written past the caches
RUN_BYTES = 1 << 10  # and the columns of a plane and tap: what is written at a time
_BLOCK_BYTES = 32 << 10


class Plan(NamedTuple):
    """What a call needs to know."""

    shape: tuple[int, ...]  # of the columns
    threads: int
    given: np.ndarray  # a `Given`, packed
    size: int  # elements of scratch memory, of all threads


def im2col(x: np.ndarray, spec: ConvSpec) -> np.ndarray:
    """(N, C, H, W) -> (N, C*KH*KW, L)."""
    shape, threads, given, size = plan(spec, x.itemsize, thread_count())
    columns = fresh(shape, x.dtype)
    buffer = scratch("rows", size, x.dtype)
    launch(write_columns, contiguous(x), columns, threads, given, buffer)
    return columns


@lru_cache(maxsize=256)
def plan(spec: ConvSpec, itemsize: int, threads: int) -> Plan:
    """What the compiled function is given."""
    elements = math.prod(spec.columns_shape)
    g, planes = planes_of(spec)
    threads = worth(threads, elements)
    streamed = goes_past_caches(g, planes, itemsize)
    cut = _cut(g, -(-planes // threads), itemsize, streamed)
    given = packed(Given(planes, g, cut, streamed))
    return Plan(spec.columns_shape, threads, given, threads * apart(cut.room, itemsize))


def goes_past_caches(g: Window, planes: int, itemsize: int) -> bool:
    """Whether the columns exceed CACHE_BYTES, in runs of RUN_BYTES at least; elements have `itemsize` bytes."""
    run = g.oh * g.ow * itemsize
    return planes * g.kh * g.kw * run > CACHE_BYTES and run >= RUN_BYTES


def planes_of(spec: ConvSpec) -> tuple[Window, int]:
    """The window and how many planes it goes over. Where columns are a copy of the image, all planes are one."""
    g, planes = window(spec), spec.batch * spec.in_channels
    if (g.kh, g.kw, g.sh, g.sw, g.top, g.left, g.oh, g.ow) == (1, 1, 1, 1, 0, 0, g.h, g.w) and planes > 0:
        return g._replace(h=planes * g.h, oh=planes * g.oh), 1
    return g, planes


def _cut(g: Window, planes: int, itemsize: int, streamed: bool) -> Cut:
    """For `planes` planes a thread."""
    lanes = BYTES // itemsize
    reach, pitch = (g.kh - 1) * g.dh // g.sh, g.ow + (g.kw - 1) * g.dw // g.sw
    slots = g.sh if any(u * g.dh % g.sh for u in range(g.kh)) else 1
    parts = g.sw if any(v * g.dw % g.sw for v in range(g.kw)) else 1
    is_image = (g.sh, g.sw, g.top, g.left, g.oh + reach, pitch) == (1, 1, 0, 0, g.h, g.w)
    # Vectors moved for a tap column: with a collection, and row by row, where a vector weighs 1.2 for its ragged end.
    row, taps = -(-g.ow // lanes) * lanes, g.kh * g.oh
    fewer = slots * (g.oh + reach) * row + taps * g.ow <= 1.2 * taps * row
    collected = pitch != g.ow and (streamed or fewer)
    kept = g.kw * g.ow if collected else 0
    row = slots * (parts * pitch + kept) * itemsize
    most = max(_BLOCK_BYTES // max(row, 1) - reach, 1 + reach // 2, -(-8 * lanes // g.ow))
    rows = -(-g.oh // -(-g.oh // min(most, g.oh)))
    together = 1
    if rows == g.oh:
        together = min(max(_BLOCK_BYTES // max(row * (rows + reach), 1), 1), max(planes, 1))
    height = together * (rows + reach)
    part = 0 if is_image else -(-height * pitch // lanes) * lanes
    # Padded rows of a slot and two buffers between passes; then all slots, then the collection.
    room = (3 * g.sw * part if g.sw > 1 else 0) + slots * parts * part + slots * height * kept + 4 * lanes
    is_subset = (g.kh, g.kw, g.top, g.left) == (1, 1, 0, 0) and g.sh * g.sw > 1
    is_subset = is_subset and (g.oh - 1) * g.sh < g.h and (g.ow - 1) * g.sw < g.w
    return Cut(together, rows, reach, slots, parts, pitch, is_image, is_subset, collected, part, room)
