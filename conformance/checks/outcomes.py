"""What came of a call, and what is required of it; how a check says that a backend is wrong, or that it cannot tell."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from harness.calls.caller import PLAIN, Arrays, CallResult, Conditions, OneCall
from harness.calls.memory_layouts import representable
from harness.contract.protocol import ARGUMENTS, ArgumentError, Array, dtype_name, validate
from harness.contract.status import Grade
from harness.geometry.spec import ConvSpec, Op
from harness.oracle.bounding import as_settled
from harness.oracle.comparing import mismatch

OTHER_RESULT = "another result than the first time, which was wrong"  # of a call that was made again


class Failed(Exception):
    """The backend is wrong; the text says how. What is wrong may be of another grade than what the check judges."""

    def __init__(self, text: str, grade: Grade | None = None) -> None:
        super().__init__(text)
        self.grade = grade


class Mistrusted(Exception):
    """The expected array could not tell right from wrong, so nothing was shown."""


class Refused(Exception):
    """The backend refuses something that the check needs besides the case's own op and geometry."""


class NotRun(Exception):
    """The case cannot be run in reasonable time; the text says why. It stays planned, so the run is incomplete."""


class SuiteFault(Exception):
    """A check is wrong: it called what it had not asked for, or what was refused."""


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


def recorded(one: OneCall, outcome: CallResult) -> RecordedCall:
    """With the arrays as their memory layout can hold them."""
    layout, only = one.conditions.layout, one.conditions.only
    logical = tuple(
        a if a is None or only not in (None, n) else representable(a, layout) for n, a in enumerate(one.arrays)
    )
    return RecordedCall(one.op, one.spec, logical, outcome, one.conditions)


def arranged_in_words(op: Op, conditions: Conditions) -> str:
    """Which inputs lie otherwise than usual, and how: `crop inputs`, `crop w`."""
    only = conditions.only
    return f"{conditions.layout} {'inputs' if only is None else ARGUMENTS[op][only]}"


def dtype_of(arrays: Arrays) -> str:
    """Of the arrays of a valid call, which is one."""
    return dtype_name(next(a.dtype for a in arrays if a is not None))


def has_form(call: RecordedCall) -> bool:
    """Whether the result can be compared at all: there is one, of the right shape and dtype, for valid arrays."""
    result = call.outcome.result
    if call.outcome.error or result is None or not call.is_valid:
        return False
    return bool(result.shape == call.spec.output_shape(call.op) and result.dtype.name == dtype_of(call.arrays))


def contradiction(call: RecordedCall) -> str:
    """What the definition says against a call with whole numbers; nothing if it agrees."""
    try:
        require_ended(call.op, call.outcome)
        got = require_form(call.op, call.spec, dtype_of(call.arrays), call.outcome)
    except Failed as failure:
        return str(failure)
    return str(mismatch(got, as_settled(call.op, call.spec, *call.arrays)) or "")


def require_own_memory(op: Op, outcome: CallResult) -> None:
    """The call changed no input and no earlier result, and its result is memory of none of these.

    Where a result of another op was changed, that op may have handed out memory that is still used: both are named.
    """
    if outcome.changed:
        raise Failed(f"{op} changed {', '.join(outcome.changed)}", Grade.SAFETY)
    if outcome.shares:
        raise Failed(f"{op} returned memory of {', '.join(outcome.shares)}", Grade.SAFETY)
    if outcome.previous_changed:
        raise Failed(f"{op} changed an earlier result", Grade.SAFETY)
    if outcome.others_changed:
        others = " and of ".join(outcome.others_changed)
        raise Failed(f"a result of {others}, made by an earlier call, was another after a call of {op}", Grade.SAFETY)


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
