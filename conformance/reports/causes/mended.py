"""A backend in which one thing is put right: what a plain call gives wrongly, it gives rightly.

A failed case that passes on it has failed for that reason alone; one that fails all the same has another cause. A
result is put right only where a plain call on the same arrays gives the same: what goes wrong in odd memory, among
threads or once in a while stays wrong.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
from msgspec import structs

from conformance.checks.outcomes import RecordedCall, dtype_of, recorded
from conformance.diagnosis.where import expected, is_off_without_rounding, wrong
from harness.calls.caller import PLAIN, Arrays, Caller, CallResult, Conditions, OneCall
from harness.calls.limits.pace import Pace
from harness.contract.protocol import Array, Numerics, Subnormals
from harness.geometry.spec import ConvSpec, Op
from harness.oracle import by_taps

_ALIKE = 1e-3  # of the largest number: two results of one call that differ by more than rounding differ
NUMBERS, MEMORY = "", "memory"


@dataclass(slots=True)
class Mended:
    """A `Caller`. `touched` are the ops that were put right, each with what was: `NUMBERS` or `MEMORY`.

    `is_known` says of an op and dtype whether its numbers are put right, `is_cast` whether the dtype of its results is,
    `is_placed` whether what it makes of inputs in odd memory is, and that it changes them; `is_changing` whether calls
    that are made again with the same arrays are.
    """

    caller: Caller
    is_known: Callable[[Op, str], bool]
    is_cast: Callable[[Op, str], bool]
    is_placed: Callable[[Op, str], bool] = lambda op, dtype: False
    is_changing: Callable[[Op, str], bool] = lambda op, dtype: False
    touched: set[tuple[Op, str]] = field(default_factory=set)
    name: str = field(init=False)
    numerics: Numerics = field(init=False)
    subnormals: Subnormals = field(init=False)
    takes_bias: bool = field(init=False)
    native: list[Op] = field(init=False)
    pace: Pace = field(init=False)

    def __post_init__(self) -> None:
        self.name, self.native, self.pace = self.caller.name, self.caller.native, self.caller.pace
        self.numerics, self.subnormals = self.caller.numerics, self.caller.subnormals
        self.takes_bias = self.caller.takes_bias

    def unsupported(self, op: Op, spec: ConvSpec, dtype: str) -> str | None:
        """The backend's own answer."""
        return self.caller.unsupported(op, spec, dtype)

    def ask_ahead(self, op: Op, specs: Sequence[ConvSpec], dtype: str) -> None:
        """See `Caller`."""
        self.caller.ask_ahead(op, specs, dtype)

    def call(self, op: Op, spec: ConvSpec, arrays: Arrays, conditions: Conditions = PLAIN) -> CallResult:
        """The backend's result, put right."""
        return self._mended(OneCall(op, spec, arrays, conditions), self.caller.call(op, spec, arrays, conditions))

    def each(self, calls: Sequence[OneCall]) -> list[CallResult]:
        """The same of several, those too that come after one that died: it is put right."""
        outcomes = self.caller.each(calls)
        while outcomes and len(outcomes) < len(calls):
            outcomes = [*outcomes, *self.caller.each(calls[len(outcomes) :])]
        return self._each(calls, outcomes)

    def together(self, calls: Sequence[OneCall], times: int = 1) -> list[CallResult]:
        """The same of calls at once."""
        return self._as_first(calls, self.caller.together(calls, times))

    def repeat(self, calls: Sequence[OneCall], times: int) -> list[CallResult]:
        """The same of calls in turn."""
        return self._as_first(calls, self.caller.repeat(calls, times))

    def sample(self, op: Op, spec: ConvSpec, dtype: str, seed: str, points: Sequence[tuple[int, ...]]) -> CallResult:
        """The backend's own: of a few elements nobody can say whether a plain call gives them."""
        return self.caller.sample(op, spec, dtype, seed, points)

    def _as_first(self, calls: Sequence[OneCall], outcomes: Sequence[CallResult]) -> list[CallResult]:
        """Each as a first call, on arrays that no call has changed."""
        again = []
        for one, outcome in zip(calls, outcomes, strict=False):
            is_changing = self.is_changing(one.op, dtype_of(one.arrays))
            again.append(self.caller.call(*one) if is_changing else outcome)
            self.touched |= {(one.op, MEMORY)} if is_changing else set()
        return self._each(calls, again)

    def _each(self, calls: Sequence[OneCall], outcomes: Sequence[CallResult]) -> list[CallResult]:
        return [self._mended(one, outcome) for one, outcome in zip(calls, outcomes, strict=False)]

    def _mended(self, asked: OneCall, outcome: CallResult) -> CallResult:
        if not recorded(asked, outcome).is_valid:
            return outcome
        outcome = self._placed(asked, self._cast(asked, outcome))
        call = recorded(asked, outcome)
        if not self.is_known(call.op, dtype_of(call.arrays)):
            return outcome
        right = _right(call, self.numerics)
        if right is None:
            return outcome
        if not _are_alike(outcome, self._cast(asked, self.caller.call(call.op, call.spec, call.arrays))):
            return outcome
        self.touched.add((call.op, NUMBERS))
        if _has_shape(call):
            return structs.replace(outcome, result=right)
        return CallResult(result=right, shape=right.shape, strides=right.strides)

    def _placed(self, asked: OneCall, outcome: CallResult) -> CallResult:
        """As on plain arrays, which are left as they were."""
        call = recorded(asked, outcome)
        if not self.is_placed(call.op, dtype_of(call.arrays)):
            return outcome
        right = None if asked.conditions.layout == "C" else _right(call, self.numerics)
        if right is None and not outcome.changed:
            return outcome
        self.touched.add((asked.op, MEMORY))
        made = outcome if right is None else CallResult(result=right, shape=right.shape, strides=right.strides)
        return structs.replace(made, changed=[])

    def _cast(self, asked: OneCall, outcome: CallResult) -> CallResult:
        """In the dtype of the input, where it is known that the backend gives another."""
        dtype, result = dtype_of(asked.arrays), outcome.result
        if result is None or result.dtype.name == dtype or not self.is_cast(asked.op, dtype):
            return outcome
        self.touched.add((asked.op, NUMBERS))
        with np.errstate(over="ignore", invalid="ignore"):
            return structs.replace(outcome, result=np.ascontiguousarray(result.astype(dtype)))


def _has_shape(call: RecordedCall) -> bool:
    result = call.outcome.result
    return not call.outcome.error and result is not None and result.shape == call.spec.output_shape(call.op)


def _right(call: RecordedCall, numerics: Numerics) -> Array | None:
    """The right result of a call that is wrong, in the dtype that it gave; None of one that nothing is said against."""
    given = [a for a in call.arrays if a is not None]
    got = call.outcome.result if _has_shape(call) else None
    if all(np.isfinite(a).all() for a in given):
        known = expected(call, numerics)
        if known is None:
            return None
        if got is not None and wrong(call, numerics) is None and not is_off_without_rounding(call, numerics):
            return None
        values = known.values
    else:
        values = by_taps.run(call.op, call.spec, *call.arrays)
        if got is not None and np.array_equal(values, got, equal_nan=True):
            return None
    with np.errstate(over="ignore", invalid="ignore"):
        return np.ascontiguousarray(values.astype(given[0].dtype if got is None else got.dtype))


def _are_alike(one: CallResult, other: CallResult) -> bool:
    """Whether two calls ended alike: the same exception, or the same numbers up to rounding."""
    if one.error or other.error:
        return bool(one.error) and one.error.partition(":")[0] == other.error.partition(":")[0]
    a, b = one.result, other.result
    if a is None or b is None:
        return a is None and b is None and one.kind == other.kind
    if a.shape != b.shape or a.dtype != b.dtype:
        return False
    if np.array_equal(a, b, equal_nan=a.dtype.kind == "f"):
        return True
    if a.dtype.kind != "f" or not np.array_equal(np.isfinite(a), np.isfinite(b)):
        return False
    finite = np.isfinite(a)
    largest = np.abs(a[finite]).max(initial=0)
    return bool((np.abs(a[finite].astype(np.float64) - b[finite]) <= _ALIKE * largest).all())
