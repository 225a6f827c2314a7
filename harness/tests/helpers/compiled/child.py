"""Processes of their own for tests of compiled backends: other registers, other threads, or an end that is not ours."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from harness.tests.helpers.imports import ROOT

# Source: every array, the scratch memory too, ends (or, for `argv[1] == "start"`, begins) at a page that must not be
# touched: doing so ends the process. `guarded` makes an array.
GUARDED_MEMORY = """
import ctypes, gc, mmap, sys
gc.disable()  # compiling makes so many objects that looking through them would be a tenth of the time
import numpy as np
from backends.numba_tiled.launch import workspace

PAGE, libc, kept = mmap.PAGESIZE, ctypes.CDLL(None), []
at_end = sys.argv[1] == "end"

def guarded(shape, dtype):
    shape = shape if isinstance(shape, tuple) else (shape,)
    size = int(np.prod(shape)) * np.dtype(dtype).itemsize
    pages = -(-size // PAGE) + 2
    block = mmap.mmap(-1, pages * PAGE)
    kept.append(block)
    base = ctypes.addressof(ctypes.c_char.from_buffer(block))
    for page in (0, pages - 1):
        assert libc.mprotect(ctypes.c_void_p(base + page * PAGE), PAGE, 0) == 0
    start = (pages - 1) * PAGE - size if at_end else PAGE
    return np.frombuffer(block, dtype, int(np.prod(shape)), start).reshape(shape)

def copies(arrays):
    given = [guarded(a.shape, a.dtype) for a in arrays]
    for own, a in zip(given, arrays):
        own[...] = a
    return given

class Numpy:
    empty = staticmethod(guarded)
    def __getattr__(self, name):
        return getattr(np, name)

workspace.np = Numpy()  # results and scratch alike
workspace._ALIGN = 8  # no gap between the end and the page
"""


def child(source: str, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run Python source in a process of its own."""
    return subprocess.run(
        [sys.executable, "-c", source, *arguments], env={**os.environ, **environment}, capture_output=True, text=True,
        check=False, timeout=1800, cwd=ROOT,
    )  # fmt: skip


def narrow_registers() -> dict[str, str]:
    """The environment that makes Numba compile for AVX2, on purpose for a CPU that is not this one."""
    flags = Path("/proc/cpuinfo").read_text(encoding="ascii", errors="ignore")
    if "avx2" not in flags:
        pytest.skip("this CPU has no AVX2")
    if "avx512f" not in flags:
        pytest.skip("the registers of this CPU are AVX2's already: the other tests use them")
    features = (
        "+avx,+avx2,+fma,+sse,+sse2,+sse3,+ssse3,+sse4.1,+sse4.2,+popcnt,+bmi,+bmi2,+lzcnt,+f16c,+cmov,+cx8,+fxsr,+mmx"
    )
    return {"NUMBA_CPU_NAME": "haswell", "NUMBA_CPU_FEATURES": features}
