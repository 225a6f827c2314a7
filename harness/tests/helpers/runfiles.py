"""Small run files of the real schema, and the rows that tables are made of, for tests of what reads them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
from msgspec.structs import replace

from harness.contract.status import CellStatus
from harness.report.measured.load import Data
from harness.report.measured.rows import PairedRatio, Row
from harness.report.measured.runs import Run
from harness.results.intervals import Interval
from harness.results.records import BackendFacts, Ceilings, Cell, Code, Line, Machine, PlanRecord, RunEnd, RunHeader

MACHINE = "cpu-x_2c2t"
SPECS = {
    "net:small": "n1c2h6w6_f4kh3kw3", "net:large": "n1c8h12w12_f8kh3kw3_pt1pb1pl1pr1",
    "net:wide": "n1c4h5w20_f6kh1kw1", "net:grouped": "n2c8h9w9_f8kh3kw3_g8",
}  # fmt: skip
FLAT = [1.0] * 11
_ASV_COLUMNS = ["result", "params", "version", "started_at", "duration", "stats_ci_99_a", "samples"]
AsvTimes = dict[tuple[str, str], float | None]  # by layer and backend
CPU = Ceilings(
    threads=1, allocator="steady", copy_gbs={"cache": 100.0, "dram": 20.0},
    copy_bytes={"cache": 2**21, "dram": 2**28}, matmul_gflops={"float32": 100.0},
)  # fmt: skip


def write_run(
    results: Path, run: str, cells: Sequence[Cell], *, machine: str = MACHINE, finished: bool = True,
    more: Sequence[BackendFacts | Ceilings] = (), ceilings: Ceilings | None = CPU, header: RunHeader | None = None,
) -> Path:  # fmt: skip
    """Write one run file of the real schema; `more` records follow those of the backends and the CPU's ceilings."""
    names = list(dict.fromkeys(c.backend for c in cells))
    header = header or make_header(run, backends=names, machine=machine)
    records: list[Line] = [header]
    for name in names:
        lost = [c.reason for c in cells if c.backend == name and c.status is CellStatus.UNAVAILABLE]
        records.append(make_facts(name, available=not lost, reason="".join(lost[:1])))
    records += [ceilings, *more] if ceilings else more
    for c in cells:
        group = c.group or f"{run}/{c.op}/{c.dtype}/{c.spec}"
        records.append(replace(c, run=run, group=group, machine=machine, commit=header.code.commit))
    return write_lines(results, run, [*records, *([RunEnd(run=run)] if finished else [])], machine=machine)


def write_lines(results: Path, run: str, records: Sequence[Line], *, machine: str = MACHINE) -> Path:
    """Write a run file of these records, as the product writes them."""
    path = results / "runs" / machine / f"{run}.jsonl"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(msgspec.to_builtins(record)) + "\n" for record in records), encoding="utf-8")
    return path


def make_header(
    run: str, *, backends: Sequence[str] = (), machine: str = MACHINE, code: Code | None = None, **plan: Any
) -> RunHeader:
    """The first line of a run file: what was planned, by default two ops on the first two layers, and where."""
    given: dict[str, Any] = {
        "shapes": "quick", "layers": list(SPECS)[:2], "specs": list(SPECS.values())[:2], "ops": ["im2col", "conv2d"],
        "dtypes": ["float32"], "threads": 1, "allocator": "steady", "budget": 2.0, "rounds": 11, **plan,
    }  # fmt: skip
    code = code or Code(commit="ab" * 20)
    facts = Machine(
        name=machine, cpu="CPU X", cores=2, hardware_threads=4, caches={"L1d": "32K", "L2": "1M"}, memory_gib=8.0,
        os="Linux", python="3.11.7", versions={"numpy": "2.4.6", "numba": "0.61.0"}, code=code,
    )  # fmt: skip
    return RunHeader(schema=1, run=run, plan=PlanRecord(backends=list(backends), **given), machine=facts, code=code)


def make_cell(
    backend: str, samples: list[float] | None = None, layer: str = "net:small", *, status: str = "ok", **other: Any
) -> Cell:
    """A cell with times, or, without samples, one that lacks them for the `status` and `reason` given."""
    given: dict[str, Any] = {
        "op": "conv2d", "dtype": "float32", "spec": SPECS.get(layer, ""), "threads": 1, "allocator": "steady",
        "native": True, "checked_points": 64, "repetitions": 1, "run": "", "group": "", "commit": "ab" * 20, **other,
    }  # fmt: skip
    return Cell(
        machine=MACHINE, backend=backend, layer=layer, samples=samples or [],
        status=msgspec.convert(status, CellStatus), **given,
    )  # fmt: skip


def make_row(
    backend: str, seconds: float | None = None, layer: str = "net:small", *, ratio: Sequence[float] = (), **other: Any
) -> Row:
    """A cell as the tables see it: a time and its ratio (median, low, high; 11 pairs), or a `status` and `reason`."""
    took = None if seconds is None else Interval(seconds, 0.75 * seconds, 1.5 * seconds)
    samples = None if took is None else [took.low, took.median, took.high]
    dirty = other.pop("dirty", False)
    where = {"op": "conv2d", "dtype": "float32", **other}
    other = {"group": f"{where['op']}/{where['dtype']}/{layer}", **other}
    pairs = PairedRatio(ratio[0], ratio[1], ratio[2], 11) if ratio else None
    return Row(cell=make_cell(backend, samples, layer, **other), dirty=dirty, seconds=took, ratio=pairs)


def make_data(rows: Sequence[Row], **other: Any) -> Data:
    """What the report is made of, with these rows and their samples, of one run."""
    samples = {(row.cell.group, row.cell.backend): {0: row.cell.samples} for row in rows if row.seconds}
    header = make_header("20260101T000000-a")
    given: dict[str, Any] = {
        "machine": header.machine, "runs": [Run(header, [row.cell for row in rows])], "rows": list(rows),
        "samples": samples, "backends": {}, "verdicts": None, **other,
    }  # fmt: skip
    return Data(**given)


def make_facts(backend: str, **other: Any) -> BackendFacts:
    """A backend on the CPU."""
    given: dict[str, Any] = {
        "target": backend, "available": True, "info": {"device": "cpu"}, "numerics": "gemm",
        "native": ["im2col", "col2im"], "load_seconds": 0.1, **other,
    }  # fmt: skip
    return BackendFacts(backend=backend, **given)


def write_asv(folder: Path, commit: str, day: int, times: AsvTimes, name: str = "Im2col", **changed: Any) -> Path:
    """A file as asv writes it: names are Python's, and results in the order of the product of the parameters."""
    layers = list(dict.fromkeys(layer for layer, _ in times))
    backends = list(dict.fromkeys(backend for _, backend in times))
    results = [times.get((layer, backend)) for layer in layers for backend in backends]
    params = [[repr(text) for text in texts] for texts in (layers, ["float32"], backends)]
    record = {
        "commit_hash": commit, "env_name": "existing", "date": day * 86_400_000, "result_columns": _ASV_COLUMNS,
        "results": {f"bench_ops.{name}.track_seconds": [results, params, "1", 0, 0.5]}, "version": 2, **changed,
    }  # fmt: skip
    path = folder / f"{commit}-existing.json"
    folder.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(record))
    return path
