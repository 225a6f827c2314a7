"""The part of an op that a backend does: found by asking, narrow ones grown, the geometries to judge it on chosen.

Those that all backends are asked on, `whole`, are the choice from the pool itself. They are kept in a file, as choosing
takes time; `python -m conformance.domain.part` writes it anew.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache, lru_cache
from pathlib import Path
from typing import NamedTuple

import numpy as np

from conformance.domain.choice import Choice, choose
from conformance.domain.growth import grow
from conformance.domain.pool import SEED, pool
from conformance.domain.words import describe
from harness.geometry.spec import POOL_OPS, ConvSpec, Op
from harness.geometry.windows import why_not_pooled

FEWEST = 30  # geometries of an op and dtype: fewer say too little
MOST = 220  # to be judged on, chosen
_WORK = 4_000_000  # multiply-adds of these together
_NARROW = 400  # a domain of which fewer are known is grown
_GROWN = 600  # to so many, if they are found
_DRAWN = 200  # small ones more, that no rule of ours picks
_SMALL = 4_000  # multiply-adds of each of these
_WHOLE = Path(__file__).with_name("whole.txt")

Claims = Callable[[ConvSpec], bool]


class Part(NamedTuple):
    """What is claimed of one op, in words, how many geometries that are known, those chosen, and some drawn."""

    words: str
    known: int
    choice: Choice
    drawn: list[ConvSpec]
    is_whole: bool = False

    @property
    def specs(self) -> list[ConvSpec]:
        """What it is judged on, the most telling first."""
        return [*self.choice.specs, *self.drawn]

    def cut(self, count: int) -> Part:
        """For a further dtype: the first so many that were chosen."""
        return self._replace(choice=self.choice._replace(specs=self.choice.specs[:count]), drawn=[])


def part_of(claims: Claims, also: Sequence[ConvSpec] = ()) -> Part:
    """Ask about the pool and `also`, then choose. Nothing is chosen where fewer than 30 geometries are found."""
    claimed = [spec for spec in dict.fromkeys((*pool(), *also)) if spec.batch and claims(spec)]
    if claimed and len(claimed) < _NARROW:
        claimed = grow(claimed, claims, _GROWN)
    chosen, drawn = _judged(tuple(claimed)) if len(claimed) >= FEWEST else (Choice([], 0, 0), [])
    return Part(describe(claimed) if claimed else "", len(claimed), chosen, drawn)


@cache
def whole() -> Part:
    """What is asked of a backend that refuses none of it."""
    chosen, drawn = _WHOLE.read_text(encoding="ascii").split("\n\n")
    known, covered, pairs, *texts = chosen.split()
    choice = Choice([ConvSpec.parse(text) for text in texts], int(covered), int(pairs))
    return Part("everything", int(known), choice, [ConvSpec.parse(text) for text in drawn.split()], is_whole=True)


@cache
def whole_of(op: Op) -> Part:
    """What is asked of it in one op: of pooling, where every window sees a pixel."""
    part = whole()
    if op not in POOL_OPS:
        return part
    specs, drawn = ([spec for spec in some if not why_not_pooled(spec)] for some in (part.choice.specs, part.drawn))
    return part._replace(choice=part.choice._replace(specs=specs), drawn=drawn)


@lru_cache(maxsize=64)
def _judged(claimed: tuple[ConvSpec, ...]) -> tuple[Choice, list[ConvSpec]]:
    """Chosen ones and drawn ones. Ops of one backend mostly have the same domain."""
    choice = choose(claimed, MOST, _WORK, FEWEST)
    known = set(choice.specs)
    left = [spec for spec in claimed if spec not in known and spec.macs <= _SMALL]
    drawn = np.random.default_rng(SEED).permutation(len(left))[:_DRAWN]
    return choice, [left[k] for k in drawn]


def whole_text() -> str:
    """What the file has to hold."""
    choice, drawn = _judged(pool())
    lines = (f"{len(pool())} {choice.pairs_covered} {choice.pairs}", *map(str, choice.specs), "", *map(str, drawn))
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    _WHOLE.write_text(whole_text(), encoding="ascii")
