"""Gives tasks to workers, one at a time each, and hears what became of them, until none is left.

One at a time, and pinned to its worker: so when a worker ends, it is known which task it was at. dask.distributed does
the rest: it starts workers, carries functions and answers, and sees that a worker has gone.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from conformance.cluster.remote import on_worker
from conformance.cluster.remote.on_worker import Order
from conformance.cluster.workers import Workers, no_harness

_LOOK_EVERY = 0.25  # seconds
_NOBODY = 60.0  # seconds without any worker that may take what is left
_NO_OTHER = 5.0  # seconds, if there are workers, but none of them may


@dataclass(slots=True, eq=False)
class Task:
    """Something for a worker to do: `order` makes what it is sent, at the moment when it is sent."""

    order: Callable[[], Order]
    not_on: set[str] = field(default_factory=set)  # names of workers that must not have it


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a task on a worker: it answered, or it ended with the task in hand."""

    worker: str  # its name
    address: str
    answer: Any = None
    has_died: bool = False


_Task = TypeVar("_Task", bound=Task)


@dataclass(slots=True)
class Dispatcher(Generic[_Task]):
    """The loop. `heard` says what follows from each outcome; after `end`, on the monotonic clock, nothing is given."""

    client: Any
    workers: Workers
    end: float = float("inf")
    _flying: dict[str, tuple[_Task, Any, str]] = field(default_factory=dict)  # address -> task, future, name

    def run(self, tasks: Iterable[_Task], heard: Callable[[_Task, Outcome], Iterable[_Task]]) -> list[_Task]:
        """All tasks and what follows from them; those that nobody would take. Raises `SchedulerLost`."""
        waiting, idle_since = list(tasks), time.monotonic()
        while waiting or self._flying:
            for task, outcome in self._ended():
                waiting[:0] = heard(task, outcome)
            if time.monotonic() < self.end:
                self._give(waiting)
            if self._flying or self.workers.is_asking:
                idle_since = time.monotonic()
            patience = _NO_OTHER if self.workers.trusted else _NOBODY
            if not self._flying and (time.monotonic() - idle_since > patience or time.monotonic() >= self.end):
                break
            self._rest()
        return waiting

    def drop(self) -> None:
        """Forget what is under way: a worker ends the batch in hand, and nobody listens."""
        for _, future, _ in self._flying.values():
            future.cancel()
        self._flying.clear()

    def _give(self, waiting: list[_Task]) -> None:
        for address in self.workers.trusted:
            if address in self._flying:
                continue
            name = self.workers.name(address)
            task = next((one for one in waiting if name not in one.not_on), None)
            if task is None:
                continue
            waiting.remove(task)
            future = self.client.submit(
                on_worker.run_batch, task.order(), workers=[address], allow_other_workers=False, pure=False, retries=0
            )
            self._flying[address] = (task, future, name)

    def _ended(self) -> Iterable[tuple[_Task, Outcome]]:
        gone = self.workers.look()
        for address, (task, future, name) in list(self._flying.items()):
            if address in gone:
                future.cancel()
                del self._flying[address]
                yield task, Outcome(name, address, has_died=True)
            elif future.done():
                del self._flying[address]
                if future.status == "finished":
                    yield task, Outcome(name, address, future.result())
                    future.release()
                    continue
                why = future.exception() if future.status == "error" else None
                if why is None or type(why).__name__ == "KilledWorker":  # or started again at once, at its address
                    yield task, Outcome(name, address, has_died=True)
                else:
                    self.workers.distrust(address, no_harness(why))
                    yield task, Outcome(name, address)

    def _rest(self) -> None:
        from distributed import wait

        futures = [future for _, future, _ in self._flying.values()]
        if not futures:
            time.sleep(_LOOK_EVERY)
            return
        try:
            wait(futures, timeout=_LOOK_EVERY, return_when="FIRST_COMPLETED")
        except TimeoutError:
            pass
        except Exception:  # one was cancelled, as when its worker has gone: the next look tells
            time.sleep(_LOOK_EVERY)
