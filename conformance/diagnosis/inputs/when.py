"""On which geometries something is so that was seen on some, found on every other one and foretold on the rest."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from conformance.diagnosis.conditions.features import features
from conformance.diagnosis.conditions.predicates import Predicates
from conformance.diagnosis.conditions.search import Joined, separating
from harness.geometry.spec import ConvSpec

_FEWEST = 3  # on either side, of each half


def where(asked: Sequence[ConvSpec], is_so: Sequence[bool]) -> Joined | None:
    """The condition that holds where it is so and nowhere else; None if that cannot be said."""
    place, so = np.arange(len(asked)), np.array(is_so, bool)
    if min(so.sum(), (~so).sum()) < 2 * _FEWEST:
        return None
    half = place % 2 == 0
    predicates = Predicates(asked, place[half].tolist(), place[half & so].tolist())
    found = separating(predicates, place[half & so].tolist(), place[half & ~so].tolist(), 1)
    if not found:
        return None
    joined = found[0].joined(predicates)
    return joined if (joined.holds(features(asked)) == so).all() else None
