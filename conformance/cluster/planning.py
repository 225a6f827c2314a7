"""What the run of every backend holds, and how it is cut: known here before a worker is believed anything."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from itertools import count

from conformance.cases.case import SelectionError
from conformance.cluster.batches import Batch, Expected, cut
from conformance.cluster.dispatch import Dispatcher, Outcome
from conformance.cluster.journal import Journal
from conformance.cluster.remote import on_worker
from conformance.cluster.remote.child import Listed
from conformance.cluster.remote.on_worker import Answer
from conformance.cluster.tasks import BatchTask, Orders
from conformance.cluster.workers import Workers
from conformance.parallel.parent import JobFailed

_FIRST_WORKER = 60.0  # seconds


class NoWorkers(SelectionError):
    """Nobody can run anything; the text says what to do."""


def wait_for_a_worker(workers: Workers, say: Callable[[str], None]) -> None:
    """Until one has our harness. Raises `NoWorkers` if none has, or none joins."""
    start, told = time.monotonic(), False
    workers.look()
    while not workers.trusted:
        if workers.refused and not workers.is_asking:
            raise NoWorkers("no worker of this scheduler has the harness that this machine has")
        if time.monotonic() - start > _FIRST_WORKER:
            raise NoWorkers(f"no worker has joined within {_FIRST_WORKER:.0f} s; start some: dask worker ADDRESS")
        if not told and time.monotonic() - start > 2:
            say("waiting for a worker to join and to say which harness it has")
            told = True
        time.sleep(0.1)
        workers.look()


def batches(orders: Orders, dispatcher: Dispatcher[BatchTask], journal: Journal) -> list[Batch]:
    """Those of all backends; none of a backend that is unavailable, for reasons that its subject then has.

    Raises `SelectionError` if the call is wrong, and `JobFailed` if the harness fails.
    """
    numbers, found, parts = count(1), [], []
    selection, workers = orders.options.selection, max(1, len(dispatcher.workers.trusted))
    for place in range(len(orders.subjects)):
        listed = _listed_here(orders, place) or _listed_there(orders, place, dispatcher)
        before = journal.parts[place] if place < len(journal.parts) else 0
        own = list(cut(selection, Expected.of(listed), workers, before)) if listed else []
        found += [Batch(next(numbers), place, one, expected) for one, expected in own]
        parts.append(max((one.shard.count // selection.shard.count for one, _ in own if not one.cases), default=1))
    journal.begin(parts)
    return found


def _listed_here(orders: Orders, place: int) -> Listed | None:
    """By this machine; None where the backend is unavailable."""
    answer = on_worker.run_batch(_question(orders, place))
    if answer.wrong_call:
        raise SelectionError(answer.wrong_call)
    if answer.listed is None:
        raise JobFailed(f"planning failed:\n{answer.broken or answer.refused}")
    if answer.listed.unavailable:
        orders.subjects[place].unavailable["this machine"] = answer.listed.unavailable
        return None
    return answer.listed


def _listed_there(orders: Orders, place: int, dispatcher: Dispatcher[BatchTask]) -> Listed | None:
    """By the first worker that has the backend."""
    found: list[Listed] = []

    def heard(task: BatchTask, outcome: Outcome) -> Iterable[BatchTask]:
        answer = outcome.answer
        listed = answer.listed if isinstance(answer, Answer) else None
        if listed is not None and not listed.unavailable:
            found.append(listed)
            return []
        if listed is not None:
            orders.subjects[place].unavailable[outcome.worker] = listed.unavailable
        task.not_on.add(outcome.worker)
        return [task]

    task = BatchTask(lambda: _question(orders, place), batch=Batch(0, place, orders.options.selection, Expected()))
    dispatcher.run([task], heard)
    if found:
        del orders.subjects[place].unavailable["this machine"]
    return found[0] if found else None


def _question(orders: Orders, place: int) -> on_worker.Order:
    return orders.order(Batch(0, place, orders.options.selection, Expected()), only_lists=True)
