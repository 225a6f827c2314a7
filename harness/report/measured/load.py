"""Everything measured on one machine: the newest record of each result key wins.

A ratio is taken inside one group (one interleaved measurement) only, so the samples of older groups are kept as well:
the partner of a backend's newest cell is whatever the other backend did in that same group, not its own newest cell.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from msgspec.structs import replace

from harness.contract import registry
from harness.contract.status import CellStatus, Verdict
from harness.geometry.spec import ALL_OPS
from harness.report.measured.grouping import grouped
from harness.report.measured.rows import Row
from harness.report.measured.runs import Run, of_every_machine, planned_specs
from harness.report.measured.sound import in_short
from harness.report.verdicts import ConformanceVerdict, read_verdicts
from harness.results import rates, ratios, words
from harness.results.history import Series, asv_folder, read_history
from harness.results.intervals import Interval, median_interval
from harness.results.records import BackendFacts, Ceilings, Cell, Machine
from harness.results.writing import ResultsError

_REFERENCES = (("torch_native", "torch_native_cuda"), ("numpy_fancy",))  # torch, then NumPy

Samples = dict[int, list[float]]  # by process


@dataclass(frozen=True, order=True)
class Config:
    """The conditions that a table shares: figures of different conditions never meet in one table."""

    threads: int
    allocator: str
    dtype: str

    def __str__(self) -> str:
        return f"{self.dtype}, {self.threads} thread{'s' if self.threads > 1 else ''}, {self.allocator} allocator"

    @property
    def slug(self) -> str:
        """A part of a file name."""
        return f"{self.dtype}-t{self.threads}-{self.allocator}"


@dataclass(frozen=True)
class Data:
    """What the report is made of."""

    machine: Machine
    runs: list[Run]  # oldest first
    rows: list[Row]  # the newest record of each key
    samples: dict[tuple[str, str], Samples]  # by (group, backend), of every group ever measured
    backends: dict[str, BackendFacts]  # the newest record of each
    verdicts: dict[str, ConformanceVerdict] | None  # by backend; None: never checked, or not to be read
    verdicts_lost: bool = False  # there is a file of them that cannot be used
    left_out: list[str] = field(default_factory=list)  # a line on each file that cannot be used
    results: Path | None = None  # where all of it lies

    def configs(self) -> list[Config]:
        """All conditions that something was tried under, the most recent first."""
        found = grouped(self.rows, _config)
        newest = {config: max(row.cell.run for row in rows) for config, rows in found.items()}
        return sorted(sorted(newest), key=newest.__getitem__, reverse=True)

    def most_measured(self) -> Config:
        """The conditions with most cells, of which the page and the README speak first."""
        return max(self.configs(), key=lambda config: len(self.select(config)))

    def first_of(self, dtype: str, allocator: str) -> Config:
        """Those with most cells of all conditions that differ in the threads alone."""
        alike = [c for c in self.configs() if (c.dtype, c.allocator) == (dtype, allocator)]
        return max(alike, key=lambda config: len(self.select(config)))

    def select(self, config: Config) -> list[Row]:
        """The cells of one configuration."""
        return [row for row in self.rows if _config(row) == config]

    def last_run(self, config: Config) -> Run:
        """The newest run that tried the configuration."""
        name = max(row.cell.run for row in self.select(config))
        return next(run for run in reversed(self.runs) if run.name == name)

    def verdict(self, backend: str) -> Verdict | None:
        """What the conformance suite said of it; None if it was never checked."""
        found = (self.verdicts or {}).get(backend)
        return found.verdict if found else None

    def history(self, config: Config) -> list[Series]:
        """What asv has kept of these conditions on this machine."""
        if self.results is None:
            return []
        folder = asv_folder(self.results, self.machine.name, config.threads, config.allocator)
        return [one for one in read_history(folder).series if one.dtype == config.dtype]

    def cpu_ceilings(self, config: Config) -> Ceilings | None:
        """The newest that were measured for these threads and this allocator."""
        conditions = (config.threads, config.allocator)
        found = [c for run in self.runs for c in run.ceilings if not c.backend]
        return next((c for c in reversed(found) if (c.threads, c.allocator) == conditions), None)

    def device_ceilings(self) -> dict[str, Ceilings]:
        """The newest of each backend that measures its own device, which does not depend on the threads of its host."""
        return rates.by_backend(c for run in self.runs for c in run.ceilings)


def load(results: Path, machine: str | None = None) -> Data:
    """Read `results`/runs/`machine` (default: the machine of the newest measured run) and `results`/conformance.json.

    What cannot be used is left out and named in `Data.left_out`. Raises `ResultsError` if nothing was measured, or not
    on that machine.
    """
    found, left_out = of_every_machine(results / "runs")
    measured = {
        name: runs
        for name, runs in found.items()
        if any(cell.status is CellStatus.OK for run in runs for cell in run.cells)
    }
    place = repr(str(results / "runs"))
    if not measured or (machine is not None and machine not in measured):
        lost = f"; left out {words.plural(len(left_out), 'file')}: {left_out[0]}" if left_out else ""
        if machine is None:
            raise ResultsError(f"no measured results in {place}; `harness bench` writes them{lost}")
        names = ", ".join(measured) or "none"
        raise ResultsError(f"no measured results of machine {machine!r} in {place}; known: {names}{lost}")
    runs = measured[machine or max(measured, key=lambda name: measured[name][-1].name)]
    backends = {b.backend: b for run in runs for b in run.backends}
    verdicts, verdicts_lost = None, False
    try:
        verdicts = read_verdicts(results / "conformance.json")
    except ResultsError as error:
        verdicts_lost = True
        left_out.append(in_short(error))
    return Data(
        machine=runs[-1].header.machine,
        runs=runs,
        rows=_newest(runs),
        samples=_samples(runs),
        backends={name: backends[name] for name in order(backends)},
        verdicts=verdicts,
        verdicts_lost=verdicts_lost,
        left_out=left_out,
        results=results,
    )


def baseline(rows: Iterable[Row]) -> str:
    """The backend that the others are compared with: torch, else NumPy, else the first that was measured."""
    measured = list(dict.fromkeys(row.cell.backend for row in rows if row.cell.status is CellStatus.OK))
    return ratios.baseline(measured)


def references(rows: Iterable[Row]) -> list[str]:
    """What everything is held against: the baseline, then torch or NumPy if it is not one of them already."""
    rows = list(rows)
    measured = {row.cell.backend for row in rows if row.cell.status is CellStatus.OK}
    known = (next((name for name in alike if name in measured), "") for alike in _REFERENCES)
    return [name for name in dict.fromkeys([baseline(rows), *known]) if name]


def order(names: Iterable[str]) -> list[str]:
    """Registered backends as the registry lists them, then all others by name."""
    known = {name: index for index, name in enumerate(registry.names())}
    return sorted(set(names), key=lambda name: (known.get(name, len(known)), name))


def _config(row: Row) -> Config:
    return Config(row.cell.threads, row.cell.allocator, row.cell.dtype)


def _newest(runs: Sequence[Run]) -> list[Row]:
    """One row per key, ops and backends in their fixed order and layers as planned."""
    newest: dict[tuple[str, ...], tuple[Run, Cell]] = {}
    for run in runs:
        for c in run.cells:
            key = c.backend, c.op, c.dtype, c.spec, str(c.threads), c.allocator
            _, before = newest.get(key, (run, c))
            newest[key] = run, _with_processes(before, c)
    layers = grouped((c for run in runs for c in run.cells), lambda c: c.spec)
    names = {spec: " = ".join(dict.fromkeys(c.layer for c in found)) for spec, found in layers.items()}
    specs = {spec: place for place, spec in enumerate(planned_specs(runs))}
    backends = {name: place for place, name in enumerate(order(c.backend for _, c in newest.values()))}
    ordered = sorted(newest.values(), key=lambda e: (ALL_OPS.index(e[1].op), specs[e[1].spec], backends[e[1].backend]))
    return [
        Row(cell=replace(c, layer=names[c.spec]), dirty=run.header.code.dirty, seconds=_time(c)) for run, c in ordered
    ]


def _with_processes(before: Cell, cell: Cell) -> Cell:
    """The newer of two cells of one key; of a group that several processes have measured, both together."""
    if before.group != cell.group or before.process >= cell.process:
        return cell
    if before.status is not CellStatus.OK or cell.status is not CellStatus.OK:
        worst = CellStatus.worst([before.status, cell.status])
        return replace(before if before.status is worst else cell, process=cell.process)
    return replace(cell, samples=[*before.samples, *cell.samples])


def _samples(runs: Sequence[Run]) -> dict[tuple[str, str], Samples]:
    """Of a group that was measured twice in one process, the last."""
    last = {(c.group, c.backend, c.process): c for run in runs for c in run.cells}
    found: dict[tuple[str, str], Samples] = {}
    for (group, backend, process), c in last.items():
        if c.status is CellStatus.OK:
            found.setdefault((group, backend), {})[process] = c.samples
    return found


def _time(cell: Cell) -> Interval | None:
    return median_interval(cell.samples) if cell.status is CellStatus.OK and cell.samples else None
