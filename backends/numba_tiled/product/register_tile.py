"""The micro-kernel: a tile of the matrix product C = A @ B whose sums stay in registers.

A tile is FILTERS rows by VECTORS vectors. One step of the depth loads VECTORS vectors of B, broadcasts one element of
each row of A, and does FILTERS * VECTORS multiply-adds:

                             B, at `taps[i]`     | b b b b | b b b b | b b b b |      3 loads
                                                      v         v         v
    A, at `places[m]`    row 0   a -> a a a a    | + + + + | + + + + | + + + + |      8 broadcasts
    + `across[i]`        row 1   a -> a a a a    | + + + + | + + + + | + + + + |
                          ...                    |   ...   |   ...   |   ...   |
                         row 7   a -> a a a a    | + + + + | + + + + | + + + + |      24 sums, never stored
                                                                                      before the last step

24 multiply-adds for 11 loads keep both FMA units of a core busy. Of 32 registers (AVX-512) 24 hold sums, 3 hold B and
the rest what is broadcast; of 16 (AVX2, SSE) there are 4 rows, and 12 hold sums.

Neither operand has to be packed. A row of A may begin anywhere (`places`), and a step reads at the same distance
(`across`) from each of them: FILTERS streams of memory, which the cache holds as well as one. B is read in whole
vectors wherever a table (`taps`) says.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from backends.numba_tiled.simd.compiled import inner
from backends.numba_tiled.simd.emit import broadcast, int_of, multiply_add, read, write
from backends.numba_tiled.simd.pointers import get
from backends.numba_tiled.simd.registers import REGISTERS, Vec

FILTERS, VECTORS = (8, 3) if REGISTERS == 32 else (4, 3)
DEPTH = 288  # taps that are added up apart: those of a 3x3 kernel on 32 channels


@inner
def panel_of(i, vectors, panels):
    """First vector of panel i, and how many it has: `vectors` shared out to `panels` of about the same width."""
    first = i * vectors // panels
    return first, (i + 1) * vectors // panels - first


@intrinsic
def rows_of(typing: Any, first: Any, last: Any, pitch: Any) -> Any:
    """The places of FILTERS rows of A, `pitch` apart, from row `first` on; those after `last` are `last` again."""
    places = types.UniTuple(types.intp, FILTERS)

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        found = []
        for m in range(FILTERS):
            row = builder.add(arguments[0], int_of(m))
            row = builder.select(builder.icmp_signed("<", row, arguments[1]), row, arguments[1])
            found.append(builder.mul(row, arguments[2]))
        return context.make_tuple(builder, places, found)

    return places(types.intp, types.intp, types.intp), generate


@intrinsic
def places_of(typing: Any, table: Any, i: Any, last: Any) -> Any:
    """The places table[i + m] of FILTERS rows of A; those after `last` are `last` again."""
    places = types.UniTuple(types.intp, FILTERS)

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        found = []
        for m in range(FILTERS):
            at = builder.add(arguments[1], int_of(m))
            at = builder.select(builder.icmp_signed("<", at, arguments[2]), at, arguments[2])
            found.append(builder.load(builder.gep(arguments[0], [at])))
        return context.make_tuple(builder, places, found)

    return places(table, types.intp, types.intp), generate


def _start_tile(vectors: int) -> Any:
    """An intrinsic that begins a tile."""

    @intrinsic
    def start_tile(typing: Any, p: Any, places: Any) -> Any:
        """p[places[m]] in all sums of row m."""
        vec = Vec(p.dtype)
        tile = types.UniTuple(vec, FILTERS * vectors)

        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            sums = []
            for place in cgutils.unpack_tuple(builder, arguments[1], FILTERS):
                sums += [broadcast(builder, vec, builder.load(builder.gep(arguments[0], [place])))] * vectors
            return context.make_tuple(builder, tile, sums)

        return tile(p, places), generate

    return start_tile


def _step(vectors: int) -> Any:
    """An intrinsic that adds one step of the depth to a tile: the drawing above."""

    @intrinsic
    def step(typing: Any, tile: Any, a: Any, places: Any, i: Any, b: Any, j: Any) -> Any:
        """tile[m][n] += a[places[m] + i] * b[j + n * lanes ...].

        LLVM unrolls the loop around it; the empty instruction keeps it from loading for the next step too early, as
        that takes registers from the sums.
        """
        vec = tile.dtype

        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            builder.asm(ir.FunctionType(ir.VoidType(), []), "", "~{memory}", [], True)
            sums = cgutils.unpack_tuple(builder, arguments[0], FILTERS * vectors)
            places = cgutils.unpack_tuple(builder, arguments[2], FILTERS)
            columns = []
            for n in range(vectors):
                place = builder.add(arguments[5], int_of(n * vec.lanes))
                columns.append(read(builder, vec, builder.gep(arguments[4], [place])))
            for m in range(FILTERS):
                element = builder.load(builder.gep(builder.gep(arguments[1], [places[m]]), [arguments[3]]))
                every = broadcast(builder, vec, element)
                for n in range(vectors):
                    sums[m * vectors + n] = multiply_add(builder, vec, every, columns[n], sums[m * vectors + n])
            return context.make_tuple(builder, tile, sums)

        return tile(tile, a, places, types.intp, b, types.intp), generate

    return step


def _put_tile(vectors: int) -> Any:
    """An intrinsic that stores a tile, or adds it to what is there."""

    @intrinsic
    def put_tile(typing: Any, tile: Any, c: Any, pitch: Any, add: Any) -> Any:
        """c[m * pitch ...] = or += tile[m]."""
        vec = tile.dtype

        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            sums, row = cgutils.unpack_tuple(builder, arguments[0], FILTERS * vectors), int_of(0)
            places = []
            for _ in range(FILTERS):
                places += [builder.gep(arguments[1], [builder.add(row, int_of(n * vec.lanes))]) for n in range(vectors)]
                row = builder.add(row, arguments[2])
            with builder.if_else(arguments[3]) as (adding, writing):
                with adding:
                    for value, place in zip(sums, places, strict=True):
                        write(builder, vec, builder.fadd(read(builder, vec, place), value), place)
                with writing:
                    for value, place in zip(sums, places, strict=True):
                        write(builder, vec, value, place)
            return context.get_dummy_value()

        return types.void(tile, c, types.intp, types.boolean), generate

    return put_tile


start_1, start_2, start_3 = _start_tile(1), _start_tile(2), _start_tile(3)
step_1, step_2, step_3 = _step(1), _step(2), _step(3)
put_1, put_2, put_3 = _put_tile(1), _put_tile(2), _put_tile(3)


@inner
def multiply_tile(vectors, depth, a, places, across, b, taps, start, begin, c, pitch, more):
    """A tile of C = start + A @ B, or of C += A @ B (`more`): FILTERS rows, `vectors` (1 to 3) vectors wide.

    Step i < depth takes a[places[m] + across[i]] of row m, and the vectors from b[taps[i]] on. Row m of C begins
    at c[m * pitch], its sums with start[begin[m]]: that is zero if it goes on with a sum.
    """
    if vectors == 3:
        tile = start_3(start, begin)
        for i in range(depth):
            tile = step_3(tile, a, places, get(across, i), b, get(taps, i))
        put_3(tile, c, pitch, more)
    elif vectors == 2:
        tile_2 = start_2(start, begin)
        for i in range(depth):
            tile_2 = step_2(tile_2, a, places, get(across, i), b, get(taps, i))
        put_2(tile_2, c, pitch, more)
    else:
        tile_1 = start_1(start, begin)
        for i in range(depth):
            tile_1 = step_1(tile_1, a, places, get(across, i), b, get(taps, i))
        put_1(tile_1, c, pitch, more)
