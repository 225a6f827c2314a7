"""Where along an axis the order of two backends changes: from there on the other one pays."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import combinations

from msgspec import Struct

_SAME = 0.05  # relative; two times that are nearer than this have no order


class Crossover(Struct, frozen=True, kw_only=True):
    """Up to `last` one backend is faster, from `first` on the other; between them, none or both were measured."""

    before: str
    after: str
    last: int
    first: int


def crossovers(times: Mapping[str, Mapping[int, float]], same: float = _SAME) -> list[Crossover]:
    """The changes of order of each two backends, from their seconds by the value of the axis.

    Values that only one has are passed over, and so are those where both are about the same: what counts is who is
    faster on either side of them.

    >>> crossovers({"loops": {1: 1.0, 2: 2.0, 4: 4.0}, "tiled": {1: 2.0, 2: 2.0, 4: 2.0}})
    [Crossover(before='loops', after='tiled', last=1, first=4)]
    """
    found = []
    for a, b in combinations(times, 2):
        last: tuple[int, str] | None = None
        for value in sorted(times[a].keys() & times[b].keys()):
            one, other = times[a][value], times[b][value]
            if abs(one - other) <= same * min(one, other):
                continue
            faster = a if one < other else b
            if last and last[1] != faster:
                found.append(Crossover(before=last[1], after=faster, last=last[0], first=value))
            last = value, faster
    return found
