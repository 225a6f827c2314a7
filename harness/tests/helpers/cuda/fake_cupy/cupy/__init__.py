"""As much of CuPy as the CUDA backends use, on the CPU: with this folder on the path, they run through their own
`device.py` from the command line to the kernels. Times mean nothing here.

`RawModule` ignores the text that it is given, beyond checking it: it runs the kernel of that name,
emulated, with the options that it was given.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import numpy as np
from numpy import copyto, float32, float64, int32, int64, matmul

from backends.cupy_kernels.emulated import EmulatedDevice
from backends.cupy_kernels.source import Build, text

__all__ = ["copyto", "float32", "float64", "int32", "int64", "matmul"]
__version__ = "0.0-emulated"

DEVICE = EmulatedDevice()
LIMIT: list[int] = []  # bytes of the memory pool, if there is a limit
SHARED_TOLD: dict[str, int] = {}  # what kernels were told about shared memory


class OutOfMemoryError(MemoryError):
    """CuPy's own."""


class ndarray(np.ndarray):
    """An array of the device, which says where it is as CuPy does."""

    @property
    def data(self) -> SimpleNamespace:  # type: ignore[override]
        return SimpleNamespace(ptr=self.ctypes.data)


def empty(shape: Sequence[int], dtype: Any) -> ndarray:
    if LIMIT and np.prod(shape, dtype=object) * np.dtype(dtype).itemsize > LIMIT[0]:
        raise OutOfMemoryError("Out of memory")
    return DEVICE.empty(shape, dtype, "memory").view(ndarray)


def empty_like(a: ndarray) -> ndarray:
    return empty(a.shape, a.dtype)


def zeros(shape: Any, dtype: Any) -> ndarray:
    return np.zeros(shape, dtype).view(ndarray)


def ones(shape: Any, dtype: Any) -> ndarray:
    return np.ones(shape, dtype).view(ndarray)


def asarray(a: Any) -> ndarray:
    """To the device, where memory is aligned."""
    return DEVICE.array(np.array(a)).view(ndarray)


def ascontiguousarray(a: ndarray) -> ndarray:
    return a if a.flags.c_contiguous else asarray(a)


def from_dlpack(a: Any) -> ndarray:
    return np.from_dlpack(a).view(ndarray)


def asnumpy(a: ndarray) -> np.ndarray:
    return np.array(a)


class RawModule:
    """Holds one kernel."""

    def __init__(self, code: str, options: tuple[str, ...] = ()) -> None:
        assert "#include" not in code, "CuPy's cache would not see a change of what is included"
        self.code, self.options = code, options

    def get_function(self, name: str) -> _Kernel:
        assert self.code == text(name)
        defines = [option[2:].partition("=")[::2] for option in self.options if option.startswith("-D")]
        return _Kernel(Build(name, tuple(defines)))


class _Kernel:
    def __init__(self, build: Build) -> None:
        self._build = build
        self.max_dynamic_shared_size_bytes = 48 * 2**10

    def __call__(self, grid: tuple[int], block: tuple[int], arguments: tuple[Any, ...], shared_mem: int = 0) -> None:
        assert shared_mem <= self.max_dynamic_shared_size_bytes, "CUDA_ERROR_INVALID_VALUE"
        SHARED_TOLD[self._build.kernel] = self.max_dynamic_shared_size_bytes
        if self._build.kernel != "spin":
            DEVICE.launch(self._build, *grid, *block, *arguments, shared=shared_mem)


class _Event:
    def record(self) -> None:
        self.at = time.perf_counter()

    def synchronize(self) -> None:
        pass


class _Pool:
    def get_limit(self) -> int:
        return LIMIT[0] if LIMIT else 0

    def used_bytes(self) -> int:
        return 0

    def free_bytes(self) -> int:
        return 0


def get_default_memory_pool() -> _Pool:
    return _Pool()


_properties = {"name": b"an emulated card", "multiProcessorCount": 4, "major": 9, "minor": 0, "l2CacheSize": 2**20}


def _random_sample(size: int | tuple[int, ...]) -> np.ndarray:
    """Of fewer elements than asked for: only what is to be timed is made of it."""
    return np.random.default_rng(0).random(np.minimum(size, 64))


random = SimpleNamespace(random_sample=_random_sample)
cuda = SimpleNamespace(
    is_available=lambda: True,
    Device=lambda: SimpleNamespace(id=0),
    Event=_Event,
    get_elapsed_time=lambda start, end: 1e3 * (end.at - start.at),
    get_current_stream=lambda: SimpleNamespace(synchronize=lambda: None),
    memory=SimpleNamespace(OutOfMemoryError=OutOfMemoryError),
    runtime=SimpleNamespace(
        getDeviceProperties=lambda device: _properties,
        runtimeGetVersion=lambda: 0,
        memGetInfo=lambda: (2**33, 2**34),
        getDevice=lambda: 0,
        deviceSynchronize=lambda: None,
    ),
)
