"""One fault: a change of one op under a condition, as a backend that is right in everything else."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cache
from typing import Any

from conformance.power.one_function import OneFunction
from conformance.power.right.ops import NOTHING, Call, Change, run
from conformance.power.where.conditions import ALWAYS, Condition
from harness.calls.in_process import InProcess
from harness.contract.adapter import complete
from harness.contract.protocol import Array, CompleteBackend
from harness.geometry.spec import OPS, ConvSpec, Op

FLOATS = ("float32", "float64")
EVERY = ("float16", "float32", "float64", "int32", "int64")


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong, when, in which op, and which dtypes the backend claims."""

    kind: str
    op: Op
    change: Change
    condition: Condition = ALWAYS
    dtypes: tuple[str, ...] = FLOATS

    def __str__(self) -> str:
        when = str(self.condition)
        return f"{self.op}: {self.change.what}" + (f", where {when}" if when else "")


@dataclass(slots=True)
class Implementation(OneFunction):
    """A backend: right, but for its fault. It has a memory of its own, as a module has."""

    fault: Fault | None = None
    memory: dict[Any, Any] = field(default_factory=dict)
    calls: int = 0

    def unsupported(self, op: Op, spec: ConvSpec, dtype: str) -> str | None:
        """Contract: dtypes alone."""
        claimed = EVERY if self.fault is None else self.fault.dtypes
        return None if dtype in claimed else f"dtype {dtype} is not claimed"

    def run(self, op: Op, spec: ConvSpec, *arrays: Array | None) -> Any:
        """One op."""
        fault = self.fault
        if fault is None or fault.op != op:
            return run(Call(op, spec, arrays))
        self.calls += 1
        call = Call(op, spec, arrays, self.calls, self.memory)
        return run(call, fault.change if fault.condition.holds(call) else NOTHING)


def load(candidate: Implementation) -> InProcess:
    """Ready to be called in this process, with nothing kept of earlier calls."""
    ops: dict[Op, Any] = {op: getattr(candidate, op) for op in OPS}
    return InProcess(replace(_complete(), ops=ops, unsupported=candidate.unsupported))


@cache
def _complete() -> CompleteBackend:
    """As the registry makes one; looked at once, as its members are the same for all faults."""
    return complete(Implementation(), "faulty", "faulty")
