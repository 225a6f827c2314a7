"""The grid of tier 2: every pair of settings of the two axes, from the smallest up: 352,836 geometries.

One axis has 594 settings (size to 5, kernel and stride to 3, pads to 2 on each side, dilation to 2). A loop bound, a
border or a remainder that is wrong for some small geometry has no place left to hide.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Sequence
from functools import lru_cache
from itertools import product

from conformance.cases.grids import axis, wide_grid
from conformance.cases.grids.axis import Setting
from conformance.cases.shard import WHOLE, Shard
from harness.geometry.spec import ConvSpec

CHECK_ID = "values.grid"
_CHANNELS = ((2, 2, 1), (2, 4, 2), (3, 3, 3))  # C, F, G
_STEP = 131_071  # prime to the number of geometries: consecutive steps land far apart


@lru_cache(maxsize=1)
def settings() -> list[Setting]:
    """All settings of one axis."""
    return axis.settings(size=5, kernel=3, stride=3, pad=2, dilation=2)


def spec_of(rows: Setting, columns: Setting) -> ConvSpec:
    """The geometry of two settings, N = 2; channels, filters and groups by a hash of the settings' text."""
    c, f, g = _CHANNELS[zlib.crc32(text_of(rows, columns).encode()) % len(_CHANNELS)]
    (h, kh, sh, pt, pb, dh), (w, kw, sw, pl, pr, dw) = rows, columns
    return ConvSpec(
        batch=2, in_channels=c, out_channels=f, groups=g, input_size=(h, w), kernel_size=(kh, kw), stride=(sh, sw),
        padding=(pt, pb, pl, pr), dilation=(dh, dw),
    )  # fmt: skip


def geometries(shard: Shard = WHOLE, sweep: int = 0) -> Iterator[ConvSpec]:
    """All geometries of a shard, small and large mixed, so that a run that is cut has seen a fair sample.

    `sweep`: the first so many of the wide grid instead.
    """
    if sweep:
        return wide_grid.geometries(sweep, shard)
    return (spec_of(rows, columns) for rows, columns in pairs(shard))


@lru_cache(maxsize=4096)
def size(shard: Shard = WHOLE, sweep: int = 0) -> int:
    """How many geometries a shard has: 352,836 in all, or as many as a sweep of the wide grid asks for."""
    if sweep:
        return len(wide_grid.numbers(sweep, shard))
    return len(settings()) ** 2 if shard.count == 1 else _sizes(shard.count, tuple(settings()))[shard.index - 1]


@lru_cache(maxsize=4)
def _sizes(count: int, settings_of_axis: tuple[Setting, ...]) -> Sequence[int]:
    """Of every one of so many shards, found in one pass."""
    found = [0] * count
    for rows, columns in product(settings_of_axis, repeat=2):
        found[zlib.crc32(text_of(rows, columns).encode()) % count] += 1
    return found


def pairs(shard: Shard) -> Iterator[tuple[Setting, Setting]]:
    """The settings of rows and columns of every geometry of a shard."""
    every = settings()
    count = len(every) ** 2
    for k in range(count):
        row, column = divmod(k * _STEP % count, len(every))
        if shard.holds(text_of(every[row], every[column])):
            yield every[row], every[column]


def text_of(rows: Setting, columns: Setting) -> str:
    """What a geometry is hashed by: its shard and its channels depend on it, so it must never change."""
    return f"{rows}{columns}"
