"""Calls a backend in this process, and watches."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from harness.calls import memory_layouts, seeing
from harness.calls.caller import PLAIN, Arrays, CallResult, Conditions
from harness.calls.limits.pace import Pace
from harness.calls.limits.threads import thread_limit
from harness.contract.protocol import Array, CompleteBackend
from harness.geometry.spec import ConvSpec, Op
from harness.oracle import data


class InProcess:
    """A `Caller`. Whatever the backend raises, SystemExit included, is in the result."""

    def __init__(self, backend: CompleteBackend) -> None:
        self.backend, self.name, self.numerics = backend, backend.name, backend.numerics
        self.pace = Pace()
        self._previous: tuple[Any, bytes] | None = None

    def unsupported(self, op: Op, spec: ConvSpec, dtype: str) -> str | None:
        """The backend's own answer."""
        return self.backend.unsupported(op, spec, dtype)

    def ask_ahead(self, op: Op, specs: Sequence[ConvSpec], dtype: str) -> None:
        """See `Caller`. A question costs nothing here."""

    def call(self, op: Op, spec: ConvSpec, arrays: Arrays, conditions: Conditions = PLAIN) -> CallResult:
        """See `Caller`."""
        given = [None if a is None else memory_layouts.arrange(a, conditions.layout) for a in arrays]
        with thread_limit(conditions.threads):
            if conditions.poisoned:
                seeing.poison(op, spec, given)
            start = time.monotonic()
            result = self._watched(op, spec, given)
        if not result.error:
            self.pace.add(op, spec, str(next(a.dtype for a in given if a is not None)), time.monotonic() - start)
        return result

    def together(self, op: Op, spec: ConvSpec, several: Sequence[Arrays]) -> list[CallResult]:
        """See `Caller`. The threads start their calls at the same moment."""
        results = [CallResult(error="RuntimeError: the call did not end") for _ in several]
        barrier = threading.Barrier(len(several))

        def one(number: int, given: list[Array | None]) -> None:
            barrier.wait()
            results[number] = _caught(lambda: seeing.described(self._computed(op, spec, given)))

        pool = [
            threading.Thread(target=one, args=(number, [None if a is None else a.copy() for a in arrays]), daemon=True)
            for number, arrays in enumerate(several)
        ]
        for thread in pool:
            thread.start()
        for thread in pool:
            thread.join()
        return results

    def sample(self, op: Op, spec: ConvSpec, dtype: str, seed: str, points: Sequence[tuple[int, ...]]) -> CallResult:
        """See `Caller`."""
        self._previous = None

        def sampled() -> CallResult:
            host = self._computed(op, spec, data.pooled(op, spec, dtype, seed))
            if not isinstance(host, np.ndarray) or host.shape != spec.output_shape(op):
                return seeing.described(host)
            values = np.array([host[tuple(point)] for point in points], host.dtype)
            return CallResult(result=values, shape=host.shape)

        start = time.monotonic()
        result = _caught(sampled)
        if not result.error:
            self.pace.add(op, spec, dtype, time.monotonic() - start)
        return result

    def _computed(self, op: Op, spec: ConvSpec, given: Arrays) -> Array:
        own = [None if a is None else self.backend.from_numpy(a) for a in given]
        return self.backend.to_numpy(self.backend.call(op, spec, *own))

    def _watched(self, op: Op, spec: ConvSpec, given: list[Array | None]) -> CallResult:
        backend = self.backend
        before = [None if a is None else seeing.State.of(a) for a in given]

        def watched() -> CallResult:
            own = [None if a is None else backend.from_numpy(a) for a in given]
            made = backend.call(op, spec, *own)
            host = backend.to_numpy(made)
            result = seeing.described(host)
            result.changed = seeing.changes(given, before, [None if a is None else backend.to_numpy(a) for a in own])
            if isinstance(host, np.ndarray):
                result.shares = [
                    f"argument {number}" for number, a in enumerate(given) if a is not None and seeing.overlap(host, a)
                ]
                self._compare_with_previous(result, made, host)
            return result

        result = _caught(watched)
        if result.error:
            result.changed = seeing.changes(given, before, given)
        return result

    def _compare_with_previous(self, result: CallResult, made: Any, host: Array) -> None:
        """Against the backend's own previous result, which on a device is no host memory: its bytes are asked again."""
        if self._previous is not None:
            earlier = self.backend.to_numpy(self._previous[0])
            result.previous_changed = earlier.tobytes() != self._previous[1]
            if seeing.overlap(host, earlier) or made is self._previous[0]:
                result.shares.append("the previous result")
        self._previous = (made, host.tobytes())


def _caught(call: Callable[[], CallResult]) -> CallResult:
    """What the call gives, or what it raised. Only Ctrl-C goes through."""
    try:
        return call()
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        return CallResult(error=seeing.raised(error))
