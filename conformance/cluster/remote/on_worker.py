"""What runs on a worker: who it is, and one batch, in a child process of the worker's.

These functions travel by name: a worker that cannot import them has no harness. What they return is looked at before
it is believed.
"""

from __future__ import annotations

import os
import pickle
from contextlib import suppress
from dataclasses import dataclass

from conformance.cluster.remote import child, identity, shipping
from conformance.cluster.remote.identity import Identity
from conformance.cluster.remote.shipping import PluginFiles
from conformance.parallel.answering import Broken
from conformance.parallel.child import Finished, WrongCall
from conformance.parallel.known import PartReport
from harness.calls.worker import Worker, WorkerDied, WorkerError
from harness.contract.targets import Target

INTERRUPTED, DIED = "the run was interrupted", "the process of the batch"


@dataclass(frozen=True, slots=True)
class Order:
    """One batch: what to run, of what, and by which harness. `topic`: where each case is announced, if it is."""

    number: int
    options: bytes  # pickled `Options`
    target: Target
    files: PluginFiles | None
    identity: Identity
    only_lists: bool = False
    topic: str = ""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a worker says of a batch: `listed` is what it planned, `part` what became of it.

    One of the texts is given where there is no part: it refused, it found the call wrong, it failed itself.
    """

    number: int
    identity: Identity
    backend: str  # digest of the sources of the backend that it called
    listed: child.Listed | None = None
    part: PartReport | None = None
    refused: str = ""
    wrong_call: str = ""
    broken: str = ""


def identify() -> Identity:
    """The harness of this worker."""
    return identity.here()


def run_batch(order: Order) -> Answer:
    """Run one batch, or only list what it holds; every call of a backend has its own deadline in there."""
    own = identity.here()
    backend = order.files.digest if order.files else identity.of_backend(order.target)
    difference = own.difference(order.identity)
    if difference:
        return Answer(order.number, own, backend, refused=difference)
    with shipping.unpacked(order.target, order.files) as target:
        work = child.Work(order.options, target, order.only_lists, bool(order.topic))
        return _answer(order, own, backend, work)


def _answer(order: Order, own: Identity, backend: str, work: child.Work) -> Answer:
    environment = {"OMP_WAIT_POLICY": "PASSIVE", **os.environ}  # threads that spin steal the time of other workers
    listed, last = None, None
    with Worker("conformance.cluster.remote.child", child.Replies, environment) as process:
        try:
            for message, _ in process.request(work, float("inf")):
                if isinstance(message, child.Listed):
                    listed = message
                elif isinstance(message, child.Announced):
                    _announce(order, message.case)
                else:
                    last = message
        except (WorkerDied, WorkerError) as death:
            return Answer(order.number, own, backend, listed, broken=f"{DIED} {death}")
    if isinstance(last, WrongCall):
        return Answer(order.number, own, backend, listed, wrong_call=last.text)
    if isinstance(last, Broken):
        return Answer(order.number, own, backend, listed, broken=last.traceback)
    part = pickle.loads(last.reports) if isinstance(last, Finished) else None
    return Answer(order.number, own, backend, listed, part)


def _announce(order: Order, case_id: str) -> None:
    """Tell the scheduler which case runs next: it knows that when this process is gone."""
    from distributed import get_worker

    with suppress(ValueError):  # no worker: this machine itself runs the batch
        get_worker().log_event(order.topic, {"batch": order.number, "case": case_id})
