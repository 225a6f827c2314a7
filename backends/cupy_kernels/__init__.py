"""im2col, col2im and convolution as CUDA kernels launched through CuPy: four backends, from explicit columns to none.

None of this needs a card to be tested: all host code asks a device for memory and launches, and the
device may be one that `emulated` runs on the CPU, with the same kernels.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from .contract import OnDevice
from .explicit import Explicit
from .implicit import Implicit

CHUNK_BYTES = 32 * 2**20  # half of an H200's cache

LADDER: dict[str, Callable[[Any], OnDevice]] = {
    "cupy_kernels": Explicit,  # the columns of the whole batch, then cuBLAS
    "cupy_chunked": partial(Explicit, chunk_bytes=CHUNK_BYTES),  # of as many images as fit the cache, again and again
    "cupy_implicit": partial(Implicit, tf32=False),  # no columns, the precision of the data
    "cupy_implicit_tf32": partial(Implicit, tf32=True),  # no columns, tensor cores
}


def cupy_kernels() -> OnDevice:
    """The backend of that name, on the current CUDA device."""
    return _on_cuda("cupy_kernels")


def cupy_chunked() -> OnDevice:
    """The backend of that name, on the current CUDA device."""
    return _on_cuda("cupy_chunked")


def cupy_implicit() -> OnDevice:
    """The backend of that name, on the current CUDA device."""
    return _on_cuda("cupy_implicit")


def cupy_implicit_tf32() -> OnDevice:
    """The backend of that name, on the current CUDA device."""
    return _on_cuda("cupy_implicit_tf32")


def _on_cuda(name: str) -> OnDevice:
    from .device import CudaDevice  # needs CuPy

    return LADDER[name](CudaDevice())
