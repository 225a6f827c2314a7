"""Drives the measuring children through a plan, and keeps every cell as it ends.

There is no resume option: a run file without its `end` line is unfinished, and the same plan on the same code continues
it. A group counts as done when all its cells are there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import nullcontext
from pathlib import Path

from msgspec.structs import replace

from harness.contract.status import CellStatus
from harness.results import machine, run_files
from harness.results.records import BackendFacts, Ceilings, Cell, Line, RunEnd, RunHeader
from harness.results.run_files import RunFile
from harness.timing import clock
from harness.timing.judging.children import Children, Described, Waiting
from harness.timing.judging.floors import Floors
from harness.timing.judging.group import GroupRun
from harness.timing.plan import Group, Plan

Progress = Callable[[Cell], None]


class Broken(RuntimeError):
    """A measuring child itself failed: a fault of the harness."""


def run(
    plan: Plan, folder: Path, progress: Progress = lambda cell: None, waiting: Waiting = nullcontext,
    described: Described = lambda record: None,
) -> RunFile:  # fmt: skip
    """Measure the plan into `folder`/<machine>/, continuing an unfinished run of it. Returns the finished file.

    `progress` sees every cell, those of an earlier session first; `waiting` is told what takes long; `described` sees
    the backends and the ceilings that are new. Raises
    `ResultsError` if the folder cannot be written and `Broken` if the harness itself fails; whatever was measured until
    then is kept.
    """
    start = clock.now()
    facts = machine.facts()
    file = run_files.open_run(folder, plan.record(), facts)
    known = file.records()
    header = known[0]
    assert isinstance(header, RunHeader)
    cells = {(r.group, r.backend): r for r in known if isinstance(r, Cell)}  # of a group measured again, the newest
    for cell in cells.values():
        progress(cell)

    def keep(record: Line) -> None:
        file.append(record)
        if isinstance(record, BackendFacts | Ceilings):
            described(record)

    session = _Session(plan, keep, known, waiting)
    try:
        for group in plan.groups(header.run, facts):
            session.measure(group, progress)
    finally:
        session.close()
    file.append(session.end(header.run, start))
    return file


def measure(
    plan: Plan, progress: Progress = lambda cell: None, described: Described = lambda record: None,
    waiting: Waiting = nullcontext, floors: Floors | None = None,
) -> Iterator[Cell]:  # fmt: skip
    """Measure the plan and keep nothing: yields the cells, group by group. For `compare`.

    `described` sees the backends and the ceilings of their devices; the CPU's are measured where a time needs them, and
    stay in `floors` for a plan of the same machine and conditions.
    """

    def keep(record: Line) -> None:
        if isinstance(record, BackendFacts | Ceilings):
            described(record)

    session = _Session(plan, keep, None, waiting, floors)
    try:
        for group in plan.groups("compare", machine.facts()):
            yield from session.measure(group, progress)
    finally:
        session.close()


class _Session:
    """The children in use and what is known already."""

    def __init__(
        self, plan: Plan, keep: Callable[[Line], None], known: Sequence[Line] | None, waiting: Waiting,
        floors: Floors | None = None,
    ) -> None:  # fmt: skip
        """`known` is what the run file holds already; None, if there is no such file."""
        self._plan, self._keep, self._waiting = plan, keep, waiting
        ceilings = [r for r in known or () if isinstance(r, Ceilings)]
        self._floors = floors or Floors(plan, waiting, ceilings)
        self._measures_cpu = known is not None and not any(not c.backend for c in ceilings)
        self._done = {(r.group, r.backend) for r in known or () if isinstance(r, Cell)}
        targets = [t for t in plan.backends if t.name not in plan.barred]
        self._children = Children(targets, plan.threads, plan.allocator, self._described)
        facts = [r for r in known or () if isinstance(r, BackendFacts)]
        self._children.describe_again(facts, [c.backend for c in ceilings if c.backend])

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

    def end(self, run: str, start: float) -> RunEnd:
        """The last line of a run whose session started then."""
        children = self._children
        return RunEnd(
            run=run, measured_seconds=children.measured_seconds, calls_seconds=children.calls_seconds,
            wall_seconds=clock.now() - start,
        )  # fmt: skip

    def close(self) -> None:
        """End the children."""
        self._children.close()

    def _ask(self, group: Group, names: list[str]) -> dict[str, Cell]:
        """Cells of the group by backend; fewer, where a child of several has died: the rest is to be asked again."""
        try:
            if self._measures_cpu:
                self._keep(self._floors.of_cpu())
                self._measures_cpu = False
            group_run = GroupRun(replace(group, backends=names), self._children, self._floors, self._waiting)
            return group_run.measure()
        except RuntimeError as error:
            raise Broken(str(error)) from error

    def _described(self, record: BackendFacts | Ceilings) -> None:
        if isinstance(record, Ceilings):
            self._floors.learn(record)
        self._keep(record)
