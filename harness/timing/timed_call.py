"""The call that is timed, on several sets of equal inputs in turn, and the calls before it that predict its time.

A backend with a device clock (`seconds`) is handed calls that launch and do not wait, so that neither the host's waking
up nor a warm cache of the device counts as its speed.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from harness.contract.protocol import Array, CompleteBackend
from harness.geometry.spec import ConvSpec, Op
from harness.telling import named
from harness.timing.clock import seconds

_CACHE_BYTES = 256 * 2**20  # more than four times the last-level cache of any card; an H200 has 60 MB
_LONG_SEARCH = 5.0  # seconds; the first call of any shape may compile, or search for the fastest kernel
_FEWEST_SETS, _MOST_SETS = 2, 64
_MOST_WARM_UPS = 8


@dataclass(slots=True)
class TimedCall:
    """One that raises is not called again: it costs its own cell, not the group."""

    backend: CompleteBackend
    op: Op
    spec: ConvSpec
    sets: list[list[Any]]
    error: str = ""
    turns: Iterator[int] = field(default_factory=itertools.count)

    def __call__(self) -> Any:
        """Call and wait for the result."""
        return self._kept(lambda: waiting(self.backend, self.op, self.spec, self._next()))

    def device_seconds(self) -> float:
        """The backend's own time of a call that only launches; what has been launched may still raise there."""
        return self._kept(self._device_seconds) or 0.0

    def _device_seconds(self) -> float:
        assert self.backend.seconds is not None
        took = self.backend.seconds(lambda: self._kept(self._launch))
        if not (math.isfinite(took) and took > 0):
            raise ValueError(f"seconds() must give a time above 0, got {took!r}")
        return float(took)

    def _launch(self) -> Any:
        return self.backend.call(self.op, self.spec, *self._next())

    def _next(self) -> list[Any]:
        return self.sets[next(self.turns) % len(self.sets)]

    def _kept(self, call: Callable[[], Any]) -> Any:
        """What the call gives; None if it raises, now or earlier, and the first error is kept."""
        if self.error:
            return None
        try:
            return call()
        except KeyboardInterrupt:
            raise
        except BaseException as error:
            self.error = self.error or raised(error)
            return None


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


def input_sets(backend: CompleteBackend, arrays: Sequence[Array], first: list[Any]) -> list[list[Any]]:
    """The sets of inputs to time a backend on: the first alone, or with a device clock as many as exceed its cache."""
    if backend.seconds is None:
        return [first]
    size = sum(a.nbytes for a in arrays)
    count = max(_FEWEST_SETS, min(_MOST_SETS, _CACHE_BYTES // max(size, 1) + 1))
    # Copied first: conversion may share memory with the host, and each set is to be memory of its own.
    return [first, *([backend.from_numpy(a.copy()) for a in arrays] for _ in range(count - 1))]


def raised(error: BaseException) -> str:
    """What a call raised, in one line."""
    return f"raised {named(error)}"
