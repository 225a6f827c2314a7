"""Groups of one layer, and measuring children without a process: they answer here, on the clock of the test."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import nullcontext
from dataclasses import dataclass, field
from typing import Any

from msgspec import Struct

from harness.calls.worker import WorkerDied
from harness.contract.protocol import CompleteBackend
from harness.geometry.spec import ConvSpec, Op
from harness.results.records import BackendFacts, Ceilings, Cell
from harness.timing.calling.child import MeasuringChild
from harness.timing.judging.children import Child, Children
from harness.timing.judging.floors import Floors
from harness.timing.judging.group import GroupRun
from harness.timing.plan import Group, Plan

SPEC = ConvSpec.parse("n2c3h9w8_f4kh3kw2_sh2sw1_pt1")
LARGE = ConvSpec.parse("n1c16h34w34_f4kh3kw3")  # the first probe of its im2col is an eighth of it, the second all


def a_group(*backends: str, op: Op = "im2col", spec: ConvSpec = SPEC, **changed: Any) -> Group:
    """A group with unequal conditions."""
    fields: dict[str, Any] = dict(
        run="run", group=f"run/{op}/float32/{spec}", op=op, dtype="float32", layer="net:one", spec=str(spec),
        backends=list(backends), threads=3, allocator="default", budget=2.0, rounds=5, gap=0.0, machine="box",
        commit="ab" * 20,
    )  # fmt: skip
    return Group(**{**fields, **changed})


@dataclass(slots=True)
class Here:
    """In the place of a worker: it answers in this process; what is asked can be looked at, or answered otherwise."""

    child: MeasuringChild
    instead: Callable[[Struct], Struct | BaseException | None] = lambda message: None
    asked: list[Struct] = field(default_factory=list)
    closed: bool = False
    guardian: int = 2**30  # no process

    def request(self, message: Any, deadline: float, arrays: Any = ()) -> Iterator[tuple[Any, list[Any]]]:
        """The answers, with copies of arrays: nothing is shared through a pipe."""
        assert not self.closed, "a child that was ended was asked"
        self.asked.append(message)
        other = self.instead(message)
        if isinstance(other, BaseException):
            raise other
        if other is not None:
            yield other, []
            return
        for answer, made in self.child.answer(message, [None if a is None else a.copy() for a in arrays]):
            yield answer, [None if a is None else a.copy() for a in made]

    def close(self) -> None:
        """End it."""
        self.closed = True


@dataclass(slots=True)
class Watched:
    """In the place of a child's processes: what they have used of the processor is for the test to say."""

    cpu_seconds: Callable[[], float | None] = lambda: None
    found: list[str] = field(default_factory=list)
    has_device: bool = False
    log: list[str] = field(default_factory=list)

    def cpu(self) -> float | None:
        """CPU time until now."""
        return self.cpu_seconds()

    def hold(self) -> None:
        """Remembered."""
        self.log.append("hold")

    def let_go(self) -> None:
        """Remembered."""
        self.log.append("let go")

    def libraries(self) -> list[str]:
        """What they have loaded."""
        return self.found

    def uses_device(self) -> bool:
        """Whether they use one."""
        return self.has_device


class LocalChildren(Children):
    """Children that have these backends loaded; those of `foreign` have one of their own each."""

    def __init__(self, backends: dict[str, CompleteBackend], foreign: tuple[str, ...] = ()) -> None:
        self.described: list[BackendFacts | Ceilings] = []
        super().__init__([], 3, "default", self.described.append)
        self.missing: dict[str, str] = {}
        ours = {name: backend for name, backend in backends.items() if name not in foreign}
        self.here = local_child(ours, is_foreign=False)
        self.own = {name: local_child({name: backends[name]}, is_foreign=True) for name in foreign}

    def of(self, name: str, waiting: Any) -> Child | None:
        """The child that has it."""
        if name in self.missing:
            child = local_child({}, is_foreign=False)
            child.facts[name] = BackendFacts(backend=name, target=name, available=False, reason=self.missing[name])
            return child
        return None if name in self.lost else self.own.get(name, self.here)

    def alive(self) -> list[Child]:
        """All."""
        return [self.here, *self.own.values()]

    def worker_of(self, name: str) -> Here:
        """What stands in for the process of a backend."""
        worker = self.own.get(name, self.here)._worker
        assert isinstance(worker, Here)
        return worker


def local_child(backends: dict[str, CompleteBackend], *, is_foreign: bool) -> Child:
    """A child of the parent's kind that has loaded these."""
    worker: Any = Here(MeasuringChild(loaded=dict(backends)))
    child = Child(worker, is_foreign)
    processes: Any = Watched()
    child.processes = processes
    child.facts = {
        name: BackendFacts(
            backend=name, target=name, available=True, info=b.info, numerics=b.numerics, native=sorted(b.native)
        )
        for name, b in backends.items()
    }  # fmt: skip
    return child


def child_of(**backends: CompleteBackend) -> LocalChildren:
    """Children of which one has these loaded."""
    return LocalChildren(dict(backends))


def no_floors() -> Floors:
    """Limits that nothing is held against."""

    class None_(Floors):
        def why_implausible(self, *of: Any) -> str:
            return ""

    return None_(Plan("test", [], []), nullcontext)


def cells(children: LocalChildren, group: Group, floors: Floors | None = None) -> dict[str, Cell]:
    """The cells of a group by backend."""
    return GroupRun(group, children, floors or no_floors(), nullcontext).measure()


DEAD = WorkerDied("killed by SIGSEGV", hung=False)
