"""The CUDA backends without a card: the same kernels and the same host code, compiled by g++ and run on the CPU.

`harness check backends.cupy_kernels.emulated:cupy_implicit_tf32` runs the conformance suite on them. Only
`ptx.cuh`, the handful of instructions that C++ has no words for, is exchanged; every kernel is compiled as it is, but
for `spin.cu`, which only waits.
"""

from __future__ import annotations

import ctypes
import hashlib
import os
import platform
import shutil
import subprocess
import tempfile
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from harness import BackendUnavailable

from .. import LADDER
from ..contract import OnDevice
from ..source import ALIGNMENT, Build, text
from ..words import out_of_memory

FOLDER = Path(__file__).parent
_FLAGS = (
    "-std=c++17", "-O2", "-fPIC", "-shared", "-Wall", "-Wextra", "-Wno-unknown-pragmas", "-Wno-unused-function",
    "-fsanitize=undefined", "-fno-sanitize-recover=undefined", "-fno-sanitize=vptr", "-U_FORTIFY_SOURCE",
)  # fmt: skip
_GUARD = 64  # bytes of garbage on both sides of every array
_GARBAGE = 0xFF  # NaN as float32 and float64
_ENDS = {1: "some threads ended while others waited at a barrier", 2: "a warp waits for lanes that do not come"}


class KernelError(RuntimeError):
    """A kernel that went wrong: wrote beside an array, or its threads parted at a barrier."""


class EmulatedDevice:
    """Memory with guards, launches one block after another. An array may have `memory` bytes; any number, if None."""

    xp = np
    name = "a CPU that emulates CUDA"
    capability = 80
    processors = 4  # few, so that sums are cut into splits on small cases too

    def __init__(self, folders: Sequence[Path] = (), memory: int | None = None, late: bool | None = None) -> None:
        """`folders` take the place of kernel files; `late` copies (see ptx.cuh) alternate if None."""
        compiler = shutil.which("g++")
        if compiler is None:
            raise BackendUnavailable("g++ is missing, so the CUDA sources cannot be compiled for the CPU")
        self._compiler, self._folders, self._late = compiler, tuple(folders), late
        self._memory = memory
        self._kernels: dict[Build, ctypes.CDLL] = {}
        self._launches = 0
        self._one_at_a_time = threading.Lock()  # the threads of a kernel are global variables of its library

    def info(self) -> dict[str, str]:
        """What this is: nothing to be timed."""
        return {"device": self.name, "numpy": np.__version__}

    def array(self, a: Any) -> np.ndarray:
        """Any array of the CPU, of NumPy or behind DLPack, C-contiguous, between guards."""
        given: np.ndarray = a if isinstance(a, np.ndarray) else np.from_dlpack(a)
        if _memory(given) is not None and given.flags.c_contiguous and given.ctypes.data % ALIGNMENT == 0:
            return given
        own = self.empty(given.shape, given.dtype, "an argument")
        own[...] = given
        return own

    from_numpy = array

    def to_numpy(self, a: np.ndarray) -> np.ndarray:
        """Out of the guards."""
        return a.copy()

    def synchronize(self, a: np.ndarray) -> None:
        """Nothing runs behind anybody's back here."""

    def empty(self, shape: Sequence[int], dtype: Any, purpose: str) -> np.ndarray:
        """An array full of garbage, guards around it. Raises `MemoryError` as a device would."""
        dtype = np.dtype(dtype)
        size = int(np.prod(shape, dtype=np.int64)) * dtype.itemsize
        if self._memory is not None and size > self._memory:
            raise MemoryError(out_of_memory(purpose, shape, dtype, self._memory, self.name))
        memory = _Memory(bytes([_GARBAGE]) * (size + 2 * _GUARD + ALIGNMENT))
        around = np.frombuffer(memory, np.uint8)
        start = _GUARD + -(around.ctypes.data + _GUARD) % ALIGNMENT
        memory.span = slice(start, start + size)
        made: np.ndarray = around[start : start + size].view(dtype)
        return made.reshape(shape)

    def matmul(self, a: np.ndarray, b: np.ndarray, out: np.ndarray) -> None:
        """What cuBLAS does on a card."""
        np.matmul(a, b, out=out)

    def settle(self) -> None:
        """There are no streams."""

    def ordinal(self) -> int:
        """There is one device."""
        return 0

    def available(self) -> int:
        """Bytes that one array may have."""
        return 2**62 if self._memory is None else self._memory

    def launch(self, build: Build, blocks: int, threads: int, *arguments: Any, shared: int = 0) -> None:
        """Run a kernel. Raises `KernelError` if it wrote beside an array or its threads parted."""
        with self._one_at_a_time:
            library = self._kernels.get(build)
            if library is None:
                library = self._kernels[build] = self._compiled(build)
            self._launches += 1
            late = self._launches % 2 if self._late is None else int(self._late)
            boxes = [np.array(a.ctypes.data if isinstance(a, np.ndarray) else a) for a in arguments]
            wanted, sizes = library.sizes_of_parameters(), [box.itemsize for box in boxes]
            if sizes != (given := [wanted[i] for i in range(len(sizes))]) or wanted[len(sizes)]:
                raise KernelError(f"{build.kernel} takes arguments of {given} bytes, got {sizes}")
            if shared != (declared := library.shared_bytes()):
                raise KernelError(f"{build.kernel} has {declared} bytes of shared memory, got {shared}")
            pointers = (ctypes.c_void_p * len(boxes))(*(box.ctypes.data for box in boxes))
            spans = [span for a in arguments if isinstance(a, np.ndarray) for span in _ends(a)]
            ranges = (ctypes.c_void_p * len(spans))(*spans)
            numbers = (ctypes.c_uint(blocks), ctypes.c_uint(threads), ctypes.c_int(late))
            how = library.run(*numbers, pointers, ranges, ctypes.c_uint(len(spans) // 2))
        if how:
            raise KernelError(f"{build.kernel}: {_ENDS[how]}")
        for a in arguments:
            if isinstance(a, np.ndarray) and not _is_whole(a):
                raise KernelError(f"{build.kernel} wrote beside an array {a.shape}")

    def _compiled(self, build: Build) -> ctypes.CDLL:
        """The library of a kernel, from the cache or made now; a name says all that it was made of."""
        source = text(build.kernel, *self._folders, FOLDER)
        options = [*_FLAGS, *build.options, *(["-DFIBERS"] if "__syncthreads" in source else [])]
        program = (
            f'#include "cuda.h"\n{source}\nextern "C" int run(unsigned blocks, unsigned threads, int late, '
            "void** arguments, const Range* ranges, unsigned count)\n"
            f"{{ return launch(&{build.kernel}, blocks, threads, late, arguments, ranges, count); }}\n"
            f'extern "C" const unsigned* sizes_of_parameters() {{ return sizes(&{build.kernel}); }}\n'
            'extern "C" unsigned shared_bytes() { return __stop_shared_memory - __start_shared_memory; }\n'
        )
        headers = [(FOLDER / name).read_text(encoding="utf-8") for name in ("cuda.h", "fibers.h")]
        made_of = "\0".join([platform.machine(), *options, *headers, program])
        target = _cache() / f"{build.kernel}-{hashlib.sha256(made_of.encode()).hexdigest()[:24]}.so"
        if not target.exists():
            with tempfile.TemporaryDirectory(dir=target.parent) as folder:
                cpp, library = Path(folder, f"{build.kernel}.cpp"), Path(folder, "library.so")
                cpp.write_text(program, encoding="utf-8")
                command = [self._compiler, *options, "-iquote", str(FOLDER), str(cpp), "-o", str(library)]
                done = subprocess.run(command, capture_output=True, text=True, check=False)
                if done.returncode:
                    raise KernelError(f"{build} does not compile:\n{done.stderr}")
                os.replace(library, target)
        loaded = ctypes.CDLL(str(target))
        loaded.sizes_of_parameters.restype = ctypes.POINTER(ctypes.c_uint)
        return loaded


def cupy_kernels() -> OnDevice:
    """That backend, emulated."""
    return LADDER["cupy_kernels"](EmulatedDevice())


def cupy_chunked() -> OnDevice:
    """That backend, emulated."""
    return LADDER["cupy_chunked"](EmulatedDevice())


def cupy_implicit() -> OnDevice:
    """That backend, emulated."""
    return LADDER["cupy_implicit"](EmulatedDevice())


def cupy_implicit_tf32() -> OnDevice:
    """That backend, emulated."""
    return LADDER["cupy_implicit_tf32"](EmulatedDevice())


class _Memory(bytearray):
    """What `empty` allocates: known by its type, whatever view of it comes back; `span` is what lies between guards."""

    span: slice


def _memory(a: np.ndarray) -> tuple[np.ndarray, slice] | None:
    """All bytes that `empty` allocated for an array (or for the whole of which it is a part), and the span in them."""
    around: Any = a.base  # an array, or whoever else the memory belongs to
    while isinstance(getattr(around, "base", None), np.ndarray):
        around = around.base
    memory = getattr(getattr(around, "base", None), "obj", None)  # NumPy holds it through a memoryview
    return (around, memory.span) if isinstance(memory, _Memory) else None


def _ends(a: np.ndarray) -> tuple[int, int]:
    """The addresses between which a kernel may read when it is given the array."""
    if (found := _memory(a)) is None:
        return a.ctypes.data, a.ctypes.data + a.nbytes
    around, span = found
    return around.ctypes.data + span.start, around.ctypes.data + span.stop


def _is_whole(a: np.ndarray) -> bool:
    """Whether the guards are as they were."""
    if (found := _memory(a)) is None:
        return True
    around, span = found
    return bool((around[: span.start] == _GARBAGE).all() and (around[span.stop :] == _GARBAGE).all())


def _cache() -> Path:
    folder = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "im2col-harness" / "emulated"
    folder.mkdir(parents=True, exist_ok=True)
    return folder
