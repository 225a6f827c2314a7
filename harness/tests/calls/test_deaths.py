"""A process that dies of something unusual: what is usual is called as before."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from harness.calls.caller import PLAIN, Conditions
from harness.geometry.spec import ConvSpec
from harness.tests.calls.test_in_child import _DEAD
from harness.tests.helpers.children.scripted_children import SPEC, opened, right, scripted


@pytest.mark.parametrize(
    ("spec", "conditions", "said"),
    [
        (replace(SPEC, batch=0), PLAIN, "im2col without images"),
        (SPEC, Conditions(layout="guard_behind"), "im2col beside a page out of bounds"),
    ],
)
def test_it_bars_what_is_unusual_alone(
    monkeypatch: pytest.MonkeyPatch, spec: ConvSpec, conditions: Conditions, said: str
) -> None:
    backend, children = opened(monkeypatch, scripted(Call=_DEAD))
    found = [backend.call("im2col", spec, [np.zeros(spec.x_shape, "float32")], conditions) for _ in range(4)]
    assert found[3].error.startswith(f"was not run: {said} had died 3 times, last it ended its process")
    children.script = right
    assert backend.call("im2col", SPEC, [np.zeros(SPEC.x_shape, "float32")]).error == ""
