"""What a time is worth: rates, and their shares of the copy and matrix product measured on the device that ran.

A copy moves each byte twice (read and write) and its ceiling counts both, as `min_bytes` does, so the two compare.
"""

from __future__ import annotations

from collections.abc import Iterable

from harness.geometry.spec import ConvSpec, Op
from harness.results.run_files import Record


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
