"""Calls a backend in this process, and watches."""

from __future__ import annotations

import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np

from harness.calls import memory_layouts, seeing
from harness.calls.caller import PLAIN, Arrays, CallResult, Conditions, OneCall
from harness.calls.limits.pace import Pace
from harness.calls.limits.threads import thread_limit
from harness.contract.protocol import Array, CompleteBackend, dtype_name
from harness.geometry.spec import ConvSpec, Op
from harness.oracle import data

_KEPT = 8  # results that no later call may change
_SMALL = 2**15  # bytes: of larger arrays only the last is kept, and none is written to in place
_OFTEN = 1e-5  # seconds until another thread has its turn, where several call at once


class InProcess:
    """A `Caller`. Whatever the backend raises, SystemExit included, is in the result."""

    def __init__(self, backend: CompleteBackend) -> None:
        self.backend, self.name, self.native = backend, backend.name, sorted(backend.native)
        self.numerics, self.subnormals, self.takes_bias = backend.numerics, backend.subnormals, backend.takes_bias
        self._earlier: deque[_Earlier] = deque(maxlen=_KEPT)
        self._given: list[Array | None] = []  # of the call before
        self.pace = Pace()

    def unsupported(self, op: Op, spec: ConvSpec, dtype: str) -> str | None:
        """The backend's own answer."""
        return self.backend.unsupported(op, spec, dtype)

    def ask_ahead(self, op: Op, specs: Sequence[ConvSpec], dtype: str) -> None:
        """See `Caller`. A question costs nothing here."""

    def call(self, op: Op, spec: ConvSpec, arrays: Arrays, conditions: Conditions = PLAIN) -> CallResult:
        """See `Caller`."""
        given = self._arranged(arrays, conditions)
        with thread_limit(conditions.threads):
            if conditions.poisoned:
                seeing.poison(op, spec, given)
            start = time.monotonic()
            result = self._watched(op, spec, given)
        if not result.error:
            self.pace.add(op, spec, dtype_name(next(a.dtype for a in given if a is not None)), time.monotonic() - start)
        return result

    def each(self, calls: Sequence[OneCall]) -> list[CallResult]:
        """See `Caller`."""
        return [self.call(*one) for one in calls]

    def together(self, calls: Sequence[OneCall], times: int = 1) -> list[CallResult]:
        """See `Caller`. The threads start their calls at the same moment, and take turns often."""
        results = [CallResult(error="RuntimeError: the call did not end") for _ in calls]
        barrier = threading.Barrier(len(calls))
        self._earlier.clear()  # nobody watches what these calls change, and the next one is not to be blamed for it

        def several(number: int, one: OneCall, given: list[Array | None]) -> None:
            barrier.wait()
            for turn in range(1, times + 1):
                result = self._looked_at(one, given)
                results[number] = seeing.first_or_other(results[number], result, turn)
                if result.error or results[number].differs:
                    return

        pool = [
            threading.Thread(target=several, args=(number, one, _copies(one.arrays)), daemon=True)
            for number, one in enumerate(calls)
        ]
        with _switching_often():
            for thread in pool:
                thread.start()
            for thread in pool:
                thread.join()
        return results

    def repeat(self, calls: Sequence[OneCall], times: int) -> list[CallResult]:
        """See `Caller`. It ends with the first that is another than before, or that raises."""
        given, results = [_copies(one.arrays) for one in calls], [CallResult() for _ in calls]
        self._earlier.clear()  # as above
        for turn in range(1, times + 1):
            number = (turn - 1) % len(calls)
            result = self._looked_at(calls[number], given[number])
            results[number] = seeing.first_or_other(results[number], result, turn if turn > len(calls) else 1)
            if result.error or results[number].differs:
                break
        return results

    def sample(self, op: Op, spec: ConvSpec, dtype: str, seed: str, points: Sequence[tuple[int, ...]]) -> CallResult:
        """See `Caller`."""
        self._earlier.clear()
        self._given = []

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

    def _arranged(self, arrays: Arrays, conditions: Conditions) -> list[Array | None]:
        """New arrays in the layout that is asked for, or those of the call before with new values."""
        layouts = [conditions.layout if conditions.only in (None, n) else "C" for n in range(len(arrays))]
        given = [
            None if a is None else memory_layouts.arrange(a, layout) for a, layout in zip(arrays, layouts, strict=True)
        ]
        if conditions.in_place and len(self._given) == len(given):
            given = [_written(old, new) for old, new in zip(self._given, given, strict=True)]
        is_small = sum(a.nbytes for a in given if a is not None) <= _SMALL
        self._given = given if is_small else []
        return given

    def _looked_at(self, one: OneCall, given: Arrays) -> CallResult:
        """One call on arrays that are its own, of which the result alone is told."""
        return _caught(lambda: seeing.described(self._computed(one.op, one.spec, given)))

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
                self._compare_with_previous(result, op, made, host)
            return result

        result = _caught(watched)
        if result.error:
            result.changed = seeing.changes(given, before, given)
            self._earlier.clear()  # what it changed on its way is not seen
        return result

    def _compare_with_previous(self, result: CallResult, op: Op, made: Any, host: Array) -> None:
        """Against the backend's own last results, which on a device are no host memory: their bytes are asked again.

        A change is told of one call, the first after which it is there: those that come later did not make it.
        """
        for ago, before in zip(range(len(self._earlier), 0, -1), self._earlier, strict=True):
            earlier = self.backend.to_numpy(before.made)
            data = earlier.tobytes()
            if data != before.data:
                before.data = data
                if before.op == op:
                    result.previous_changed = ago
                elif before.op not in result.others_changed:
                    result.others_changed = [*result.others_changed, before.op]
            if seeing.overlap(host, earlier) or made is before.made:
                shared = "the previous result" if before.made is self._earlier[-1].made else "an earlier result"
                result.shares = [*result.shares, shared] if shared not in result.shares else result.shares
        if host.nbytes > _SMALL:
            self._earlier.clear()
        self._earlier.append(_Earlier(op, made, host.tobytes()))


@dataclass(slots=True)
class _Earlier:
    """A result that a call gave back, and its bytes as they were last seen."""

    op: Op
    made: Any
    data: bytes


def _copies(arrays: Arrays) -> list[Array | None]:
    return [None if a is None else a.copy() for a in arrays]


def _written(old: Array | None, new: Array | None) -> Array | None:
    """The old array with the values of the new one, if it can hold them."""
    if old is None or new is None or (old.shape, old.dtype) != (new.shape, new.dtype) or not old.flags.writeable:
        return new
    old[...] = new
    return old


@contextmanager
def _switching_often() -> Iterator[None]:
    before = sys.getswitchinterval()
    sys.setswitchinterval(_OFTEN)
    try:
        yield
    finally:
        sys.setswitchinterval(before)


def _caught(call: Callable[[], CallResult]) -> CallResult:
    """What the call gives, or what it raised. Only Ctrl-C goes through."""
    try:
        return call()
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        return CallResult(error=seeing.raised(error))
