"""Reads all run files of one machine into one frame: the newest record of each result key wins.

A ratio is taken inside one group (one interleaved measurement) only, so the samples of older groups are kept as well:
the partner of a backend's newest cell is whatever the other backend did in that same group, not its own newest cell.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from harness.contract import registry
from harness.geometry.spec import OPS
from harness.results import rates
from harness.results.intervals import median_interval
from harness.results.run_files import Record, ResultsError, read

KEY = ["backend", "op", "dtype", "spec", "threads", "allocator"]
BASELINES = ("torch_native", "numpy_fancy", "torch_native_cuda")  # the first that was measured
NAIVE = "naive_loops"


@dataclass(frozen=True)
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


@dataclass
class Run:
    """One run file: its header, its cells, and whether everything planned was done."""

    header: Record
    cells: list[Record] = field(default_factory=list)
    backends: list[Record] = field(default_factory=list)
    ceilings: list[Record] = field(default_factory=list)
    finished: bool = False

    @property
    def name(self) -> str:
        """The run id; it starts with the date, so ids sort by age."""
        return str(self.header["run"])

    @property
    def planned(self) -> int:
        """How many cells the plan has; two layers of one geometry are one cell."""
        plan = self.header["plan"]
        layers = set(plan.get("specs", plan["layers"]))
        return len(layers) * len(plan["ops"]) * len(plan["dtypes"]) * len(plan["backends"])


@dataclass(frozen=True)
class Data:
    """What the report is made of."""

    machine: Record
    runs: list[Run]  # oldest first
    cells: pd.DataFrame  # the newest record of each key
    samples: dict[tuple[str, str], list[float]]  # by (group, backend), of every group ever measured
    backends: dict[str, Record]  # the newest record of each
    verdicts: dict[str, Record] | None  # conformance, by backend; None: never checked

    def configs(self) -> list[Config]:
        """All conditions that something was tried under, the most recent first."""
        found = (
            self.cells.groupby(["threads", "allocator", "dtype"])["run"]
            .max()
            .sort_values(ascending=False, kind="stable")
        )
        return [Config(int(t), str(a), str(d)) for t, a, d in found.index]

    def select(self, config: Config) -> pd.DataFrame:
        """The cells of one configuration."""
        c = self.cells
        same = (c.threads == config.threads) & (c.allocator == config.allocator) & (c.dtype == config.dtype)
        return c[same].reset_index(drop=True)

    def last_run(self, config: Config) -> Run:
        """The newest run that tried the configuration."""
        name = self.select(config)["run"].max()
        return next(run for run in reversed(self.runs) if run.name == name)

    def ceilings(self, config: Config, backend: str = "") -> Record | None:
        """The newest measured ceilings: the CPU's for these threads and this allocator, or those of a backend's device.

        A device does not depend on the threads of its host.
        """
        records = [r for run in self.runs for r in run.ceilings]
        if backend:
            return rates.by_backend(records).get(backend)
        conditions = (config.threads, config.allocator)
        same = [r for r in records if not r.get("backend") and (r["threads"], r["allocator"]) == conditions]
        return same[-1] if same else None


def load(results: Path, machine: str | None = None) -> Data:
    """Read `results`/runs/`machine` (default: the machine of the newest measured run) and `results`/conformance.json.

    Raises `ResultsError` if nothing was measured, the machine is unknown, or a file holds anything else than records.
    """
    known = {folder.name: _runs(folder) for folder in sorted((results / "runs").glob("*")) if folder.is_dir()}
    measured = {name: runs for name, runs in known.items() if any(c["status"] == "ok" for r in runs for c in r.cells)}
    if machine is not None and machine not in measured:
        names = ", ".join(measured) or "none"
        raise ResultsError(f"no measured results of machine {machine!r} in {str(results / 'runs')!r}; known: {names}")
    if not measured:
        raise ResultsError(f"no measured results in {str(results / 'runs')!r}; `harness bench` writes them")
    runs = measured[machine or max(measured, key=lambda name: measured[name][-1].name)]
    return Data(
        machine=runs[-1].header["machine"],
        runs=runs,
        cells=_newest(runs),
        samples={(c["group"], c["backend"]): c["samples"] for r in runs for c in r.cells if c["status"] == "ok"},
        backends=_in_order({b["backend"]: b for run in runs for b in run.backends}),
        verdicts=_verdicts(results / "conformance.json"),
    )


def baseline(cells: pd.DataFrame) -> str:
    """The backend that the others are compared with: torch, else NumPy, else the first that was measured."""
    measured = list(dict.fromkeys(cells.loc[cells.status == "ok", "backend"]))
    return next((name for name in BASELINES if name in measured), measured[0] if measured else "")


def order(names: Iterable[str]) -> list[str]:
    """Registered backends as the registry lists them, then all others by name."""
    registered = registry.names()
    known = {name: index for index, name in enumerate(registered)}
    return sorted(set(names), key=lambda name: (known.get(name, len(known)), name))


def _runs(folder: Path) -> list[Run]:
    """The run files of one machine that have any cells, oldest first."""
    runs = []
    for path in sorted(folder.glob("*.jsonl")):
        records = list(read(path))
        if not records or records[0]["kind"] != "run":
            continue  # the header itself was cut off: nothing was measured
        run = Run(records[0])
        for record in records[1:]:
            kind = record["kind"]
            if kind in ("cell", "backend", "ceilings"):
                {"cell": run.cells, "backend": run.backends, "ceilings": run.ceilings}[kind].append(record)
            run.finished |= kind == "end"
        runs.append(run)
    return sorted((run for run in runs if run.cells), key=lambda run: run.name)


def _newest(runs: list[Run]) -> pd.DataFrame:
    """One row per key, ops and backends in their fixed order and layers as planned; `seconds` is the median."""
    rows = [{**cell, **_time(cell), "dirty": bool(run.header["code"]["dirty"])} for run in runs for cell in run.cells]
    frame = pd.DataFrame(rows)
    names = frame.groupby("spec")["layer"].agg(
        lambda layers: " = ".join(dict.fromkeys(layers))
    )  # one geometry, two names
    frame = frame.drop_duplicates(KEY, keep="last")
    frame["layer"] = frame["spec"].map(names)
    places = {"op": OPS, "spec": _planned_specs(runs), "backend": order(frame["backend"])}
    for column, found in places.items():
        frame[column] = pd.Categorical(frame[column], list(dict.fromkeys(found)))
    frame = frame.sort_values(list(places), kind="stable").reset_index(drop=True)
    return frame.astype(dict.fromkeys(places, "str"))


def _planned_specs(runs: list[Run]) -> list[str]:
    """Every geometry once: the newest run's in its own order, then those that only older runs have."""
    found: dict[str, None] = {}
    for run in reversed(runs):
        found |= dict.fromkeys([*run.header["plan"].get("specs", []), *(cell["spec"] for cell in run.cells)])
    return list(found)


def _time(cell: Record) -> Record:
    if cell["status"] != "ok" or not cell["samples"]:
        return {"n": 0, "seconds": None, "seconds_low": None, "seconds_high": None}
    middle, low, high = median_interval(cell["samples"])
    return {"n": len(cell["samples"]), "seconds": middle, "seconds_low": low, "seconds_high": high}


def _in_order(records: dict[str, Record]) -> dict[str, Record]:
    return {name: records[name] for name in order(records)}


def _verdicts(path: Path) -> dict[str, Record] | None:
    if not path.exists():
        return None
    try:
        found: Any = json.loads(path.read_text(encoding="utf-8"))
        return {record["backend"]: record for record in found if record["verdict"]}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ResultsError(f"{str(path)!r} is no record of `harness check --json`: {error!r}") from error
