"""A matrix transposed in registers, a square of lanes x lanes at a time.

    source   a0 a1 a2 a3 ...        to   a0 b0 c0 d0
             b0 b1 b2 b3 ...             a1 b1 c1 d1
             c0 c1 c2 c3 ...             a2 b2 c2 d2
             d0 d1 d2 d3 ...             ...

Rows are loaded as vectors; `emit.transposed` says how their lanes change places.
"""

from __future__ import annotations

from typing import Any

from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from backends.numba_tiled.simd import emit
from backends.numba_tiled.simd.compiled import inner
from backends.numba_tiled.simd.emit import int_of, write, write_first
from backends.numba_tiled.simd.pointers import get, moved, put
from backends.numba_tiled.simd.registers import Vec
from backends.numba_tiled.simd.vector import lanes, load_first


@intrinsic
def _zero_rows(typing: Any, p: Any) -> Any:
    """A tuple of as many vectors of zeros as a vector has lanes."""
    vec = Vec(p.dtype)
    rows = types.UniTuple(vec, vec.lanes)
    return rows(p), lambda context, builder, signature, arguments: context.get_constant_null(rows)


@intrinsic
def _append(typing: Any, rows: Any, row: Any) -> Any:
    """The vectors without the first, and one more."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        held = cgutils.unpack_tuple(builder, arguments[0], rows.count)
        return context.make_tuple(builder, rows, [*held[1:], arguments[1]])

    return rows(rows, rows.dtype), generate


@intrinsic
def _store_transposed(typing: Any, p: Any, i: Any, pitch: Any, rows: Any, most: Any) -> Any:
    """Column k of the rows to p[i + k * pitch ...]; of all columns, one after the other, the first `most` elements."""
    vec = rows.dtype

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        n = vec.lanes
        columns = emit.transposed(builder, cgutils.unpack_tuple(builder, arguments[3], rows.count))
        places = [arguments[1]]
        for _ in columns[1:]:
            places.append(builder.add(places[-1], arguments[2]))
        addresses = [builder.gep(arguments[0], [place]) for place in places]
        whole = builder.icmp_signed(">=", arguments[4], int_of(n * rows.count))
        with builder.if_else(whole) as (all_of_it, some):
            with all_of_it:
                for value, address in zip(columns, addresses, strict=True):
                    write(builder, vec, value, address)
            with some:
                for k, (value, address) in enumerate(zip(columns, addresses, strict=True)):
                    write_first(builder, vec, value, address, builder.sub(arguments[4], int_of(k * n)))
        return context.get_dummy_value()

    return types.void(p, types.intp, types.intp, rows, types.intp), generate


@inner
def transpose_rows(to, to_pitch, source, pitch, rows, count):
    """to[k * to_pitch + m] = source[m * pitch + k] for m < rows, k < count; 0 for rows <= m < lanes.

    `rows` is at most the number of lanes, and whole vectors are written but for the last column.
    """
    n = lanes(to)
    for k in range(0, count, n):
        square = _zero_rows(to)
        for m in range(n):
            square = _append(square, load_first(source, m * pitch + k, count - k if m < rows else 0))
        _store_transposed(to, k * to_pitch, to_pitch, square, (count - k) * n)


@inner
def transpose(to, to_pitch, source, pitch, rows, count):
    """to[k * to_pitch + m] = source[m * pitch + k] for m < rows, k < count, and nothing else."""
    n = lanes(to)
    for m in range(0, rows, n):
        first = min(m, rows - n)  # the last square overlaps the one before
        if first < 0:
            for i in range(rows):
                for k in range(count):
                    put(to, k * to_pitch + i, get(source, i * pitch + k))
        else:
            transpose_rows(moved(to, first), to_pitch, moved(source, first * pitch), pitch, n, count)
