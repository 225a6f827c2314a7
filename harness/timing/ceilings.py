"""The ceilings of every report: how fast this machine, or a backend's own device, can copy and multiply."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from harness.contract.protocol import CompleteBackend
from harness.geometry.spec import ConvSpec
from harness.results.machine import blas
from harness.results.records import Ceilings
from harness.telling import named
from harness.timing.clock import best

_L1_BYTES, _L2_BYTES, _CACHE_BYTES, _DRAM_BYTES = 32 * 2**10, 256 * 2**10, 2 * 2**20, 256 * 2**20
_MATMUL_SIZES = (256, 512, 1024)
_COPIES = ("cache", "dram")
_DTYPES = ("float32", "float64")
# Layers that suit a library which multiplies well: one product, and a convolution whose columns stay in a cache.
_PRODUCTS = ("n1c512h32w32_f512kh1kw1", "n1c64h56w56_f64kh3kw3_pt1pb1pl1pr1")


def of_cpu(threads: int, allocator: str) -> Ceilings:
    """Best observed copy bandwidth (read plus write, GB/s) in caches and in DRAM, and matrix product (GFLOP/s).

    The copy is NumPy's, one thread whatever `threads` says; the product is NumPy's BLAS on `threads` threads.
    """
    sizes = {"l1": _L1_BYTES, "l2": _L2_BYTES, "cache": _CACHE_BYTES, "dram": _DRAM_BYTES}
    products = {dtype: max(_matmul_gflops(n, dtype) for n in _MATMUL_SIZES) for dtype in _DTYPES}
    return Ceilings(
        threads=threads, allocator=allocator, copy_gbs={name: _copy_gbs(total) for name, total in sizes.items()},
        copy_bytes=sizes, blas=blas(), matmul_gflops=products, matmul_by=dict.fromkeys(products, "numpy"),
    )  # fmt: skip


def products(backend: CompleteBackend, dtypes: Sequence[str]) -> dict[str, float]:
    """GFLOP/s of a backend's conv2d by dtype, the best of some layers: NumPy's BLAS may run an older CPU's kernel."""
    asked = [dtype for dtype in _DTYPES if dtype in dtypes]
    return {dtype: max(_conv2d_gflops(backend, text, dtype) for text in _PRODUCTS) for dtype in asked}


def _conv2d_gflops(backend: CompleteBackend, text: str, dtype: str) -> float:
    spec = ConvSpec.parse(text)
    own = [backend.from_numpy(np.ones(shape, dtype)) for shape in spec.input_shapes("conv2d")]
    return spec.flops("conv2d") / best(lambda: backend.call("conv2d", spec, *own)) / 1e9


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
    return total / best(lambda: np.copyto(target, source)) / 1e9


def _matmul_gflops(n: int, dtype: str) -> float:
    a, b = np.ones((n, n), dtype), np.ones((n, n), dtype)
    out = np.zeros((n, n), dtype)
    return 2 * n**3 / best(lambda: np.matmul(a, b, out=out)) / 1e9


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
