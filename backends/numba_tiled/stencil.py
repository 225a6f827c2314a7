"""Sums of shifted planes: conv2d and its input gradient with one channel a group (depthwise).

result = start + the sum over taps of weight * plane shifted by the tap. That is the convolution, with x laid out by the
remainders of its rows and columns (`bands`). It is the input gradient too, where dy is not taken apart but the result
is: pixels whose row and column have remainders (d, e) modulo the stride are a part of their own, the sum of the taps
that reach them, and the parts are woven together. So one compiled function does both.

Each weight is broadcast once for up to 8 vectors of the result, which stay in registers over all taps: a multiply-add
costs one load from the first-level cache. Runs are computed over the rows of a band as if they were one, so that rows
of 7 fill the lanes too; then the wanted part of each row is copied to the result.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numba import njit, prange, types
from numba.core import cgutils
from numba.extending import intrinsic

from backends.numba_tiled.bands import Bands, lay_out
from backends.numba_tiled.simd import Vec, broadcast, int_of, multiply_add, read, write
from backends.numba_tiled.vector import get, lanes, load, moved, pointer, put, store, store_first, zip_high, zip_low


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
    begin: np.ndarray  # of each part in the two lists below; one more for their end
    taps: np.ndarray  # where in the planes
    weights: np.ndarray  # which of the result's


def _runs(vectors: int) -> tuple[Any, Any, Any]:
    """Intrinsics on `vectors` neighbouring vectors of a result."""

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
    def add_tap(typing: Any, run: Any, w: Any, i: Any, source: Any, j: Any) -> Any:
        """run += w[i] * source[j ...]."""
        vec = run.dtype

        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            every = broadcast(builder, vec, builder.load(builder.gep(arguments[1], [arguments[2]])))
            base = builder.gep(arguments[3], [arguments[4]])
            sums = [
                multiply_add(builder, vec, every, read(builder, vec, builder.gep(base, [int_of(k * vec.lanes)])), value)
                for k, value in enumerate(cgutils.unpack_tuple(builder, arguments[0], vectors))
            ]
            return context.make_tuple(builder, run, sums)

        return run(run, w, types.intp, source, types.intp), generate

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

    return begin_run, add_tap, put_run


_begin_8, _add_8, _put_8 = _runs(8)
_begin_4, _add_4, _put_4 = _runs(4)
_begin_1, _add_1, _put_1 = _runs(1)


@njit(nogil=True, error_model="numpy")
def _sum_taps(out, to, size, source, at, start, f, w, i, taps, weights, begin, end):
    """out[to ...] = start[f] + the sum of taps begin <= k < end of the plane source[at ...]; `size` is whole vectors."""
    n, q = lanes(out), 0
    while q + 8 * n <= size:
        run = _begin_8(start, f)
        for k in range(begin, end):
            run = _add_8(run, w, i + get(weights, k), source, at + get(taps, k) + q)
        _put_8(run, out, to + q)
        q += 8 * n
    while q + 4 * n <= size:
        run_4 = _begin_4(start, f)
        for k in range(begin, end):
            run_4 = _add_4(run_4, w, i + get(weights, k), source, at + get(taps, k) + q)
        _put_4(run_4, out, to + q)
        q += 4 * n
    while q < size:
        run_1 = _begin_1(start, f)
        for k in range(begin, end):
            run_1 = _add_1(run_1, w, i + get(weights, k), source, at + get(taps, k) + q)
        _put_1(run_1, out, to + q)
        q += n


@njit(nogil=True, error_model="numpy")
def _weave(y, place, apart, pitch, planes, rows, columns, out, plane, part, width, parts):
    """y[place + k * apart + r * pitch + c * parts + e] = out[k * plane + e * part + r * width + c], the whole row of y."""
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
    fresh = True
    for item in range(t * items // threads, (t + 1) * items // threads):
        unit, row = item // s.bands * s.together, item % s.bands * s.rows
        planes = min(s.together, units - unit)
        lay_out(own, source, unit * s.sources * image, planes * s.sources, image, row, bands, fresh)
        fresh = s.bands > 1
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
                            taps, weights, get(begin, part), get(begin, part + 1),
                        )  # fmt: skip
                _weave(
                    y, ((unit * s.results + m) * s.h + row * s.sh + d) * s.w, s.results * s.h * s.w, s.sh * s.w,
                    planes, rows, s.w, out, s.sw * s.run, s.run, width, s.sw,
                )  # fmt: skip


@njit(nogil=True, cache=True, error_model="numpy", parallel={"prange": True, "fusion": False})
def stencil(source, w, start, y, threads, units, channels, depth, s, bands, buffer):
    """Results are `units` times s.results planes, of `channels` channels with `depth` weights each."""
    for t in prange(threads):
        _share(t, threads, source, w, start, y, units, channels, depth, s, bands, buffer)
