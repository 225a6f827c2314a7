"""Sums of shifted planes: conv2d and its input gradient with one channel a group (depthwise).

result = start + the sum over taps of weight * plane shifted by the tap. That is the convolution, with x laid out by the
remainders of its rows and columns (`bands`). It is the input gradient too, where dy is not taken apart but the result
is: pixels whose row and column have remainders (d, e) modulo the stride are a part of their own, the sum of the taps
that reach them, and the parts are woven together. So one compiled function does both.

4 vectors of the result stay in registers over all taps. Taps whose elements neighbour share their loads:

    plane, 5 loads     | v0 | v1 | v2 | v3 | v4 |
    tap 0 takes        | 16 | 16 | 16 | 16 |           as loaded
    tap 1 takes         | 16 | 16 | 16 | 16 |          shifted by one, in registers
    tap 2 takes          | 16 | 16 | 16 | 16 |         shifted by two: 12 loads that cross lines, otherwise

Runs are computed over the rows of a band as if they were one, so that rows of 7 fill the lanes too; then the wanted
part of each row is copied to the result.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from backends.numba_tiled.depthwise.bands import Bands, lay_out
from backends.numba_tiled.launch.records import record
from backends.numba_tiled.launch.spread import spread
from backends.numba_tiled.layout.rows import Rows
from backends.numba_tiled.simd.compiled import entry, inner
from backends.numba_tiled.simd.emit import broadcast, int_of, multiply_add, read, shuffle, write
from backends.numba_tiled.simd.pointers import get, moved, pointer, put
from backends.numba_tiled.simd.registers import Vec
from backends.numba_tiled.simd.vector import lanes, load, store, store_first, zip_high, zip_low


class Stencil(NamedTuple):
    """A depthwise convolution or its input gradient. Sizes in elements; `taps` and `weights` are listed part by part.

    A unit is a plane that is read, or a set of `sources` planes that are added up to one result.
    """

    units: int  # in all
    channels: int  # of the results: unit u makes results of channel u * results % channels, and those after it
    depth: int  # weights of a channel of the results
    together: int  # units that are laid out at a time
    sources: int  # planes that a result sums over
    results: int  # that are made from the same planes
    rows: int  # of a part in a band
    bands: int
    run: int  # from one part in scratch memory to the next
    h: int  # of the result
    w: int
    sh: int  # parts
    sw: int
    laid: int  # elements of scratch memory for the planes
    begin: np.ndarray  # in the two lists below, of each part's threes of neighbours, twos, ones; and the end
    taps: np.ndarray  # where in the planes
    weights: np.ndarray  # which of the result's


class Stencils(NamedTuple):
    """What a call is given besides its arrays."""

    s: Stencil
    bands: Bands  # of what is read


class Lists(NamedTuple):
    """The three lists of a stencil, as pointers."""

    begin: Any
    taps: Any
    weights: Any


def _run_of(vectors: int) -> tuple[Any, Any]:
    """Intrinsics that begin and store `vectors` neighbouring vectors of a result."""

    @intrinsic
    def begin_run(typing: Any, p: Any, i: Any) -> Any:
        """p[i] in all lanes."""
        vec = Vec(p.dtype)
        run = types.UniTuple(vec, vectors)

        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            every = broadcast(builder, vec, builder.load(builder.gep(arguments[0], [arguments[1]])))
            return context.make_tuple(builder, run, [every] * vectors)

        return run(p, types.intp), generate

    @intrinsic
    def put_run(typing: Any, run: Any, out: Any, i: Any) -> Any:
        """out[i ...] = run."""
        vec = run.dtype

        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            base = builder.gep(arguments[1], [arguments[2]])
            for k, value in enumerate(cgutils.unpack_tuple(builder, arguments[0], vectors)):
                write(builder, vec, value, builder.gep(base, [int_of(k * vec.lanes)]))
            return context.get_dummy_value()

        return types.void(run, out, types.intp), generate

    return begin_run, put_run


def _add_taps(vectors: int, neighbours: int) -> Any:
    """An intrinsic that adds the products of `neighbours` taps, each one element on from the last."""

    @intrinsic
    def add_taps(typing: Any, run: Any, w: Any, i: Any, weights: Any, k: Any, source: Any, j: Any) -> Any:
        """run += w[i + weights[k + s]] * source[j + s ...] for s < neighbours."""
        vec = run.dtype

        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            held, w, i, weights, k, source, j = arguments
            sums, base = cgutils.unpack_tuple(builder, held, vectors), builder.gep(source, [j])
            count = vectors + (neighbours > 1)
            read_once = [read(builder, vec, builder.gep(base, [int_of(m * vec.lanes)])) for m in range(count)]
            for s in range(neighbours):
                which = builder.load(builder.gep(weights, [builder.add(k, int_of(s))]))
                every = broadcast(builder, vec, builder.load(builder.gep(w, [builder.add(i, which)])))
                for m in range(vectors):
                    value = read_once[m]
                    if s > 0:
                        value = shuffle(builder, value, read_once[m + 1], list(range(s, s + vec.lanes)))
                    sums[m] = multiply_add(builder, vec, every, value, sums[m])
            return context.make_tuple(builder, run, sums)

        return run(run, w, types.intp, weights, types.intp, source, types.intp), generate

    return add_taps


_begin_4, _put_4 = _run_of(4)
_begin_1, _put_1 = _run_of(1)
_add_4_of_3, _add_4_of_2, _add_4_of_1 = _add_taps(4, 3), _add_taps(4, 2), _add_taps(4, 1)
_add_1_of_3, _add_1_of_2, _add_1_of_1 = _add_taps(1, 3), _add_taps(1, 2), _add_taps(1, 1)


@inner
def _sum_taps(out, size, source, start, w, lists, part):
    """out[: size] = start[0] + the sum of a part's taps of the plane `source`; `size` is whole vectors."""
    n, q, begin, taps, weights = lanes(out), 0, lists.begin, lists.taps, lists.weights
    first, twos, ones, end = (
        get(begin, 3 * part), get(begin, 3 * part + 1), get(begin, 3 * part + 2), get(begin, 3 * part + 3)
    )  # fmt: skip
    while q + 4 * n <= size:
        run = _begin_4(start, 0)
        for k in range(first, twos, 3):
            run = _add_4_of_3(run, w, 0, weights, k, source, get(taps, k) + q)
        for k in range(twos, ones, 2):
            run = _add_4_of_2(run, w, 0, weights, k, source, get(taps, k) + q)
        for k in range(ones, end):
            run = _add_4_of_1(run, w, 0, weights, k, source, get(taps, k) + q)
        _put_4(run, out, q)
        q += 4 * n
    while q < size:
        run_1 = _begin_1(start, 0)
        for k in range(first, twos, 3):
            run_1 = _add_1_of_3(run_1, w, 0, weights, k, source, get(taps, k) + q)
        for k in range(twos, ones, 2):
            run_1 = _add_1_of_2(run_1, w, 0, weights, k, source, get(taps, k) + q)
        for k in range(ones, end):
            run_1 = _add_1_of_1(run_1, w, 0, weights, k, source, get(taps, k) + q)
        _put_1(run_1, out, q)
        q += n


@inner
def _weave(y, to, planes, rows, columns, out, made, part, parts):
    """Rows of y (at `to`) woven from those of their parts (in `out` at `made`), which are `part` apart.

    Element c of a row of y is element c // parts of the row of part c % parts. Only c < columns are written.
    """
    n = lanes(y)
    whole = columns - columns % (parts * n)
    rest = columns - whole
    for k in range(planes):
        for r in range(rows):
            i, at = to.begin + k * to.plane + r * to.row, made.begin + k * made.plane + r * made.row
            if parts == 1:
                for q in range(0, whole, n):
                    store(y, i + q, load(out, at + q))
                if rest > 0:
                    store_first(y, i + whole, load(out, at + whole), rest)
            elif parts == 2:
                for q in range(0, whole, 2 * n):
                    a, b = load(out, at + q // 2), load(out, at + part + q // 2)
                    store(y, i + q, zip_low(a, b))
                    store(y, i + q + n, zip_high(a, b))
                if rest > 0:
                    a, b = load(out, at + whole // 2), load(out, at + part + whole // 2)
                    store_first(y, i + whole, zip_low(a, b), rest)
                    store_first(y, i + whole + n, zip_high(a, b), rest - n)
            else:
                for q in range(columns):
                    put(y, i + q, get(out, at + q % parts * part + q // parts))


@inner
def _share(t, threads, source, w, start, y, s, bands, buffer):
    """Thread t's part of the units, band by band.

    own | planes of a band | results, part by part |      a thread's part of the scratch memory
        0                  laid
    """
    own = moved(pointer(buffer), t * (buffer.size // threads))
    source, w, start, y = pointer(source), pointer(w), pointer(start), pointer(y)
    lists, out = Lists(pointer(s.begin), pointer(s.taps), pointer(s.weights)), moved(own, s.laid)
    size, image, width, n = bands.height * bands.width, bands.h * bands.w, bands.width, lanes(y)
    items = (s.units + s.together - 1) // s.together * s.bands
    first = t * items // threads
    for item in range(first, (t + 1) * items // threads):
        unit, row = item // s.bands * s.together, item % s.bands * s.rows
        planes = min(s.together, s.units - unit)
        fresh = s.bands > 1 or item == first
        lay_out(own, source, unit * s.sources * image, planes * s.sources, image, row, bands, fresh)
        for m in range(s.results):
            for d in range(s.sh):
                rows = min(s.rows, (s.h - d + s.sh - 1) // s.sh - row)
                if rows <= 0:
                    continue
                long = ((rows - 1) * width + (s.w + s.sw - 1) // s.sw + n - 1) // n * n
                for k in range(planes):
                    f, plane = ((unit + k) * s.results + m) % s.channels, moved(own, k * s.sources * size)
                    for e in range(s.sw):
                        _sum_taps(
                            moved(out, (k * s.sw + e) * s.run), long, plane, moved(start, f), moved(w, f * s.depth),
                            lists, d * s.sw + e,
                        )  # fmt: skip
                to = ((unit * s.results + m) * s.h + row * s.sh + d) * s.w
                _weave(
                    y, Rows(to, s.results * s.h * s.w, s.sh * s.w), planes, rows, s.w, out,
                    Rows(0, s.sw * s.run, width), s.run, s.sw,
                )  # fmt: skip


@entry
def stencil(source, w, start, y, threads, given, buffer):
    """All results of packed `Stencils`, in y. Arrays are contiguous, `buffer` is scratch."""
    given = record(Stencils, given)
    spread(_share, threads, (source, w, start, y, given.s, given.bands, buffer))
