"""The time of an epoch: scaled from batches, predicted from a slice, and held against published claims."""

from __future__ import annotations

import pytest

from harness.contract.protocol import Array
from harness.geometry.spec import ConvSpec, Op
from harness.nn.errors import OpFailed
from harness.nn.ops import reference
from harness.nn.training import epoch_times
from harness.results.training.records import EpochTime
from harness.tests.helpers.timing.fake_clock import FakeClock
from harness.timing import clock


class _Slow:
    """The oracle in single precision; each forward convolution takes so long for an image."""

    def __init__(self, name: str, fake: FakeClock, per_image: float) -> None:
        self.name, self._fake, self._per_image, self._oracle = name, fake, per_image, reference()
        self.calls = 0

    def run(self, op: Op, spec: ConvSpec, /, *arrays: Array | None) -> Array:
        self.calls += 1
        if op == "conv2d" and spec.in_channels == 1:
            self._fake.time += self._per_image * spec.batch
        return self._oracle.run(op, spec, *arrays).astype("float32")


class _Broken:
    name = "broken"

    def run(self, op: Op, spec: ConvSpec, /, *arrays: Array | None) -> Array:
        raise OpFailed("conv2d raised ValueError: no")


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> FakeClock:
    fake = FakeClock()
    monkeypatch.setattr(clock, "now", fake.now)
    monkeypatch.setattr(epoch_times, "BATCH", 4)
    monkeypatch.setattr(epoch_times, "ROUNDS", 3)
    return fake


def test_steps_are_scaled_to_60_000_images_and_slow_ones_predicted_from_a_slice(fake: FakeClock) -> None:
    steps: list[str] = []
    fast, slow = _Slow("fast", fake, 2.0**-6), _Slow("slow", fake, 2.0)
    times, without = epoch_times.measure({"fast": fast, "broken": _Broken(), "slow": slow}, 5.0, steps.append)
    assert [(one.backend, one.seconds, one.batch, one.steps, one.predicted) for one in times] == [
        ("fast", 60_000 / 64, 4, 3, False), ("slow", 120_000.0, 2, 3, True),
    ]  # fmt: skip
    assert without == {"broken": "conv2d raised ValueError: no"}
    assert steps == ["fast", "broken", "slow", "fast", "slow", "slow", "fast", "fast", "slow"]


def _time(backend: str, seconds: float) -> EpochTime:
    return EpochTime(backend=backend, seconds=seconds, batch=64, steps=3, predicted=False)


def test_claims_are_held_against_what_was_measured() -> None:
    found = epoch_times.tested([_time("naive_loops", 14_400), _time("numpy_fancy", 120)])
    assert [(one.claimed, one.measured) for one in found] == [(200, 120.0), (40, 120.0), (6, None)]
