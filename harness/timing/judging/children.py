"""The measuring children of a run: one that holds all built-in backends, and one for every other target.

Who is not built in may be anybody: its processes are stopped whenever it is not its turn, so that it can neither slow
down a rival nor work ahead.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Any, TypeVar

from msgspec import Struct
from msgspec.structs import replace

from harness.calls.limits.seconds import DEADLINE, loading, loading_in_words
from harness.calls.pipe import Arrays
from harness.calls.worker import Worker, WorkerDied, environment
from harness.contract.protocol import Array
from harness.contract.targets import Target
from harness.results.records import BackendFacts, Ceilings
from harness.timing import clock
from harness.timing.calling import messages as m
from harness.timing.ceilings import nothing
from harness.timing.judging.processes import Processes

PROGRAM = "harness.timing.calling.child"
SLACK = 120.0  # seconds that a child may stay silent beyond what its calls may take: compiling, a search

Waiting = Callable[[str], AbstractContextManager[object]]  # within it, what is named is waited for
Described = Callable[[BackendFacts | Ceilings], None]
_CALLS = (
    m.Load, m.MeasureDevice, m.Predict, m.MeasureMemory, m.CallOnce, m.Calibrate, m.MakeReady, m.Block, m.MeasureStages,
)  # fmt: skip
_T = TypeVar("_T", bound=Struct)
_Any = TypeVar("_Any")
_Answer = tuple[_T, list[Array]]


class BackendRaised(Exception):
    """What a backend raised, in one line; `native` tells whether the op is its own."""

    def __init__(self, error: str, native: bool) -> None:
        super().__init__(error)
        self.native = native


class Child:
    """One child, and the facts of the backends that it has loaded."""

    def __init__(self, worker: Worker, is_foreign: bool) -> None:
        self._worker, self.is_foreign = worker, is_foreign
        self.facts: dict[str, BackendFacts] = {}
        self.processes = Processes(worker.guardian)
        self.calls_seconds = 0.0  # in which the backends' own code ran, from loading it on
        self._turns = 0

    def ask(self, message: Struct, answer: type[_T], deadline: float = SLACK, arrays: Arrays = ()) -> _Answer[_T]:
        """The one answer to a message, with its arrays. Raises `WorkerDied` and `BackendRaised`."""
        found = self._asked(message, deadline, arrays)
        if len(found) == 1 and isinstance(found[0][0], m.Raised):
            raise BackendRaised(found[0][0].error, found[0][0].native)
        if len(found) != 1 or not isinstance(found[0][0], answer):
            self.close()
            raise WorkerDied("it did not answer what it was asked", hung=False)
        return found[0][0], [a for a in found[0][1] if a is not None]

    def tell(self, message: Struct, deadline: float = SLACK, arrays: Arrays = ()) -> None:
        """A message that has no answer. Raises `WorkerDied` and `BackendRaised`."""
        for one, _ in self._asked(message, deadline, arrays):
            if isinstance(one, m.Raised):
                raise BackendRaised(one.error, one.native)

    def told(self, message: Struct) -> list[Any]:
        """All answers to a message. Raises `WorkerDied`."""
        return [one for one, _ in self._asked(message, SLACK, ())]

    def _asked(self, message: Struct, deadline: float, arrays: Arrays) -> list[tuple[Any, list[Array | None]]]:
        with self.turn():
            found, took = wall(lambda: list(self._worker.request(message, deadline, arrays)))
        if isinstance(message, _CALLS):
            sent = [one for one, _ in found if isinstance(one, m.Called)]  # to send the result is no part of the call
            self.calls_seconds += sent[0].seconds + sent[0].to_numpy_seconds if sent else took
        return found

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Within it a foreign child may run; turns lie within turns."""
        if self.is_foreign and not self._turns:
            self.processes.let_go()
        self._turns += 1
        try:
            yield
        finally:
            self._turns -= 1
            if self.is_foreign and not self._turns:
                self.processes.hold()

    def close(self) -> None:
        """End it."""
        self._worker.close()


class Children:
    """The children in use; one that has died is replaced when its backends are asked for again."""

    def __init__(self, targets: Sequence[Target], threads: int, allocator: str, described: Described) -> None:
        self._targets = {target.name: target for target in targets}
        self.threads, self.allocator, self._described = threads, allocator, described
        self._shared: Child | None = None
        self._own: dict[str, Child] = {}
        self._known: dict[str, BackendFacts] = {}
        self.lost: dict[str, WorkerDied] = {}  # what could not be loaded without ending its child, or in time
        self._devices_asked: set[str] = set()
        self.measured_seconds = 0.0  # of all blocks, with the calls that warm up
        self._calls_seconds = 0.0  # of children that have ended

    def describe_again(self, known: Sequence[BackendFacts], asked: Sequence[str]) -> None:
        """What an earlier session has found already: it is not told again."""
        self._known |= {facts.backend: facts for facts in known}
        self._devices_asked |= set(asked)

    def is_foreign(self, name: str) -> bool:
        """Whether a backend has a child of its own: it is not built in, or is to be timed like what is not."""
        return not self._targets[name].is_builtin or self._targets[name].is_apart

    def of(self, name: str, waiting: Waiting) -> Child | None:
        """The child of a backend, which has loaded it; None if it cannot be loaded, and `lost` says why."""
        self._start(waiting)
        if name in self.lost:
            return None
        return self._own[name] if self.is_foreign(name) else self._shared

    def describe(self, child: Child, name: str) -> None:
        """Tell what is known of a backend, if it is new: libraries may be loaded by the first call."""
        facts = child.facts[name]
        if self._known.get(name) != facts:
            self._known[name] = facts
            self._described(facts)

    def note_libraries(self, child: Child, name: str) -> None:
        """Tell of what a foreign child has loaded that its backend does not name."""
        facts = child.facts[name]
        said = " ".join([name, *facts.info, *facts.info.values()]).lower()
        found = [library for library in child.processes.libraries() if library not in said]
        if found != facts.unnamed_libraries:
            child.facts[name] = replace(facts, unnamed_libraries=found)
            self.describe(child, name)

    @property
    def calls_seconds(self) -> float:
        """Seconds in which code of backends ran."""
        return self._calls_seconds + sum(child.calls_seconds for child in self.alive())

    def alive(self) -> list[Child]:
        """The children that are there."""
        return [*([self._shared] if self._shared else []), *self._own.values()]

    def died(self, child: Child) -> None:
        """Forget a child that has ended, and end what is left of it."""
        child.close()
        self._calls_seconds += child.calls_seconds
        if child is self._shared:
            self._shared = None
        self._own = {name: one for name, one in self._own.items() if one is not child}

    def close(self) -> None:
        """End all."""
        for child in self.alive():
            self.died(child)

    def _start(self, waiting: Waiting) -> None:
        ours = [t for t in self._targets.values() if not self.is_foreign(t.name) and t.name not in self.lost]
        while ours and self._shared is None:
            self._shared = self._started(ours, waiting, is_foreign=False)
            ours = [t for t in ours if t.name not in self.lost]
        for target in [t for t in self._targets.values() if self.is_foreign(t.name)]:
            while target.name not in self._own and target.name not in self.lost:
                child = self._started([target], waiting, is_foreign=True)
                if child is not None:
                    self._own[target.name] = child

    def _started(self, targets: Sequence[Target], waiting: Waiting, *, is_foreign: bool) -> Child | None:
        """A child that has loaded these; None if it ended meanwhile, and one more is lost."""
        worker = Worker(PROGRAM, m.Replies, environment(self.threads, self.allocator))
        child = Child(worker, is_foreign)
        for target in targets:
            try:
                with waiting(f"{target.name} to load, {loading_in_words(DEADLINE)} at most"):
                    facts, _ = child.ask(m.Load(target), BackendFacts, loading(DEADLINE))
            except WorkerDied as death:
                self.lost[target.name] = death
                self._tell_lost(target, f"while it loaded: {death}")
                child.close()
                return None
            except BaseException:  # Ctrl-C: nobody else knows the child
                child.close()
                raise
            child.facts[target.name] = facts
            self.describe(child, target.name)
        return child if self._ask_devices(child, waiting) else None

    def _tell_lost(self, target: Target, reason: str) -> None:
        if target.name not in self._known:
            facts = BackendFacts(backend=target.name, target=target.text, available=False, reason=reason)
            self._known[target.name] = facts
            self._described(facts)

    def _ask_devices(self, child: Child, waiting: Waiting) -> bool:
        """Tell the limits of the devices that backends measure themselves, once; whether the child has survived it."""
        for name in child.facts:
            if name in self._devices_asked:
                continue
            self._devices_asked.add(name)
            try:
                with waiting(f"{name} to measure the limits of its device"):
                    for record in child.told(m.MeasureDevice(name, self.threads, self.allocator)):
                        self._described(record)
            except WorkerDied as death:
                self._described(nothing(name, self.threads, self.allocator, str(death)))
                child.close()
                return False
        return True


def wall(call: Callable[[], _Any]) -> tuple[_Any, float]:
    """What a call gives, and the parent's own time of it."""
    found: list[_Any] = []
    took = clock.seconds(lambda: found.append(call()))
    return found[0], took
