"""The backend under test, called with suspicion: whatever it does becomes a diagnosis, never a crash of the suite."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from harness.calls.caller import PLAIN, Arrays, Caller, CallResult, Conditions
from harness.calls.memory_layouts import representable
from harness.contract.protocol import Array, validate
from harness.geometry.spec import ConvSpec, Op


class Failed(Exception):
    """The backend is wrong; the text says how."""


class Mistrusted(Exception):
    """The expected array could not tell right from wrong, so nothing was shown."""


class Refused(Exception):
    """The backend refuses a geometry that the check needs besides the case's own."""


class NotRun(Exception):
    """The case cannot be run in reasonable time; the text says why. It stays planned, so the run is incomplete."""


@dataclass(frozen=True, slots=True)
class RecordedCall:
    """One call that a check made, for the repro: its inputs, their memory layout, and what came of it."""

    op: Op
    spec: ConvSpec
    arrays: tuple[Array | None, ...]
    layout: str
    reply: CallResult
    conditions: Conditions = PLAIN


@dataclass(slots=True)
class BackendUnderTest:
    """Calls one backend on host arrays and vouches for the form of what comes back.

    `calls` are those of the case in hand; `used` is the largest share of an error allowance that it has used.
    """

    backend: Caller
    calls: list[RecordedCall] = field(default_factory=list)
    used: float | None = None

    def begin(self) -> None:
        """Forget the case before."""
        self.calls, self.used = [], None

    def observe(self, op: Op, spec: ConvSpec, *arrays: Array | None, conditions: Conditions = PLAIN) -> CallResult:
        """All that is known of one call. Raises `Failed` if it raised, exited, crashed or hung."""
        validate(op, spec, *arrays)
        return self._call(op, spec, arrays, conditions)

    def run(self, op: Op, spec: ConvSpec, *arrays: Array | None, conditions: Conditions = PLAIN) -> Array:
        """The result as an array of the right shape and dtype. Raises `Failed` otherwise."""
        reply = self.observe(op, spec, *arrays, conditions=conditions)
        given = next(a for a in arrays if a is not None)
        return require_form(op, spec, str(given.dtype), reply)

    def sample(self, op: Op, spec: ConvSpec, dtype: str, seed: str, points: Sequence[tuple[int, ...]]) -> Array:
        """Elements of the result for inputs `data.pooled(op, spec, dtype, seed)`, which the callee makes."""
        reply = self.backend.sample(op, spec, dtype, seed, points)
        if reply.error.startswith("MemoryError"):
            raise NotRun(f"{op} ran out of memory: {reply.error}")  # of all there is: no fault at this size
        if reply.error:
            raise Failed(f"{op} {reply.error}" if reply.died else f"{op} raised {reply.error}")
        array = require_array(op, reply)
        if reply.shape != spec.output_shape(op):
            raise Failed(f"{op} returned shape {reply.shape}, the spec asks for {spec.output_shape(op)}")
        require_dtype(op, array, dtype)
        return array

    def together(self, op: Op, spec: ConvSpec, several: Sequence[Arrays]) -> list[Array]:
        """The results of calls made at the same moment, each from its own thread."""
        results = []
        for arrays, reply in zip(several, self.backend.together(op, spec, several), strict=True):
            self.calls.append(RecordedCall(op, spec, tuple(arrays), "C", reply))
            if reply.error:
                raise Failed(f"{op} raised {reply.error}")
            given = next(a for a in arrays if a is not None)
            results.append(require_form(op, spec, str(given.dtype), reply))
        return results

    def attempt(self, op: Op, spec: ConvSpec, *arrays: Array | None) -> str:
        """A call whose arrays may be wrong: what it raised, or nothing if it returned. Raises `Failed` on a death."""
        try:
            self._call(op, spec, arrays, PLAIN)
        except Failed:
            if not self.calls or not self.calls[-1].reply.error:
                raise
            return self.calls[-1].reply.error
        return ""

    def _call(self, op: Op, spec: ConvSpec, arrays: tuple[Array | None, ...], conditions: Conditions) -> CallResult:
        reply = self.backend.call(op, spec, arrays, conditions)
        logical = tuple(None if a is None else representable(a, conditions.layout) for a in arrays)
        self.calls.append(RecordedCall(op, spec, logical, conditions.layout, reply, conditions))
        if reply.died:
            raise Failed(f"{op} {reply.error}")
        if reply.error:
            raise Failed(f"{op} raised {reply.error}")
        return reply


def require_form(op: Op, spec: ConvSpec, dtype: str, reply: CallResult) -> Array:
    """The result, if it is an array of the spec's shape and of `dtype`."""
    array = require_array(op, reply)
    require_shape(op, spec, array)
    require_dtype(op, array, dtype)
    return array


def require_array(op: Op, reply: CallResult) -> Array:
    """The result is a numpy.ndarray, and no subclass of it, once on the host."""
    if reply.result is None:
        raise Failed(f"{op} returned {reply.kind.removeprefix('builtins.')}, not an array")
    result: Array = reply.result
    return result


def require_shape(op: Op, spec: ConvSpec, result: Array) -> None:
    """The result has exactly the spec's shape."""
    if result.shape != spec.output_shape(op):
        raise Failed(f"{op} returned shape {result.shape}, the spec asks for {spec.output_shape(op)}")


def require_dtype(op: Op, result: Array, dtype: str) -> None:
    """The result has the dtype of the inputs."""
    if np.dtype(result.dtype) != np.dtype(dtype):
        raise Failed(f"{op} returned dtype {result.dtype} for {dtype} input")
