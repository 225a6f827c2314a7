"""A CUDA device through CuPy: memory, launches, products, time. All that the backends ask of a card is here.

`import cupy` succeeds without a GPU, so a device is asked for, and proves that it computes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

import cupy as cp
import numpy as np

from harness import BackendUnavailable

from .source import ALIGNMENT, Build, text
from .words import out_of_memory

_COPY_BYTES = {"cache": 16 * 2**20, "dram": 2**31}
_COPIES = {"cache": 50, "dram": 1}  # timed at once: one within the cache takes no longer than its launch
_PRODUCT = 8192  # rows of the square matrices whose product is timed
_REPEATS = 11
_DECLARED_SHARED = 48 * 2**10  # bytes; a kernel must be told that a launch may ask for more
_SPIN = 200_000  # nanoseconds that the card is kept busy while the host enqueues what is timed


class CudaDevice:
    """The current device and, for every call, the stream that is current then."""

    xp = cp

    def __init__(self) -> None:
        if not cp.cuda.is_available():
            raise BackendUnavailable("CuPy finds no CUDA device")
        self._kernels: dict[tuple[int, Build], Any] = {}  # by device: what a kernel is told about shared memory is
        properties = cp.cuda.runtime.getDeviceProperties(cp.cuda.Device().id)
        self.name = properties["name"].decode()
        self.capability = 10 * int(properties["major"]) + int(properties["minor"])
        self.processors = int(properties["multiProcessorCount"])
        try:
            probe = cp.ones((4, 4), cp.float32)
            if float((probe @ probe)[0, 0]) != 4.0:
                raise BackendUnavailable("cuBLAS gives a wrong product")
        except ImportError as error:
            raise BackendUnavailable(f"cuBLAS is missing: {error}") from error

    def info(self) -> dict[str, str]:
        """Device and versions."""
        return {"device": self.name, "cupy": cp.__version__, "cuda": str(cp.cuda.runtime.runtimeGetVersion())}

    def array(self, a: Any) -> cp.ndarray:
        """Any array of this device, of CuPy or behind DLPack, as one of CuPy: aligned, C-contiguous, itself if it is.

        DLPack makes CuPy's current stream wait for what the other library still has to do on its own.
        """
        a = a if isinstance(a, cp.ndarray) else cp.from_dlpack(a)
        if a.flags.c_contiguous and a.data.ptr % ALIGNMENT == 0:
            return a
        own = self.empty(a.shape, a.dtype, "an argument")
        own[...] = a
        return own

    def from_numpy(self, a: np.ndarray) -> cp.ndarray:
        """Host to device, C-contiguous."""
        try:
            return cp.asarray(np.ascontiguousarray(a))
        except cp.cuda.memory.OutOfMemoryError:
            raise MemoryError(out_of_memory("an argument", a.shape, a.dtype, self.available(), self.name)) from None

    def to_numpy(self, a: cp.ndarray) -> np.ndarray:
        """Device to host, waiting for the result."""
        host: np.ndarray = cp.asnumpy(a)
        return host

    def synchronize(self, a: cp.ndarray) -> None:
        """Wait for the current stream."""
        cp.cuda.get_current_stream().synchronize()

    def empty(self, shape: Sequence[int], dtype: Any, purpose: str) -> cp.ndarray:
        """Memory from CuPy's pool. Raises `MemoryError` that names what was needed, and what there is."""
        try:
            return cp.empty(shape, dtype)
        except cp.cuda.memory.OutOfMemoryError:
            raise MemoryError(out_of_memory(purpose, shape, dtype, self.available(), self.name)) from None

    def matmul(self, a: cp.ndarray, b: cp.ndarray, out: cp.ndarray) -> None:
        """Batched products through cuBLAS, in the precision of the data. Raises `MemoryError` as `empty` does."""
        try:
            cp.matmul(a, b, out=out)
        except cp.cuda.memory.OutOfMemoryError:
            raise MemoryError(
                out_of_memory(
                    "a copy for cuBLAS of",
                    max(a, b, key=lambda m: m.nbytes).shape,
                    b.dtype,
                    self.available(),
                    self.name,
                )
            ) from None

    def settle(self) -> None:
        """Wait for every stream of the current device."""
        cp.cuda.runtime.deviceSynchronize()

    def ordinal(self) -> int:
        """The number of the current device: memory of one is not to be given to another."""
        return int(cp.cuda.runtime.getDevice())

    def available(self) -> int:
        """Bytes that `empty` could still get: free on the device or unused in the pool, within the pool's limit."""
        pool = cp.get_default_memory_pool()
        free = int(cp.cuda.runtime.memGetInfo()[0]) + int(pool.free_bytes())
        limit = pool.get_limit()
        return min(free, int(limit) - int(pool.used_bytes())) if limit else free

    def launch(self, build: Build, blocks: int, threads: int, *arguments: Any, shared: int = 0) -> None:
        """Run a kernel on the current stream, compiled when it is first asked for, `shared` bytes for each block."""
        key = (self.ordinal(), build)
        kernel = self._kernels.get(key)
        if kernel is None:
            module = cp.RawModule(code=text(build.kernel), options=("-std=c++17", *build.options))
            kernel = module.get_function(build.kernel)
            if shared > _DECLARED_SHARED:
                kernel.max_dynamic_shared_size_bytes = shared
            self._kernels[key] = kernel
        kernel((blocks,), (threads,), arguments, shared_mem=shared)

    def seconds(self, call: Callable[[], object]) -> float:
        """Device time of one call, between two events on the current stream.

        A kernel that only waits goes first, so that the host is ahead and its own time between launches does not count.
        """
        start, end = cp.cuda.Event(), cp.cuda.Event()
        self.launch(Build("spin", ()), 1, 1, np.int64(_SPIN))
        start.record()
        call()
        end.record()
        end.synchronize()
        return float(cp.cuda.get_elapsed_time(start, end)) / 1e3

    def ceilings(self) -> dict[str, Any]:
        """What this card can do: copies (GB/s, read and written counted) and square products (GFLOP/s), measured."""
        copies = {where: self._copy_gbs(size, _COPIES[where]) for where, size in _COPY_BYTES.items()}
        products = {"float32": self._product_gflops(cp.float32), "float64": self._product_gflops(cp.float64)}
        with suppress(ImportError, AttributeError):  # CuPy's own switch has no public name
            products["tf32"] = self._in_tf32(lambda: self._product_gflops(cp.float32))
        return {"device": self.name, "copy_gbs": copies, "copy_bytes": _COPY_BYTES, "matmul_gflops": products}

    def _copy_gbs(self, total: int, times: int) -> float:
        source = cp.random.random_sample(total // 8).astype(cp.float32)  # half is read, half is written
        target = cp.empty_like(source)
        return times * total / self._median(lambda: [cp.copyto(target, source) for _ in range(times)]) / 1e9

    def _product_gflops(self, dtype: Any) -> float:
        a = cp.random.random_sample((_PRODUCT, _PRODUCT)).astype(dtype)
        out = cp.empty_like(a)
        return 2 * _PRODUCT**3 / self._median(lambda: cp.matmul(a, a, out=out)) / 1e9

    def _in_tf32(self, measured: Callable[[], float]) -> float:
        from cupy._core import _routines_linalg as linalg

        before = linalg.get_compute_type(np.dtype(np.float32))
        linalg.set_compute_type(np.float32, linalg.COMPUTE_TYPE_TF32)
        try:
            return measured()
        finally:
            linalg.set_compute_type(np.float32, before)

    def _median(self, call: Callable[[], object]) -> float:
        call()
        return float(np.median([self.seconds(call) for _ in range(_REPEATS)]))
