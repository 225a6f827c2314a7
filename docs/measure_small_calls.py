"""What a call of numba_tiled costs beside its work: the smallest call of each op, and the first one.

    python docs/measure_small_calls.py results/small_calls     (`make small-calls`; 3 minutes, alone on the machine)

The smallest call has one image of one pixel, so what it takes is dispatch, the plan that is looked up, the memory of
the result. The first call of an op compiles, or loads what an earlier process has compiled: CPU time in a process of
its own, after a function of one line, whose first call is what Numba itself takes to start. Last, the CPU time of a
whole `harness check numba_tiled` that compiles all.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import tempfile
import timeit
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numba
import numpy as np

from backends import numba_tiled
from harness import ConvSpec
from harness.geometry.sizes import OPS
from harness.results import machine

_SMALLEST = "n1c1h1w1_f1kh1kw1"
_TYPICAL = "n2c8h14w14_f16kh3kw3_pt1pb1pl1pr1"
_CALLS, _ROUNDS = 2000, 15
_CHECK = ["-m", "harness", "check", "numba_tiled"]
_FIRST = """
import sys, time, numba, numpy as np
from backends import numba_tiled
from harness import ConvSpec
spec = ConvSpec.parse(sys.argv[2])
arrays = [np.ones(shape, np.float32) for shape in spec.input_shapes(sys.argv[1])]
begun = time.process_time()
numba.njit(lambda: 0)()
numba.get_num_threads()
ready = time.process_time()
getattr(numba_tiled, sys.argv[1])(*arrays, spec)
print(ready - begun, time.process_time() - ready)
"""


def smallest(op: str) -> float:
    """Seconds of a call that has nothing to compute, at best."""
    spec, call = ConvSpec.parse(_SMALLEST), getattr(numba_tiled, op)
    arrays = [np.ones(shape, np.float32) for shape in spec.input_shapes(op)]
    call(*arrays, spec)
    return min(timeit.repeat(lambda: call(*arrays, spec), number=_CALLS, repeat=_ROUNDS)) / _CALLS


def cpu_of(command: list[str], environment: Mapping[str, str]) -> float:
    """CPU seconds of a process and of all that it starts. Raises `CalledProcessError` if it fails."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(
        [sys.executable, *command], env={**os.environ, **environment}, check=True, stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )  # fmt: skip
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def first(op: str) -> tuple[float, float, float]:
    """CPU seconds of Numba's start, of a first call that compiles, and of one that finds what was compiled."""
    with tempfile.TemporaryDirectory() as folder:
        kept = {"NUMBA_CACHE_DIR": folder}
        _, compiling = _told(op, kept)
        again = [_told(op, kept) for _ in range(3)]
    return min(start for start, _ in again), compiling, min(loading for _, loading in again)


def _told(op: str, environment: Mapping[str, str]) -> tuple[float, float]:
    """What a process says: CPU seconds of Numba's start and of the first call. Raises `CalledProcessError`."""
    done = subprocess.run(
        [sys.executable, "-c", _FIRST, op, _TYPICAL], env={**os.environ, **environment}, check=True,
        capture_output=True, text=True,
    )  # fmt: skip
    start, call = map(float, done.stdout.split())
    return start, call


def whole_check() -> float:
    """CPU seconds of `harness check numba_tiled` with nothing compiled."""
    with tempfile.TemporaryDirectory() as folder:
        return cpu_of(_CHECK, {"NUMBA_CACHE_DIR": folder})


def main(folder: Path) -> None:
    """Measure, show and write to a file with the machine's name."""
    numba.set_num_threads(1)
    rows: list[dict[str, Any]] = []
    starts = []
    for op in OPS:
        call, (start, compiling, loading) = smallest(op), first(op)
        starts.append(start)
        rows.append({"op": op, "smallest": call, "compiling": compiling, "loading": loading})
        print(f"{op}: {call * 1e6:.2f} us, first call {compiling:.1f} s, from the cache {loading:.2f} s", flush=True)
    print(f"Numba's own start, in each process: {min(starts):.2f} s")
    check = whole_check()
    print(f"harness check numba_tiled: {check:.0f} s of CPU with nothing compiled")
    facts = machine.facts()
    written = {
        "machine": facts.name, "cpu": facts.cpu, "commit": facts.code.commit, "numba_start": min(starts),
        "check": check, "rows": rows,
    }  # fmt: skip
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{facts.name}.json"
    path.write_text(json.dumps(written, indent=1) + "\n", encoding="utf-8")
    print(f"wrote {path}")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
