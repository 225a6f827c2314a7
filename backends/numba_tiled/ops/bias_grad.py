"""conv2d_bias_grad: the sum of dy over images and positions, one read of dy.

8 vectors of sums hide the latency of an addition:

    dy[n, f]   | a | b | c | d | e | f | g | h | a | b | ...      vector k of dy is added to sum k modulo 8

They are added up after every block of positions, so rounding grows with the number of blocks and images, not of pixels.
A filter belongs to one thread.
"""

from __future__ import annotations

import numpy as np

from backends.numba_tiled.launch.arguments import contiguous
from backends.numba_tiled.launch.spread import spread
from backends.numba_tiled.launch.threads import launch, thread_count, worth
from backends.numba_tiled.launch.workspace import fresh
from backends.numba_tiled.simd.compiled import entry, inner
from backends.numba_tiled.simd.pointers import moved, pointer, put
from backends.numba_tiled.simd.vector import lanes, load, load_first, total, zeros
from harness import ConvSpec

_BLOCK = 128  # vectors


def conv2d_bias_grad(dy: np.ndarray, spec: ConvSpec) -> np.ndarray:
    """(N, F, OH, OW) -> (F,)."""
    db = fresh(spec.out_channels, dy.dtype)
    threads = worth(thread_count(), dy.size)
    launch(bias_grad, contiguous(dy), db, threads, spec.batch, spec.out_channels, spec.positions)
    return db


@inner
def _sum(p, count):
    """The sum of p[:count], a block at most."""
    n, q = lanes(p), 0
    a, b, c, d, e, f, g, h = zeros(p), zeros(p), zeros(p), zeros(p), zeros(p), zeros(p), zeros(p), zeros(p)
    while q + 8 * n <= count:
        a, b, c, d = a + load(p, q), b + load(p, q + n), c + load(p, q + 2 * n), d + load(p, q + 3 * n)
        q += 4 * n
        e, f, g, h = e + load(p, q), f + load(p, q + n), g + load(p, q + 2 * n), h + load(p, q + 3 * n)
        q += 4 * n
    while q + n <= count:
        a = a + load(p, q)
        q += n
    if q < count:
        b = b + load_first(p, q, count - q)
    return total(((a + b) + (c + d)) + ((e + f) + (g + h)))


@inner
def _share(t, threads, dy, db, batch, filters, length):
    """Thread t's part of the filters: db[f] = the sum of dy[n, f, l] over n and l."""
    dy, db = pointer(dy), pointer(db)
    block = _BLOCK * lanes(dy)
    for f in range(t * filters // threads, (t + 1) * filters // threads):
        found = total(zeros(dy))
        for n in range(batch):
            place = (n * filters + f) * length
            for l in range(0, length, block):
                found += _sum(moved(dy, place + l), min(block, length - l))
        put(db, f, found)


@entry
def bias_grad(dy, db, threads, batch, filters, length):
    """db of all filters; `length` is the number of positions."""
    spread(_share, threads, (dy, db, batch, filters, length))
