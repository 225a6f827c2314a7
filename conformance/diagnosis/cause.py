"""What is told of one op: one root cause, in words for the one who wrote it."""

from __future__ import annotations

from dataclasses import dataclass

from harness.geometry.spec import ConvSpec, Op

CHANGED = "memory/changed "  # how the ids of causes begin that are a change of an input


@dataclass(frozen=True, slots=True)
class Cause:
    """Why an op fails in one way: sentences, and the counts that they rest on.

    `kind` is how much is known: "name" (a mistake by its name), "condition" (exactly when it fails), "shape", "crash",
    "numbers" (rounding, clipping), "later call" (the first call is right), "memory" (plain arrays are right, but not
    inputs that lie otherwise, or the inputs are changed), or "located" (no more than that it fails).
    """

    op: Op
    dtype: str
    kind: str
    id: str  # of the model, "" if it has no name
    says: str  # what the mistake is
    why: str  # how we know
    mend: str  # what to change, or the line of `unsupported` that would declare the limit; may be ""
    seen: str  # the public place where it was seen; may be ""
    failing: int  # geometries that fail in this way
    passing: int
    calls: int  # geometries that were run in all
    plainest: ConvSpec  # of those that fail
