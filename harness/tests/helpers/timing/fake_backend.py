"""A backend whose calls take what a test says, on a fake clock; its results are right unless it is told otherwise."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np

from harness.contract.protocol import CompleteBackend
from harness.geometry.spec import OPS, ConvSpec, Op
from harness.oracle import by_taps
from harness.tests.helpers.timing.fake_clock import FakeClock


@dataclass(eq=False, slots=True, weakref_slot=True)
class Held:
    """An array of the backend's own, which a weak reference can watch."""

    value: np.ndarray


@dataclass(slots=True)
class FakeBackend:
    """Calls are `launch(op, spec)` seconds on the clock, and waiting for a result is `wait` more."""

    clock: FakeClock
    launch: Callable[[Op, ConvSpec], float] = lambda op, spec: 2**-6
    wait: float = 0.0
    spoil: Callable[[np.ndarray], Any] = lambda result: result
    calls: list[tuple[Op, ConvSpec]] = field(default_factory=list)
    log: list[str] = field(default_factory=list)
    last: tuple[Held, ...] = ()  # what the last call was made on

    def complete(self, name: str = "fake", **more: Any) -> CompleteBackend:
        """What the registry would give, with im2col and col2im of its own; `more` replaces members."""
        ops: dict[Op, Callable[..., Any]] = {op: partial(self._call, op) for op in OPS}
        fields: dict[str, Any] = dict(
            name=name, target=name, native=frozenset({"im2col", "col2im"}), ops=ops,
            unsupported=lambda op, spec, dtype: None, from_numpy=Held, to_numpy=self._to_numpy,
            synchronize=self._synchronize,
        )  # fmt: skip
        return CompleteBackend(**{**fields, **more})

    def _call(self, op: Op, *arguments: Any) -> Held:
        *held, spec = arguments
        self.calls.append((op, spec))
        self.log.append(op)
        self.last = tuple(held)
        self.clock.time += self.launch(op, spec)
        arrays = [one.value for one in held]
        return Held(self.spoil(by_taps.run(op, spec, *arrays).astype(arrays[0].dtype)))

    def _synchronize(self, held: Held) -> None:
        assert isinstance(held, Held)
        self.log.append("wait")
        self.clock.time += self.wait

    def _to_numpy(self, held: Held) -> np.ndarray:
        self.log.append("to_numpy")
        return held.value
