"""All that follows from a spec, once for a spec: which rows a result is made of, how taps lie in a row, scratch memory.

Pooling is separable: the rows that a window covers are combined, then the columns. Padding is no pixel: its rows are in
no list, and its columns hold what changes nothing (`slide`).
"""

from __future__ import annotations

import itertools
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np

from backends.numba_tiled.launch.arguments import round_up
from backends.numba_tiled.launch.records import packed
from backends.numba_tiled.layout.window import window
from backends.numba_tiled.simd.registers import BYTES
from harness import ConvSpec


class Slide(NamedTuple):
    """A window that slides along combined rows. Sizes in elements; the last is of scratch memory."""

    planes: int
    height: int  # rows of a plane of the result
    results: int  # in a row of it
    source: int  # from a plane that is read to the next
    width: int  # of a row that is read
    left: int  # where such a row begins in scratch memory
    step: int  # and how far apart its elements are there
    taps: int
    apart: int  # from tap to tap
    stride: int  # from result to result
    size: int


class Tables(NamedTuple):
    """Row p of a result is made of rows[begin[p] : begin[p + 1]]; a mean is divided by down[p] * across[q] pixels."""

    begin: np.ndarray
    rows: np.ndarray
    again: np.ndarray  # 1 where these are the rows that row p - 1 is made of
    down: np.ndarray
    across: np.ndarray


class Search(NamedTuple):
    """How the maxima of a plane of x are searched for. Sizes in elements."""

    planes: int
    h: int
    w: int
    oh: int
    ow: int
    kw: int
    sw: int
    dh: int
    dw: int
    left: int  # where a row begins in scratch memory
    pitch: int  # from row to row there
    size: int  # of scratch memory for rows
    chosen: int  # and for the taps chosen in a row of results


class Seen(NamedTuple):
    """What of the window is pixels: `counts[p]` rows, of which `top[p]` is the first; `first[q]` is the first column.

    A tap has the number k * KW + v in row k of these, and lies `place[k * KW + v]` after the window's first pixel of
    column 0.
    """

    top: np.ndarray
    counts: np.ndarray
    first: np.ndarray
    place: np.ndarray


@lru_cache(maxsize=256)
def forward(spec: ConvSpec, itemsize: int, padding_counts: bool) -> tuple[np.ndarray, tuple[Any, ...], int]:
    """A packed `Slide` over x, its `Tables` as a plain tuple, and the elements of scratch memory of a thread."""
    g, planes = window(spec), spec.batch * spec.in_channels
    reach, whole = (g.kw - 1) * g.dw + 1, round_up(g.ow, BYTES // itemsize)
    size = max(g.left + g.w + BYTES // itemsize, whole * g.sw + reach)
    s = Slide(planes, g.oh, g.ow, g.h * g.w, g.w, g.left, 1, g.kw, g.dw, g.sw, size)
    of_rows = _pixels(g.oh, g.kh, g.sh, g.dh, g.top, g.h)
    lists = _lists((of_rows >= 0).sum(axis=1), of_rows[of_rows >= 0] * g.w)
    tables = Tables(*lists, *_divisors(spec, itemsize, padding_counts))
    return packed(s), tuple(tables), size


@lru_cache(maxsize=256)
def backward(spec: ConvSpec, itemsize: int, padding_counts: bool) -> tuple[np.ndarray, tuple[Any, ...], int]:
    """The same over dy: a row of dx is made of the rows of dy whose windows cover it."""
    g, planes, lanes = window(spec), spec.batch * spec.in_channels, BYTES // itemsize
    reach = (g.kw - 1) * g.dw + 1
    left = reach - 1 - g.left  # not negative, as the first window has a pixel
    size = max(round_up(g.w, lanes) + reach, left + g.ow * g.sw + 2 * lanes) + lanes
    s = Slide(planes, g.h, g.w, g.oh * g.ow, g.ow, left, g.sw, g.kw, g.dw, 1, size)
    of_rows = _pixels(g.oh, g.kh, g.sh, g.dh, g.top, g.h)
    p, _ = np.nonzero(of_rows >= 0)
    i = of_rows[of_rows >= 0]
    lists = _lists(np.bincount(i, minlength=g.h), p[np.argsort(i, kind="stable")])
    tables = Tables(*lists, *_divisors(spec, itemsize, padding_counts))
    return packed(s), tuple(tables), size


@lru_cache(maxsize=256)
def search(spec: ConvSpec, itemsize: int) -> tuple[np.ndarray, tuple[Any, ...], int, int]:
    """A packed `Search`, what is `Seen` as a plain tuple, and a thread's elements of scratch memory, both kinds."""
    g, lanes = window(spec), BYTES // itemsize
    chosen = round_up(g.ow, lanes)
    pitch = max(g.left + g.w + lanes, chosen * g.sw + (g.kw - 1) * g.dw + 1)
    of_rows = _pixels(g.oh, g.kh, g.sh, g.dh, g.top, g.h) >= 0
    of_columns = _pixels(g.ow, g.kw, g.sw, g.dw, g.left, g.w) >= 0
    count = of_rows.sum(axis=1)
    top = np.arange(g.oh) * g.sh + of_rows.argmax(axis=1) * g.dh - g.top
    first = np.zeros(chosen, f"i{itemsize}")  # as wide as x, so that both fill a vector
    first[: g.ow] = of_columns.argmax(axis=1)
    place = np.add.outer(np.arange(g.kh) * g.dh * g.w, np.arange(g.kw) * g.dw).ravel()
    size = int(count.max()) * pitch
    s = Search(
        spec.batch * spec.in_channels, g.h, g.w, g.oh, g.ow, g.kw, g.sw, g.dh, g.dw, g.left, pitch, size, chosen
    )  # fmt: skip
    return packed(s), tuple(Seen(top, count, first, place)), size, chosen


def _pixels(results: int, kernel: int, stride: int, dilation: int, padding: int, size: int) -> np.ndarray:
    """[result, tap]: the pixel it reads, -1 if that is padding."""
    place = np.arange(results)[:, None] * stride + np.arange(kernel) * dilation - padding
    return np.where(place < size, np.maximum(place, -1), -1)


def _lists(counts: np.ndarray, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """`begin`, `rows` and `again` of `Tables`, for the number of rows of each list, and the lists in a row."""
    begin = np.concatenate(([0], np.cumsum(counts)))
    own = [rows[a:b].tolist() for a, b in itertools.pairwise(begin.tolist())]
    again = [False, *(one == before for before, one in itertools.pairwise(own))]
    return begin, rows, np.array(again, np.int64)


def _divisors(spec: ConvSpec, itemsize: int, padding_counts: bool) -> tuple[np.ndarray, np.ndarray]:
    """By rows and by columns of the results, of which the columns are filled up to whole vectors."""
    g = window(spec)
    down = (_pixels(g.oh, g.kh, g.sh, g.dh, g.top, g.h) >= 0).sum(axis=1)
    across = (_pixels(g.ow, g.kw, g.sw, g.dw, g.left, g.w) >= 0).sum(axis=1)
    if padding_counts:
        down, across = np.full(g.oh, g.kh), np.full(g.ow, g.kw)
    missing = round_up(g.ow, BYTES // itemsize) - g.ow
    across = np.concatenate((across, np.ones(missing, across.dtype)))
    return down.astype(f"f{itemsize}"), across.astype(f"f{itemsize}")
