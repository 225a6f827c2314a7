"""Rows of a kernel that see only padding, which a transposed product leaves out.

The taps of a block of the reduction are ordered by their row in the kernel, so that those which see the image are a
run:

    as they are   c0: u0 u1 u2   c1: u0 u1 u2   c2: u0 u1 u2
    in runs       u0 u0 u0       u1 u1 u1       u2 u2 u2
                  |- run 0 -|    |- run 1 -|    |- run 2 -|      the first row of y does without run 0

Only where a tile's pixels are always of one row: then what is left out follows from the geometry alone.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from backends.numba_tiled.launch.records import record
from backends.numba_tiled.layout.visible_rows import VisibleRows
from backends.numba_tiled.product.register_tile import FILTERS
from backends.numba_tiled.product.transposed import TRANSPOSED_DEPTH
from backends.numba_tiled.simd.compiled import inner
from backends.numba_tiled.simd.pointers import moved, pointer


class Runs(NamedTuple):
    """How the taps of each part of a result are ordered: one part, or a pair of remainders (see `remainders`) each."""

    places: np.ndarray  # of the taps in a packed panel
    most: np.ndarray  # taps of a block
    kernel_rows: np.ndarray  # runs of a block
    rows: int  # of the result
    lows: np.ndarray  # [part][row of the result]: the first run that sees the image
    highs: np.ndarray  # and the one after the last


class Seen(NamedTuple):
    """The runs of one part, from one row of the result on."""

    most: int  # taps of a block
    kernel_rows: int  # runs of a block
    lows: Any
    highs: Any
    places: Any


@inner
def runs_of(runs):
    """The record of runs that come packed; None if there are none."""
    if runs is not None:
        return record(Runs, runs)
    return None


@inner
def seen_of(runs, part, row, before):
    """The runs of a part from `row` on; its taps follow the first `before` of all. None if there are no runs."""
    if runs is not None:
        rows = part * runs.rows + row
        return Seen(
            runs.most[part], runs.kernel_rows[part], moved(pointer(runs.lows), rows),
            moved(pointer(runs.highs), rows), moved(pointer(runs.places), before),
        )  # fmt: skip
    return None


def in_runs(
    taps: np.ndarray, channels: int, sights: list[VisibleRows], panel: int, width: int
) -> tuple[np.ndarray, Runs]:
    """The taps of all parts, in runs where that pays.

    `panel` weights are packed side by side, and rows of the result have `width` pixels.
    A part is left as it is, as one run, if tiles of pixels are not of one row, or if everything sees the image.
    """
    orders, places, most, kernel_rows, lows, highs = [], [], [], [], [], []
    before = 0
    for count, see in sights:
        units, size = channels, count
        if width % FILTERS or count > TRANSPOSED_DEPTH or see.all():  # as they are
            units, size, see = channels * count, 1, np.ones((len(see), 1), bool)
        together = -(-units // max(-(-units // (TRANSPOSED_DEPTH // max(size, 1))), 1))
        order = np.arange(channels * count)
        if size > 1:
            blocks = np.split(order, range(together * size, order.size, together * size))
            runs = see.shape[1]
            order = np.concatenate([b.reshape(-1, runs, size // runs).swapaxes(0, 1).ravel() for b in blocks])
        orders.append(before + order)
        places.append(order % max(together * size, 1) * panel)
        most.append(together * size)
        kernel_rows.append(see.shape[1])
        lows.append(see.argmax(1))
        highs.append(see.shape[1] - see[:, ::-1].argmax(1))
        before += order.size
    rows = sights[0].sees.shape[0]
    return taps[np.concatenate(orders)], Runs(
        np.concatenate(places), np.array(most), np.array(kernel_rows), rows, np.concatenate(lows), np.concatenate(highs)
    )  # fmt: skip


def share_seen(sights: list[VisibleRows], width: int) -> float:
    """The share of the taps of all parts that tiles of pixels see; rows of `width` pixels."""
    if width % FILTERS:
        return 1.0
    total = sum(count * (see.mean() if count <= TRANSPOSED_DEPTH and see.size else 1.0) for count, see in sights)
    return float(total / max(sum(count for count, _ in sights), 1))
