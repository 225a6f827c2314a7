"""Drives the measuring child through a plan, and keeps every cell as it ends.

There is no resume option: a run file without its `end` line is unfinished, and the same plan on the same code continues
it. A group counts as done when all its cells are there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from msgspec.structs import replace

from harness.calls.worker import Worker, WorkerDied, environment
from harness.contract.status import CellStatus
from harness.results import machine, run_files
from harness.results.records import BackendFacts, Ceilings, Cell, Line, RunEnd, RunHeader
from harness.results.run_files import RunFile
from harness.timing import child
from harness.timing.ceilings import nothing
from harness.timing.plan import Group, Plan

_SLACK = 120.0  # seconds that a group may stay silent beyond its backends' budgets: compiling, sampling the oracle

Progress = Callable[[Cell], None]
Described = Callable[[BackendFacts | Ceilings], None]


class Broken(RuntimeError):
    """The measuring child itself failed: a fault of the harness."""


def run(plan: Plan, folder: Path, progress: Progress = lambda cell: None) -> RunFile:
    """Measure the plan into `folder`/<machine>/, continuing an unfinished run of it. Returns the finished file.

    `progress` sees every cell, those of an earlier session first. Raises `ResultsError` if the folder cannot be
    written and `Broken` if the harness itself fails; whatever was measured until then is kept.
    """
    facts = machine.facts()
    file = run_files.open_run(folder, plan.record(), facts)
    known = file.records()
    header = known[0]
    assert isinstance(header, RunHeader)
    cells = {(r.group, r.backend): r for r in known if isinstance(r, Cell)}  # of a group measured again, the newest
    for cell in cells.values():
        progress(cell)
    session = _Session(plan, file.append, known)
    try:
        for group in plan.groups(header.run, facts):
            session.measure(group, progress)
    finally:
        session.close()
    file.append(RunEnd(run=header.run))
    return file


def measure(
    plan: Plan, progress: Progress = lambda cell: None, described: Described = lambda record: None
) -> Iterator[Cell]:
    """Measure the plan and keep nothing: yields the cells, group by group. For `compare`.

    `described` sees the backends and the ceilings of their devices; the CPU's are not measured.
    """

    def keep(record: Line) -> None:
        if isinstance(record, BackendFacts | Ceilings):
            described(record)

    session = _Session(plan, keep, None)
    try:
        for group in plan.groups("compare", machine.facts()):
            yield from session.measure(group, progress)
    finally:
        session.close()


class _Session:
    """The child in use and what is known already; a child that dies is replaced for the next group."""

    def __init__(self, plan: Plan, keep: Callable[[Line], None], known: Sequence[Line] | None) -> None:
        """`known` is what the run file holds already; None, if there is no such file."""
        self._plan, self._keep = plan, keep
        self._worker: Worker | None = None
        ceilings = [r for r in known or () if isinstance(r, Ceilings)]
        self._has_ceilings = known is None or any(not c.backend for c in ceilings)
        self._asked = {c.backend for c in ceilings if c.backend}
        self._done = {(r.group, r.backend) for r in known or () if isinstance(r, Cell)}
        self._described = {r.backend for r in known or () if isinstance(r, BackendFacts)}

    def measure(self, group: Group, progress: Progress) -> list[Cell]:
        """The new cells of one group, kept and shown; none if all of them are known."""
        names, barred = group.backends, self._plan.barred
        todo = [name for name in names if (group.group, name) not in self._done]
        if not todo:
            return []
        cells = {name: group.cell(name, CellStatus.FAIL, barred[name]) for name in names if name in barred}
        while len(cells) < len(names):
            cells |= self._ask(group, [name for name in names if name not in cells])
        for name in names:  # a group is measured as a whole, or its samples would not pair
            self._keep(cells[name])
            if name in todo:
                progress(cells[name])
        return [cells[name] for name in todo]

    def _ask(self, group: Group, names: list[str]) -> dict[str, Cell]:
        """Cells of the group by backend, or of the one backend that the child died on: the rest is to be asked again.

        If it dies while timing them all, nobody knows whose fault it is, and all cells are lost.
        """
        cells: dict[str, Cell] = {}
        at = ""
        request = child.MeasureGroup(replace(group, backends=names))
        try:
            for answer, _ in self._ready().request(request, _SLACK + 2 * self._plan.budget * len(names)):
                if isinstance(answer, child.At):
                    at = answer.backend
                else:
                    cells[answer.backend] = answer
        except WorkerDied as death:
            self.close()
            lost = [at] if at else [name for name in names if name not in cells]
            status = CellStatus.HUNG if death.hung else CellStatus.CRASHED
            cells |= {name: group.cell(name, status, str(death)) for name in lost}
        except RuntimeError as error:
            raise Broken(str(error)) from error
        return cells

    def close(self) -> None:
        """End the child."""
        if self._worker is not None:
            self._worker.close()
            self._worker = None

    def _ready(self) -> Worker:
        """The child, started, with its backends loaded and the ceilings of the machine and of devices measured."""
        if self._worker is not None:
            return self._worker
        threads, allocator = self._plan.threads, self._plan.allocator
        self._worker = worker = Worker("harness.timing.child", child.Replies, environment(threads, allocator))
        for target in [t for t in self._plan.backends if t.name not in self._plan.barred]:
            for description, _ in worker.request(child.Load(target), _SLACK):
                if description.backend not in self._described:
                    self._described.add(description.backend)
                    self._keep(description)
        if not self._has_ceilings:
            for record, _ in worker.request(child.MeasureCpu(threads, allocator), _SLACK):
                self._keep(record)
            self._has_ceilings = True
        return worker if self._ask_devices(worker) else self._ready()

    def _ask_devices(self, worker: Worker) -> bool:
        """Keep the ceilings of the backends that measure their own, once; whether the child has survived it."""
        threads, allocator = self._plan.threads, self._plan.allocator
        for name in [t.name for t in self._plan.backends if t.name not in self._plan.barred]:
            if name in self._asked:
                continue
            self._asked.add(name)
            try:
                for record, _ in worker.request(child.MeasureDevice(name, threads, allocator), _SLACK):
                    self._keep(record)
            except WorkerDied as death:
                self._keep(nothing(name, threads, allocator, str(death)))
                self.close()
                return False
        return True
