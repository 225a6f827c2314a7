"""How much memory a call takes, how much there is, and how much a child may have.

What is needed is compared with what there is before any array is made: a machine that runs out of memory stops to
answer, or ends processes of its own choice.
"""

from __future__ import annotations

import math
import os
import re
import sys
from functools import lru_cache
from pathlib import Path

import numpy as np
import psutil

from harness.geometry.spec import POOL_OPS, ConvSpec, Op

_GIB = 2**30
_CGROUPS = Path("/sys/fs/cgroup")
_OWN_CGROUPS = Path("/proc/self/cgroup")
_ORACLE = 8  # bytes an element: the oracle computes in float64
UNCOUNTED = 64 * 2**20  # bytes: calls that need less are not compared with what there is
_NO_LIMIT = 2**62  # what cgroups write for none is about as large
_RAN_OUT = re.compile(r"^\w*(MemoryError|OutOfMemory)|[Cc]an(no|')t allocate memory|RESOURCE_EXHAUSTED|std::bad_alloc")


def elements(op: Op, spec: ConvSpec) -> tuple[int, int]:
    """How many numbers go in, and how many come out."""
    return sum(map(math.prod, spec.input_shapes(op))), math.prod(spec.output_shape(op))


def judged(op: Op, spec: ConvSpec, dtype: str) -> int:
    """Bytes that it takes at least to make the inputs of a call, to call, and to compute the whole expected result.

    The inputs are there three times (kept, given, and in the memory that the backend sees), the result twice (as made
    and as looked at); the oracle has both in float64, and the padded image.
    """
    given, made = elements(op, spec)
    return np.dtype(dtype).itemsize * (3 * given + 2 * made) + _ORACLE * (given + made + _padded(spec))


def timed(op: Op, spec: ConvSpec, dtype: str) -> int:
    """Bytes that it takes at least to time a call: three sets of inputs, three results, and what judging takes.

    The sets are there three times: with the parent, as they were and as they are, and with the child. Judging computes
    on all channels at once in float64 only where a filter reads them all, and in pooling, all of which is compared.
    """
    given, made = elements(op, spec)
    wide = {
        "conv2d": math.prod(spec.x_shape) + _padded(spec),
        "conv2d_weight_grad": math.prod(spec.x_shape) + _padded(spec),
        "conv2d_input_grad": math.prod(spec.y_shape),
    }.get(op, given + 2 * made + 2 * _padded(spec) if op in POOL_OPS else 0)
    return np.dtype(dtype).itemsize * 3 * (3 * given + made) + _ORACLE * wide


@lru_cache(maxsize=4096)
def of_call(op: Op, spec: ConvSpec, dtype: str) -> int:
    """Bytes that one call may take in the process that makes it and watches, on inputs in any memory layout.

    With steps of 2 an input lies in sixteen times its own memory. Columns are counted whether or not there are any.
    """
    given, made = elements(op, spec)
    inner = math.prod(spec.columns_shape) + _padded(spec)
    return np.dtype(dtype).itemsize * (20 * given + 4 * made + 4 * inner)


def _padded(spec: ConvSpec) -> int:
    return spec.batch * spec.in_channels * math.prod(spec.padded_size)


def shortage(needed: float) -> str:
    """Why `needed` bytes cannot be had on this machine now, in words; nothing if they can."""
    if needed < UNCOUNTED:
        return ""
    there = available()
    return f"it needs {in_words(needed)} of {in_words(there)} free memory" if needed > there else ""


def in_words(count: float) -> str:
    """Bytes in GiB.

    >>> in_words(2 * 2**30), in_words(5.5e15), in_words(3e7)
    ('2 GiB', '5,122,274 GiB', '0.0279 GiB')
    """
    gib = count / _GIB
    return f"{gib:,.0f} GiB" if gib >= 100 else f"{gib:.3g} GiB"


def available() -> int:
    """Bytes that this process can still have without swapping: of the machine, of its container, and of `ulimit`."""
    return max(0, min([_machines(), *_left_of_limits()]))


def ran_out(said: str) -> bool:
    """Whether an error is one of memory, in the words of Python, NumPy, torch, CuPy, JAX or C++.

    >>> ran_out("MemoryError: Unable to allocate 8 GiB"), ran_out("ValueError: no MemoryError")
    (True, False)
    """
    return _RAN_OUT.search(said) is not None


class Room:
    """What this process may hold beyond what it holds when this is made: its libraries and their thread stacks."""

    def __init__(self, more: int) -> None:
        self._base, self._more, self._extra, self._is_all = _held("VmData"), more, 0, False
        self._set()

    def allow(self, extra: int) -> None:
        """Let it hold `extra` bytes on top, for the arrays of calls, from now on; but not more than the machine has."""
        if extra > self._extra:
            self._extra = extra
            self._set()

    def _set(self) -> None:
        if self._base is None:  # no Linux
            return
        import resource

        wanted, most = self._base + self._more + self._extra, (_held("VmData") or 0) + _machines()
        self._is_all = most < wanted
        _, hard = resource.getrlimit(resource.RLIMIT_DATA)
        soft = min(wanted, most) if hard == resource.RLIM_INFINITY else min(wanted, most, hard)
        resource.setrlimit(resource.RLIMIT_DATA, (soft, hard))

    @property
    def is_all(self) -> bool:
        """Whether it may hold all that the machine has: then it is no fault to run out of it."""
        return self._is_all

    def __str__(self) -> str:
        if self._is_all:
            return "no more memory is free"
        return (
            f"its process may hold {in_words(self._more)} beyond its libraries and the arrays of the call; "
            "--no-isolate lifts this"
        )


def _machines() -> int:
    """What the machine and the container have left."""
    return min([int(psutil.virtual_memory().available), *_left_in_cgroups()])


def _left_of_limits() -> list[int]:
    """What `ulimit -v` and `ulimit -d` leave."""
    if not sys.platform.startswith("linux"):
        return []
    import resource

    left = []
    for limit, word in ((resource.RLIMIT_AS, "VmSize"), (resource.RLIMIT_DATA, "VmData")):
        soft, _ = resource.getrlimit(limit)
        held = _held(word)
        if soft != resource.RLIM_INFINITY and held is not None:
            left.append(soft - held)
    return left


def _held(word: str) -> int | None:
    """A number of /proc/self/status, in bytes."""
    try:
        status = Path("/proc/self/status").read_text(encoding="ascii", errors="replace")
    except OSError:
        return None
    found = re.search(rf"^{word}:\s+(\d+) kB", status, re.MULTILINE)
    return int(found[1]) * 1024 if found else 0


def _left_in_cgroups() -> list[int]:
    """What the container of this process, and each that it lies in, leaves; what is only cached counts as free."""
    try:
        lines = _OWN_CGROUPS.read_text(encoding="utf-8").splitlines()
    except OSError:
        return []
    left = []
    for line in lines:
        _, controllers, place = line.split(":", 2)
        if controllers == "":  # version 2
            root, names = _CGROUPS, ("memory.max", "memory.current", "inactive_file")
        elif "memory" in controllers.split(","):
            root, names = _CGROUPS / "memory", ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file")
        else:
            continue
        folder = Path(os.path.normpath(f"{root}/{place}"))
        left += [
            free for home in (folder, *folder.parents) if home.is_relative_to(root) for free in _left(home, *names)
        ]
    return left


def _left(home: Path, limit: str, used: str, cached: str) -> list[int]:
    try:
        most, now = (int((home / name).read_text()) for name in (limit, used))
        statistics = dict(line.split() for line in (home / "memory.stat").read_text().splitlines())
    except (OSError, ValueError):  # no such limit: "max"
        return []
    return [most - now + int(statistics.get(cached, 0))] if most < _NO_LIMIT else []
