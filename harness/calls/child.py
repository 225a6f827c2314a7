"""The child of a conformance run: one backend, called and watched. `InChild` is the parent's side.

It gathers facts and never holds an expected value, so there is none for a backend to find.
"""

from __future__ import annotations

import resource
import signal
from functools import lru_cache

import msgspec
from msgspec import Struct

from harness.calls.caller import CallFacts, CallResult, Conditions
from harness.calls.in_process import InProcess
from harness.calls.serving import Answers, serve
from harness.contract import registry
from harness.contract.protocol import Array, Numerics
from harness.contract.targets import Target
from harness.geometry.spec import ConvSpec, Op


class Open(Struct, frozen=True, tag_field="kind", tag=True):
    """Load the backend; it may then allocate `memory` bytes more than its libraries hold."""

    target: Target
    memory: int


class Ask(Struct, frozen=True, tag_field="kind", tag=True):
    """Its own answer to `unsupported`."""

    op: Op
    spec: str
    dtype: str


class Call(Struct, frozen=True, tag_field="kind", tag=True):
    """`times` calls at once, each from its own thread, on as many sets of arrays; a single one under `conditions`."""

    op: Op
    spec: str
    times: int = 1
    conditions: Conditions = Conditions()


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
    info: dict[str, str]


class Refusal(Struct, frozen=True, tag_field="kind", tag=True):
    """Why it does not do what was asked; None if it does."""

    reason: str | None


class Results(Struct, frozen=True, tag_field="kind", tag=True):
    """What came of the calls; the numbers travel as arrays, in the same order."""

    facts: list[CallFacts]


Requests = Open | Ask | Call | Sample
Replies = Opened | Refusal | Results
_spec = lru_cache(maxsize=4096)(ConvSpec.parse)


class Child:
    """The backend of this process, once it is open."""

    def __init__(self) -> None:
        self._backend: InProcess | None = None

    def answer(self, message: Requests, arrays: list[Array | None]) -> Answers:
        """The one reply to a request."""
        if isinstance(message, Open):
            return [(self._open(message), ())]
        backend = self._backend
        assert backend is not None, "open comes first"
        spec = _spec(message.spec)
        if isinstance(message, Ask):
            return [(Refusal(backend.unsupported(message.op, spec, message.dtype)), ())]
        if isinstance(message, Sample):
            return [_results([backend.sample(message.op, spec, message.dtype, message.seed, message.points)])]
        if message.times == 1:
            return [_results([backend.call(message.op, spec, arrays, message.conditions)])]
        size = len(arrays) // message.times
        several = [arrays[k * size : (k + 1) * size] for k in range(message.times)]
        return [_results(backend.together(message.op, spec, several))]

    def _open(self, message: Open) -> Opened:
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C goes to all processes of a terminal; ours is ended by us
        backend = registry.load(message.target)
        self._backend = InProcess(backend)
        _limit_memory(message.memory)
        return Opened(backend.name, backend.numerics, backend.info)


def _results(results: list[CallResult]) -> tuple[Results, list[Array | None]]:
    facts = [msgspec.convert(result, CallFacts, from_attributes=True) for result in results]
    return Results(facts), [result.result for result in results]


def _limit_memory(more: int) -> None:
    """Let the process allocate `more` bytes beyond what its libraries and their thread stacks hold already."""
    with open("/proc/self/status", encoding="ascii") as status:
        held = next((int(line.split()[1]) * 1024 for line in status if line.startswith("VmData:")), 0)
    resource.setrlimit(resource.RLIMIT_DATA, (held + more, held + more))


if __name__ == "__main__":
    serve(Requests, Child().answer)
