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
    """float32 and float64 on every geometry."""
    return None if dtype in ("float32", "float64") else f"dtype {dtype} is not claimed"
