"""Whether an op returns memory that it has never written: what lies there differs each time, and fits no model."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from conformance.diagnosis import where
from conformance.diagnosis.experiment.experiment import Experiment
from harness.calls.caller import Conditions
from harness.geometry.spec import ConvSpec

_ASKED = 12  # failing geometries, the plainest
_POISONED = Conditions(poisoned=True)


class Unwritten(NamedTuple):
    """On how many geometries of those asked it was seen, the plainest of them, and which elements, in words."""

    seen: int
    asked: int
    spec: ConvSpec
    where: str


def unwritten_of(experiment: Experiment) -> Unwritten | None:
    """The failing geometries once more, with freed memory full of NaN: no finite data give one."""
    asked = experiment.failing()[:_ASKED]
    found: list[tuple[ConvSpec, str]] = []
    for one in asked:
        result = experiment.raw(one.spec, experiment.given(one.spec).arrays, _POISONED)
        if isinstance(result, str) or result.dtype.kind != "f" or result.shape != one.spec.output_shape(experiment.op):
            continue
        bad = np.isnan(result)
        if bad.any():
            found.append((one.spec, where.describe(experiment.op, one.spec, bad)))
    if not found:
        return None
    said = {words for _, words in found}
    return Unwritten(len(found), len(asked), found[0][0], said.pop() if len(said) == 1 else "")
