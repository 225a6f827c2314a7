"""Writes small run files of the real schema, for tests of what reads them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
from msgspec.structs import replace

from harness.contract.status import CellStatus
from harness.results.records import BackendFacts, Ceilings, Cell

MACHINE = "cpu-x_2c2t"
SPECS = {"net:small": "n1c2h6w6_f4kh3kw3", "net:large": "n1c8h12w12_f8kh3kw3_pt1pb1pl1pr1"}
FLAT = [1.0] * 11
CPU = Ceilings(
    threads=1, allocator="steady", copy_gbs={"cache": 100.0, "dram": 20.0},
    copy_bytes={"cache": 2**21, "dram": 2**28}, matmul_gflops={"float32": 100.0},
)  # fmt: skip
_CODE = {"commit": "ab" * 20, "dirty": False, "changes": ""}


def write_run(
    results: Path, run: str, cells: Sequence[Cell], *, machine: str = MACHINE, finished: bool = True,
    more: Sequence[BackendFacts | Ceilings] = (), ceilings: Ceilings = CPU,
) -> None:  # fmt: skip
    """Write one run file of the real schema; `more` records follow those of the backends and the CPU's ceilings.

    Its header has the fields of the first version only.
    """
    names = list(dict.fromkeys(c.backend for c in cells))
    lines = [json.dumps(_header(run, names, machine))]
    for name in names:
        lost = [c.reason for c in cells if c.backend == name and c.status is CellStatus.UNAVAILABLE]
        lines.append(_line(make_facts(name, available=not lost, reason="".join(lost[:1]))))
    lines += map(_line, [ceilings, *more])
    for c in cells:
        group = f"{run}/{c.op}/{c.dtype}/{c.spec}"
        lines.append(_line(replace(c, run=run, group=group, machine=machine)))
    lines += [json.dumps({"kind": "end", "run": run})] if finished else []
    folder = results / "runs" / machine
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{run}.jsonl").write_text("".join(line + "\n" for line in lines))


def make_cell(
    backend: str, samples: list[float] | None = None, layer: str = "net:small", *, status: str = "ok", **other: Any
) -> Cell:
    """A cell with times, or, without samples, one that lacks them for the `status` and `reason` given."""
    given: dict[str, Any] = {
        "op": "conv2d", "dtype": "float32", "spec": SPECS.get(layer, ""), "threads": 1, "allocator": "steady",
        "native": True, "checked_points": 64, "repetitions": 1, **other,
    }  # fmt: skip
    return Cell(
        run="", group="", machine=MACHINE, commit="ab" * 20, backend=backend, layer=layer, samples=samples or [],
        status=msgspec.convert(status, CellStatus), **given,
    )  # fmt: skip


def make_facts(backend: str, **other: Any) -> BackendFacts:
    """A backend on the CPU."""
    given: dict[str, Any] = {
        "available": True, "info": {"device": "cpu"}, "numerics": "gemm", "native": ["im2col", "col2im"],
        "load_seconds": 0.1, **other,
    }  # fmt: skip
    return BackendFacts(backend=backend, target=backend, **given)


def _header(run: str, backends: Sequence[str], machine: str) -> dict[str, object]:
    plan = {
        "shapes": "quick", "layers": list(SPECS), "specs": list(SPECS.values()), "ops": ["im2col", "conv2d"],
        "dtypes": ["float32"], "backends": list(backends), "threads": 1, "allocator": "steady", "budget": 2.0,
        "rounds": 11,
    }  # fmt: skip
    facts = {
        "name": machine, "cpu": "CPU X", "cores": 2, "hardware_threads": 2, "caches": {"L1d": "32K"}, "memory_gib": 8.0,
        "os": "Linux", "python": "3.11.7", "versions": {"numpy": "2.4.6"}, "code": _CODE,
    }  # fmt: skip
    return {"kind": "run", "schema": 1, "run": run, "plan": plan, "machine": facts, "code": _CODE}


def _line(record: BackendFacts | Ceilings | Cell) -> str:
    return msgspec.json.encode(record).decode()
