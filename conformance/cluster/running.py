"""A run of the suite on a cluster: cut into batches, run by the workers, compared, and put together.

A worker is held to what this machine knows of a batch, see `believing`; some batches are run by a second worker, see
`second`. One whose answer is not believed gets no batch any more, and what it had answered is run elsewhere.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import Any

from msgspec import structs

from conformance.cluster import believing, deaths, gathering, journal, planning
from conformance.cluster.batches import Batch
from conformance.cluster.dispatch import Dispatcher, Outcome
from conformance.cluster.journal import Journal
from conformance.cluster.remote import on_worker
from conformance.cluster.remote.identity import here
from conformance.cluster.remote.on_worker import Answer
from conformance.cluster.second import Done, Judgement, SecondOpinions
from conformance.cluster.tasks import BatchTask, Orders, Subject
from conformance.cluster.workers import SchedulerLost, Workers
from conformance.parallel.parent import JobFailed
from conformance.run.records import BackendReport
from conformance.run.suite_run import Options
from harness.contract.targets import Target
from harness.results.words import plural

_A_MOMENT = 0.1  # seconds for what a worker has announced to be with the scheduler


@dataclass(slots=True)
class Telling:
    """What the user sees: lines, how many cases there are, and how many more are done, by whom."""

    say: Callable[[str], None]
    planned: Callable[[int], None] = lambda cases: None
    done: Callable[[int, str], None] = lambda cases, by: None


@dataclass(slots=True)
class ClusterRun:
    """One run. `reports` may be taken at any time: they tell what is finished."""

    client: Any  # of dask.distributed
    options: Options
    targets: Sequence[Target]
    telling: Telling
    _subjects: list[Subject] = field(init=False)
    _workers: Workers = field(init=False)
    _orders: Orders = field(init=False)
    _dispatcher: Dispatcher[BatchTask] = field(init=False)
    _journal: Journal = field(init=False)
    _second: SecondOpinions = field(init=False)
    _batches: dict[int, Batch] = field(default_factory=dict)
    _done: dict[int, Done] = field(default_factory=dict)
    _numbers: Iterator[int] = field(default_factory=lambda: count(1_000_000))  # of batches that are parts of others
    _cuts: dict[int, list[str]] = field(default_factory=dict)  # target -> what keeps its run from being whole

    _start: float = field(default_factory=time.monotonic)

    def __post_init__(self) -> None:
        end, say = self._start + self.options.budget, self.telling.say
        self._subjects = [Subject.of(target) for target in self.targets]
        self._workers = Workers(self.client, here(), say)
        self._orders = Orders(f"{random.SystemRandom().getrandbits(48):x}", self.options, self._subjects, end)
        self._dispatcher = Dispatcher(self.client, self._workers, end)
        self._journal = journal.opened(self.options, self._subjects)
        self._second = SecondOpinions(self._orders, self._workers, say)

    def run(self) -> bool:
        """Everything; whether the user interrupted. Raises `NoWorkers`, `SelectionError` and `JobFailed`."""
        try:
            planning.wait_for_a_worker(self._workers, self.telling.say)
            planned = planning.batches(self._orders, self._dispatcher, self._journal)
            self._batches = {batch.number: batch for batch in planned}
            self.telling.planned(sum(batch.expected.total for batch in planned))
            self._give(self._waiting())
            while again := self._second.wanted(self._done.values()):
                self.telling.say(f"{plural(len(again), 'batch', 'batches')} run once more, by another worker")
                self._give(again)
        except KeyboardInterrupt:
            self._cut_all("the run was interrupted")
            return True
        except SchedulerLost as lost:
            self._cut_all(str(lost))
        finally:
            self._dispatcher.drop()
        if time.monotonic() >= self._orders.end:
            self._cut_all("the rest was cut by the budget")
        if self._done.keys() >= self._batches.keys():
            self._journal.remove()
        return False

    def reports(self) -> list[BackendReport]:
        """One a backend, in the order given."""
        took = round(time.monotonic() - self._start, 3)
        return [structs.replace(self._report(place), seconds=took) for place in range(len(self.targets))]

    def _report(self, place: int) -> BackendReport:
        ours = [batch for batch in self._batches.values() if batch.target == place]
        done = [(batch, self._done[batch.number].part) for batch in ours if batch.number in self._done]
        missing = [batch for batch in ours if batch.number not in self._done]
        subject, selection = self._subjects[place], self.options.selection
        cuts = self._cuts.get(place, [])
        if not done and subject.unavailable and not cuts:
            return gathering.unavailable(subject.target, selection, subject.unavailable)
        if missing:
            cuts = [f"{len(missing)} of {plural(len(ours), 'batch', 'batches')} have no result", *cuts]
        if not ours:
            cuts = ["it was not planned", *cuts]
        return gathering.joined(subject.target, selection, done, missing, "; ".join(dict.fromkeys(cuts)))

    def _waiting(self) -> list[BatchTask]:
        """The batches to run, but for those that were finished before a run like this was cut off."""
        tasks, before = [], 0
        for batch in self._batches.values():
            task = self._orders.task(batch)
            found = self._journal.found.get((batch.target, journal.label(batch)))
            if found is None:
                tasks.append(task)
                continue
            before += 1
            self._done[batch.number] = Done(task, found[1], found[0])
            self.telling.done(batch.expected.total, found[0])
        if before:
            self.telling.say(f"{before} of {plural(len(self._batches), 'batch', 'batches')} were finished before")
        return tasks

    def _give(self, tasks: Sequence[BatchTask]) -> None:
        left = self._dispatcher.run(tasks, self._heard)
        if time.monotonic() < self._orders.end:
            for place in {task.batch.target for task in left if task.batch.number not in self._done}:
                self._cut(place, "no worker is left that may run the rest")

    def _heard(self, task: BatchTask, outcome: Outcome) -> Iterable[BatchTask]:
        """What follows from one outcome."""
        answer, subject = outcome.answer, self._subjects[task.batch.target]
        broken = answer.broken if isinstance(answer, Answer) else ""
        if outcome.has_died or broken.startswith(on_worker.DIED):
            return self._died(task, outcome)
        if broken:
            raise JobFailed(f"worker {outcome.worker} failed:\n{broken}")
        if answer is None:  # the worker could not even take it
            return [task]
        if task.of is not None and task.suspect:  # it lives on
            return [task.of]
        why = ""
        if isinstance(answer, Answer):
            why = answer.refused or answer.wrong_call
            if not why and answer.listed and answer.listed.unavailable:
                subject.unavailable[outcome.worker] = answer.listed.unavailable
                task.not_on.add(outcome.worker)
                return [task]
        why = why or believing.why_not(answer, self._orders.order(task.batch), task.batch, subject.digest)
        if why:
            return [*self._not_believed(outcome.worker, outcome.address, why), task]
        if task.is_second:
            first = self._done.get(task.batch.number)
            return self._follow(task, self._second.judge(first, answer.part, outcome)) if first else []
        self._done[task.batch.number] = Done(task, answer.part, outcome.worker, outcome.address)
        self._journal.add(task.batch, outcome.worker, answer.part)
        self.telling.done(task.batch.expected.total, outcome.worker)
        return []

    def _follow(self, task: BatchTask, judgement: Judgement) -> Iterable[BatchTask]:
        """What a judgement of two answers means."""
        if judgement.cut:
            self._cut(task.batch.target, judgement.cut)
        first = self._done[task.batch.number]
        if judgement.stands is None:
            del self._done[task.batch.number]
            self._journal.forget(task.batch)
        elif judgement.stands is not first.part:
            self._done[task.batch.number] = Done(first.task, judgement.stands, judgement.by)
            self._journal.add(task.batch, judgement.by, judgement.stands)
        if not judgement.wrong_name:
            return []
        return self._not_believed(judgement.wrong_name, judgement.wrong_address, judgement.why)

    def _not_believed(self, worker: str, address: str, why: str) -> list[BatchTask]:
        """It gets nothing any more; what it has answered is to be run again."""
        self._workers.distrust(address or worker, why)
        theirs = [done.task for done in self._done.values() if done.worker == worker]
        for task in theirs:
            del self._done[task.batch.number]
            self._journal.forget(task.batch)
            self.telling.done(-task.batch.expected.total, worker)
        return theirs

    def _died(self, task: BatchTask, outcome: Outcome) -> Iterable[BatchTask]:
        """Its worker has ended, or the process there that ran it."""
        what = f"worker {outcome.worker} ended" if outcome.has_died else f"a process of worker {outcome.worker} ended"
        if task.of is not None and task.suspect:
            said = deaths.verdict((*task.of.history.ended[-1:], outcome.worker))
            self._subjects[task.batch.target].deadly[task.suspect] = said
            self.telling.say(f"{what}: {task.suspect} is not run any more, and has failed")
            task.of.history.ended.clear()
            return [task.of]
        if task.is_second:
            task.history.ended.append(outcome.worker)
            return [task] if len(task.history.ended) == 1 else []
        self.telling.say(f"{what}, its batch is run elsewhere")
        follows = deaths.after_death(task.batch, task.history, outcome.worker, self._announced(task))
        if follows.alone is not None:
            return [self._orders.alone(task, follows.alone, follows.suspect)]
        if follows.parts:
            del self._batches[task.batch.number]
            return [self._of_part(task.batch, selection, expected) for selection, expected in follows.parts]
        if task.history.given_up:
            self._cut(task.batch.target, task.history.given_up)
        return [task] if follows.again else []

    def _of_part(self, batch: Batch, *selected: Any) -> BatchTask:
        """A task for a smaller part of a batch."""
        part = Batch(next(self._numbers), batch.target, *selected)
        self._batches[part.number] = part
        return self._orders.task(part)

    def _announced(self, task: BatchTask) -> str:
        """The case that was to run last, as far as the scheduler was told."""
        if not task.topic:
            return ""
        time.sleep(_A_MOMENT)
        try:
            events = self.client.get_events(task.topic)
        except (OSError, RuntimeError, TimeoutError) as error:
            raise SchedulerLost(f"the scheduler does not answer any more ({error})") from error
        return str(events[-1][1]["case"]) if events else ""

    def _cut(self, place: int, text: str) -> None:
        self._cuts.setdefault(place, []).append(text)

    def _cut_all(self, text: str) -> None:
        for place in range(len(self.targets)):
            if any(one.target == place and one.number not in self._done for one in self._batches.values()):
                self._cut(place, text)
