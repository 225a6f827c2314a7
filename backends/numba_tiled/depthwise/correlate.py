"""The gradient of depthwise weights: one dot product of dy with the shifted plane for each tap.

TAPS sums stay in registers while a run of dy goes by: one load of dy serves them all, and taps that neighbour in threes
share their loads of x.

    dy   | a b c d | ...          sum of tap 0 += a b c d * x[tap 0 ...]
                                  sum of tap 1 += a b c d * x[tap 1 ...]     ... 9 of them, a 3x3 kernel at once

As in `stencil` a run goes over the rows of a band as if they were one; dy is laid out as wide as x, with zeros between
its rows. There they meet pixels that the tap must not read, and zero times an infinite one would be NaN: where a sum is
not finite it is formed again row by row, from the right pixels alone. x and dy are read once, dw alone is written.

The sums of each band are added up apart, so rounding grows with the number of bands and images, not of pixels. A
filter belongs to one thread, which takes the images in their order.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from backends.numba_tiled.depthwise.bands import Bands, lay_out
from backends.numba_tiled.launch.records import record
from backends.numba_tiled.launch.spread import spread
from backends.numba_tiled.layout.rows import clear
from backends.numba_tiled.simd.compiled import entry, inner
from backends.numba_tiled.simd.emit import first, int_of, multiply_add, read, shuffle, sum_of_lanes
from backends.numba_tiled.simd.pointers import moved, pointer
from backends.numba_tiled.simd.registers import Vec
from backends.numba_tiled.simd.vector import lanes, load, load_first, total

TAPS = 9  # sums in registers: a 3x3 kernel at once


class Correlation(NamedTuple):
    """The gradient of depthwise weights. Sizes in elements."""

    batch: int
    channels: int  # of x
    together: int  # channels at a time
    multiplier: int  # filters of a channel
    oh: int
    ow: int
    rows: int  # of dy in a band
    bands: int
    laid: int  # elements of scratch memory for the planes of x
    depth: int  # taps
    threes: int  # so many taps come in threes of neighbours, and first
    taps: np.ndarray  # where they are in the planes
    weights: np.ndarray  # which


class Correlations(NamedTuple):
    """What a call is given besides its arrays."""

    c: Correlation
    of_x: Bands
    of_dy: Bands


class Lists(NamedTuple):
    """The two lists of a correlation, as pointers."""

    depth: int  # taps
    threes: int
    taps: Any
    weights: Any


@intrinsic
def _places(typing: Any, taps: Any, i: Any, step: Any, last: Any) -> Any:
    """taps[i + m * step] for m < TAPS; those after `last` are `last` again."""
    places = types.UniTuple(types.intp, TAPS)

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        found, at = [], arguments[1]
        for _ in range(TAPS):
            place = builder.select(builder.icmp_signed("<", at, arguments[3]), at, arguments[3])
            found.append(builder.load(builder.gep(arguments[0], [place])))
            at = builder.add(at, arguments[2])
        return context.make_tuple(builder, places, found)

    return places(taps, types.intp, types.intp, types.intp), generate


@intrinsic
def _no_sums(typing: Any, p: Any) -> Any:
    """TAPS vectors of zeros."""
    sums = types.UniTuple(Vec(p.dtype), TAPS)
    return sums(p), lambda context, builder, signature, arguments: context.get_constant_null(sums)


def _add_products(neighbours: int) -> Any:
    """An intrinsic; each place stands for `neighbours` taps, one element on from the other, that share their loads."""

    @intrinsic
    def add_products(typing: Any, sums: Any, b: Any, x: Any, places: Any, q: Any, count: Any) -> Any:
        """sums[m * neighbours + s] += b * x[places[m] + q + s ...], of which the lanes before `count`."""
        vec = sums.dtype

        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            held, b, x, places, q, count = arguments
            base, mask, added = builder.gep(x, [q]), first(builder, vec, count), []
            places = cgutils.unpack_tuple(builder, places, TAPS)[: TAPS // neighbours]
            for m, value in enumerate(cgutils.unpack_tuple(builder, held, TAPS)):
                if m % neighbours == 0:
                    address = builder.gep(base, [places[m // neighbours]])
                    near = shifted = read(builder, vec, address)
                    far = read(builder, vec, builder.gep(address, [int_of(vec.lanes)])) if neighbours > 1 else near
                else:
                    shifted = shuffle(builder, near, far, list(range(m % neighbours, m % neighbours + vec.lanes)))
                wanted = builder.select(mask, shifted, ir.Constant(vec.llvm, [0.0] * vec.lanes))
                added.append(multiply_add(builder, vec, b, wanted, value))
            return context.make_tuple(builder, sums, added)

        return sums(sums, b, x, places, types.intp, types.intp), generate

    return add_products


_add_threes, _add_ones = _add_products(3), _add_products(1)


@intrinsic
def _times_zero(typing: Any, sums: Any) -> Any:
    """The sum of all times zero: zero, or NaN if any is not finite."""
    vec = sums.dtype

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        zero = ir.Constant(vec.llvm, [0.0] * vec.lanes)
        value = zero
        for one in cgutils.unpack_tuple(builder, arguments[0], TAPS):
            value = multiply_add(builder, vec, one, zero, value)
        return value

    return vec(sums), generate


@intrinsic
def _add_totals(typing: Any, dw: Any, i: Any, weights: Any, k: Any, sums: Any, count: Any) -> Any:
    """dw[i + weights[k + m]] += the sum of the lanes of sums[m], for m < count."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        dw, i, weights, k, held, count = arguments
        for m, value in enumerate(cgutils.unpack_tuple(builder, held, TAPS)):
            with builder.if_then(builder.icmp_signed("<", int_of(m), count)):
                which = builder.load(builder.gep(weights, [builder.add(k, int_of(m))]))
                address = builder.gep(dw, [builder.add(i, which)])
                builder.store(builder.fadd(builder.load(address), sum_of_lanes(builder, sums.dtype, value)), address)
        return context.get_dummy_value()

    return types.void(dw, types.intp, weights, types.intp, sums, types.intp), generate


@inner
def _dots(x, places, threes, dy, rows, columns, pitch):
    """The sums of dy[r * pitch + q] * x[place + r * pitch + q] over r < rows, q < columns."""
    n = lanes(x)
    whole = columns - columns % n
    sums = _no_sums(x)
    for r in range(rows):
        begin = r * pitch
        if threes:
            for q in range(begin, begin + whole, n):
                sums = _add_threes(sums, load(dy, q), x, places, q, n)
            if whole < columns:
                rest, q = columns - whole, begin + whole
                sums = _add_threes(sums, load_first(dy, q, rest), x, places, q, rest)
        else:
            for q in range(begin, begin + whole, n):
                sums = _add_ones(sums, load(dy, q), x, places, q, n)
            if whole < columns:
                rest, q = columns - whole, begin + whole
                sums = _add_ones(sums, load_first(dy, q, rest), x, places, q, rest)
    return sums


@inner
def _add_plane(dw, x, dy, rows, columns, width, lists):
    """dw[tap] += the sum of dy * x shifted by the tap, for all taps; rows of `columns` are `width` apart in both."""
    tap = 0
    while tap < lists.depth:
        threes = tap < lists.threes
        step, end = (3, lists.threes) if threes else (1, lists.depth)
        places = _places(lists.taps, tap, step, end - step)
        high, wide = 1, (rows - 1) * width + columns  # all rows as one
        sums = _no_sums(x)
        while wide > 0:
            sums = _dots(x, places, threes, dy, high, wide, width)
            if high == rows or total(_times_zero(sums)) == 0:
                wide = 0
            else:
                high, wide = rows, columns  # once more, row by row
        _add_totals(dw, 0, lists.weights, tap, sums, end - tap)
        tap = min(tap + TAPS, end)


@inner
def _share(t, threads, dy, x, dw, c, of_x, of_dy, buffer):
    """Thread t's part of the channels.

    own | planes of x, a band | dy, a band |      a thread's part of the scratch memory
        0                     laid
    """
    own = moved(pointer(buffer), t * (buffer.size // threads))
    x, dy, dw, laid = pointer(x), pointer(dy), pointer(dw), moved(own, c.laid)
    lists = Lists(c.depth, c.threes, pointer(c.taps), pointer(c.weights))
    size, image, pixels, width = of_x.height * of_x.width, of_x.h * of_x.w, c.oh * c.ow, of_x.width
    blocks = (c.channels + c.together - 1) // c.together
    begin = t * blocks // threads
    for block in range(begin, (t + 1) * blocks // threads):
        channel = block * c.together
        planes = min(c.together, c.channels - channel)
        clear(dw, channel * c.multiplier * c.depth, planes * c.multiplier * c.depth)
        for item in range(c.batch * c.bands):
            unit, row = item // c.bands * c.channels + channel, item % c.bands * c.rows
            rows = min(c.rows, c.oh - row)
            fresh = c.bands > 1 or (block == begin and item == 0)
            lay_out(own, x, unit * image, planes, image, row, of_x, fresh)
            for m in range(c.multiplier):
                lay_out(laid, dy, (unit * c.multiplier + m) * pixels, planes, c.multiplier * pixels, row, of_dy, fresh)
                for k in range(planes):
                    to = moved(dw, ((channel + k) * c.multiplier + m) * c.depth)
                    _add_plane(
                        to, moved(own, k * size), moved(laid, k * of_dy.height * width), rows, c.ow, width, lists
                    )


@entry
def correlate(dy, x, dw, threads, given, buffer):
    """dw[f][tap] of all filters, of packed `Correlations`. Arrays are contiguous, `buffer` is scratch."""
    given = record(Correlations, given)
    spread(_share, threads, (dy, x, dw, given.c, given.of_x, given.of_dy, buffer))
