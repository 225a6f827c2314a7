"""Stand-ins for what the suite meets: a backend that does as it is told, and a clock that moves when it is told."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

from harness.calls.caller import PLAIN, Arrays, CallResult, Conditions, OneCall
from harness.calls.limits.pace import Pace
from harness.calls.memory_layouts import representable
from harness.contract.protocol import Numerics, Subnormals
from harness.geometry.spec import OPS, ConvSpec, Op
from harness.oracle import by_taps

Refusal = Callable[[Op, ConvSpec, str], str | None]


def nothing_refused(op: Op, spec: ConvSpec, dtype: str) -> str | None:
    """Everything is claimed that a backend must be asked for: float32 and float64."""
    return None if dtype in ("float32", "float64") else f"no {dtype}"


def right(op: Op, spec: ConvSpec, arrays: Arrays, conditions: Conditions) -> CallResult:
    """The definition, in the dtype of the inputs."""
    dtype = next(a.dtype for a in arrays if a is not None)
    wide = np.int64 if dtype.kind == "i" else np.float64
    return CallResult(result=np.ascontiguousarray(by_taps.run(op, spec, *arrays, accumulate=wide).astype(dtype)))


def one_too_many(op: Op, spec: ConvSpec, arrays: Arrays, conditions: Conditions) -> CallResult:
    """The definition, but for the last element."""
    made = right(op, spec, arrays, conditions)
    if made.result.size:
        made.result.flat[-1] += 1
    return made


@dataclass
class FakeCaller:
    """A backend for the suite to call: it refuses and answers as told, and remembers what it was asked."""

    name: str = "fake"
    numerics: Numerics = "gemm"
    subnormals: Subnormals = "kept"
    takes_bias: bool = True
    native: list[Op] = field(default_factory=lambda: list(OPS))
    refuses: Refusal = nothing_refused
    answers: Callable[[Op, ConvSpec, Arrays, Conditions], CallResult] = right
    asked: list[tuple[Op, str, str]] = field(default_factory=list)
    called: list[tuple[Op, str, Conditions]] = field(default_factory=list)
    pace: Pace = field(default_factory=Pace)

    def unsupported(self, op: Op, spec: ConvSpec, dtype: str) -> str | None:
        """The answer that it was given to give."""
        self.asked.append((op, str(spec), dtype))
        return self.refuses(op, spec, dtype)

    def ask_ahead(self, op: Op, specs: Sequence[ConvSpec], dtype: str) -> None:
        """See `Caller`. Nothing is remembered."""

    def call(self, op: Op, spec: ConvSpec, arrays: Arrays, conditions: Conditions = PLAIN) -> CallResult:
        """The result that it was given to give."""
        self.called.append((op, str(spec), conditions))
        held = [
            a if a is None or conditions.only not in (None, n) else representable(a, conditions.layout)
            for n, a in enumerate(arrays)
        ]
        return self.answers(op, spec, held, conditions)

    def each(self, calls: Sequence[OneCall]) -> list[CallResult]:
        """One call after the other."""
        return [self.call(*one) for one in calls]

    def together(self, calls: Sequence[OneCall], times: int = 1) -> list[CallResult]:
        """One call after the other, each once."""
        return self.each(calls)

    def repeat(self, calls: Sequence[OneCall], times: int) -> list[CallResult]:
        """Each once."""
        return self.each(calls)

    def sample(self, op: Op, spec: ConvSpec, dtype: str, seed: str, points: Sequence[tuple[int, ...]]) -> CallResult:
        """Not for fakes."""
        raise NotImplementedError("a fake takes no samples")


@dataclass
class Clock:
    """In place of a module's `time`: it stands still until it is told to move on."""

    now: float = 1000.0

    def monotonic(self) -> float:
        """Seconds."""
        return self.now

    def pass_by(self, seconds: float) -> None:
        """So much later."""
        self.now += seconds
