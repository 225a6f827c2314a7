"""Where the pixels of a product are: in the planes that are read, and in the array that is written.

A panel is VECTORS vectors of positions. Direct panels run over the rows of a plane as they lie, with the columns
between two rows that are no pixels; packed panels run over pixels only, through all images. A 3x3 result whose rows are
5 apart:

    planes            a b c . . d e f . . g h i
    direct panels     a b c . .|d e f . .|g h i      positions: 13, of which 9 are pixels
    packed panels     a b c d e|f g h i              positions: 9; `find_runs`: abc, de and f, ghi

What is computed for the columns between is not stored: `find_stores` says which lanes go where.

    a vector of a direct panel      . d e f . . g h       stored twice, lanes 1 to 3 and lanes 6 to 7
"""

from __future__ import annotations

from typing import NamedTuple

from numba import njit

from backends.numba_tiled.product.register_tile import VECTORS
from backends.numba_tiled.simd.pointers import get, put

SEGMENT = 4  # numbers that describe a run or a store


class Pixels(NamedTuple):
    """Where the pixels of a product are. Distances in elements."""

    images: int
    rows: int  # of an image
    width: int  # pixels of a row
    row: int  # in the planes, from one row to the next
    image: int  # in the planes, from one image to the next
    line: int  # in the output, from one row to the next
    channel: int  # in the output, from one channel to the next
    stride: int  # in the output, from one image to the next
    packed: bool
    dots: bool  # a few positions beyond whole vectors are dot products; the weights must lie along the depth for that
    in_place: bool  # the planes are an array of the caller's: nothing past its end may be read


@njit(nogil=True, error_model="numpy")
def positions(at):
    """How many positions panels run over: packed ones over all images together, direct ones over one image."""
    if at.packed:
        return at.images * at.rows * at.width
    return (at.rows - 1) * at.row + at.width


@njit(nogil=True, error_model="numpy")
def find_runs(segments, q, count, image, at):
    """Runs of positions that are neighbours in memory, of `count` positions from q on, to `segments`.

    For each run: its place in the planes, its place in the panel, how long it is, nothing. Returns how many numbers
    these are.
    """
    found, done, area = 0, 0, at.rows * at.width
    while done < count:
        place, long = image * at.image + q, count
        if at.packed:
            l = (q + done) % area
            place = (q + done) // area * at.image + l // at.width * at.row + l % at.width
            long = min(at.width - l % at.width if at.row != at.width else area - l, count - done)
        put(segments, found, place)
        put(segments, found + 1, done)
        put(segments, found + 2, long)
        found += SEGMENT
        done += long
    return found


@njit(nogil=True, error_model="numpy")
def find_stores(segments, q, count, image, at, n):
    """The stores of `count` positions of a panel from q on, in vectors of n, to `segments`.

    For each store: its place in the panel, its place in the output, the first lane, the last lane and one. A vector
    with pixels of several rows is stored once for each; positions between rows are in no store. Returns how many
    numbers these are.
    """
    found, done, area = 0, 0, at.rows * at.width
    while done < count:
        if at.packed:
            image, l = (q + done) // area, (q + done) % area
            long = apart = min(area - l, count - done)
            if at.line > at.width:
                long = apart = min(at.width - l % at.width, count - done)
                l = l // at.width * at.line + l % at.width
        else:
            column = (q + done) % at.row
            l = (q + done) // at.row * at.line + column
            long, apart = min(at.width - column, count - done), at.row - column
        for j in range(done // n * n, done + max(long, 0), n):
            put(segments, found, j)
            put(segments, found + 1, image * at.stride + l - done + j)
            put(segments, found + 2, max(done - j, 0))
            put(segments, found + 3, min(done + long - j, n))
            found += SEGMENT
        done += apart
    return found


@njit(nogil=True, error_model="numpy")
def is_one_run(segments, n):
    """Whether the first VECTORS stores are of whole vectors, one after the other."""
    whole = True
    for j in range(VECTORS):
        s = j * SEGMENT
        whole = whole and get(segments, s + 1) == get(segments, 1) + j * n
        whole = whole and get(segments, s + 2) == 0 and get(segments, s + 3) == n
    return whole
