"""The ceilings of every report: how fast this machine, or a backend's own device, can copy and multiply."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from harness.contract.protocol import CompleteBackend
from harness.results.machine import blas
from harness.results.records import Ceilings
from harness.telling import named
from harness.timing.clock import Timed, interleave

_CACHE_BYTES, _DRAM_BYTES = 2 * 2**20, 256 * 2**20
_MATMUL_SIZES = (1024, 2048)
_COPIES = ("cache", "dram")


def of_cpu(threads: int, allocator: str) -> Ceilings:
    """Best observed copy bandwidth (read plus write, GB/s) in cache and in DRAM, and matrix product (GFLOP/s).

    The copy is NumPy's, one thread whatever `threads` says; the product is NumPy's BLAS on `threads` threads.
    """
    copies = {"cache": _copy_gbs(_CACHE_BYTES), "dram": _copy_gbs(_DRAM_BYTES)}
    products = {dtype: max(_matmul_gflops(n, dtype) for n in _MATMUL_SIZES) for dtype in ("float32", "float64")}
    return Ceilings(
        threads=threads, allocator=allocator, copy_gbs=copies, blas=blas(), matmul_gflops=products,
        copy_bytes={"cache": _CACHE_BYTES, "dram": _DRAM_BYTES},
    )  # fmt: skip


def of_device(backend: CompleteBackend, threads: int, allocator: str) -> Ceilings:
    """The ceilings of a backend that measures its own device; empty, with a `reason`, where that fails."""
    try:
        assert backend.ceilings is not None
        return _checked(backend.name, threads, allocator, backend.ceilings())
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # the ceilings are lost then, not the measurement
        return nothing(backend.name, threads, allocator, f"ceilings() raised {named(error)}")


def nothing(backend: str, threads: int, allocator: str, reason: str) -> Ceilings:
    """The record in place of ceilings that could not be measured."""
    return Ceilings(backend=backend, threads=threads, allocator=allocator, reason=reason)


def _copy_gbs(total: int) -> float:
    """Bytes moved are `total`: half of them read, half written."""
    source = np.ones(total // 2, np.uint8)
    target = np.zeros_like(source)
    return total / _best(lambda: np.copyto(target, source)) / 1e9


def _matmul_gflops(n: int, dtype: str) -> float:
    a, b = np.ones((n, n), dtype), np.ones((n, n), dtype)
    out = np.zeros((n, n), dtype)
    return 2 * n**3 / _best(lambda: np.matmul(a, b, out=out)) / 1e9


def _best(call: Callable[[], object]) -> float:
    timed = Timed(call)
    interleave([timed], rounds=9, budget=0.5)
    return min(timed.samples)


def _checked(backend: str, threads: int, allocator: str, own: Any) -> Ceilings:
    """What `ceilings()` gave, as plain numbers. Raises `ValueError` naming the entry that is missing or no number."""
    if not isinstance(own, Mapping):
        raise ValueError(f"it must return a dict, got {type(own).__name__}")
    return Ceilings(
        backend=backend, threads=threads, allocator=allocator, device=str(own["device"]),
        copy_gbs={name: _positive(own["copy_gbs"][name], f"copy_gbs {name}") for name in _COPIES},
        copy_bytes={name: int(_positive(own["copy_bytes"][name], f"copy_bytes {name}")) for name in _COPIES},
        matmul_gflops={str(k): _positive(v, f"matmul_gflops {k}") for k, v in own["matmul_gflops"].items()},
    )  # fmt: skip


def _positive(value: Any, name: str) -> float:
    number = float(value)
    if not (math.isfinite(number) and number > 0):
        raise ValueError(f"{name} must be above 0, got {value!r}")
    return number
