"""The micro-kernel: a tile of a matrix product that lives in registers.

A tile is FILTERS x (VECTORS * lanes) sums. One step of the depth loads VECTORS vectors of B and broadcasts FILTERS
elements of A, for FILTERS * VECTORS multiply-adds: 24 of them for 11 loads with 32 registers, which keeps both FMA
units of a core busy. Of 32 registers 24 hold sums, 3 hold B and the rest what is broadcast; of 16 (AVX2, SSE) 12 hold
sums.

A is packed [block of FILTERS][depth][FILTERS], so that a step reads one line; B is packed [depth][VECTORS * lanes].
"""

from __future__ import annotations

from typing import Any

from numba import njit, types
from numba.core import cgutils
from numba.extending import intrinsic

from backends.numba_tiled.simd import REGISTERS, Vec, broadcast, int_of, multiply_add, read, write

FILTERS, VECTORS = (8, 3) if REGISTERS == 32 else (4, 3)


def _start_tile(vectors: int) -> Any:
    @intrinsic
    def start_tile(typing: Any, p: Any, i: Any) -> Any:
        """p[i + m] in all sums of row m."""
        vec = Vec(p.dtype)
        tile = types.UniTuple(vec, FILTERS * vectors)

        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            sums = []
            for m in range(FILTERS):
                scalar = builder.load(builder.gep(arguments[0], [builder.add(arguments[1], int_of(m))]))
                sums += [broadcast(builder, vec, scalar)] * vectors
            return context.make_tuple(builder, tile, sums)

        return tile(p, types.intp), generate

    return start_tile


def _step(vectors: int) -> Any:
    @intrinsic
    def step(typing: Any, tile: Any, a: Any, i: Any, b: Any, j: Any) -> Any:
        """tile[m][n] += a[i + m] * b[j + n * lanes ...]."""
        vec = tile.dtype

        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            sums = cgutils.unpack_tuple(builder, arguments[0], FILTERS * vectors)
            places = [builder.add(arguments[4], int_of(n * vec.lanes)) for n in range(vectors)]
            columns = [read(builder, vec, builder.gep(arguments[3], [place])) for place in places]
            for m in range(FILTERS):
                scalar = builder.load(builder.gep(arguments[1], [builder.add(arguments[2], int_of(m))]))
                every = broadcast(builder, vec, scalar)
                for n in range(vectors):
                    sums[m * vectors + n] = multiply_add(builder, vec, every, columns[n], sums[m * vectors + n])
            return context.make_tuple(builder, tile, sums)

        return tile(tile, a, types.intp, b, types.intp), generate

    return step


def _put_tile(vectors: int) -> Any:
    @intrinsic
    def put_tile(typing: Any, tile: Any, c: Any, k: Any, pitch: Any, add: Any) -> Any:
        """c[k + m * pitch ...] = or += tile[m]."""
        vec = tile.dtype

        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            sums, row = cgutils.unpack_tuple(builder, arguments[0], FILTERS * vectors), arguments[2]
            places = []
            for _ in range(FILTERS):
                places += [builder.gep(arguments[1], [builder.add(row, int_of(n * vec.lanes))]) for n in range(vectors)]
                row = builder.add(row, arguments[3])
            with builder.if_else(arguments[4]) as (adding, writing):
                with adding:
                    for value, place in zip(sums, places, strict=True):
                        write(builder, vec, builder.fadd(read(builder, vec, place), value), place)
                with writing:
                    for value, place in zip(sums, places, strict=True):
                        write(builder, vec, value, place)
            return context.get_dummy_value()

        return types.void(tile, c, types.intp, types.intp, types.boolean), generate

    return put_tile


start_1, start_2, start_3 = _start_tile(1), _start_tile(2), _start_tile(3)
step_1, step_2, step_3 = _step(1), _step(2), _step(3)
put_1, put_2, put_3 = _put_tile(1), _put_tile(2), _put_tile(3)


@njit(nogil=True, error_model="numpy")
def tile_panel(vectors, depth, a, i, b, j, width, start, c, k, pitch, add):
    """c (rows `pitch` apart, from k on) = or += a (packed, from i on) @ b (rows `width` apart) + start[m] in row m.

    It is `vectors` wide. To a sum that goes on (`add`), start with zeros.
    """
    if vectors == 3:
        tile = start_3(start, 0)
        for _ in range(depth):
            tile = step_3(tile, a, i, b, j)
            i += FILTERS
            j += width
        put_3(tile, c, k, pitch, add)
    elif vectors == 2:
        tile_2 = start_2(start, 0)
        for _ in range(depth):
            tile_2 = step_2(tile_2, a, i, b, j)
            i += FILTERS
            j += width
        put_2(tile_2, c, k, pitch, add)
    else:
        tile_1 = start_1(start, 0)
        for _ in range(depth):
            tile_1 = step_1(tile_1, a, i, b, j)
            i += FILTERS
            j += width
        put_1(tile_1, c, k, pitch, add)
