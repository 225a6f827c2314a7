"""What a worker does for `harness bench --scheduler`: says which machine it is, and measures in its own process."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from conformance.cluster.remote import shipping
from conformance.cluster.remote.shipping import PluginFiles
from harness.contract.targets import Target
from harness.results import machine

# A nanny sets these to 1; `harness bench` sees to the threads itself.
_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")
# `harness`, which Linux ends with the worker (PR_SET_PDEATHSIG): nothing goes on measuring where nobody waits for it.
_PROGRAM = """
import ctypes, runpy, signal, sys
if sys.platform == "linux":
    ctypes.CDLL(None).prctl(1, signal.SIGTERM, 0, 0, 0)
runpy.run_module("harness", run_name="__main__", alter_sys=True)
"""
_LONGEST = 4000  # characters of what it said


@dataclass(frozen=True, slots=True)
class Order:
    """A measurement: words of `harness bench`, backends with their files, and a file of layers if there is one."""

    words: tuple[str, ...]
    backends: tuple[tuple[Target, PluginFiles | None], ...]
    shapes: tuple[str, bytes] | None = None  # its name and what is in it; `words` have no --shapes then


@dataclass(frozen=True, slots=True)
class Measured:
    """What became of it: the exit code, the last of what it said, and the run files by their path below `runs`."""

    code: int
    said: str
    files: dict[str, bytes]


def machine_name() -> str:
    """The name that results of this machine are kept under."""
    return machine.facts().name


def measure(order: Order) -> Measured:
    """Run `harness bench` here."""
    with tempfile.TemporaryDirectory(prefix="im2col-harness-") as folder, ExitStack() as unpacked:
        found = [unpacked.enter_context(shipping.unpacked(target, files)) for target, files in order.backends]
        named = [target.location if target.is_builtin else f"{target.name}={target.location}" for target in found]
        words = list(order.words)
        if order.shapes is not None:
            name, content = order.shapes
            layers = Path(folder, Path(name).name)
            layers.write_bytes(content)
            words += ["--shapes", str(layers)]
        results = Path(folder, "results")
        done = subprocess.run(
            [sys.executable, "-c", _PROGRAM, "bench", *named, *words, "--results", str(results), "--no-asv"],
            cwd=folder, env={k: v for k, v in os.environ.items() if k not in _THREADS}, stdin=subprocess.DEVNULL,
            capture_output=True, text=True, errors="replace", check=False,
        )  # fmt: skip
        runs = results / "runs"
        files = {file.relative_to(runs).as_posix(): file.read_bytes() for file in sorted(runs.rglob("*.jsonl"))}
        return Measured(done.returncode, done.stderr[-_LONGEST:].strip(), files)
