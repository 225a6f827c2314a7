"""Rows of a kernel that see only padding, which a turned product leaves out.

The taps of a block of the reduction are ordered by their row in the kernel: those that see the image are a run. Only
where a tile's pixels are always of one row, so that what is left out follows from the geometry alone.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from backends.numba_tiled.product.register_tile import DEPTH, FILTERS


class Runs(NamedTuple):
    """How the taps of each part of a layer (a remainder, see `input_grad`) are ordered."""

    places: np.ndarray  # of the taps in a packed panel
    most: np.ndarray  # taps of a block
    kernel_rows: np.ndarray  # runs of a block
    rows: int  # of the result
    lows: np.ndarray  # [part][row]: the first run that sees the image
    highs: np.ndarray  # and the one after the last


def in_runs(
    taps: np.ndarray, channels: int, parts: list[tuple[int, np.ndarray]], panel: int, width: int
) -> tuple[np.ndarray, Runs]:
    """Of each part there are the taps of a channel, and which row of the result sees the image by which kernel row."""
    orders, places, most, kernel_rows, lows, highs = [], [], [], [], [], []
    before = 0
    for count, see in parts:
        units, size = channels, count
        if width % FILTERS or count > DEPTH or see.all():  # as they are
            units, size, see = channels * count, 1, np.ones((len(see), 1), bool)
        together = -(-units // max(-(-units // (DEPTH // max(size, 1))), 1))
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
    rows = parts[0][1].shape[0]
    return taps[np.concatenate(orders)], Runs(
        np.concatenate(places), np.array(most), np.array(kernel_rows), rows, np.concatenate(lows), np.concatenate(highs)
    )  # fmt: skip


def seen(parts: list[tuple[int, np.ndarray]], width: int) -> float:
    """The share of the taps of all parts that tiles of pixels see; rows of `width` pixels."""
    if width % FILTERS:
        return 1.0
    total = sum(count * (see.mean() if count <= DEPTH and see.size else 1.0) for count, see in parts)
    return float(total / max(sum(count for count, _ in parts), 1))
