"""Calls with whole numbers that are drawn, for models of mistakes."""

from __future__ import annotations

from functools import cache

import numpy as np

from conformance.diagnosis.models.model import Given
from harness.geometry.spec import ConvSpec, Op


@cache
def given(op: Op, line: str) -> Given:
    """The op on this geometry, a bias included; no element is 0, so that what is left out shows."""
    spec = ConvSpec.parse(line)
    draw = np.random.default_rng(len(line))
    arrays = []
    for shape in spec.input_shapes(op):
        numbers = draw.integers(1, 50, shape).astype(float)
        arrays.append(numbers * draw.choice((-1, 1), shape))
    for a in arrays:
        a.setflags(write=False)
    return Given(op, spec, tuple(arrays))
