"""The transforms of Winograd's F(2x2, 3x3): vector arithmetic on tiles, on kernels and on sums.

One output tile of 2x2 pixels is A' [(G g G') * (B' d B)] A, for 4x4 pixels d of the image and a 3x3 kernel g: 16
products instead of 36. B and A hold only 0, 1 and -1; G has halves too, so whole numbers stay exact. Lanes are tiles
side by side, but for kernels, where they are neighbours in the depth of the product. Nothing is packed: the image is
read where it is, under masks at its border, even and odd columns are told apart in registers, and results are woven
in registers.
"""

from __future__ import annotations

from itertools import chain
from typing import Any

from llvmlite import ir
from numba import njit, types
from numba.core import cgutils
from numba.extending import intrinsic

from backends.numba_tiled.layout.rows import are_finite
from backends.numba_tiled.simd.registers import (
    Value,
    Vec,
    between,
    first,
    int_of,
    read,
    read_masked,
    shuffle,
    write,
    write_masked,
)
from backends.numba_tiled.simd.vector import lanes

FREQUENCIES, TAPS = 16, 9


def _of_image(builder: Any, d: list[Value]) -> list[Value]:
    """B' d, in one direction."""
    return [
        builder.fsub(d[0], d[2]), builder.fadd(d[1], d[2]), builder.fsub(d[2], d[1]), builder.fsub(d[1], d[3]),
    ]  # fmt: skip


def _of_kernel(builder: Any, g: list[Value]) -> list[Value]:
    """G g, in one direction."""
    half = ir.Constant(g[0].type, [0.5] * g[0].type.count)
    ends, middle = builder.fmul(builder.fadd(g[0], g[2]), half), builder.fmul(g[1], half)
    return [g[0], builder.fadd(ends, middle), builder.fsub(ends, middle), g[2]]


def _of_sums(builder: Any, m: list[Value]) -> list[Value]:
    """A' m, in one direction."""
    return [
        builder.fadd(builder.fadd(m[0], m[1]), m[2]), builder.fsub(builder.fsub(m[1], m[2]), m[3]),
    ]  # fmt: skip


def _low(n: int) -> list[int]:
    """v0 w0 v1 w1 ... of two vectors."""
    return [lane for k in range(n // 2) for lane in (k, n + k)]


def _high(n: int) -> list[int]:
    return [lane for k in range(n // 2, n) for lane in (k, n + k)]


def _both_ways(builder: Any, transform: Any, matrix: list[list[Value]]) -> list[list[Value]]:
    """The transform of the columns, then of the rows, of rows of vectors."""
    columns = [transform(builder, list(column)) for column in zip(*matrix, strict=True)]
    return [transform(builder, list(row)) for row in zip(*columns, strict=True)]


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
        for value in chain.from_iterable(_both_ways(builder, _of_image, tile)):
            write(builder, vec, value, builder.gep(v, [i]))
            i = builder.add(i, apart)
        return context.get_dummy_value()

    whole = types.intp
    return types.void(v, whole, whole, x, whole, whole, whole, whole, whole, whole, nothing), generate


def _turned(builder: Any, rows: list[Value]) -> list[Value]:
    """Lane k of every row in vector k: the rows are zipped, halves with halves."""
    n = len(rows)
    streams = [[row] for row in rows]
    while len(streams) > 1:
        half = len(streams) // 2
        streams = [
            [shuffle(builder, a, b, order) for a, b in zip(one, two, strict=True) for order in (_low(n), _high(n))]
            for one, two in zip(streams[:half], streams[half:], strict=True)
        ]
    return streams[0]


@intrinsic
def _kernels(typing: Any, u: Any, i: Any, apart: Any, w: Any, j: Any, pitch: Any, count: Any, nothing: Any) -> Any:
    """u[i + k * apart ...] = frequency k of the kernels at w[j], w[j + pitch], ..., of which `count` are there.

    Taps become vectors by turning the kernels over; LLVM drops the half of it that nobody reads.
    """
    vec = Vec(u.dtype)

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        u, i, apart, w, j, pitch, count, nothing = arguments
        n, sources, taps = vec.lanes, [], []
        for lane in range(n):
            there = builder.icmp_signed("<", int_of(lane), count)
            sources.append(builder.select(there, builder.gep(w, [j]), nothing))
            j = builder.add(j, pitch)
        for base in range(0, TAPS, n):
            mask = ir.Constant(vec.mask, [base + lane < TAPS for lane in range(n)])
            rows = [read_masked(builder, vec, builder.gep(source, [int_of(base)]), mask) for source in sources]
            taps += _turned(builder, rows)
        for value in chain.from_iterable(_both_ways(builder, _of_kernel, [taps[:3], taps[3:6], taps[6:TAPS]])):
            write(builder, vec, value, builder.gep(u, [i]))
            i = builder.add(i, apart)
        return context.get_dummy_value()

    whole = types.intp
    return types.void(u, whole, whole, w, whole, whole, whole, nothing), generate


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
        rows = _both_ways(builder, _of_sums, [sums[k : k + 4] for k in range(0, FREQUENCIES, 4)])
        woven = [[shuffle(builder, even, odd, order) for order in (_low(n), _high(n))] for even, odd in rows]
        masks = [first(builder, vec, builder.sub(count, int_of(half * n))) for half in range(2)]
        places = [[builder.gep(y, [builder.add(i, int_of(half * n))]) for half in range(2)]]
        i = builder.add(i, pitch)
        places.append([builder.gep(y, [builder.add(i, int_of(half * n))]) for half in range(2)])

        def put(row: int) -> None:
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


@njit(nogil=True, error_model="numpy")
def transform_image(v, apart, pitch, x, place, stride, images, channels, g, row, rows, nothing):
    """v[k * apart + c * pitch + t] = frequency k of tile t of channel c, for `rows` rows of tiles of several images.

    The rows are those from `row` on, the images are `stride` apart in x. Whole vectors are stored: what is too much in
    a row is overwritten by the next ones, or lies in the `pitch` after the last, so vectors go from right to left.
    Memory: 16 loads, 16 stores and 32 additions for a vector of tiles.
    """
    n = lanes(v)
    for j in range((g.across - 1) // n * n, -1, -n):
        column = 2 * j - g.left
        for c in range(channels):
            for i in range(images * rows):
                top = 2 * (row + i % rows) - g.top
                first = place + i // rows * stride + (c * g.h + top) * g.w + column
                _image_tiles(
                    v, c * pitch + i * g.across + j, apart, x, first, g.w, top, g.h, -column, g.w - column, nothing
                )  # fmt: skip


@njit(nogil=True, error_model="numpy")
def transform_sums(y, place, stride, images, m, at, apart, g, row, rows):
    """The pixels of `rows` rows of tiles, from `row` on, of one channel of y, from the sums at m[at + k * apart + t].

    The images are `stride` apart in y. Returns whether all pixels are finite.
    """
    n, finite = lanes(y), True
    some = (min(2 * (row + rows), g.oh) - 2 * row) * g.ow
    for _ in range(images):
        for j in range(0, g.across, n):
            for i in range(rows):
                p = 2 * (row + i)
                _pixels(
                    y, place + p * g.ow + 2 * j, g.ow, g.ow - 2 * j, p + 1 < g.oh, m, at + i * g.across + j, apart
                )  # fmt: skip
        finite = finite and are_finite(y, place + 2 * row * g.ow, some)
        place += stride
        at += rows * g.across
    return finite


@njit(nogil=True, error_model="numpy")
def transform_kernels(u, to, apart, w, place, pitch, depth, nothing):
    """u[to + k * apart + d] = frequency k of the kernel at w[place + d * pitch], for d < depth; then zeros."""
    n = lanes(u)
    for d in range(0, depth, n):
        _kernels(u, to + d, apart, w, place + d * pitch, pitch, depth - d, nothing)
