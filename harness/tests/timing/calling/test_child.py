"""The measuring child before its first group: it loads backends, and asks those with a device for its limits."""

from __future__ import annotations

from typing import Any

import pytest

from harness.contract import registry
from harness.contract.targets import resolve
from harness.results.records import BackendFacts, Ceilings
from harness.tests.helpers.plugins import GOOD, Write
from harness.tests.helpers.timing.fake_backend import FakeBackend
from harness.tests.helpers.timing.fake_clock import FakeClock
from harness.timing.calling.child import MeasuringChild

# -- loading -------------------------------------------------------------------------------------------------------

_MORE = "\n\nnumerics = 'direct'\n\n\ndef info():\n    return {'device': 'abacus'}\n"
_BIAS = "\n\ndef conv2d_bias_grad(dy, spec):\n    return dy.sum((0, 2, 3))\n"


def test_a_loaded_backend_is_described(write: Write, clock: FakeClock, monkeypatch: pytest.MonkeyPatch) -> None:
    load = registry.load

    def slowly(target: Any) -> Any:
        clock.time += 1.5
        return load(target)

    monkeypatch.setattr(registry, "load", slowly)
    path = write("mine.py", GOOD + _MORE + _BIAS)
    child = MeasuringChild()
    assert child.load(resolve(f"own={path}")) == BackendFacts(
        backend="own", target=f"own={path}", available=True, info={"device": "abacus"}, numerics="direct",
        native=["col2im", "conv2d_bias_grad", "im2col"], load_seconds=1.5,
    )  # fmt: skip
    assert set(child.loaded) == {"own"}


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("raise KeyError('lost')", "cannot be imported: KeyError: 'lost' (mine.py, line 1)"),
        ("import no_such_library", "No module named 'no_such_library' (mine.py, line 1)"),
        ("class BackendUnavailable(Exception): pass\nraise BackendUnavailable('no such card')", "no such card"),
        ("x = 1", "has none of im2col, col2im, conv2d"),
    ],
)
def test_a_backend_that_cannot_be_loaded_says_why(write: Write, source: str, reason: str) -> None:
    path = write("mine.py", source)
    child = MeasuringChild()
    facts = child.load(resolve(f"own={path}"))
    assert (facts.backend, facts.target, facts.available, facts.load_seconds) == ("own", f"own={path}", False, None)
    assert reason in facts.reason
    assert child.loaded == {}


def test_only_a_backend_that_measures_its_device_has_ceilings_of_its_own(clock: FakeClock) -> None:
    own = {
        "device": "card", "copy_gbs": {"cache": 80.0, "dram": 20.0}, "copy_bytes": {"cache": 1.0, "dram": 2.0},
        "matmul_gflops": {"float32": 200.0},
    }  # fmt: skip
    fake = FakeBackend(clock)
    child = MeasuringChild(loaded={"a": fake.complete("a", ceilings=lambda: own), "b": fake.complete("b")})
    assert [list(child.device_ceilings(name, 3, "default")) for name in "bc"] == [[], []]
    assert list(child.device_ceilings("a", 3, "default")) == [
        Ceilings(
            threads=3, allocator="default", backend="a", device="card", copy_gbs={"cache": 80.0, "dram": 20.0},
            copy_bytes={"cache": 1, "dram": 2}, matmul_gflops={"float32": 200.0},
        )
    ]  # fmt: skip
