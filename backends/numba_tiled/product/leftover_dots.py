"""The few positions of a product beyond whole vectors, without a vector for them.

7x7 pixels are 3 vectors of 16 and one pixel:

    | 16 pixels | 16 pixels | 16 pixels |*|      * would take a vector of its own for every tap

Instead what that pixel reads is gathered once, in `few`, and lanes run along the weights. The rows of these were read
for the whole vectors just before, so they come from the L1 cache.

Where a row of the weights lies along the depth, the pixel is a dot product for each filter, a sixteenth of the
multiply-adds:

    w      | w0 w1 w2 ... | ... |      a row of the weights, as it lies in memory
    few    | b0 b1 b2 ... | ... |      the taps of the pixel, one after the other

In an input gradient it does not: of a filter, the taps of one channel follow those of the one before, and the next
filter is far away (`step`). The rows of a tile are channels, neighbours there, so lanes run over the taps of all:

    w      | c0 u0 | c0 u1 | c0 u2 | c1 u0 | c1 u1 | ...      FILTERS channels of filter f, as they lie in memory
    few    | b  u0 | b  u1 | b  u2 | b  u0 | b  u1 | ...      what the pixel reads of filter f, for each channel
    sums   |   +   |   +   |   +   |   +   |   +   | ...      over f; at last the taps of a channel are added up

For 3x3 kernels these are 5 multiply-adds of 16 lanes for a filter, where a vector of pixels takes 72.
"""

from __future__ import annotations

from numba import types
from numba.extending import overload

from backends.numba_tiled.launch.arguments import round_up
from backends.numba_tiled.layout.rows import clear
from backends.numba_tiled.product.register_tile import DEPTH, FILTERS
from backends.numba_tiled.simd.compiled import DRIVER, inner
from backends.numba_tiled.simd.pointers import Matrix, get, moved, put
from backends.numba_tiled.simd.vector import fma, lanes, load, load_first, store, total, zeros

FEW = 4  # positions, beyond which a vector is faster
# Where the weights do not lie along the depth:
MOST_TAPS = 25  # of a kernel
DOTS_LANES = 16  # of a vector; of 8, one more costs too little


@inner
def rest_of(count, n):
    """How many of `count` positions are beyond whole vectors of n, if these are few; else 0."""
    return count % n if count % n <= FEW else 0


def gather_rest(few, b, places, across, deep, rest, step, taps):
    """What the first `rest` pixels from b on read, to `few`; `add_rest` multiplies it. For compiled code.

    `step` is None where a row of the weights lies along the depth, and only `gather` is compiled; else `gather_turned`.
    """
    raise NotImplementedError("a function for compiled code only")


@overload(gather_rest, jit_options=DRIVER)
def _gather_rest(few, b, places, across, deep, rest, step, taps):
    def along(few, b, places, across, deep, rest, step, taps):
        gather(few, b, places, deep, rest)

    def turned(few, b, places, across, deep, rest, step, taps):
        gather_turned(few, b, places, across, deep, rest, step, taps)

    return along if isinstance(step, types.NoneType) else turned


def add_rest(rows, rest, first, across, deep, weights, step, taps, few, start, c, more):
    """c[m][i] = start[m], or itself if `more`, + what `few` was gathered for; rows m < rows, pixels i < rest.

    `weights` is a `Matrix` whose first row is row 0; `first` is the first of the taps, and `across` says where in a row
    they are. For compiled code.
    """
    raise NotImplementedError("a function for compiled code only")


@overload(add_rest, jit_options=DRIVER)
def _add_rest(rows, rest, first, across, deep, weights, step, taps, few, start, c, more):
    def along(rows, rest, first, across, deep, weights, step, taps, few, start, c, more):
        add_dots(rows, rest, deep, Matrix(moved(weights.p, first), weights.pitch), few, start, c, more)

    def turned(rows, rest, first, across, deep, weights, step, taps, few, start, c, more):
        add_turned(rows, rest, across, deep, weights.p, step, taps, few, start, c, more)

    return along if isinstance(step, types.NoneType) else turned


@inner
def gather(few, b, places, deep, rest):
    """Row i < rest of `few`: b[places[k] + i] for k < deep."""
    for i in range(rest):
        for k in range(deep):
            put(few.p, i * few.pitch + k, get(b, get(places, k) + i))


@inner
def add_dots(rows, rest, deep, a, few, start, c, more):
    """c[f][i] = start[f], or itself if `more`, + the sum of a[f][d] * few[i][d] over d < deep; f < rows, i < rest."""
    n = lanes(c.p)
    whole = deep - deep % n
    for f in range(rows):
        row = moved(a.p, f * a.pitch)
        for i in range(rest):
            column, found = moved(few.p, i * few.pitch), zeros(c.p)
            for d in range(0, whole, n):
                found = fma(load(row, d), load(column, d), found)
            if whole < deep:
                found = fma(load_first(row, whole, deep - whole), load_first(column, whole, deep - whole), found)
            before = get(c.p, f * c.pitch + i) if more else get(start.p, f * start.pitch)
            put(c.p, f * c.pitch + i, before + total(found))


def pitch_of(taps: int, lanes: int, *, along: bool) -> int:
    """From one pixel of `few` to the next; DEPTH taps may begin and end within a filter, where they are not `along`."""
    return DEPTH if along else (DEPTH // taps + 2) * round_up(FILTERS * taps, lanes)


def elements(taps: int, lanes: int, *, along: bool) -> int:
    """Of scratch memory for `few` and `sums`, with kernels of so many taps."""
    return FEW * pitch_of(taps, lanes, along=along) + (0 if along else round_up(FILTERS * taps, lanes))


@inner
def _size_of(taps, n):
    """Elements of `few` for a filter: FILTERS * taps in whole vectors of n."""
    return (FILTERS * taps + n - 1) // n * n


@inner
def gather_turned(few, b, places, across, deep, rest, step, taps):
    """Row i < rest of `few`: b[places[k] + i], for each channel, where the weights across[k] are; k < deep.

    From one filter to the next the weights are `step` apart. What is not among these taps is zero.
    """
    if rest == 0:
        return
    n = lanes(b)
    size, first = _size_of(taps, n), get(across, 0) // step
    clear(few.p, 0, rest * few.pitch)
    for k in range(deep):
        filter_ = get(across, k) // step
        to = (filter_ - first) * size + get(across, k) - filter_ * step
        for i in range(rest):
            value = get(b, get(places, k) + i)
            for m in range(FILTERS):
                put(few.p, i * few.pitch + to + m * taps, value)


@inner
def add_turned(rows, rest, across, deep, w, step, taps, few, start, c, more):
    """c[m][i] = start[m], or itself if `more`, + what `few` was gathered for; rows m < rows, pixels i < rest.

    `w` are the weights of row 0 of filter 0.
    """
    n, long = lanes(c.p), rows * taps
    size, first = _size_of(taps, n), get(across, 0) // step
    filters, w = get(across, deep - 1) // step - first + 1, moved(w, first * step)
    sums = moved(few.p, rest * few.pitch)
    for i in range(rest):
        pixel = moved(few.p, i * few.pitch)
        for v in range(0, long, n):
            a, b, count = zeros(c.p), zeros(c.p), min(n, long - v)
            for f in range(0, filters - 1, 2):
                a = fma(load_first(w, f * step + v, count), load(pixel, f * size + v), a)
                b = fma(load_first(w, (f + 1) * step + v, count), load(pixel, (f + 1) * size + v), b)
            if filters % 2 > 0:
                f = filters - 1
                a = fma(load_first(w, f * step + v, count), load(pixel, f * size + v), a)
            store(sums, v, a + b)
        for m in range(rows):
            found = get(c.p, m * c.pitch + i) if more else get(start.p, m * start.pitch)
            for t in range(taps):
                found += get(sums, m * taps + t)
            put(c.p, m * c.pitch + i, found)
