"""Processes of their own for tests of compiled backends: other registers, other threads, or an end that is not ours."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from harness.tests.helpers.imports import ROOT


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
