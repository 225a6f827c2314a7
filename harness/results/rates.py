"""What a time is worth: rates, and their shares of the copy and matrix product measured on the device that ran.

A copy moves each byte twice (read and write) and its ceiling counts both, as `min_bytes` does, so the two compare.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

from harness.contract.protocol import CompleteBackend
from harness.geometry.spec import ConvSpec, Op
from harness.results.run_files import Record

_COPIES = ("cache", "dram")


def of_device(backend: CompleteBackend, threads: int, allocator: str) -> Record:
    """The `ceilings` record of a backend that measures its own device; empty, with a `reason`, where that fails."""
    shared = {"kind": "ceilings", "backend": backend.name, "threads": threads, "allocator": allocator, "blas": []}
    try:
        assert backend.ceilings is not None
        return {**shared, **_checked(backend.ceilings()), "reason": ""}
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # the ceilings are lost then, not the measurement
        return {**shared, **nothing(f"ceilings() raised {type(error).__name__}: {' '.join(str(error).split())}")}


def nothing(reason: str) -> Record:
    """What a record holds in place of ceilings that could not be measured."""
    return {"device": "", "copy_gbs": {}, "copy_bytes": {}, "matmul_gflops": {}, "reason": reason}


def by_backend(records: Iterable[Record]) -> dict[str, Record]:
    """The newest ceilings of each backend that has measured its own."""
    return {r["backend"]: r for r in records if r["kind"] == "ceilings" and r.get("backend") and not r["reason"]}


def rates(
    op: Op, spec: ConvSpec, dtype: str, seconds: float, ceilings: Record | None, numerics: str | None = None
) -> Record:
    """Work counted by the definition over `seconds`, and the share of the ceiling that is nearer (`bound`).

    Shares are None without `ceilings`, and that of the product without one for the dtype; the products of a TF32
    backend are measured against those in TF32.
    """
    moved, flops = spec.min_bytes(op, dtype), spec.flops(op)
    found: Record = {
        "flops": flops, "min_bytes": moved, "intensity": flops / moved if moved else None,
        "gflops": flops / seconds / 1e9, "gbs": moved / seconds / 1e9, "copy_ceiling": "", "copy_gbs": None,
        "matmul_gflops": None, "memory_share": None, "compute_share": None, "bound": "", "share": None,
    }  # fmt: skip
    if ceilings is None:
        return found
    found["copy_ceiling"] = "cache" if moved <= ceilings["copy_bytes"]["cache"] else "dram"
    found["copy_gbs"] = ceilings["copy_gbs"][found["copy_ceiling"]]
    found["memory_share"] = found["share"] = found["gbs"] / found["copy_gbs"]
    product = ceilings["matmul_gflops"].get("tf32" if numerics == "tf32" and dtype == "float32" else dtype)
    found["bound"] = "memory" if product or not flops else "of memory (no ceiling of the product)"
    if product:
        found["matmul_gflops"], found["compute_share"] = product, found["gflops"] / product
        if found["compute_share"] > found["memory_share"]:
            found["bound"], found["share"] = "compute", found["compute_share"]
    return found


def _checked(own: Any) -> Record:
    """What `ceilings()` gave, as plain numbers. Raises `ValueError` naming the entry that is missing or no number."""
    if not isinstance(own, Mapping):
        raise ValueError(f"it must return a dict, got {type(own).__name__}")
    return {
        "device": str(own["device"]),
        "copy_gbs": {name: _positive(own["copy_gbs"][name], f"copy_gbs {name}") for name in _COPIES},
        "copy_bytes": {name: int(_positive(own["copy_bytes"][name], f"copy_bytes {name}")) for name in _COPIES},
        "matmul_gflops": {str(k): _positive(v, f"matmul_gflops {k}") for k, v in own["matmul_gflops"].items()},
    }


def _positive(value: Any, name: str) -> float:
    number = float(value)
    if not (math.isfinite(number) and number > 0):
        raise ValueError(f"{name} must be above 0, got {value!r}")
    return number
