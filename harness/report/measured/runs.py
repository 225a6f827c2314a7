"""The run files of a machine, each as a whole."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from harness.report.measured.sound import in_short, require_sound
from harness.results.reading import printable
from harness.results.records import BackendFacts, Ceilings, Cell, RunEnd, RunHeader
from harness.results.run_files import header_of, read
from harness.results.writing import ResultsError


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


def of_every_machine(folder: Path) -> tuple[dict[str, list[Run]], list[str]]:
    """The runs in each subfolder of `folder`, by its name, and a line on each file or folder that cannot be used."""
    runs: dict[str, list[Run]] = {}
    left_out: list[str] = []
    for home in _inside(folder, left_out):
        if home.is_dir():
            runs[home.name] = _runs(home, left_out)
    return runs, left_out


def planned_specs(runs: Sequence[Run]) -> list[str]:
    """Every geometry once: the newest run's in its own order, then those that only older runs have."""
    found: dict[str, None] = {}
    for run in reversed(runs):
        found |= dict.fromkeys([*run.header.plan.specs, *(cell.spec for cell in run.cells)])
    return list(found)


def _inside(folder: Path, left_out: list[str]) -> list[Path]:
    """What a folder holds, by name; nothing if it is not there."""
    try:
        return sorted(folder.iterdir())
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError as error:
        left_out.append(f"{folder} cannot be read: {error.strerror}")
        return []


def _runs(home: Path, left_out: list[str]) -> list[Run]:
    """The run files of one machine that have any cells, oldest first."""
    found = []
    for path in _inside(home, left_out):
        if path.suffix == ".jsonl":
            try:
                found.append(_run(path))
            except ResultsError as error:
                left_out.append(in_short(error))
    return sorted((run for run in found if run.cells), key=lambda run: run.name)


def _run(path: Path) -> Run:
    """One file. Raises `ResultsError` if it is no run file, or its records cannot be used."""
    records = map(printable, read(path))
    run = Run(header_of(path, records))
    require_sound(run.header, run.header, path)
    for record in records:
        require_sound(record, run.header, path)
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
