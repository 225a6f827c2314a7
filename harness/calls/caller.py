"""A backend that can be called and watched: what a call is given, and all that can be seen of it.

What is seen are facts (bytes, flags, shared memory), never verdicts: those need the expected values, which must not
exist where a backend could find them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple, Protocol

from msgspec import Struct, field

from harness.calls.limits.pace import Pace
from harness.contract.protocol import Array, Numerics, Subnormals
from harness.geometry.spec import ConvSpec, Op

Arrays = Sequence[Array | None]


class Conditions(Struct, frozen=True):
    """Of a call: memory layout of its inputs, threads (0: as they are), freed memory filled with 0xFF.

    With `only` the layout is that of this one argument; the others are in C order. With `in_place` the values are
    written into the arrays of the call before, where these have the same shapes.
    """

    layout: str = "C"
    threads: int = 0
    poisoned: bool = False
    only: int | None = None
    in_place: bool = False


PLAIN = Conditions()


class OneCall(NamedTuple):
    """A call to make."""

    op: Op
    spec: ConvSpec
    arrays: Arrays
    conditions: Conditions = PLAIN


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
    # Of the results of the eight calls before, those that this call altered:
    previous_changed: int = 0  # the last of the same op, as how many calls ago it was made; 0: none
    others_changed: list[str] = field(default_factory=list)  # the other ops of which there is one
    differs: int = 0  # of a call that was repeated: which time its result was not that of the first, 0 if always


class CallResult(CallFacts, kw_only=True):
    """With the numbers: a C-contiguous copy, None if the call raised or gave no array of numbers."""

    result: Any = None


class Caller(Protocol):
    """A backend that is called in this process (`InProcess`) or in a child (`InChild`)."""

    name: str
    numerics: Numerics
    subnormals: Subnormals
    takes_bias: bool  # whether its own conv2d does: otherwise we add it
    native: list[Op]  # the ops that it has itself: the others are derived, or not there
    pace: Pace

    def unsupported(self, op: Op, spec: ConvSpec, dtype: str) -> str | None:
        """The backend's own answer."""

    def ask_ahead(self, op: Op, specs: Sequence[ConvSpec], dtype: str) -> None:
        """`unsupported` is going to be asked of all of these: once for all, where a question is a message."""

    def call(self, op: Op, spec: ConvSpec, arrays: Arrays, conditions: Conditions = PLAIN) -> CallResult:
        """One call on copies of `arrays`."""

    def each(self, calls: Sequence[OneCall]) -> list[CallResult]:
        """One call after the other, handed over together, as handing over takes time; the last is the one that died."""

    def together(self, calls: Sequence[OneCall], times: int = 1) -> list[CallResult]:
        """All at once, each from its own thread and so many times: its first result, or the first that differs."""

    def repeat(self, calls: Sequence[OneCall], times: int) -> list[CallResult]:
        """In turn, so many in all: of each its first result, or the first that differs from that."""

    def sample(self, op: Op, spec: ConvSpec, dtype: str, seed: str, points: Sequence[tuple[int, ...]]) -> CallResult:
        """One call on `data.pooled(op, spec, dtype, seed)`; of the result, the elements at `points` alone."""
