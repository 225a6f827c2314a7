"""Sums of shifted planes: conv2d and its input gradient with one channel a group (depthwise).

result = start + the sum over taps of weight * plane shifted by the tap. That is the convolution, with x laid out by the
remainders of its rows and columns (`bands`). It is the input gradient too, where dy is not taken apart but the result
is: pixels whose row and column have remainders (d, e) modulo the stride are a part of their own, the sum of the taps
that reach them, and the parts are woven together. So one compiled function does both.

4 vectors of the result stay in registers over all taps. Taps whose elements neighbour share their loads: three of them
load 5 vectors, and shift them in registers, where they would load 12 vectors that cross lines. Runs are computed over
the rows of a band as if they were one, so that rows of 7 fill the lanes too; then the wanted part of each row is copied
to the result.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numba import njit, types
from numba.core import cgutils
from numba.extending import intrinsic

from backends.numba_tiled.depthwise.bands import lay_out
from backends.numba_tiled.simd.registers import Vec, broadcast, int_of, multiply_add, read, shuffle, write
from backends.numba_tiled.launch.spread import spread
from backends.numba_tiled.simd.vector import get, lanes, load, moved, pointer, put, store, store_first, zip_high, zip_low


class Stencil(NamedTuple):
    """A depthwise convolution or its input gradient. `taps` and `weights` are listed part by part."""

    together: int  # units of work: planes that are laid out, or sets of `sources` planes that make one result
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


@njit(nogil=True, error_model="numpy")
def _sum_taps(out, to, size, source, at, start, f, w, i, taps, weights, begin, part):
    """out[to ...] = start[f] + the sum of a part's taps of the plane source[at ...]; `size` is whole vectors."""
    n, q = lanes(out), 0
    first, twos, ones, end = (
        get(begin, 3 * part), get(begin, 3 * part + 1), get(begin, 3 * part + 2), get(begin, 3 * part + 3)
    )  # fmt: skip
    while q + 4 * n <= size:
        run = _begin_4(start, f)
        for k in range(first, twos, 3):
            run = _add_4_of_3(run, w, i, weights, k, source, at + get(taps, k) + q)
        for k in range(twos, ones, 2):
            run = _add_4_of_2(run, w, i, weights, k, source, at + get(taps, k) + q)
        for k in range(ones, end):
            run = _add_4_of_1(run, w, i, weights, k, source, at + get(taps, k) + q)
        _put_4(run, out, to + q)
        q += 4 * n
    while q < size:
        run_1 = _begin_1(start, f)
        for k in range(first, twos, 3):
            run_1 = _add_1_of_3(run_1, w, i, weights, k, source, at + get(taps, k) + q)
        for k in range(twos, ones, 2):
            run_1 = _add_1_of_2(run_1, w, i, weights, k, source, at + get(taps, k) + q)
        for k in range(ones, end):
            run_1 = _add_1_of_1(run_1, w, i, weights, k, source, at + get(taps, k) + q)
        _put_1(run_1, out, to + q)
        q += n


@njit(nogil=True, error_model="numpy")
def _weave(y, place, apart, pitch, planes, rows, columns, out, plane, part, width, parts):
    """y[place + k * apart + r * pitch + c * parts + e] = out[k * plane + e * part + r * width + c], whole rows."""
    n = lanes(y)
    whole = columns - columns % (parts * n)
    rest = columns - whole
    for k in range(planes):
        for r in range(rows):
            to, at = place + k * apart + r * pitch, k * plane + r * width
            if parts == 1:
                for q in range(0, whole, n):
                    store(y, to + q, load(out, at + q))
                if rest > 0:
                    store_first(y, to + whole, load(out, at + whole), rest)
            elif parts == 2:
                for q in range(0, whole, 2 * n):
                    a, b = load(out, at + q // 2), load(out, at + part + q // 2)
                    store(y, to + q, zip_low(a, b))
                    store(y, to + q + n, zip_high(a, b))
                if rest > 0:
                    a, b = load(out, at + whole // 2), load(out, at + part + whole // 2)
                    store_first(y, to + whole, zip_low(a, b), rest)
                    store_first(y, to + whole + n, zip_high(a, b), rest - n)
            else:
                for q in range(columns):
                    put(y, to + q, get(out, at + q % parts * part + q // parts))


@njit(nogil=True, error_model="numpy")
def _share(t, threads, source, w, start, y, units, channels, depth, s, bands, buffer):
    """Part t of the units, band by band."""
    own = moved(pointer(buffer), t * (buffer.size // threads))
    source, w, start, y = pointer(source), pointer(w), pointer(start), pointer(y)
    begin, taps, weights, out = pointer(s.begin), pointer(s.taps), pointer(s.weights), moved(own, s.laid)
    size, image, width, n = bands.height * bands.width, bands.h * bands.w, bands.width, lanes(y)
    items = (units + s.together - 1) // s.together * s.bands
    first = t * items // threads
    for item in range(first, (t + 1) * items // threads):
        unit, row = item // s.bands * s.together, item % s.bands * s.rows
        planes = min(s.together, units - unit)
        fresh = s.bands > 1 or item == first
        lay_out(own, source, unit * s.sources * image, planes * s.sources, image, row, bands, fresh)
        for m in range(s.results):
            for d in range(s.sh):
                rows = min(s.rows, (s.h - d + s.sh - 1) // s.sh - row)
                if rows <= 0:
                    continue
                long = ((rows - 1) * width + (s.w + s.sw - 1) // s.sw + n - 1) // n * n
                for k in range(planes):
                    f = ((unit + k) * s.results + m) % channels
                    for e in range(s.sw):
                        part = d * s.sw + e
                        _sum_taps(
                            out, (k * s.sw + e) * s.run, long, own, k * s.sources * size, start, f, w, f * depth,
                            taps, weights, begin, part,
                        )  # fmt: skip
                _weave(
                    y, ((unit * s.results + m) * s.h + row * s.sh + d) * s.w, s.results * s.h * s.w, s.sh * s.w,
                    planes, rows, s.w, out, s.sw * s.run, s.run, width, s.sw,
                )  # fmt: skip


@njit(nogil=True, cache=True, error_model="numpy")
def stencil(source, w, start, y, threads, units, channels, depth, s, bands, buffer):
    """Results are `units` times s.results planes, of `channels` channels with `depth` weights each."""
    spread(_share, threads, (source, w, start, y, units, channels, depth, s, bands, buffer))
