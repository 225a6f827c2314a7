"""A run that several processes share: each judges its part of the faults, and what they find is put in order here."""

from __future__ import annotations

import queue
import threading
import time

from conformance.parallel.answering import Broken
from conformance.parallel.waiting import wait
from conformance.power import job
from conformance.power.campaign import Asked, Found, Progress, chosen
from conformance.power.records import FaultReport
from harness.calls.worker import Worker, WorkerDied, WorkerError, environment


class JobFailed(RuntimeError):
    """A process of the run ended without having judged its part."""


class _Job:
    """One process, and a thread that listens to it."""

    def __init__(self, work: job.Work, events: queue.Queue[job.Replies]) -> None:
        self.worker = Worker("conformance.power.job", job.Replies, environment(1, "default"))
        self.death = ""
        self._work, self._events = work, events
        self._thread = threading.Thread(target=self._listen, daemon=True)
        self._thread.start()

    @property
    def is_running(self) -> bool:
        """Whether it may still tell something."""
        return self._thread.is_alive()

    def interrupt(self) -> None:
        """Let it end: what is finished has been told."""
        self.worker.interrupt()

    def _listen(self) -> None:
        try:
            for message, _ in self.worker.request(self._work, float("inf")):
                self._events.put(message)
        except (WorkerDied, WorkerError) as death:
            self.death = str(death)


def run(count: int, asked: Asked, progress: Progress) -> Found:
    """As `campaign.run`, in `count` processes.

    Raises `SelectionError` if no kind is meant, and `JobFailed` if a process ends early.
    """
    start, found = time.monotonic(), Found(len(chosen(asked)))
    events: queue.Queue[job.Replies] = queue.Queue()
    rows: dict[int, FaultReport] = {}
    budget = 0.0 if asked.budget == float("inf") else asked.budget
    started: list[_Job] = []
    try:
        for part in range(count):
            work = job.Work(asked.kinds, asked.sample, asked.seed, asked.tier, budget, part, count, asked.diagnose)
            started.append(_Job(work, events))
        found.interrupted = wait(started, events, lambda message: _take(message, found, rows, progress))
    finally:
        for one in started:
            one.worker.close()
    death = next((one.death for one in started if one.death), "")
    if death and not found.interrupted:
        raise JobFailed(f"a job {death}")
    found.rows = [rows[place] for place in sorted(rows)]
    found.seconds = time.monotonic() - start
    return found


def _take(message: job.Replies, found: Found, rows: dict[int, FaultReport], progress: Progress) -> None:
    if isinstance(message, Broken):
        raise JobFailed(f"a job failed:\n{message.traceback}")
    if isinstance(message, job.Control):
        found.add_control(message.name, message.wrong)
        progress(message.name)
        return
    rows[message.place] = message.report
    progress(message.report.kind)
