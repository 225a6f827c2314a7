"""A backend that can be called and watched: what a call is given, and all that can be seen of it.

What is seen are facts (bytes, flags, shared memory), never verdicts: those need the expected values, which must not
exist where a backend could find them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from msgspec import Struct, field

from harness.calls.limits.pace import Pace
from harness.contract.protocol import Array, Numerics
from harness.geometry.spec import ConvSpec, Op

Arrays = Sequence[Array | None]


class Conditions(Struct, frozen=True):
    """Of a call: memory layout of its inputs, threads (0: as they are), freed memory filled with 0xFF."""

    layout: str = "C"
    threads: int = 0
    poisoned: bool = False


PLAIN = Conditions()


class CallFacts(Struct, kw_only=True):
    """What came of one call, but for the numbers."""

    error: str = ""  # "TypeName: text" of what it raised, or how its process ended
    died: bool = False  # whether its process crashed, exited or was ended because it hung
    starved: bool = False  # whether it ran out of all the memory that the machine has, which is no fault
    kind: str = "numpy.ndarray"  # type of the result on the host
    shape: tuple[int, ...] = ()
    strides: tuple[int, ...] = ()
    contiguous: bool = True
    writeable: bool = True
    changed: list[str] = field(default_factory=list)  # what of the inputs is not as before, in words
    shares: list[str] = field(default_factory=list)  # whose memory the result has, in words
    previous_changed: bool = False  # whether the call altered the result of the call before


class CallResult(CallFacts, kw_only=True):
    """With the numbers: a C-contiguous copy, None if the call raised or gave no array of numbers."""

    result: Any = None


class Caller(Protocol):
    """A backend that is called in this process (`InProcess`) or in a child (`InChild`)."""

    name: str
    numerics: Numerics
    pace: Pace

    def unsupported(self, op: Op, spec: ConvSpec, dtype: str) -> str | None:
        """The backend's own answer."""

    def ask_ahead(self, op: Op, specs: Sequence[ConvSpec], dtype: str) -> None:
        """`unsupported` is going to be asked of all of these: once for all, where a question is a message."""

    def call(self, op: Op, spec: ConvSpec, arrays: Arrays, conditions: Conditions = PLAIN) -> CallResult:
        """One call on copies of `arrays`."""

    def together(self, op: Op, spec: ConvSpec, several: Sequence[Arrays]) -> list[CallResult]:
        """One call for each set of arrays, all at once, each from its own thread."""

    def sample(self, op: Op, spec: ConvSpec, dtype: str, seed: str, points: Sequence[tuple[int, ...]]) -> CallResult:
        """One call on `data.pooled(op, spec, dtype, seed)`; of the result, the elements at `points` alone."""
