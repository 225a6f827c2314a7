"""What `harness compare` measures: the same pairs in fresh processes; if several are asked for, until all is clear.

The first backend is also measured against itself, under a second name, in two of the groups: what differs there is the
noise of the machine.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace

from msgspec import structs

from harness.cli import terminal
from harness.contract.status import CellStatus, Speed
from harness.contract.targets import Target
from harness.results import ratios
from harness.results.paired import LEAST_FLOOR
from harness.results.records import BackendFacts, Ceilings, Cell, ComparisonRow
from harness.timing import run
from harness.timing.judging.floors import Floors
from harness.timing.plan import Plan

Key = tuple[str, str, str]  # op, dtype and layer
_LONGER = 6  # times as many pairs in each process that is there for what is unclear
# Processes of each batch, in those that were asked for. What is unclear after a batch is measured in all of the next:
# who looks after each process, and stops at the first that seems clear, makes differences of noise.
_BATCHES = (1, 1, 2)
Kept = Callable[[Cell | BackendFacts | Ceilings], None]


@dataclass
class Comparing:
    """A plan, its backends and the first of them again, and what was measured of it so far."""

    plan: Plan
    processes: int
    keep: Kept = lambda record: None
    cells: list[Cell] = field(default_factory=list)
    described: list[BackendFacts | Ceilings] = field(default_factory=list)
    floor: float = LEAST_FLOOR
    rows: list[ComparisonRow] = field(default_factory=list)
    itself: list[ComparisonRow] = field(default_factory=list)
    again: set[Key] | None = None  # what this batch measures; None is everything

    def __post_init__(self) -> None:
        first = self.plan.backends[0]
        self.names = [target.name for target in self.plan.backends]
        # Two processes of one program differ by more than two calls in one: the twin has what the others have.
        is_apart = not all(target.is_builtin for target in self.plan.backends)
        self.twin = Target(first.text, _twin_of(self.names), first.location, is_named=True, is_apart=is_apart)
        self._floors = Floors(self.plan, terminal.waiting)

    @property
    def batches(self) -> tuple[int, ...]:
        """How many times `processes` each batch has. One process stays one: a mean needs no verdict on each layer."""
        return _BATCHES if self.processes > 1 else _BATCHES[:1]

    @property
    def ceilings(self) -> list[Ceilings]:
        """Of the devices of the backends."""
        return [record for record in self.described if isinstance(record, Ceilings)]

    def of_named(self) -> list[Cell]:
        """The cells of the backends that were named, without those of the first against itself."""
        return [cell for cell in self.cells if cell.backend != self.twin.name]

    def run(self) -> bool:
        """Measure, and what is unclear again in the next batch; whether the user interrupted."""
        process = 0
        try:
            for batch in self.batches:
                for _ in range(batch * self.processes):
                    self._measure(process)
                    process += 1
                self.again = self._unclear()
                if not self.again:
                    break
        except KeyboardInterrupt:
            self._judge()
            return True
        return False

    def _measure(self, process: int) -> None:
        plan = self._plan_of_next()
        most = f"{self.processes}" if self.again is None else f"at most {sum(self.batches) * self.processes}"
        with terminal.Ticker(f"compare, process {process + 1} of {most}", plan.cells) as ticker:
            step = lambda cell: ticker.step(f"{cell.layer} {cell.op}")  # noqa: E731
            for cell in run.measure(plan, step, self._describe, terminal.waiting, self._floors):
                one = structs.replace(cell, process=process)
                self.cells.append(one)
                if one.backend != self.twin.name:
                    self.keep(one)
        self._judge()

    def _plan_of_next(self) -> Plan:
        """The cells that are worth a time in the next process, and those of the first backend against itself."""
        wanted = set(self._wanted())
        backends = [*self.plan.backends, self.twin]
        left_out = frozenset((*key, t.name) for key in _keys(self.plan) for t in backends) - wanted
        first, barred = self.names[0], self.plan.barred
        if first in barred:
            barred = {**barred, self.twin.name: barred[first]}
        rounds = self.plan.rounds if self.again is None else _LONGER * (self.plan.rounds - 1) + 1
        return replace(self.plan, backends=backends, barred=barred, left_out=left_out, rounds=rounds)

    def _wanted(self) -> Iterator[tuple[str, str, str, str]]:
        """Not what had no time before, nor what that leaves alone; beyond the processes asked for, what is unclear."""
        lost = {(c.op, c.dtype, c.layer, c.backend) for c in self.cells if c.status is not CellStatus.OK}
        twins = set(_telling(self.plan))
        for key in _keys(self.plan):
            names = self.names if self.again is None or key in self.again else self.names[:1]
            names = [*names, *([self.twin.name] if key in twins else [])]
            timed = [name for name in names if (*key, name) not in lost]
            if len(timed) > 1 and timed[0] == self.names[0]:
                yield from ((*key, name) for name in timed)

    def _describe(self, record: BackendFacts | Ceilings) -> None:
        """Keep what a backend says of itself once, and again where its process has loaded more than it names."""
        if record.backend != self.twin.name and _told(record) not in map(_told, self.described):
            self.described.append(record)
            self.keep(record)

    def _judge(self) -> None:
        facts = [record for record in self.described if isinstance(record, BackendFacts)]
        self.itself = ratios.rows(self.cells, [self.names[0], self.twin.name])
        self.floor = ratios.noise_floor(self.itself)
        self.rows = ratios.rows(self.cells, self.names, facts, self.ceilings, self.floor)

    def _unclear(self) -> set[Key]:
        return {(row.op, row.dtype, row.shape) for row in self.rows if row.verdict is Speed.UNCLEAR}


def _told(record: BackendFacts | Ceilings) -> tuple[type, str, list[str]]:
    return type(record), record.backend, record.unnamed_libraries if isinstance(record, BackendFacts) else []


def rounds(pairs: int, processes: int) -> int:
    """Rounds of each process, so that all together have `pairs` that count: the first of each does not."""
    return math.ceil(pairs / processes) + 1


def _keys(plan: Plan) -> list[Key]:
    return [(op, dtype, layer.name) for layer in plan.layers for dtype in plan.dtypes for op in plan.ops]


def _telling(plan: Plan) -> list[Key]:
    """Where a backend meets itself: in the first op on the smallest layer, and in the last on the largest."""
    by_size = sorted(plan.layers, key=lambda layer: layer.spec.macs)
    dtype, forward = plan.dtypes[0], "conv2d" if "conv2d" in plan.ops else plan.ops[-1]
    return list(dict.fromkeys([(plan.ops[0], dtype, by_size[0].name), (forward, dtype, by_size[-1].name)]))


def _twin_of(names: Iterable[str]) -> str:
    """The second name of the first, that no other has."""
    first, *others = names
    name = f"{first}.again"
    while name in others:
        name += "_"
    return name
