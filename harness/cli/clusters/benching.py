"""`harness bench --scheduler`: one whole measurement for each kind of machine of a dask.distributed cluster.

Times of two machines are never mixed, and two measurements on one would disturb each other: so each kind of machine
(`results.machine` names it) gives one of its workers to one measurement. If that worker ends, another one of the same
kind begins anew.
"""

from __future__ import annotations

import re
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from conformance.cluster import planning
from conformance.cluster.remote import shipping
from conformance.cluster.remote.identity import here
from conformance.cluster.workers import SchedulerLost, Workers, no_harness
from harness.cli import terminal
from harness.cli.clusters import connecting, there
from harness.cli.clusters.there import Measured, Order
from harness.results import run_files
from harness.results.words import plural
from harness.results.writing import ResultsError, write_atomically
from harness.telling import one_line
from harness.timing.plan import Plan

_LOOK_EVERY = 0.5  # seconds
_NOT_MEASURED = 3  # as exit code
_LINES = 4  # of what a measurement said, where it ended badly
_NAME, _SHOWN = re.compile(r"[a-z0-9][a-z0-9_.-]*"), 60  # of a machine: it is that of a folder
_WORST_FIRST = (2, 4, 1, _NOT_MEASURED, 0)


def order_of(plan: Plan) -> Order:
    """The words for a plan. Raises `RegistryError` for a plug-in that is too large to be sent."""
    words = [
        "--ops", ",".join(plan.ops), "--dtype", ",".join(plan.dtypes), "--threads", str(plan.threads),
        "--allocator", plan.allocator, "--budget", str(plan.budget),
    ]  # fmt: skip
    words += ["--batch", str(plan.batch)] if plan.batch is not None else []
    file, shapes = Path(plan.shapes), None
    if file.is_file():
        shapes = (file.name, file.read_bytes())
    else:
        words += ["--shapes", plan.shapes]
    return Order(tuple(words), tuple((target, shipping.pack(target)) for target in plan.backends), shapes)


def run_on_cluster(where: str, order: Order, results: Path) -> int:
    """Measure, keep each run file below `results`, and print its path; the exit code of the worst."""
    with connecting.joined(where) as client:
        workers = Workers(client, here(), terminal.say)
        planning.wait_for_a_worker(workers, terminal.say)
        while workers.is_asking:
            time.sleep(_LOOK_EVERY)
            workers.look()
        with _measuring(client, workers, order) as run:
            kinds = plural(len(run.machines), "kind")
            with terminal.waiting(f"{kinds} of machine to be measured"):
                codes = [kept(name, measured, results) for name, measured in run.ended()]
    return next((code for code in _WORST_FIRST if code in codes), _NOT_MEASURED)


@dataclass(slots=True)
class _Run:
    """One measurement a kind of machine: the addresses of its workers, those first that are still to be tried."""

    client: Any
    workers: Workers
    order: Order
    machines: dict[str, list[str]]
    flying: dict[str, tuple[str, Any]] = field(default_factory=dict)  # machine -> address, future

    def ended(self) -> Iterator[tuple[str, Measured]]:
        """Each machine with what became of it."""
        for name in self.machines:
            self._begin(name)
        while self.flying:
            time.sleep(_LOOK_EVERY)
            try:
                gone = self.workers.look()
            except SchedulerLost as lost:
                yield from ((name, Measured(_NOT_MEASURED, str(lost), {})) for name in self.flying)
                return
            for name, (address, future) in list(self.flying.items()):
                if future.done() and future.status == "finished":
                    del self.flying[name]
                    yield name, future.result()
                elif address in gone or future.done():
                    del self.flying[name]
                    why = future.exception() if future.status == "error" else None
                    said = f"its worker ended ({address})" if why is None else no_harness(why)
                    if why is not None or not self._begin(name):
                        yield name, Measured(_NOT_MEASURED, said, {})

    def _begin(self, name: str) -> bool:
        """Give the measurement to the next worker of that kind; false if there is none."""
        address = next(iter(self.machines[name]), "")
        if not address:
            return False
        self.machines[name].remove(address)
        terminal.say(f"{name} is measured by worker {self.workers.named(address)}")
        future = self.client.submit(
            there.measure, self.order, workers=[address], allow_other_workers=False, pure=False, retries=0
        )
        self.flying[name] = (address, future)
        return True


@contextmanager
def _measuring(client: Any, workers: Workers, order: Order) -> Iterator[_Run]:
    """A run on the machines that there are; what is under way when it is left is forgotten."""
    asked = {
        address: client.submit(there.machine_name, workers=[address], allow_other_workers=False, pure=False)
        for address in workers.trusted
    }
    machines: dict[str, list[str]] = {}
    for address, future in asked.items():
        try:
            name = str(future.result(timeout=60))
        except Exception as error:  # whatever befell that worker; the others are measured
            name, said = "", one_line(error)
        else:
            said = repr(name[:_SHOWN])
        if _NAME.fullmatch(name):
            machines.setdefault(name, []).append(address)
        else:
            workers.distrust(address, f"it does not say which machine it is: {said}")
    if not machines:
        raise planning.NoWorkers("no worker says which machine it is")
    run = _Run(client, workers, order, machines)
    try:
        yield run
    finally:
        for _, future in run.flying.values():
            future.cancel()


def kept(name: str, measured: Measured, results: Path) -> int:
    """Write its run files where they are results of that machine; its exit code, and what it said if it has none."""
    kept = False
    for path, content in measured.files.items():
        target = results / "runs" / name / Path(path).name
        why = _why_not(name, target, content)
        if why:
            terminal.say(f"{name}: {Path(path).name} is not kept: {why}")
            continue
        target.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(target, content)
        print(target)
        kept = True
    said = measured.said.splitlines()[-_LINES:] or ["it said nothing"]
    if measured.code < 0:
        said = [f"it was ended by signal {-measured.code}"]
    if kept and measured.code:
        terminal.say(f"{name}: exit code {measured.code}; the last that it said:")
        for line in said:
            terminal.say(f"  {one_line(line)}")
    if not kept:
        terminal.say(f"{name}: nothing was measured: {one_line(said[-1])}")
    if measured.code in _WORST_FIRST:
        return measured.code or (0 if kept else _NOT_MEASURED)
    return _NOT_MEASURED


def _why_not(name: str, target: Path, content: bytes) -> str:
    """Why a run file is not kept; empty if it is: a worker may send anything."""
    if target.exists():
        return f"{target} exists already"
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, target.name)
        file.write_bytes(content)
        try:
            records = list(run_files.read(file))
            theirs = run_files.header_of(file, iter(records)).machine.name
        except ResultsError as error:
            return str(error)
    return "" if theirs == name else f"it is of {one_line(theirs)}"
