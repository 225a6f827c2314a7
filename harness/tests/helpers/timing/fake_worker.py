"""Measuring children in the hands of a test: what they are asked, and what they answer, without a process."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, TypeVar

from msgspec import Struct

from harness.calls.worker import WorkerDied, WorkerError
from harness.contract.status import CellStatus
from harness.results.records import Ceilings
from harness.tests.helpers.records import some_facts
from harness.timing.child import At, Load, MeasureCpu, MeasureDevice, MeasureGroup

Answer = Struct | WorkerDied | WorkerError | BaseException
Script = Callable[[Any], Iterator[Answer]]
T = TypeVar("T", bound=Struct)


def answers(message: Any) -> Iterator[Answer]:
    """As a child answers in which all goes well; the samples tell group and backend apart."""
    if isinstance(message, Load):
        yield some_facts(message.target.name, target=message.target.text)
    elif isinstance(message, MeasureCpu):
        yield Ceilings(threads=message.threads, allocator=message.allocator, copy_gbs={"dram": 20.0})
    elif isinstance(message, MeasureDevice):
        return
    elif isinstance(message, MeasureGroup):
        group = message.group
        yield At("")
        yield from (At(name) for name in group.backends)
        yield At("")
        for number, name in enumerate(group.backends, start=1):
            yield group.cell(name, CellStatus.OK, samples=[float(number)] * 3, checked_points=64, repetitions=number)
    else:
        raise AssertionError(f"a child cannot be asked {message!r}")


@dataclass(slots=True)
class Children:
    """Stands in for the class `Worker`: it is called to start a child, and remembers all that was asked of any."""

    script: Script = answers
    started: list[tuple[str, Any, dict[str, str]]] = field(default_factory=list)
    asked: list[tuple[int, Struct, float]] = field(default_factory=list)  # which child, what, and its deadline
    closed: list[int] = field(default_factory=list)

    def __call__(self, module: str, messages: Any, environment: dict[str, str]) -> Child:
        """Start a child."""
        self.started.append((module, messages, environment))
        return Child(self, len(self.started))

    def of_kind(self, kind: type[T]) -> list[T]:
        """What was asked, of one kind, in order."""
        return [message for _, message, _ in self.asked if isinstance(message, kind)]

    @property
    def groups(self) -> list[tuple[int, str, str, list[str]]]:
        """Which child was asked for which op and layer of which backends."""
        return [
            (number, m.group.op, m.group.layer, m.group.backends)
            for number, m, _ in self.asked if isinstance(m, MeasureGroup)
        ]  # fmt: skip


@dataclass(slots=True)
class Child:
    """One of them; asked after its end, it fails the test."""

    children: Children
    number: int

    def request(self, message: Struct, deadline: float) -> Iterator[tuple[Struct, list[Any]]]:
        """The answers of the script, of which exceptions are raised."""
        assert self.number not in self.children.closed, "a child that was ended was asked"
        self.children.asked.append((self.number, message, deadline))
        for answer in self.children.script(message):
            if isinstance(answer, BaseException):
                raise answer
            assert isinstance(answer, Struct)
            yield answer, []

    def close(self) -> None:
        """End it."""
        self.children.closed.append(self.number)
