"""A backend that is right but for one op where a condition holds: what a diagnosis has to find out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from conformance.power.one_function import OneFunction
from harness.calls.in_process import InProcess
from harness.contract.adapter import complete
from harness.contract.protocol import Array, Numerics
from harness.geometry.spec import ConvSpec, Op
from harness.oracle import by_taps

Holds = Callable[[ConvSpec], bool]


def one_more(result: Array) -> Array:
    """The last element is wrong: a fault of no formula."""
    if result.size:
        result.flat[-1] += 1
    return result


def doubled(result: Array) -> Array:
    """All of it is."""
    return result * 2


class Planted(OneFunction):
    """Wrong in `op` where `holds`: then `spoil` is made of the right result. Refuses where `refuses`."""

    name = "planted"

    def __init__(
        self,
        op: Op,
        holds: Holds,
        spoil: Callable[[Array], Any] = one_more,
        refuses: Holds = lambda spec: False,
        numerics: Numerics = "gemm",
    ) -> None:
        self.op, self.holds, self.spoil, self.refuses, self.numerics = op, holds, spoil, refuses, numerics
        self.asked: list[ConvSpec] = []

    def unsupported(self, op: Op, spec: ConvSpec, dtype: str) -> str | None:
        """Contract."""
        return "refused" if self.refuses(spec) else None

    def run(self, op: Op, spec: ConvSpec, *arrays: Array | None) -> Any:
        """One op."""
        dtype = next(a.dtype for a in arrays if a is not None)
        result = np.ascontiguousarray(by_taps.run(op, spec, *arrays).astype(dtype))
        if op != self.op:
            return result
        self.asked.append(spec)
        return self.spoil(result) if self.holds(spec) else result


def planted(backend: OneFunction) -> InProcess:
    """Ready to be called in this process."""
    return InProcess(complete(backend, "planted", "planted"))
