"""The run files of a machine, each as a whole."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from harness.results.records import BackendFacts, Ceilings, Cell, RunEnd, RunHeader
from harness.results.run_files import read


@dataclass
class Run:
    """One run file: its header, its cells, and whether everything planned was done."""

    header: RunHeader
    cells: list[Cell] = field(default_factory=list)
    backends: list[BackendFacts] = field(default_factory=list)
    ceilings: list[Ceilings] = field(default_factory=list)
    finished: bool = False

    @property
    def name(self) -> str:
        """The run id; it starts with the date, so ids sort by age."""
        return self.header.run

    @property
    def planned(self) -> int:
        """How many cells the plan has; two layers of one geometry are one cell."""
        plan = self.header.plan
        layers = set(plan.specs or plan.layers)
        return len(layers) * len(plan.ops) * len(plan.dtypes) * len(plan.backends)


def of_every_machine(folder: Path) -> dict[str, list[Run]]:
    """The runs in each subfolder of `folder`, by its name. Raises `ResultsError` for a damaged file."""
    return {home.name: _runs(home) for home in sorted(folder.glob("*")) if home.is_dir()}


def planned_specs(runs: Sequence[Run]) -> list[str]:
    """Every geometry once: the newest run's in its own order, then those that only older runs have."""
    found: dict[str, None] = {}
    for run in reversed(runs):
        found |= dict.fromkeys([*run.header.plan.specs, *(cell.spec for cell in run.cells)])
    return list(found)


def _runs(home: Path) -> list[Run]:
    """The run files of one machine that have any cells, oldest first."""
    found = [run for path in sorted(home.glob("*.jsonl")) if (run := _run(path)) is not None and run.cells]
    return sorted(found, key=lambda run: run.name)


def _run(path: Path) -> Run | None:
    """One file; None if it was cut off in its header, so that nothing was measured."""
    records = read(path)
    header = next(records, None)
    if not isinstance(header, RunHeader):
        return None
    run = Run(header)
    for record in records:
        match record:
            case Cell():
                run.cells.append(record)
            case BackendFacts():
                run.backends.append(record)
            case Ceilings():
                run.ceilings.append(record)
            case RunEnd():
                run.finished = True
    return run
