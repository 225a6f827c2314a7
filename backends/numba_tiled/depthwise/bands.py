"""Bands of padded planes: what a convolution with one channel a group reads, laid out in the first-level cache.

Such a convolution does a multiply-add for each element that it loads and no more, so all hangs on where it loads from.
A band is some rows of the result and what they read; small planes are laid out several at a time, large ones a band at
a time, so that what is laid out and what is computed from it stay in the cache together: x is read once (twice where
bands meet), the result written once.

    plane of x       band 0     band 1     band 2
    . . . . . .      rows 0     rows 2     rows 4       a 3x3 kernel, bands of 2 rows of the result:
    . a b c d .      to 3       to 5       to 7         each reads 4 rows of the padded plane
    . e f g h .
     ...

Rows and columns are kept apart by their remainder modulo the stride, as in `layout.planes`, but each pair of remainders
(phase) is a plane of its own, one plane behind the other: [phase][plane][height][width]. Neighbours in the result
are neighbours in memory and one row follows the other without a gap, so kernels may run over the rows as if they were
one: of `width` columns a few are no results.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from backends.numba_tiled.launch.arguments import round_up
from backends.numba_tiled.layout.rows import Rows, clear
from backends.numba_tiled.simd.compiled import inlined, inner
from backends.numba_tiled.simd.registers import BYTES
from backends.numba_tiled.simd.vector import evens, lanes, load, load_between, load_every, odds, store

_ROOM = 32 << 10  # bytes a band and its results may take: most of a first-level cache
_LINE = 64  # bytes of a row that come together


class Bands(NamedTuple):
    """Sizes in elements; the last two are arrays of the remainders that some tap reads."""

    h: int  # of the image
    w: int
    sh: int
    sw: int
    top: int  # padding; negative: what is left out
    left: int
    height: int  # of a phase
    width: int
    phase: int  # from one phase to the next: all its planes, and a vector for what is stored past the last
    row_phases: np.ndarray
    column_phases: np.ndarray


class Fit(NamedTuple):
    """How the result is cut into items of work."""

    together: int  # results at a time
    rows: int  # of the result in a band
    bands: int
    run: int  # elements from one result in scratch memory to the next: whole vectors


class Fill(NamedTuple):
    """What is in scratch memory for one result."""

    laid: int  # planes that are laid out
    made: int  # runs that are computed


def fit(rows: int, columns: int, span: int, width: int, fill: Fill, itemsize: int) -> Fit:
    """For results of `rows` by `columns`, in rows of `width`, which read `span` rows more."""
    most, lanes, (laid, made) = _ROOM // itemsize, BYTES // itemsize, fill
    whole = laid * (rows + span) * width + made * _run(rows, width, columns, lanes)
    if whole <= most:
        return Fit(most // whole, rows, 1, _run(rows, width, columns, lanes))
    high = max((most - laid * span * width) // ((laid + made) * width), span, 1)
    bands = -(-rows // high)
    high = -(-rows // bands)
    return Fit(1, high, bands, _run(high, width, columns, lanes))


def _run(rows: int, width: int, columns: int, lanes: int) -> int:
    """Elements from the first result to the last, in whole vectors."""
    return round_up((rows - 1) * width + columns, lanes)


@inner
def lay_out(to, source, start, planes, apart, row, bands, fresh):
    """Lay out a band that begins with `row`, of `planes` planes from source[start] on, `apart` elements apart.

    Rows outside the image are cleared only if `fresh`: a band in the same place as the last one finds them zero. Whole
    vectors are stored. What is too much is zero, and is written over by what follows it in memory.
    """
    place = 0
    sh, sw, height, width = bands.sh, bands.sw, bands.height, bands.width
    together = 2 if sw == 2 else 1  # phases: all elements are for one or the other
    for row_phase in bands.row_phases:
        first = row * sh + row_phase - bands.top
        above = min(max((-first + sh - 1) // sh, 0), height)
        below = min(max((bands.h - 1 - first) // sh + 1, above), height)
        for column_phase in range(0, bands.column_phases.size, together):
            offset = bands.column_phases[column_phase] - bands.left
            if together == 2:
                low, high = max(-offset, 0), min(bands.w - offset, 2 * width)
            else:
                low, high = max(-offset + sw - 1, 0) // sw, min((bands.w - 1 - offset) // sw + 1, width)
            if fresh:
                for i in range(together * planes):
                    at = place + i // planes * bands.phase + i % planes * height * width
                    clear(to, at, above * width)
                    clear(to, at + below * width, (height - below) * width)
            at = start + (first + above * sh) * bands.w + offset
            _lay_rows(
                to, Rows(place + above * width, height * width, width), width, bands.phase,
                source, Rows(at, apart, sh * bands.w), planes, below - above, sw, low, high,
            )  # fmt: skip
            place += together * bands.phase


@inner
def _lay_rows(to, target, width, phase, source, origin, planes, rows, step, low, high):
    """Element q < width of each row = source[q * step] of a row of `origin`; zero outside low <= q < high.

    Rows begin where `target` and `origin` (`Rows`) say. With step 2 the odd elements go to the next phase, `phase` on,
    and the limits are those of elements of the source. A row is read to its end before the next one is: memory that is
    in no cache then comes ahead of the loads. It does not where all rows' first vectors are asked for before the second
    ones. So only rows of a line of memory go by strips, which are faster in the caches.
    """
    n = lanes(to)
    scale = step if step == 2 else 1  # from an element of `to` to one of the limits
    if width <= n * _LINE // BYTES:
        for q in range((width - 1) // n * n, -1, -n):  # what is too much of one is written over by the next
            _lay_strip(
                to, Rows(target.begin + q, target.plane, target.row), phase, source,
                Rows(origin.begin + q * step, origin.plane, origin.row), planes, rows, step,
                low - scale * q, high - scale * q,
            )  # fmt: skip
        return
    for k in range(planes):
        for r in range(rows):
            i, j = target.begin + k * target.plane + r * target.row, origin.begin + k * origin.plane + r * origin.row
            for q in range(0, width, n):
                before, inside = scale * q, low <= scale * q and scale * (q + n) <= high
                if inside and step == 1:
                    store(to, i + q, load(source, j + q))
                elif inside and step == 2:
                    _part(to, i + q, phase, load(source, j + before), load(source, j + before + n))
                else:
                    _lay_between(to, i + q, phase, source, j + q * step, step, low - before, high - before)


@inner
def _lay_strip(to, target, phase, source, origin, planes, rows, step, low, high):
    """One vector of every row: masks are made once."""
    for k in range(planes):
        i, j = target.begin + k * target.plane, origin.begin + k * origin.plane
        if step == 1:
            for r in range(rows):
                _lay_between(to, i + r * target.row, phase, source, j + r * origin.row, 1, low, high)
        elif step == 2:
            for r in range(rows):
                _lay_between(to, i + r * target.row, phase, source, j + r * origin.row, 2, low, high)
        else:
            for r in range(rows):
                _lay_between(to, i + r * target.row, phase, source, j + r * origin.row, step, low, high)


@inlined
def _lay_between(to, i, phase, source, j, step, low, high):
    """A vector of a row, of which only what lies between the limits is read."""
    n = lanes(to)
    if step == 1:
        store(to, i, load_between(source, j, low, high))
    elif step == 2:
        _part(to, i, phase, load_between(source, j, low, high), load_between(source, j + n, low - n, high - n))
    else:
        store(to, i, load_every(source, j, step, low, high))


@inlined
def _part(to, i, phase, near, far):
    """Even elements to i, odd ones to the next phase."""
    store(to, i, evens(near, far))
    store(to, i + phase, odds(near, far))
