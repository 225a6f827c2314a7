"""Writes small run files of the real schema, for tests of what reads them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from harness.results.run_files import Record

MACHINE = "cpu-x_2c2t"
SPECS = {"net:small": "n1c2h6w6_f4kh3kw3", "net:large": "n1c8h12w12_f8kh3kw3_pt1pb1pl1pr1"}
FLAT = [1.0] * 11


def write_run(
    results: Path, run: str, cells: list[Record], *, machine: str = MACHINE, finished: bool = True,
    more: Sequence[Record] = (), **ceilings: Any,
) -> None:  # fmt: skip
    """Write one run file of the real schema; `more` records follow those of the backends and the CPU's ceilings."""
    names = list(dict.fromkeys(c["backend"] for c in cells))
    code = {"commit": "ab" * 20, "dirty": False, "changes": ""}
    plan = {
        "shapes": "quick", "layers": list(SPECS), "specs": list(SPECS.values()), "ops": ["im2col", "conv2d"],
        "dtypes": ["float32"], "backends": names, "threads": 1, "allocator": "steady", "budget": 2.0, "rounds": 11,
    }  # fmt: skip
    facts_ = {
        "name": machine, "cpu": "CPU X", "cores": 2, "hardware_threads": 2, "caches": {"L1d": "32K"}, "memory_gib": 8.0,
        "os": "Linux", "python": "3.11.7", "versions": {"numpy": "2.4.6"}, "code": code,
    }  # fmt: skip
    records: list[Record] = [{"kind": "run", "schema": 1, "run": run, "plan": plan, "machine": facts_, "code": code}]
    for name in names:
        lost = [c["reason"] for c in cells if c["backend"] == name and c["status"] == "unavailable"]
        records.append({
            "kind": "backend", "backend": name, "target": name, "available": not lost, "reason": "".join(lost[:1]),
            "info": {"device": "cpu"}, "numerics": "gemm", "native": ["im2col", "col2im"], "load_seconds": 0.1,
        })  # fmt: skip
    records.append({
        "kind": "ceilings", "threads": 1, "allocator": "steady", "copy_gbs": {"cache": 100.0, "dram": 20.0}, "blas": [],
        "copy_bytes": {"cache": 2**21, "dram": 2**28}, "matmul_gflops": {"float32": 100.0}, **ceilings,
    })  # fmt: skip
    records += more
    for c in cells:
        group = f"{run}/{c['op']}/{c['dtype']}/{c['spec']}"
        records.append({**c, "run": run, "group": group, "machine": machine, "commit": "ab" * 20})
    records += [{"kind": "end", "run": run}] if finished else []
    folder = results / "runs" / machine
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{run}.jsonl").write_text("".join(json.dumps(r) + "\n" for r in records))


def make_cell(backend: str, samples: list[float] | None = None, layer: str = "net:small", **other: Any) -> Record:
    """A cell with times, or, without samples, one that lacks them for the `status` and `reason` given."""
    return {
        "kind": "cell", "backend": backend, "op": "conv2d", "dtype": "float32", "layer": layer,
        "spec": SPECS[layer], "threads": 1, "allocator": "steady", "status": "ok", "reason": "",
        "predicted_seconds": None, "native": True, "checked_points": 64, "first_seconds": None,
        "first_in_process": False, "samples": samples or [], "repetitions": 1, **other,
    }  # fmt: skip
