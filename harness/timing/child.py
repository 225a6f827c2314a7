"""The measuring child: it loads backends, measures ceilings and groups, and says what it is at. `run` is the parent."""

from __future__ import annotations

from msgspec import Struct

from harness.calls.serving import Answers, serve
from harness.contract.protocol import Array
from harness.contract.targets import Target
from harness.results.records import BackendFacts, Ceilings, Cell
from harness.timing import ceilings
from harness.timing.group import MeasuringChild
from harness.timing.plan import Group


class Load(Struct, frozen=True, tag_field="kind", tag=True):
    """Load one backend; answered by `BackendFacts`."""

    target: Target


class MeasureCpu(Struct, frozen=True, tag_field="kind", tag=True):
    """Answered by the `Ceilings` of the CPU."""

    threads: int
    allocator: str


class MeasureDevice(Struct, frozen=True, tag_field="kind", tag=True):
    """Answered by the `Ceilings` of a backend's own device, if it measures them."""

    backend: str
    threads: int
    allocator: str


class MeasureGroup(Struct, frozen=True, tag_field="kind", tag=True):
    """Answered by a `Cell` for every backend, and `At` in between."""

    group: Group


class At(Struct, frozen=True, tag_field="kind", tag="at"):
    """Which backend is called now; empty while all are timed."""

    backend: str


Requests = Load | MeasureCpu | MeasureDevice | MeasureGroup
Replies = BackendFacts | Ceilings | Cell | At


def answering(child: MeasuringChild, message: Requests) -> Answers:
    """The replies to a request."""
    if isinstance(message, Load):
        yield child.load(message.target), ()
    elif isinstance(message, MeasureCpu):
        yield ceilings.of_cpu(message.threads, message.allocator), ()
    elif isinstance(message, MeasureDevice):
        for found in child.device_ceilings(message.backend, message.threads, message.allocator):
            yield found, ()
    else:
        for one in child.measure(message.group):
            yield (At(one) if isinstance(one, str) else one), ()


def _main() -> None:
    child = MeasuringChild()

    def answer(message: Requests, arrays: list[Array | None]) -> Answers:
        return answering(child, message)

    serve(Requests, answer)


if __name__ == "__main__":
    _main()
