"""The calls before those that are timed: on small geometries to predict a time, and until all is compiled."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from harness.contract.protocol import CompleteBackend
from harness.geometry.spec import ConvSpec, Op
from harness.telling import named
from harness.timing.clock import seconds

_LONG_SEARCH = 5.0  # seconds; the first call of any shape may compile, or search for the fastest kernel
_MOST_WARM_UPS = 8


@dataclass(slots=True)
class Probe:
    """Times calls on small geometries, and remembers the very first: on a fresh process it is nearly all set-up."""

    backend: CompleteBackend
    op: Op
    dtype: str
    first: float | None = None

    def __call__(self, spec: ConvSpec) -> float:
        own = [self.backend.from_numpy(np.ones(shape, self.dtype)) for shape in spec.input_shapes(self.op)]
        cold = seconds(lambda: waiting(self.backend, self.op, spec, own))
        if self.first is None:  # it may have compiled for longer than any call takes, so it is never believed
            self.first = cold
        elif cold > _LONG_SEARCH:
            return cold
        return seconds(lambda: waiting(self.backend, self.op, spec, own))


def warm_up(call: Callable[[], Any], before: float, budget: float) -> int:
    """Call until what is compiled, in the first call of a shape or in a later one, is behind; how many calls that took.

    That is so once a call takes about as long as the one `before` it, or all together have taken `budget` seconds.
    """
    spent, calls = 0.0, 0
    while calls < _MOST_WARM_UPS and spent <= budget:
        took = seconds(call)
        spent, calls = spent + took, calls + 1
        if before < 2 * took < 4 * before:
            break
        before = took
    return calls


def waiting(backend: CompleteBackend, op: Op, spec: ConvSpec, own: list[Any]) -> Any:
    """Call and wait until the result is computed."""
    result = backend.call(op, spec, *own)
    backend.synchronize(result)
    return result


def raised(error: BaseException) -> str:
    """What a call raised, in one line."""
    return f"raised {named(error)}"
