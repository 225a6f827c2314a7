"""The stages of a call, each by our clock: medians without the first run, and what is no list of stages."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from harness.contract.protocol import CompleteBackend
from harness.geometry.spec import ConvSpec
from harness.results.records import StageTime
from harness.tests.helpers.timing.fake_backend import FakeBackend
from harness.tests.helpers.timing.fake_clock import FakeClock
from harness.timing.stages import measure

_SPEC = ConvSpec.parse("n1c2h6w6_f4kh3kw3")
_X, _W = np.ones(3), np.full(3, 2.0)


def telling(clock: FakeClock, *stages: tuple[Any, Any]) -> CompleteBackend:
    """A backend of these stages."""
    return FakeBackend(clock).complete(stages=lambda op, spec: list(stages) if op == "conv2d" else [])


def test_each_stage_has_the_median_of_its_runs_but_the_first(clock: FakeClock) -> None:
    first = clock.takes(9.0, 1.0, 3.0, 2.0, 5.0)
    second = clock.takes(0.25)

    def add(x: np.ndarray, w: np.ndarray) -> tuple[np.ndarray]:
        first()
        return (x + w,)

    def double(total: np.ndarray) -> np.ndarray:
        second()
        return 2 * total

    found, made = measure(telling(clock, ("pad", add), ("product", double)), "conv2d", _SPEC, [_X, _W])
    assert found == [StageTime(name="pad", seconds=2.5), StageTime(name="product", seconds=0.25)]
    assert made.tolist() == [6.0] * 3


def test_who_does_not_tell_stages_is_not_called(clock: FakeClock) -> None:
    backend = telling(clock, ("pad", lambda *arrays: 1 / 0))
    assert measure(backend, "im2col", _SPEC, [_X]) == ([], None)


def test_no_time_is_nothing_at_all(clock: FakeClock) -> None:
    found, _ = measure(telling(clock, ("pad", lambda x: x)), "conv2d", _SPEC, [_X])
    assert found[0].seconds > 0


def test_what_goes_on_must_be_a_tuple_and_what_comes_out_need_not(clock: FakeClock) -> None:
    backend = telling(clock, ("pad", lambda x: x), ("product", lambda x: x))
    with pytest.raises(ValueError, match=r"^the stage 'pad' must give a tuple, .* of the next, got ndarray$"):
        measure(backend, "conv2d", _SPEC, [_X])


def test_there_is_an_end_to_stages_and_to_their_names(clock: FakeClock) -> None:
    keep = ("n" * 99, lambda x: (x,))
    with pytest.raises(ValueError, match=r"^stages\(\) must give at most 16 stages, got 17$"):
        measure(telling(clock, *[keep] * 17), "conv2d", _SPEC, [_X])
    found, _ = measure(telling(clock, *[keep] * 16), "conv2d", _SPEC, [_X])
    assert {stage.name for stage in found} == {"n" * 40}
