"""What the two backends of this package say of themselves."""

from __future__ import annotations

from importlib.metadata import version

from numba import get_num_threads

from backends.numba_tiled.simd.registers import BYTES
from harness import ConvSpec, Op


def info() -> dict[str, str]:
    """Device, versions, threads, and the width of a vector register."""
    return {"device": "cpu", "numba": version("numba"), "threads": str(get_num_threads()), "vector": f"{BYTES} bytes"}


def unsupported(op: Op, spec: ConvSpec, dtype: str) -> str | None:
    """float32 and float64 on every geometry; maxima of whole numbers too, which are compared and not divided."""
    claimed = ("float32", "float64", *(("int32", "int64") if op in ("max_pool2d", "max_pool2d_grad") else ()))
    return None if dtype in claimed else f"dtype {dtype} is not claimed"
