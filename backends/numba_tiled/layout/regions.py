"""Regions: rectangles of a result, each with taps of its own; most results are one region."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from backends.numba_tiled.layout.window import counting
from backends.numba_tiled.simd.compiled import inlined
from backends.numba_tiled.simd.pointers import get, moved, pointer

SIZES = 6  # numbers that describe a region


class Regions(NamedTuple):
    """The regions of a result, as arrays."""

    number: int  # of regions
    sizes: np.ndarray  # SIZES of each, see `Region`
    taps: np.ndarray  # where the taps are in the planes, region by region
    across: np.ndarray  # and in a row of the weights


class Region(NamedTuple):
    """One region."""

    row: int  # of the result, the first
    rows: int
    column: int
    columns: int
    taps: int
    before: int  # taps of the regions before


class Tables(NamedTuple):
    """The same as pointers: to count references to arrays takes longer than a small region does."""

    number: int  # of regions
    sizes: Any
    taps: Any
    across: Any


def one_region(rows: int, columns: int, taps: np.ndarray) -> Regions:
    """All of a result of `rows` by `columns`, by all taps in the order of the weights."""
    return Regions(1, np.array([0, rows, 0, columns, taps.size, 0]), taps, counting(taps.size))


@inlined
def tables_of(regions):
    """The tables of regions, which must outlive them."""
    return Tables(regions.number, pointer(regions.sizes), pointer(regions.taps), pointer(regions.across))


@inlined
def first_of(tables):
    """The first region of the tables."""
    sizes = tables.sizes
    return Region(get(sizes, 0), get(sizes, 1), get(sizes, 2), get(sizes, 3), get(sizes, 4), get(sizes, 5))


@inlined
def after(tables, depth):
    """The tables from the next region on, where this one has `depth` taps."""
    return Tables(
        tables.number, moved(tables.sizes, SIZES), moved(tables.taps, depth), moved(tables.across, depth)
    )  # fmt: skip
