"""One root cause of failures, as it is told: what is wrong, how that is known, and what to change."""

from __future__ import annotations

from dataclasses import dataclass

from harness.geometry.spec import ConvSpec, Op


@dataclass(frozen=True, slots=True)
class Cause:
    """Of one op, in one dtype. What is not known is an empty text."""

    op: Op
    dtype: str
    kind: str  # name, condition, shape, crash, numbers, later call or located
    id: str  # of the model, if it has a name
    says: str  # one sentence: "Your im2col ignores the stride in the height."
    why: str  # one sentence: how it is known
    mend: str  # what to change, or the line of `unsupported` that would declare the limit
    seen: str  # the public place where it was seen
    failing: int  # geometries that were run
    passing: int
    calls: int
    plainest: ConvSpec  # the plainest failing geometry
