"""Geometries by number, more than a thousand million of them: for a sweep that is larger than the grid of tier 2.

Every pair of settings of two axes, each with a few numbers of images, channels, filters and groups; small sizes, where
borders, remainders and strides meet most. Consecutive numbers lie far apart, so the first million is a fair sample.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

from conformance.cases.grids import axis
from conformance.cases.grids.axis import Setting
from conformance.cases.shard import WHOLE, Shard
from harness.geometry.spec import ConvSpec

_MIXES = (  # N, C, F, G
    (2, 2, 2, 1), (1, 3, 2, 1), (2, 4, 2, 2), (3, 1, 3, 1), (1, 3, 3, 3), (1, 4, 6, 2), (2, 1, 1, 1), (1, 5, 2, 1),
    (2, 6, 3, 3), (1, 2, 4, 2), (1, 1, 2, 1), (1, 6, 6, 6), (3, 2, 1, 1), (1, 1, 4, 1), (2, 3, 6, 3), (1, 4, 1, 1),
)  # fmt: skip
MOST = 1_000_000_000
_STEP = 761_904_709  # a prime that is far from dividing the number of geometries


@lru_cache(maxsize=1)
def settings() -> list[Setting]:
    """All settings of one axis: 8,044."""
    return axis.settings(size=12, kernel=5, stride=4, pad=3, dilation=3)


def total() -> int:
    """How many there are: 1,035,294,976."""
    return len(settings()) ** 2 * len(_MIXES)


def spec_of(number: int) -> ConvSpec:
    """The geometry of a number, from 0; every number below `total` has another one."""
    every = settings()
    rest, mix = divmod(number * _STEP % total(), len(_MIXES))
    row, column = divmod(rest, len(every))
    (h, kh, sh, pt, pb, dh), (w, kw, sw, pl, pr, dw) = every[row], every[column]
    n, c, f, g = _MIXES[mix]
    return ConvSpec(
        batch=n, in_channels=c, out_channels=f, groups=g, input_size=(h, w), kernel_size=(kh, kw), stride=(sh, sw),
        padding=(pt, pb, pl, pr), dilation=(dh, dw),
    )  # fmt: skip


def numbers(count: int, shard: Shard = WHOLE) -> range:
    """The numbers of a shard among the first `count`, found without looking at the others."""
    return range(shard.index - 1, min(count, total()), shard.count)


def geometries(count: int, shard: Shard = WHOLE) -> Iterator[ConvSpec]:
    """The geometries of a shard among the first `count`."""
    return map(spec_of, numbers(count, shard))
