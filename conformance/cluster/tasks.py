"""The tasks of a run: a batch, the same batch on a second worker, or a case of it alone that is suspected."""

from __future__ import annotations

import pickle
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from conformance.cases.selection import Selection
from conformance.cluster.batches import Batch
from conformance.cluster.deaths import History
from conformance.cluster.dispatch import Task
from conformance.cluster.remote import identity, shipping
from conformance.cluster.remote.on_worker import Order
from conformance.cluster.remote.shipping import PluginFiles
from conformance.run.suite_run import Options
from harness.contract.targets import Target


@dataclass(slots=True)
class Subject:
    """A backend of the run: its target, its files, the digest of its sources, and the cases that end workers."""

    target: Target
    files: PluginFiles | None
    digest: str
    deadly: dict[str, str] = field(default_factory=dict)  # case id -> why it has failed
    unavailable: dict[str, str] = field(default_factory=dict)  # worker -> why

    @classmethod
    def of(cls, target: Target) -> Subject:
        """Raises `RegistryError` if its files cannot be sent."""
        files = shipping.pack(target)
        return cls(target, files, files.digest if files else identity.of_backend(target))


@dataclass(slots=True, eq=False)
class BatchTask(Task):
    """`of` is the task that this one is about: of a suspect, or of a second opinion."""

    batch: Batch = field(kw_only=True)
    history: History = field(default_factory=History)
    suspect: str = ""
    is_second: bool = False
    of: BatchTask | None = None
    topic: str = ""


@dataclass(slots=True)
class Orders:
    """Makes what workers are sent."""

    run_id: str
    options: Options
    subjects: Sequence[Subject]
    end: float
    _sent: int = 0

    def task(self, batch: Batch) -> BatchTask:
        """Of a batch."""
        return self._with_order(BatchTask(_nothing, batch=batch))

    def second(self, task: BatchTask, first: str) -> BatchTask:
        """The same batch for any worker but the `first`."""
        return self._with_order(BatchTask(_nothing, {first}, batch=task.batch, is_second=True, of=task))

    def alone(self, task: BatchTask, selection: Selection, suspect: str) -> BatchTask:
        """The case that is suspected to end workers."""
        batch = replace(task.batch, selection=selection)
        return self._with_order(BatchTask(_nothing, set(task.not_on), batch=batch, suspect=suspect, of=task))

    def order(self, batch: Batch, topic: str = "", only_lists: bool = False) -> Order:
        """What is sent, with the time that is left."""
        subject = self.subjects[batch.target]
        known, cases = self.options.known, set(map(str, batch.selection.cases))
        if cases:
            known = [one for one in known if not one.is_exact or one.pattern in cases]
        budget = self.end - time.monotonic()
        deadly: Mapping[str, str] = subject.deadly
        options = replace(self.options, selection=batch.selection, known=known, budget=max(budget, 0.0), deadly=deadly)
        return Order(
            batch.number, pickle.dumps(options), subject.target, subject.files, identity.here(), only_lists, topic
        )

    def _with_order(self, task: BatchTask) -> BatchTask:
        def order() -> Order:
            self._sent += 1
            task.topic = f"im2col-harness-{self.run_id}-{self._sent}" if task.history.is_careful else ""
            return self.order(task.batch, task.topic)

        task.order = order
        return task


def _nothing() -> Order:
    raise AssertionError("a task is sent before it has an order")
