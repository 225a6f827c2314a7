"""What a time is worth: rates, and their shares of the copy and matrix product measured on the device that ran.

A copy moves each byte twice (read and write) and its ceiling counts both, as `min_bytes` does, so the two compare.
"""

from __future__ import annotations

from collections.abc import Iterable

from msgspec import Struct

from harness.geometry.spec import ConvSpec, Op
from harness.results.records import Ceilings


class Rates(Struct, frozen=True, kw_only=True):
    """Work counted by the definition over a time; shares are of the ceilings, None where there is none."""

    flops: int
    min_bytes: int
    intensity: float | None
    gflops: float
    gbs: float
    copy_ceiling: str = ""  # "cache" or "dram": which copy the bytes are held against
    copy_gbs: float | None = None
    matmul_gflops: float | None = None
    memory_share: float | None = None
    compute_share: float | None = None
    bound: str = ""  # the ceiling that is nearer
    share: float | None = None  # of that one


def by_backend(ceilings: Iterable[Ceilings]) -> dict[str, Ceilings]:
    """The newest ceilings of each backend that has measured its own."""
    return {c.backend: c for c in ceilings if c.backend and not c.reason}


def rates(
    op: Op, spec: ConvSpec, dtype: str, seconds: float, ceilings: Ceilings | None, numerics: str | None = None
) -> Rates:
    """Rates of one call of `op`, and shares of the ceilings.

    Shares are None without `ceilings`, and that of the product without one for the dtype; the products of a TF32
    backend are measured against those in TF32.
    """
    moved, flops = spec.min_bytes(op, dtype), spec.flops(op)
    gflops, gbs, intensity = flops / seconds / 1e9, moved / seconds / 1e9, flops / moved if moved else None
    if ceilings is None:
        return Rates(flops=flops, min_bytes=moved, intensity=intensity, gflops=gflops, gbs=gbs)
    copy = "cache" if moved <= ceilings.copy_bytes["cache"] else "dram"
    memory_share = gbs / ceilings.copy_gbs[copy]
    product = ceilings.matmul_gflops.get("tf32" if numerics == "tf32" and dtype == "float32" else dtype)
    compute_share = gflops / product if product else None
    bound, share = "memory" if product or not flops else "of memory (no ceiling of the product)", memory_share
    if compute_share is not None and compute_share > memory_share:
        bound, share = "compute", compute_share
    return Rates(
        flops=flops, min_bytes=moved, intensity=intensity, gflops=gflops, gbs=gbs, copy_ceiling=copy,
        copy_gbs=ceilings.copy_gbs[copy], matmul_gflops=product or None, memory_share=memory_share,
        compute_share=compute_share, bound=bound, share=share,
    )  # fmt: skip
