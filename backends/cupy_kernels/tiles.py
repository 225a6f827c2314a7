"""How a product is cut for the card: the height of tiles, and the splits of its sum.

A sum is cut by the number of processors, never by what is free, so that a card gives the same bits on
every run.
"""

from __future__ import annotations

from math import ceil

import numpy as np

THREADS, COLUMNS = 128, 128  # of a block and of its tile, as in tile.cuh
STAGES = 3  # of tiles in shared memory: one is multiplied, two are on their way
DEPTH = {"float32": 16, "float64": 8}
ROWS = {"float32": (32, 64, 128), "float64": (32, 64)}  # for which the kernels are compiled
MOST_PIXELS = 2**31 - 1024  # of a launch: they are counted in 31 bits
_BLOCKS_A_PROCESSOR = 2  # of the largest tiles run at once, so fewer leave some idle
_FEWEST_TILES = 4  # of a split; shorter ones are all start and end
_MOST_SUMS_BYTES = 64 * 2**20  # of all splits together


def rows_of(rows: int, dtype: str) -> int:
    """The height of tiles for which the fewest elements enter shared memory.

    >>> [rows_of(filters, "float32") for filters in (3, 64, 96, 160)]
    [32, 64, 128, 128]
    """
    return min(ROWS[dtype], key=lambda height: ceil(rows / height) * (height + COLUMNS))


def splits_of(blocks: int, tiles: int, processors: int, nbytes: int) -> tuple[int, int]:
    """(splits, tiles of each but the last) of a sum over `tiles` of which `blocks` blocks make `nbytes` of results.

    >>> splits_of(blocks=40, tiles=30, processors=132, nbytes=2**20)
    (6, 5)
    """
    wanted = min(_BLOCKS_A_PROCESSOR * processors // blocks, tiles // _FEWEST_TILES, _MOST_SUMS_BYTES // max(nbytes, 1))
    share = ceil(tiles / max(1, wanted))
    return ceil(tiles / share), share


def shared_bytes(rows: int, dtype: str) -> int:
    """Shared memory of a block, sizeof(Stages) in tile.cuh."""
    return STAGES * DEPTH[dtype] * (rows + 8 + COLUMNS + 8) * np.dtype(dtype).itemsize
