"""Plain calls on whole numbers: whether a backend is wrong on a geometry without anything else that a check does."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from conformance.checks.outcomes import Failed, NotRun, RecordedCall, contradiction, has_form, recorded
from harness.calls.caller import Caller, OneCall
from harness.geometry.spec import ConvSpec, Op
from harness.oracle import data

_MOST_WORK = 20_000_000  # multiply-adds of a call


@dataclass(slots=True)
class PlainCalls:
    """Of one backend; each is made once."""

    caller: Caller
    _made: dict[tuple[Op, str, ConvSpec], RecordedCall | None] = field(default_factory=dict)

    def made(self, op: Op, dtype: str, spec: ConvSpec) -> RecordedCall | None:
        """The call; None where it is refused, cannot be exact, or is too much work."""
        key = (op, dtype, spec)
        if key not in self._made:
            self._made[key] = self._make(op, dtype, spec)
        return self._made[key]

    def is_wrong(self, op: Op, dtype: str, spec: ConvSpec) -> bool:
        """Whether the call was made and the definition contradicts it."""
        call = self.made(op, dtype, spec)
        if call is None:
            return False
        try:
            return bool(contradiction(call))
        except NotRun:  # for want of memory
            return False

    def is_alike(self, op: Op, one: str, other: str, spec: ConvSpec) -> bool:
        """Whether both dtypes are wrong in the same way: the same numbers, as far as both have them, or exception."""
        if not (self.is_wrong(op, one, spec) and self.is_wrong(op, other, spec)):
            return False
        a, b = self.made(op, one, spec), self.made(op, other, spec)
        if a is None or b is None:
            return False
        if a.outcome.error or b.outcome.error:
            return _class(a) == _class(b)
        if not (has_form(a) and has_form(b)):
            return a.outcome.kind == b.outcome.kind and a.outcome.shape == b.outcome.shape
        same_input = all(
            x is None or y is None or np.array_equal(x, y) for x, y in zip(a.arrays, b.arrays, strict=True)
        )
        return same_input and np.array_equal(a.outcome.result, b.outcome.result)

    def _make(self, op: Op, dtype: str, spec: ConvSpec) -> RecordedCall | None:
        if spec.macs > _MOST_WORK:
            return None
        try:
            if self.caller.unsupported(op, spec, dtype) is not None:
                return None
            # float16 holds the fewest whole numbers: what is exact in it is the same in every dtype.
            narrow = "float16" if data.can_be_exact(op, spec, "float16") else dtype
            arrays = [a.astype(dtype) for a in data.exact(op, spec, narrow, str(spec))]
        except (Failed, data.DataError):
            return None
        except (Exception, SystemExit):  # of `unsupported`, which is anybody's code
            return None
        asked = OneCall(op, spec, arrays)
        return recorded(asked, self.caller.call(*asked))


def _class(call: RecordedCall) -> str:
    return call.outcome.error.partition(":")[0]
