"""The part of an op that a backend does: found by asking, narrow ones grown, the geometries to judge it on chosen."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import NamedTuple

from conformance.domain.choice import Choice, choose
from conformance.domain.growth import grow
from conformance.domain.pool import pool
from conformance.domain.words import describe
from harness.geometry.spec import ConvSpec

FEWEST = 30  # geometries of an op and dtype: fewer say too little
MOST = 120  # to be judged on
_WORK = 2_000_000  # multiply-adds of these together
_NARROW = 400  # a domain of which fewer are known is grown

Claims = Callable[[ConvSpec], bool]


class Part(NamedTuple):
    """What is claimed of one op, in words, how many geometries that are known, and those chosen."""

    words: str
    known: int
    choice: Choice


def part_of(claims: Claims, also: Sequence[ConvSpec] = ()) -> Part:
    """Ask about the pool and `also`, then choose. Nothing is chosen where fewer than 30 geometries are found."""
    claimed = [spec for spec in dict.fromkeys((*pool(), *also)) if spec.batch and claims(spec)]
    if claimed and len(claimed) < _NARROW:
        claimed = grow(claimed, claims, _NARROW)
    chosen = _chosen(tuple(claimed)) if len(claimed) >= FEWEST else Choice([], 0, 0)
    return Part(describe(claimed) if claimed else "", len(claimed), chosen)


@lru_cache(maxsize=64)
def _chosen(claimed: tuple[ConvSpec, ...]) -> Choice:
    """Ops of one backend mostly have the same domain."""
    return choose(claimed, MOST, _WORK, FEWEST)
