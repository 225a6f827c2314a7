"""A run that several processes share: each has its part of the cases, and their reports are put together.

`child` is what runs in each.
"""

from __future__ import annotations

import os
import pickle
import queue
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from msgspec import Struct, structs

from conformance.cases.case import SelectionError
from conformance.cases.shard import Shard
from conformance.parallel import child, known
from conformance.parallel.answering import Broken
from conformance.parallel.known import PartReport
from conformance.parallel.waiting import wait
from conformance.reports.merging import merge
from conformance.run.records import BackendReport
from conformance.run.suite_run import Options
from harness.calls.worker import Worker, WorkerDied, WorkerError
from harness.contract.status import Verdict
from harness.contract.targets import Target


class JobFailed(RuntimeError):
    """A process of the run ended without a result."""


@dataclass(frozen=True, slots=True)
class JobProgress:
    """How far one process is: its number from 1, what it has planned, how many cases more it has done.

    The first of each, with no case done, says that it has loaded all backends and planned.
    """

    number: int
    planned: int
    cases: int
    check_id: str


Progress = Callable[[JobProgress], None]


class _Answer(NamedTuple):
    """What one process found: a report a backend, or none if it was interrupted before it had a plan."""

    reports: list[PartReport]
    interrupted: bool


def run(
    jobs: int, options: Options, targets: Sequence[Target], named: bool, libraries: Sequence[str], progress: Progress
) -> tuple[list[BackendReport], bool]:
    """The merged reports of all backends, in the order given, and whether the user interrupted.

    Raises `SelectionError` if a process finds that the call is wrong, and `JobFailed` if one ends without a result.
    """
    events: queue.Queue[JobProgress] = queue.Queue()
    shard = options.selection.shard
    started: list[_Job] = []
    try:
        for number in range(1, jobs + 1):
            selection = replace(options.selection, shard=shard.part(number, jobs))
            part = pickle.dumps(replace(options, selection=selection))
            started.append(_Job(number, child.Work(part, list(targets), named, list(libraries)), events))
        interrupted = wait(started, events, progress)
        answers = [_answer(one, interrupted) for one in started]
    finally:
        for one in started:
            one.worker.close()
    parts = [answer.reports for answer in answers if answer.reports]
    if not parts:  # interrupted before there was anything to report
        raise KeyboardInterrupt
    whole = [_joined(same, jobs, shard, target) for target, *same in zip(targets, *parts, strict=True)]
    return whole, interrupted or any(answer.interrupted for answer in answers)


def _joined(parts: Sequence[PartReport], jobs: int, shard: Shard, target: Target) -> BackendReport:
    """One report of those of one backend. Where the user interrupted a process before it had a plan, one is missing."""
    whole = structs.replace(merge([part.report for part in parts]), shard=shard.label)
    missing = jobs - len(parts)
    if not missing and shard.count == 1:  # all is here: a pattern that failed nowhere is one too many
        whole = known.charged(whole, [part.heard for part in parts], target)
    if not missing or whole.verdict is Verdict.UNAVAILABLE:
        return whole
    cut = f"{missing} of {jobs} parts were interrupted before they began"
    return structs.replace(
        whole, verdict=Verdict.worst((whole.verdict, Verdict.INCOMPLETE)), cut="; ".join(filter(None, (whole.cut, cut)))
    )


class _Job:
    """One process, and a thread that listens to it: progress goes to `events`, its last answer is kept."""

    def __init__(self, number: int, work: child.Work, events: queue.Queue[JobProgress]) -> None:
        environment = {"OMP_WAIT_POLICY": "PASSIVE", **os.environ}  # threads that spin steal the other jobs' time
        self.worker = Worker("conformance.parallel.child", child.Replies, environment)
        self.answer: Struct | str = ""  # a text: how it ended without one
        self._number, self._work, self._events = number, work, events
        self._thread = threading.Thread(target=self._listen, daemon=True)
        self._thread.start()

    @property
    def is_running(self) -> bool:
        """Whether it may still tell something."""
        return self._thread.is_alive()

    def interrupt(self) -> None:
        """Let it report what is finished, and end."""
        self.worker.interrupt()

    def _listen(self) -> None:
        planned = 0
        try:
            for message, _ in self.worker.request(self._work, float("inf")):
                if isinstance(message, child.Planned):
                    planned = message.cases
                    self._events.put(JobProgress(self._number, planned, 0, ""))
                elif isinstance(message, child.Step):
                    self._events.put(JobProgress(self._number, planned, message.cases, message.check_id))
                else:
                    self.answer = message
        except (WorkerDied, WorkerError) as death:
            self.answer = str(death)


def _answer(ended: _Job, interrupted: bool) -> _Answer:
    answer = ended.answer
    if isinstance(answer, child.Finished):
        return _Answer(pickle.loads(answer.reports), answer.interrupted)
    if isinstance(answer, child.WrongCall):
        raise SelectionError(answer.text)
    if interrupted:
        return _Answer([], True)
    raise JobFailed(f"a job failed:\n{answer.traceback}" if isinstance(answer, Broken) else f"a job {answer}")
