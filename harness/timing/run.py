"""Drives the measuring child through a plan, and keeps every cell as it ends.

There is no resume option: a run file without its `end` line is unfinished, and the same plan on the same code continues
it. A group counts as done when all its cells are there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

from msgspec.structs import replace

from harness.calls.limits.seconds import DEADLINE, loading, loading_in_words
from harness.calls.worker import Worker, WorkerDied, environment
from harness.contract.status import CellStatus
from harness.contract.targets import Target
from harness.results import machine, run_files
from harness.results.records import BackendFacts, Ceilings, Cell, Line, RunEnd, RunHeader
from harness.results.run_files import RunFile
from harness.timing import child
from harness.timing.ceilings import nothing
from harness.timing.plan import Group, Plan

_SLACK = 120.0  # seconds that a group may stay silent beyond its backends' budgets: compiling, sampling the oracle

Progress = Callable[[Cell], None]
Described = Callable[[BackendFacts | Ceilings], None]
Waiting = Callable[[str], AbstractContextManager[object]]  # within it, what is named is waited for


class Broken(RuntimeError):
    """The measuring child itself failed: a fault of the harness."""


def run(plan: Plan, folder: Path, progress: Progress = lambda cell: None, waiting: Waiting = nullcontext) -> RunFile:
    """Measure the plan into `folder`/<machine>/, continuing an unfinished run of it. Returns the finished file.

    `progress` sees every cell, those of an earlier session first; `waiting` is told what takes long. Raises
    `ResultsError` if the folder cannot be written and `Broken` if the harness itself fails; whatever was measured until
    then is kept.
    """
    facts = machine.facts()
    file = run_files.open_run(folder, plan.record(), facts)
    known = file.records()
    header = known[0]
    assert isinstance(header, RunHeader)
    cells = {(r.group, r.backend): r for r in known if isinstance(r, Cell)}  # of a group measured again, the newest
    for cell in cells.values():
        progress(cell)
    session = _Session(plan, file.append, known, waiting)
    try:
        for group in plan.groups(header.run, facts):
            session.measure(group, progress)
    finally:
        session.close()
    file.append(RunEnd(run=header.run))
    return file


def measure(
    plan: Plan, progress: Progress = lambda cell: None, described: Described = lambda record: None,
    waiting: Waiting = nullcontext,
) -> Iterator[Cell]:  # fmt: skip
    """Measure the plan and keep nothing: yields the cells, group by group. For `compare`.

    `described` sees the backends and the ceilings of their devices; the CPU's are not measured.
    """

    def keep(record: Line) -> None:
        if isinstance(record, BackendFacts | Ceilings):
            described(record)

    session = _Session(plan, keep, None, waiting)
    try:
        for group in plan.groups("compare", machine.facts()):
            yield from session.measure(group, progress)
    finally:
        session.close()


class _Session:
    """The child in use and what is known already; a child that dies is replaced for the next group."""

    def __init__(
        self, plan: Plan, keep: Callable[[Line], None], known: Sequence[Line] | None, waiting: Waiting
    ) -> None:
        """`known` is what the run file holds already; None, if there is no such file."""
        self._plan, self._keep, self._waiting = plan, keep, waiting
        self._worker: Worker | None = None
        self._lost: dict[str, WorkerDied] = {}  # what the child could not load without ending, or at all in time
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
        worker = self._ready()
        for name in [name for name in names if name in self._lost]:
            cells[name] = _dead(group, name, self._lost[name], "while it loaded: ")
        rest = [name for name in names if name not in cells]
        if not rest:
            return cells
        request = child.MeasureGroup(replace(group, backends=rest))
        try:
            for answer, _ in worker.request(request, _SLACK + 2 * self._plan.budget * len(names)):
                if isinstance(answer, child.At):
                    at = answer.backend
                else:
                    cells[answer.backend] = answer
        except WorkerDied as death:
            self.close()
            lost = [at] if at else [name for name in names if name not in cells]
            cells |= {name: _dead(group, name, death) for name in lost}
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
        for target in self._asked_for:
            try:
                with self._waiting(f"{target.name} to load, {loading_in_words(DEADLINE)} at most"):
                    for description, _ in worker.request(child.Load(target), loading(DEADLINE)):
                        self._describe(description)
            except WorkerDied as death:
                self._lost[target.name] = death
                self._describe(_undescribed(target, death))
                self.close()
                return self._ready()
        if not self._has_ceilings:
            try:
                with self._waiting("the limits of the CPU to be measured"):
                    for record, _ in worker.request(child.MeasureCpu(threads, allocator), _SLACK):
                        self._keep(record)
            except WorkerDied as death:
                raise Broken(f"the limits of the CPU could not be measured: {death}") from death
            self._has_ceilings = True
        return worker if self._ask_devices(worker) else self._ready()

    @property
    def _asked_for(self) -> list[Target]:
        """The backends to load: neither barred nor lost."""
        return [t for t in self._plan.backends if t.name not in self._plan.barred and t.name not in self._lost]

    def _describe(self, description: BackendFacts) -> None:
        """Keep what a backend says of itself, once."""
        if description.backend not in self._described:
            self._described.add(description.backend)
            self._keep(description)

    def _ask_devices(self, worker: Worker) -> bool:
        """Keep the ceilings of the backends that measure their own, once; whether the child has survived it."""
        threads, allocator = self._plan.threads, self._plan.allocator
        for name in [target.name for target in self._asked_for]:
            if name in self._asked:
                continue
            self._asked.add(name)
            try:
                with self._waiting(f"{name} to measure the limits of its device"):
                    for record, _ in worker.request(child.MeasureDevice(name, threads, allocator), _SLACK):
                        self._keep(record)
            except WorkerDied as death:
                self._keep(nothing(name, threads, allocator, str(death)))
                self.close()
                return False
        return True


def _dead(group: Group, name: str, death: WorkerDied, when: str = "") -> Cell:
    """The cell of a backend that has ended the child, or had to be ended with it."""
    return group.cell(name, CellStatus.HUNG if death.hung else CellStatus.CRASHED, f"{when}{death}")


def _undescribed(target: Target, death: WorkerDied) -> BackendFacts:
    return BackendFacts(
        backend=target.name, target=target.text, available=False, reason=f"while it loaded: {death}"
    )  # fmt: skip
