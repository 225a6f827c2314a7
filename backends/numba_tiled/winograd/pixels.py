"""Y: sums M of all frequencies, transformed back to pixels. Lanes are tiles side by side, woven together at the end.

M     [frequency][filter][tile]
y     a b a b a b ...      tile t has columns 2t (a) and 2t + 1 (b) of two rows
      c d c d c d ...
"""

from __future__ import annotations

from typing import Any

from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from backends.numba_tiled.layout.finite import are_finite
from backends.numba_tiled.simd.compiled import inner
from backends.numba_tiled.simd.emit import first, int_of, read, shuffle, write, write_masked, zip_high, zip_low
from backends.numba_tiled.simd.pointers import moved
from backends.numba_tiled.simd.registers import Vec
from backends.numba_tiled.simd.vector import lanes
from backends.numba_tiled.winograd.matrices import FREQUENCIES, both_ways, of_sums


@intrinsic
def _pixels(typing: Any, y: Any, i: Any, pitch: Any, count: Any, two: Any, m: Any, j: Any, apart: Any) -> Any:
    """The pixels of the tiles with frequency k at m[j + k * apart ...]: `count` of y[i ...], and of the row below.

    The row below is left out unless `two`.
    """
    vec = Vec(y.dtype)

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        y, i, pitch, count, two, m, j, apart = arguments
        n, sums = vec.lanes, []
        for _ in range(FREQUENCIES):
            sums.append(read(builder, vec, builder.gep(m, [j])))
            j = builder.add(j, apart)
        rows = both_ways(builder, of_sums, [sums[k : k + 4] for k in range(0, FREQUENCIES, 4)])
        woven = [[shuffle(builder, even, odd, order) for order in (zip_low(n), zip_high(n))] for even, odd in rows]
        masks = [first(builder, vec, builder.sub(count, int_of(half * n))) for half in range(2)]
        places = [[builder.gep(y, [builder.add(i, int_of(half * n))]) for half in range(2)]]
        i = builder.add(i, pitch)
        places.append([builder.gep(y, [builder.add(i, int_of(half * n))]) for half in range(2)])

        def put(row: int) -> None:
            """Store a row of pixels: whole vectors without a mask."""
            with builder.if_else(builder.icmp_signed(">=", count, int_of(2 * n))) as (all_of_it, some):
                with all_of_it:
                    for value, place in zip(woven[row], places[row], strict=True):
                        write(builder, vec, value, place)
                with some:
                    for value, place, mask in zip(woven[row], places[row], masks, strict=True):
                        write_masked(builder, vec, value, place, mask)

        put(0)
        with cgutils.if_likely(builder, two):
            put(1)
        return context.get_dummy_value()

    return types.void(y, types.intp, types.intp, types.intp, types.boolean, m, types.intp, types.intp), generate


@inner
def transform_sums(y, m, chunk, g, s):
    """The pixels of one channel of y for the tiles of a chunk, from m[k * s.m + t]. Returns whether all are finite.

    y points to that channel of the chunk's first image.
    """
    n, finite = lanes(y), True
    some = (min(2 * (chunk.row + chunk.rows), g.oh) - 2 * chunk.row) * g.ow
    for image in range(chunk.images):
        own, at = moved(y, image * s.groups * s.filters * g.oh * g.ow), image * chunk.rows * g.across
        for j in range(0, g.across, n):
            for i in range(chunk.rows):
                p = 2 * (chunk.row + i)
                _pixels(own, p * g.ow + 2 * j, g.ow, g.ow - 2 * j, p + 1 < g.oh, m, at + i * g.across + j, s.m)
        finite = finite and are_finite(own, 2 * chunk.row * g.ow, some)
    return finite
