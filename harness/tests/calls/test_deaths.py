"""A process that dies of something unusual: what is usual is called as before."""

from __future__ import annotations

import itertools
import time
from dataclasses import replace

import numpy as np
import pytest

from harness.calls import child
from harness.calls.caller import PLAIN, Conditions
from harness.calls.worker import WorkerDied
from harness.geometry.spec import ConvSpec
from harness.tests.helpers.children.calls import calls_of
from harness.tests.helpers.children.scripted_children import SPEC, opened, right, scripted

_DEAD = WorkerDied("exited with code 3", hung=False)


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


def test_who_is_slow_is_given_fewer_rounds_for_an_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    """A round of two takes a second of the ten that there are for five calls."""
    backend, children = opened(monkeypatch, right)
    now = itertools.count()
    monkeypatch.setattr(time, "monotonic", lambda: float(next(now)) / 4)
    backend.repeat(calls_of("im2col", SPEC, [[np.ones(SPEC.x_shape, "f4")]] * 2), 9)
    assert [asked.times for asked in children.of(child.Several)] == [2, 2, 2, 2, 1]


def test_a_death_among_repeated_calls_is_counted_once(monkeypatch: pytest.MonkeyPatch) -> None:
    backend, children = opened(monkeypatch, right)
    start = backend.repeat(calls_of("im2col", SPEC, [[np.ones(SPEC.x_shape, "f4")]] * 2), 2)
    assert [one.differs for one in start] == [0, 0]
    children.script = scripted(Several=_DEAD)
    found = backend.repeat(calls_of("im2col", SPEC, [[np.ones(SPEC.x_shape, "f4")]] * 2), 90)
    assert [(one.died, one.differs) for one in found] == [(True, 0), (True, 0)]
    assert found[0] is not found[1]
