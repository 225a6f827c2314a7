"""Measuring children in the hands of a test: what they are asked, and what they answer, without a process.

They answer as true ones do, with backends that are always right; calls of each take a time that tells it apart.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, TypeVar

from msgspec import Struct

from harness.calls.worker import WorkerDied, WorkerError
from harness.results.records import Ceilings
from harness.tests.helpers.records import some_facts
from harness.tests.helpers.timing.fake_backend import FakeBackend
from harness.tests.helpers.timing.fake_clock import FakeClock
from harness.timing.calling import messages as m
from harness.timing.calling.child import MeasuringChild

Answer = Struct | WorkerDied | WorkerError | BaseException
Script = Callable[[int, Any], "list[Answer] | None"]  # the number of the child, the message: other answers than usual
T = TypeVar("T", bound=Struct)


def as_usual(number: int, message: Any) -> list[Answer] | None:
    """All goes well."""
    return None


@dataclass(slots=True)
class FakeChildren:
    """Stands in for the class `Worker`: it is called to start a child, and remembers all that was asked of any."""

    clock: FakeClock
    script: Script = as_usual
    started: list[tuple[str, Any, dict[str, str]]] = field(default_factory=list)
    asked: list[tuple[int, Any, float]] = field(default_factory=list)  # which child, what, and its deadline
    closed: list[int] = field(default_factory=list)
    seconds: dict[str, float] = field(default_factory=dict)  # of a call, by backend; 1/8 for the others

    def __call__(self, module: str, messages: Any, environment: dict[str, str]) -> FakeChild:
        """Start a child."""
        self.started.append((module, messages, environment))
        return FakeChild(self, len(self.started))

    def of_kind(self, kind: type[T]) -> list[T]:
        """What was asked, of one kind, in order."""
        return [message for _, message, _ in self.asked if isinstance(message, kind)]

    @property
    def loaded(self) -> list[tuple[int, str]]:
        """Which child was asked to load what."""
        return [(number, one.target.name) for number, one, _ in self.asked if isinstance(one, m.Load)]

    @property
    def predicted(self) -> list[tuple[int, str, str]]:
        """Which child was asked to begin with which op of which backend."""
        return [(number, one.op, one.backend) for number, one, _ in self.asked if isinstance(one, m.Predict)]


@dataclass(slots=True)
class FakeChild:
    """One of them; asked after its end, it fails the test."""

    children: FakeChildren
    number: int
    guardian: int = 2**30  # no process
    child: MeasuringChild = field(default_factory=MeasuringChild)

    def __enter__(self) -> FakeChild:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def request(self, message: Any, deadline: float, arrays: Any = ()) -> Iterator[tuple[Any, list[Any]]]:
        """The answers of the script, of which exceptions are raised; else those of a child in which all goes well."""
        assert self.number not in self.children.closed, "a child that was ended was asked"
        self.children.asked.append((self.number, message, deadline))
        said = self.children.script(self.number, message)
        if said is None:
            yield from self._usual(message, arrays)
            return
        for answer in said:
            if isinstance(answer, BaseException):
                raise answer
            yield answer, []

    def close(self) -> None:
        """End it."""
        if self.number not in self.children.closed:
            self.children.closed.append(self.number)

    def _usual(self, message: Any, arrays: Any) -> Iterator[tuple[Any, list[Any]]]:
        if isinstance(message, m.Load):
            name = message.target.name
            fake = FakeBackend(self.children.clock, lambda op, spec: self.children.seconds.get(name, 0.125))
            self.child.loaded[name] = fake.complete(name)
            native = sorted(self.child.loaded[name].native)
            yield some_facts(name, target=message.target.text, native=native), []
        elif isinstance(message, m.MeasureCpu):
            yield Ceilings(threads=message.threads, allocator=message.allocator, copy_gbs={"dram": 20.0}), []
        elif isinstance(message, m.MeasureProduct):
            yield m.Products({}), []
        else:
            copies = [None if a is None else a.copy() for a in arrays]
            for answer, made in self.child.answer(message, copies):
                yield answer, [None if a is None else a.copy() for a in made]
