"""A matrix turned over, as much as a register's width at a time.

The lanes of as many vectors are zipped log2 of that many times, in registers: rows become columns.
"""

from __future__ import annotations

from typing import Any

from numba import njit, types
from numba.core import cgutils
from numba.extending import intrinsic

from backends.numba_tiled.simd.registers import Vec, int_of, shuffle, write, write_first
from backends.numba_tiled.simd.vector import get, lanes, load_first, put


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
def _store_turned(typing: Any, p: Any, i: Any, pitch: Any, rows: Any, most: Any) -> Any:
    """The rows side by side, element by element, as one stream of `most` elements; its vector k at p[i + k * pitch]."""
    vec = rows.dtype

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        n = vec.lanes
        low = [lane for k in range(n // 2) for lane in (k, n + k)]
        high = [lane for k in range(n // 2, n) for lane in (k, n + k)]
        streams = [[row] for row in cgutils.unpack_tuple(builder, arguments[3], rows.count)]
        while len(streams) > 1:
            half = len(streams) // 2
            streams = [
                [shuffle(builder, a, b, order) for a, b in zip(one, two, strict=True) for order in (low, high)]
                for one, two in zip(streams[:half], streams[half:], strict=True)
            ]
        places = [arguments[1]]
        for _ in streams[0][1:]:
            places.append(builder.add(places[-1], arguments[2]))
        addresses = [builder.gep(arguments[0], [place]) for place in places]
        whole = builder.icmp_signed(">=", arguments[4], int_of(n * rows.count))
        with builder.if_else(whole) as (all_of_it, some):
            with all_of_it:
                for value, address in zip(streams[0], addresses, strict=True):
                    write(builder, vec, value, address)
            with some:
                for k, (value, address) in enumerate(zip(streams[0], addresses, strict=True)):
                    write_first(builder, vec, value, address, builder.sub(arguments[4], int_of(k * n)))
        return context.get_dummy_value()

    return types.void(p, types.intp, types.intp, rows, types.intp), generate


@njit(nogil=True, error_model="numpy")
def turn_rows(turned, to, width, source, place, rows, pitch, count):
    """turned[to + k * width + m] = source[place + m * pitch + k] for m < rows, k < count; 0 for the other m < lanes."""
    n = lanes(turned)
    for k in range(0, count, n):
        several = _zero_rows(turned)
        for m in range(n):
            several = _append(several, load_first(source, place + m * pitch + k, count - k if m < rows else 0))
        _store_turned(turned, to + k * width, width, several, (count - k) * n)


@njit(nogil=True, error_model="numpy")
def turn_all(turned, to, width, source, place, pitch, rows, count):
    """turned[to + k * width + m] = source[place + m * pitch + k] for m < rows, k < count, and nothing else."""
    n = lanes(turned)
    for m in range(0, rows, n):
        first = min(m, rows - n)  # the last ones overlap those before
        if first < 0:
            for i in range(rows):
                for k in range(count):
                    put(turned, to + k * width + i, get(source, place + i * pitch + k))
        else:
            turn_rows(turned, to + first, width, source, place + first * pitch, n, pitch, count)
