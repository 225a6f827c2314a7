"""Plans a measurement, drives the measuring child, and keeps every cell as it ends.

Surprising fact: there is no resume option. A run file without its `end` line is unfinished, and the same plan on the
same code continues it; a group (one op, dtype and layer over all backends) counts as done when all its cells are there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

from harness.calls.worker import Worker, WorkerDied, environment
from harness.contract.targets import Target
from harness.geometry.layers import Layer
from harness.geometry.spec import OPS, Op
from harness.results import machine, run_files
from harness.results.run_files import Record, RunFile
from harness.timing import ceilings

DEFAULT_BUDGET = 2.0  # seconds a cell
DEFAULT_ROUNDS = 11
_SPINNING_GAP = 0.03  # seconds for idle threads of another library to park, when more than one thread is used
_SLACK = 120.0  # seconds that a group may stay silent beyond its backends' budgets: compiling, sampling the oracle

Progress = Callable[[Record], None]


class Broken(RuntimeError):
    """The measuring child itself failed: a fault of the harness."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What to measure: layers x ops x dtypes x backends, under one set of conditions."""

    shapes: str
    layers: Sequence[Layer]
    backends: Sequence[Target]
    ops: Sequence[Op] = OPS
    dtypes: Sequence[str] = ("float32",)
    threads: int = 1
    allocator: str = "steady"
    budget: float = DEFAULT_BUDGET
    rounds: int = DEFAULT_ROUNDS
    batch: int | None = None  # images of every layer, where they replace the layers' own
    barred: Mapping[str, str] = field(default_factory=dict)  # backends that must not be timed, and why

    def record(self) -> Record:
        """The plan as written to the run file; equal plans give equal records."""
        return {
            "shapes": self.shapes, "layers": [layer.name for layer in self.layers],
            "specs": [str(layer.spec) for layer in self.layers], "ops": list(self.ops), "dtypes": list(self.dtypes),
            "backends": [target.text for target in self.backends], "threads": self.threads,
            "allocator": self.allocator, "budget": self.budget, "rounds": self.rounds, "batch": self.batch,
        }  # fmt: skip

    @property
    def cells(self) -> int:
        """How many cells there are."""
        return len(self.layers) * len(self.ops) * len(self.dtypes) * len(self.backends)

    def jobs(self, run: str, facts: Record) -> Iterator[Record]:
        """One job per group."""
        shared = {
            "run": run, "backends": [target.name for target in self.backends], "threads": self.threads,
            "allocator": self.allocator,
            "budget": self.budget, "rounds": self.rounds, "gap": _SPINNING_GAP if self.threads > 1 else 0.0,
            "machine": facts["name"], "commit": facts["code"]["commit"],
        }  # fmt: skip
        for layer in self.layers:
            for dtype in self.dtypes:
                for op in self.ops:
                    group = f"{run}/{op}/{dtype}/{layer.spec}"
                    yield {
                        **shared,
                        "group": group,
                        "op": op,
                        "dtype": dtype,
                        "layer": layer.name,
                        "spec": str(layer.spec),
                    }


def run(plan: Plan, folder: Path, progress: Progress = lambda record: None) -> RunFile:
    """Measure the plan into `folder`/<machine>/, continuing an unfinished run of it. Returns the finished file.

    `progress` sees every cell, those of an earlier session first. Raises `ResultsError` if the folder cannot be
    written and `Broken` if the harness itself fails; whatever was measured until then is kept.
    """
    facts = machine.facts()
    file = run_files.open_run(folder, plan.record(), facts)
    known = file.records()
    for cell in (record for record in known if record["kind"] == "cell"):
        progress(cell)
    session = _Session(plan, file.append, known)
    try:
        for job in plan.jobs(known[0]["run"], facts):
            session.measure(job, progress)
    finally:
        session.close()
    file.append({"kind": "end", "run": known[0]["run"]})
    return file


def measure(
    plan: Plan, progress: Progress = lambda record: None, described: Progress = lambda record: None
) -> Iterator[Record]:
    """Measure the plan and keep nothing: yields the cells, group by group. For `compare`.

    `described` sees the records of the backends and of the ceilings of their devices; the CPU's are not measured.
    """
    facts = machine.facts()
    session = _Session(plan, lambda record: None if record["kind"] == "cell" else described(record), None)
    try:
        for job in plan.jobs("compare", facts):
            yield from session.measure(job, progress)
    finally:
        session.close()


class _Session:
    """The child in use and what is known already; a child that dies is replaced for the next group."""

    def __init__(self, plan: Plan, keep: Progress, known: Sequence[Record] | None) -> None:
        """`known` is what the run file holds already; None, if there is no such file."""
        self._plan, self._keep = plan, keep
        self._worker: Worker | None = None
        self._has_ceilings = known is None or any(r["kind"] == "ceilings" and not r.get("backend") for r in known)
        known = known or []
        self._done = {(r["group"], r["backend"]) for r in known if r["kind"] == "cell"}
        self._described = {r["backend"] for r in known if r["kind"] == "backend"}
        self._asked = {r["backend"] for r in known if r["kind"] == "ceilings" and r.get("backend")}

    def measure(self, job: Record, progress: Progress) -> list[Record]:
        """The new cells of one group, kept and shown; none if all of them are known."""
        names: list[str] = job["backends"]
        todo = [name for name in names if (job["group"], name) not in self._done]
        if not todo:
            return []
        barred = self._plan.barred
        cells: dict[str, Record] = {n: run_files.cell(job, n, "fail", barred[n]) for n in names if n in barred}
        while len(cells) < len(names):
            job = {**job, "backends": [name for name in names if name not in cells]}
            cells |= self._ask(job)
        for name in names:  # a group is measured as a whole, or its samples would not pair
            self._keep(cells[name])
            if name in todo:
                progress(cells[name])
        return [cells[name] for name in todo]

    def _ask(self, job: Record) -> dict[str, Record]:
        """Cells of the group by backend, or of the one backend that the child died on: the rest is to be asked again.

        If it dies while timing them all, nobody knows whose fault it is, and all cells are lost.
        """
        cells: dict[str, Record] = {}
        at = ""
        try:
            for record in self._ready().request(
                "group", _SLACK + 2 * self._plan.budget * len(job["backends"]), job=job
            ):
                if record["kind"] == "at":
                    at = record["backend"]
                else:
                    cells[record["backend"]] = record
        except WorkerDied as death:
            self.close()
            lost = [at] if at else [name for name in job["backends"] if name not in cells]
            cells |= {name: run_files.cell(job, name, "hung" if death.hung else "crashed", str(death)) for name in lost}
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
        self._worker = worker = Worker(environment(self._plan.threads, self._plan.allocator))
        for target in [t for t in self._plan.backends if t.name not in self._plan.barred]:
            for description in worker.request("load", _SLACK, **asdict(target)):
                if description["backend"] not in self._described:
                    self._described.add(description["backend"])
                    self._keep(description)
        if not self._has_ceilings:
            threads, allocator = self._plan.threads, self._plan.allocator
            for record in worker.request("ceilings", _SLACK, threads=threads, allocator=allocator):
                self._keep(record)
            self._has_ceilings = True
        return worker if self._ask_devices(worker) else self._ready()

    def _ask_devices(self, worker: Worker) -> bool:
        """Keep the ceilings of the backends that measure their own, once; whether the child has survived it."""
        shared: Record = {"threads": self._plan.threads, "allocator": self._plan.allocator}
        for name in [t.name for t in self._plan.backends if t.name not in self._plan.barred]:
            if name in self._asked:
                continue
            self._asked.add(name)
            try:
                for record in worker.request("device", _SLACK, name=name, **shared):
                    self._keep(record)
            except WorkerDied as death:
                self._keep({"kind": "ceilings", "backend": name, "blas": [], **shared, **ceilings.nothing(str(death))})
                self.close()
                return False
        return True
