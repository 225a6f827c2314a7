"""The child of a conformance run: one backend, called and watched. `InChild` is the parent's side.

It gathers facts and never holds an expected value, so there is none for a backend to find. Its malloc fills what it
hands out with a pattern, so memory that was never written does not look like zeros; no variable of the environment says
so, as the same program is started for timing.
"""

from __future__ import annotations

import ctypes
from contextlib import suppress
from functools import lru_cache
from typing import Literal

import msgspec
from msgspec import Struct

from harness.calls.caller import CallFacts, CallResult, Conditions, OneCall
from harness.calls.in_process import InProcess
from harness.calls.limits import memory
from harness.calls.serving import Answers, serve
from harness.contract import registry
from harness.contract.protocol import ARGUMENTS, Array, Numerics, Subnormals
from harness.contract.targets import Target
from harness.geometry.spec import ConvSpec, Op


class Open(Struct, frozen=True, tag_field="kind", tag=True):
    """Load the backend; it may then hold `memory` bytes more than its libraries and the arrays of a call."""

    target: Target
    memory: int


class Allow(Struct, frozen=True, tag_field="kind", tag=True):
    """Calls to come have arrays of up to so many bytes, with all copies; there is no answer but that it is done."""

    memory: int


class Ask(Struct, frozen=True, tag_field="kind", tag=True):
    """Its own answer to `unsupported`."""

    op: Op
    spec: str
    dtype: str


class AskAll(Struct, frozen=True, tag_field="kind", tag=True):
    """The same of many geometries at once."""

    op: Op
    specs: list[str]
    dtype: str


class Call(Struct, frozen=True, tag_field="kind", tag=True):
    """One call."""

    op: Op
    spec: str
    conditions: Conditions = Conditions()


How = Literal["each", "together", "repeat"]


class Several(Struct, frozen=True, tag_field="kind", tag=True):
    """Several calls, as `Caller` has them: `each`, of which every one is answered by itself, `together` or `repeat`."""

    calls: list[Call]
    how: How
    times: int = 1


class Sample(Struct, frozen=True, tag_field="kind", tag=True):
    """One call on data that the child makes itself; of the result, the elements at `points`."""

    op: Op
    spec: str
    dtype: str
    seed: str
    points: list[tuple[int, ...]]


class Opened(Struct, frozen=True, tag_field="kind", tag=True):
    """What the backend says of itself."""

    name: str
    numerics: Numerics
    subnormals: Subnormals
    takes_bias: bool
    info: dict[str, str]
    native: list[Op]


class Refusal(Struct, frozen=True, tag_field="kind", tag=True):
    """Why it does not do what was asked; None if it does."""

    reason: str | None


class Refusals(Struct, frozen=True, tag_field="kind", tag=True):
    """The same of many geometries."""

    reasons: list[str | None]


class Results(Struct, frozen=True, tag_field="kind", tag=True):
    """What came of the calls; the numbers travel as arrays, in the same order."""

    facts: list[CallFacts]


_PERTURB, _PATTERN = -6, 165  # M_PERTURB of mallopt
Requests = Open | Allow | Ask | AskAll | Call | Several | Sample
Replies = Opened | Refusal | Refusals | Results
_spec = lru_cache(maxsize=4096)(ConvSpec.parse)


class Child:
    """The backend of this process, once it is open."""

    def __init__(self) -> None:
        self._backend: InProcess | None = None
        self._room: memory.Room

    def answer(self, message: Requests, arrays: list[Array | None]) -> Answers:
        """The one reply to a request."""
        if isinstance(message, Open):
            return [(self._open(message), ())]
        if isinstance(message, Allow):
            self._room.allow(message.memory)
            return []
        backend = self._backend
        assert backend is not None, "open comes first"
        if isinstance(message, AskAll):
            asked = [backend.unsupported(message.op, _spec(text), message.dtype) for text in message.specs]
            return [(Refusals(asked), ())]
        if isinstance(message, Several):
            return self._several(backend, message, arrays)
        spec = _spec(message.spec)
        if isinstance(message, Ask):
            return [(Refusal(backend.unsupported(message.op, spec, message.dtype)), ())]
        if isinstance(message, Sample):
            return self._results([backend.sample(message.op, spec, message.dtype, message.seed, message.points)])
        return self._results([backend.call(message.op, spec, arrays, message.conditions)])

    def _several(self, backend: InProcess, message: Several, arrays: list[Array | None]) -> Answers:
        rest = iter(arrays)
        calls = [
            OneCall(one.op, _spec(one.spec), [next(rest) for _ in ARGUMENTS[one.op]], one.conditions)
            for one in message.calls
        ]
        if message.how == "each":
            return (answer for one in calls for answer in self._results([backend.call(*one)]))
        make = backend.together if message.how == "together" else backend.repeat
        return self._results(make(calls, message.times))

    def _open(self, message: Open) -> Opened:
        _fill_memory()
        self._room = memory.Room(
            memory.available()
        )  # one that takes ever more as it loads ends itself, not the machine
        backend = registry.load(message.target)
        self._backend = InProcess(backend)
        self._room = memory.Room(message.memory)
        return Opened(
            backend.name, backend.numerics, backend.subnormals, backend.takes_bias, backend.info, sorted(backend.native)
        )

    def _results(self, results: list[CallResult]) -> Answers:
        """As facts and arrays; what ran out of memory says how much there was."""
        for result in results:
            if memory.ran_out(result.error):
                result.error, result.starved = f"{result.error} ({self._room})", self._room.is_all
        facts = [msgspec.convert(result, CallFacts, from_attributes=True) for result in results]
        return [(Results(facts), [result.result for result in results])]


def _fill_memory() -> None:
    """Let malloc fill all blocks from now on, where it is glibc's."""
    with suppress(AttributeError, OSError):
        ctypes.CDLL(None).mallopt(_PERTURB, _PATTERN)


if __name__ == "__main__":
    serve(Requests, Child().answer)
