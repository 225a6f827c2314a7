"""V: tiles of the image, transformed. Lanes are tiles side by side; the image is read where it is.

    x     d d d d|. .        a tile is 4x4 pixels, the next begins 2 columns on: neighbours share half of them
          d d d d|. .
          d d d d|. .        even columns 0 2 4 ... and odd ones 1 3 5 ... are told apart in registers: column 0 of
          d d d d|. .        all tiles is one vector, column 1 another
    V     [frequency][channel][tile]

At the border pixels that are not there are loaded as zeros, under masks.
"""

from __future__ import annotations

from itertools import chain
from typing import Any

from numba import types
from numba.extending import intrinsic

from backends.numba_tiled.simd.compiled import inner
from backends.numba_tiled.simd.emit import between, int_of, read_masked, shuffle, write
from backends.numba_tiled.simd.registers import Vec
from backends.numba_tiled.simd.vector import lanes
from backends.numba_tiled.winograd.matrices import both_ways, of_image


@intrinsic
def _image_tiles(
    typing: Any, v: Any, i: Any, apart: Any, x: Any, j: Any, pitch: Any, row: Any, rows: Any, low: Any, high: Any,
    nothing: Any,
) -> Any:  # fmt: skip
    """v[i + k * apart ...] = frequency k of the tiles whose first pixels are x[j], x[j + 2], ...

    Of the tiles' four rows, `pitch` apart, those from `row` to `rows` are there, and of their columns those at
    low <= position < high; the others are zero. `nothing` is a row of zeros.
    """
    vec = Vec(v.dtype)

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        v, i, apart, x, j, pitch, row, rows, low, high, nothing = arguments
        n = vec.lanes
        masks = {
            offset: between(builder, vec, builder.sub(low, int_of(offset)), builder.sub(high, int_of(offset)))
            for offset in (0, n, 2, n + 2)
        }
        even, odd = list(range(0, 2 * n, 2)), list(range(1, 2 * n, 2))
        tile = []
        for r in range(4):
            there = builder.icmp_unsigned("<", builder.add(row, int_of(r)), rows)
            place = builder.gep(x, [builder.add(j, builder.mul(pitch, int_of(r)))])
            source = builder.select(there, place, nothing)
            columns = []
            for offset in (0, 2):
                a, b = (
                    read_masked(builder, vec, builder.gep(source, [int_of(at)]), masks[at])
                    for at in (offset, offset + n)
                )
                columns += [shuffle(builder, a, b, even), shuffle(builder, a, b, odd)]
            tile.append(columns)
        for value in chain.from_iterable(both_ways(builder, of_image, tile)):
            write(builder, vec, value, builder.gep(v, [i]))
            i = builder.add(i, apart)
        return context.get_dummy_value()

    whole = types.intp
    return types.void(v, whole, whole, x, whole, whole, whole, whole, whole, whole, nothing), generate


@inner
def transform_image(v, x, chunk, g, s, nothing):
    """v[k * s.v + c * s.tiles + t] = frequency k of tile t of channel c, for the tiles of a chunk.

    x points to the first channel of its first image. Whole vectors are stored: what is too much in a row is overwritten
    by the next ones, or lies in the `s.tiles` after the last, so vectors go from right to left.
    Memory: 16 loads, 16 stores and 32 additions for a vector of tiles.
    """
    n, stride = lanes(v), s.groups * s.depth * g.h * g.w
    for j in range((g.across - 1) // n * n, -1, -n):
        column = 2 * j - g.left
        for c in range(s.depth):
            for i in range(chunk.images * chunk.rows):
                top = 2 * (chunk.row + i % chunk.rows) - g.top
                first = i // chunk.rows * stride + (c * g.h + top) * g.w + column
                _image_tiles(
                    v, c * s.tiles + i * g.across + j, s.v, x, first, g.w, top, g.h, -column, g.w - column, nothing
                )  # fmt: skip
