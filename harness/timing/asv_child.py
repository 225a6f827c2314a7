"""Writes the run at hand into asv's own files, in a process whose folder is the checkout.

`asv run` would start a process for each of hundreds of cells, only to be told a number that is known.
"""

from __future__ import annotations

import itertools
import math
import os
import time
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from harness.contract.status import CellStatus
from harness.geometry.spec import ALL_OPS
from harness.results import run_files
from harness.results.records import Cell, RunHeader
from harness.timing import asv_bridge

_CONFIG = "asv.conf.json"


def write(header: RunHeader) -> None:
    """Write what `asv run --set-commit-hash HEAD --record-samples` would: the suite's parameters, then the results."""
    from asv.benchmarks import Benchmarks
    from asv.config import Config
    from asv.environment import get_environments
    from asv.machine import Machine
    from asv.repo import get_repo
    from asv.results import Results

    config = Config.load(_CONFIG)
    repo = get_repo(config)
    (environment,) = get_environments(config, ["existing:same"])
    commit = repo.get_hash_from_name("HEAD")
    machine = Machine()
    machine.__dict__.update(asv_bridge.conditions(header))
    suite = Benchmarks.discover(config, repo, [environment], [commit])
    cells, started = asv_bridge.cells(), datetime.now(UTC)
    conditions = {**machine.__dict__, "python": environment.python, **environment.requirements}
    results = Results(
        conditions, environment.requirements, commit, repo.get_date(commit), environment.python, environment.name,
        environment.env_vars,
    )  # fmt: skip
    for benchmark in suite.values():
        begin = time.monotonic()
        found = _of_benchmark(benchmark, cells)
        results.add_result(benchmark, found, started, time.monotonic() - begin, record_samples=True)
    machine.save(config.results_dir)
    suite.save()
    results.save(config.results_dir)


def _of_benchmark(benchmark: Mapping[str, Any], cells: Mapping[asv_bridge.CellKey, Cell]) -> Any:
    """Of one class of the suite: samples, or what asv calls skipped (NaN) and failed (None), with why it failed."""
    from asv.runner import BenchmarkResult

    found = [cells.get(key) for key in _keys(benchmark["name"])]
    failed = [cell for cell in found if cell is not None and cell.status is CellStatus.FAIL]
    return BenchmarkResult(
        result=[_value(cell) for cell in found],
        samples=[cell.samples if _has_time(cell) and cell is not None else None for cell in found],
        number=[1 if _has_time(cell) else None for cell in found],
        errcode=1 if failed else 0,
        stderr="\n".join(f"{cell.backend} {cell.op} {cell.layer}: {cell.reason}" for cell in failed),
        profile=None,
    )


def _keys(benchmark: str) -> Iterator[asv_bridge.CellKey]:
    """The cells of a benchmark, as `bench_ops.Conv2dInputGrad.track_seconds`, in asv's order of its parameters."""
    op = next(op for op in ALL_OPS if op.replace("_", "") == benchmark.split(".")[-2].lower())
    for layer, dtype, backend in itertools.product(*asv_bridge.parameters()):
        yield op, dtype, layer, backend


def _value(cell: Cell | None) -> float | bool | None:
    if cell is not None and cell.status is CellStatus.FAIL:
        return None
    return True if _has_time(cell) else math.nan


def _has_time(cell: Cell | None) -> bool:
    """Samples alone are not enough: an implausible cell keeps them as evidence."""
    return cell is not None and cell.status is CellStatus.OK and bool(cell.samples)


if __name__ == "__main__":
    write(run_files.header(Path(os.environ[asv_bridge.RUN_VARIABLE])))
