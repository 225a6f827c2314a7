"""The backend under test: whatever it does when called becomes `Failed` with a sentence, never a crash of the suite."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from harness.calls.caller import PLAIN, Arrays, Caller, CallResult, Conditions
from harness.calls.limits.memory import ran_out
from harness.calls.memory_layouts import representable
from harness.contract.protocol import ArgumentError, Array, validate
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
    """One call that a check made, kept for the diagnosis: what was asked, and what came of it."""

    op: Op
    spec: ConvSpec
    arrays: tuple[Array | None, ...]  # in whatever memory; the backend got copies in the layout of `conditions`
    outcome: CallResult
    conditions: Conditions = PLAIN

    @property
    def is_valid(self) -> bool:
        """Whether the arrays are what op and geometry ask for: some checks give wrong ones on purpose."""
        try:
            validate(self.op, self.spec, *self.arrays)
        except ArgumentError:
            return False
        return True


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
        outcome = self._kept(op, spec, arrays, conditions)
        require_ended(op, outcome)
        return outcome

    def run(self, op: Op, spec: ConvSpec, *arrays: Array | None, conditions: Conditions = PLAIN) -> Array:
        """The result as an array of the right shape and dtype. Raises `Failed` otherwise."""
        outcome = self.observe(op, spec, *arrays, conditions=conditions)
        given = next(a for a in arrays if a is not None)
        return require_form(op, spec, str(given.dtype), outcome)

    def sample(self, op: Op, spec: ConvSpec, dtype: str, seed: str, points: Sequence[tuple[int, ...]]) -> Array:
        """Elements of the result for inputs `data.pooled(op, spec, dtype, seed)`, which the callee makes."""
        outcome = self.backend.sample(op, spec, dtype, seed, points)
        if ran_out(outcome.error):
            raise NotRun(f"{op} ran out of memory: {outcome.error}")  # of all there is: no fault at this size
        require_ended(op, outcome)
        array = require_array(op, outcome)
        if outcome.shape != spec.output_shape(op):
            raise Failed(f"{op} returned shape {outcome.shape}, the spec asks for {spec.output_shape(op)}")
        require_dtype(op, array, dtype)
        return array

    def together(self, op: Op, spec: ConvSpec, several: Sequence[Arrays]) -> list[Array]:
        """The results of calls made at the same moment, each from its own thread."""
        results = []
        for arrays, outcome in zip(several, self.backend.together(op, spec, several), strict=True):
            self.calls.append(RecordedCall(op, spec, tuple(arrays), outcome))
            require_ended(op, outcome)
            given = next(a for a in arrays if a is not None)
            results.append(require_form(op, spec, str(given.dtype), outcome))
        return results

    def attempt(self, op: Op, spec: ConvSpec, *arrays: Array | None) -> str:
        """A call whose arrays may be wrong: what it raised, or nothing if it returned. Raises `Failed` on a death."""
        outcome = self._kept(op, spec, arrays, PLAIN)
        if outcome.died:
            require_ended(op, outcome)
        return outcome.error

    def _kept(self, op: Op, spec: ConvSpec, arrays: tuple[Array | None, ...], conditions: Conditions) -> CallResult:
        outcome = self.backend.call(op, spec, arrays, conditions)
        logical = tuple(None if a is None else representable(a, conditions.layout) for a in arrays)
        self.calls.append(RecordedCall(op, spec, logical, outcome, conditions))
        return outcome


def require_ended(op: Op, outcome: CallResult) -> None:
    """The call came to an end: it did not raise, and its process lives.

    Raises `NotRun` if it used up all the memory that there is, `Failed` for anything else that it raised.
    """
    if outcome.starved:
        raise NotRun(f"{op} raised {outcome.error}")
    if outcome.error:
        raise Failed(f"{op} {outcome.error}" if outcome.died else f"{op} raised {outcome.error}")


def require_form(op: Op, spec: ConvSpec, dtype: str, outcome: CallResult) -> Array:
    """The result, if it is an array of the spec's shape and of `dtype`."""
    array = require_array(op, outcome)
    require_shape(op, spec, array)
    require_dtype(op, array, dtype)
    return array


def require_array(op: Op, outcome: CallResult) -> Array:
    """The result is a numpy.ndarray of numbers once on the host."""
    if outcome.result is None:
        wrong = "which is no dtype of the contract" if " of dtype " in outcome.kind else "not an array"
        raise Failed(f"{op} returned {outcome.kind.removeprefix('builtins.')}, {wrong}")
    result: Array = outcome.result
    return result


def require_shape(op: Op, spec: ConvSpec, result: Array) -> None:
    """The result has exactly the spec's shape."""
    if result.shape != spec.output_shape(op):
        raise Failed(f"{op} returned shape {result.shape}, the spec asks for {spec.output_shape(op)}")


def require_dtype(op: Op, result: Array, dtype: str) -> None:
    """The result has the dtype of the inputs."""
    if np.dtype(result.dtype) != np.dtype(dtype):
        raise Failed(f"{op} returned dtype {result.dtype} for {dtype} input")
