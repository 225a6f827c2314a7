"""The calls before those that are timed: probes on small geometries, and until all is compiled."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from harness.geometry.spec import ConvSpec
from harness.tests.helpers.timing.fake_backend import FakeBackend, Held
from harness.tests.helpers.timing.fake_clock import FakeClock
from harness.timing.calling.probes import Probe, waiting, warm_up

_SPEC = ConvSpec.parse("n2c3h9w8_f4kh3kw2_sh2sw1_pt1")
_SMALL = ConvSpec.parse("n1c2h4w3_f1kh2kw2")


def test_waiting_gives_the_result(clock: FakeClock) -> None:
    fake = FakeBackend(clock)
    own = [Held(np.ones(_SMALL.x_shape, "float32"))]
    found = waiting(fake.complete(), "im2col", _SMALL, own)
    assert found.value.shape == (1, 8, 6)
    assert fake.last[0] is own[0]
    assert fake.log == ["im2col", "wait"]


def costs(*durations: float) -> Any:
    """What calls take, in turn."""
    rest = list(durations)
    return lambda op, spec: rest.pop(0)


def test_the_first_call_of_all_is_remembered_and_never_believed(clock: FakeClock) -> None:
    fake = FakeBackend(clock, costs(8.0, 0.25, 4.5), wait=1.0)
    probe = Probe(fake.complete(), "im2col", "float32")
    assert probe(_SMALL) == 1.25  # of the second call; waiting is inside
    assert probe.first == 9.0
    assert probe(_SPEC) == 5.5
    assert probe.first == 9.0
    assert fake.calls == [("im2col", _SMALL), ("im2col", _SMALL), ("im2col", _SPEC)]


@pytest.mark.parametrize(
    ("on_device", "first", "measured", "calls"),
    [
        (False, 5.5, 5.5, 1),  # long: believed at once
        (False, 0.5, 0.0625, 2),  # a compilation for this very shape
        (False, 0.09375, 0.0625, 2),
        (True, 4.0, 0.0625, 2),  # a search for the fastest kernel
        (True, 5.0, 0.0625, 2),
        (True, 5.5, 5.5, 1),  # no search takes as long
    ],
)
def test_a_later_probe_is_made_twice_unless_it_is_long(
    clock: FakeClock, on_device: bool, first: float, measured: float, calls: int
) -> None:
    fake = FakeBackend(clock, costs(1.0, 1.0, first, 0.0625))
    probe = Probe(fake.complete(seconds=(lambda call: 0.5) if on_device else None), "im2col", "float32")
    probe(_SMALL)
    assert probe(_SPEC) == measured
    assert len(fake.calls) == 2 + calls


def test_probes_are_made_on_ones_of_the_ops_own_shapes(clock: FakeClock) -> None:
    fake = FakeBackend(clock)
    Probe(fake.complete(), "conv2d", "float64")(_SMALL)
    assert [held.value.shape for held in fake.last] == [(1, 2, 4, 3), (1, 2, 2, 2), (1,)]
    assert all(held.value.dtype == np.float64 and (held.value == 1).all() for held in fake.last)
    assert {op for op, _ in fake.calls} == {"conv2d"}


@pytest.mark.parametrize(
    ("takes", "before", "calls"),
    [
        ((1.0,), 1.0, 1), ((0.75,), 1.0, 1),  # nothing was compiled
        ((0.125, 0.125), 4.0, 2),  # in the call before
        ((4.0, 0.125, 0.125), 0.125, 3),  # in the second call of a shape
        ((2.0, 0.5, 0.125, 0.125), 8.0, 4),
        ((8.0, 2.0, 0.5), 64.0, 2),  # ten seconds are enough
        ((0.5, 0.125) * 9, 2.0, 8),  # it never settles
    ],
)  # fmt: skip
def test_calls_go_on_until_the_compilation_is_behind(
    clock: FakeClock, takes: tuple[float, ...], before: float, calls: int
) -> None:
    assert warm_up(clock.takes(*takes), before, 9.0) == calls
