"""Several calls on one geometry, written shortly."""

from __future__ import annotations

from collections.abc import Sequence

from harness.calls.caller import Arrays, OneCall
from harness.geometry.spec import ConvSpec, Op


def calls_of(op: Op, spec: ConvSpec, several: Sequence[Arrays]) -> list[OneCall]:
    """A call for each set of arrays."""
    return [OneCall(op, spec, arrays) for arrays in several]
