"""What a parent sees of a child's processes without asking them: who they are, their CPU time, what they have loaded.

And it holds them: a child that is stopped cannot slow down the others while they are timed.
"""

from __future__ import annotations

import os
import re
import signal
from contextlib import suppress
from pathlib import Path

from harness.calls.guardian import below
from harness.timing.clock import cpu_seconds

# What computes by itself when it is loaded, by the names of its files.
_LIBRARIES = {
    "cuda": r"/libcuda\.so", "cupy": r"/cupy/", "cv2": r"/cv2/", "jax": r"/(xla_extension|libjax|_jax)\b",
    "mkl": r"/libmkl_rt", "mlx": r"/libmlx\.", "mnn": r"/_?mnn[^/]*\.so", "ncnn": r"/ncnn",
    "numba": r"/(libllvmlite|_dispatcher\.cpython)", "onnxruntime": r"/onnxruntime_pybind",
    "openvino": r"/libopenvino\.", "paddle": r"/paddle/", "scipy": r"/scipy/", "tensorflow": r"/libtensorflow",
    "torch": r"/libtorch(_cpu)?\.",
}  # fmt: skip
_DEVICES = re.compile(r"^/dev/(nvidia\d|kfd|dri/)")


class Processes:
    """All that a child's guardian has below it, wherever they have gone."""

    def __init__(self, guardian: int) -> None:
        if guardian <= 1:
            raise ValueError(f"a guardian is a process of ours, got {guardian}")
        self._guardian, self._seen = guardian, ""
        self._found: list[int] = []

    def all(self) -> list[int]:
        """Their numbers. It is looked for again only if any process of the system has begun since the last time."""
        newest = _newest()
        if not newest or newest != self._seen:
            self._seen, self._found = newest, below(self._guardian)
        return self._found

    def hold(self) -> None:
        """Stop all of them, and what they have started meanwhile."""
        held: set[int] = set()
        while more := set(self.all()) - held:
            for process in more:
                _signal(process, signal.SIGSTOP)
            held |= more

    def let_go(self) -> None:
        """Let all of them go on."""
        for process in self.all():
            _signal(process, signal.SIGCONT)

    def cpu(self) -> float | None:
        """CPU time of all of them together; None where the system does not tell."""
        found = [cpu_seconds(process) for process in self.all()]
        return None if all(one is None for one in found) else sum(one or 0.0 for one in found)

    def libraries(self) -> list[str]:
        """Libraries that they have mapped into their memory, of those that compute by themselves."""
        files = "\n".join(sorted(self._mapped()))
        return sorted(name for name, pattern in _LIBRARIES.items() if re.search(pattern, files, re.IGNORECASE))

    def uses_device(self) -> bool:
        """Whether one of them has opened a device that computes."""
        return any(_DEVICES.match(name) for process in self.all() for name in _opened(process))

    def _mapped(self) -> set[str]:
        files = set()
        for process in self.all():
            with suppress(OSError):
                lines = Path(f"/proc/{process}/maps").read_text(errors="replace").splitlines()
                files |= {f"/{line.partition('/')[2]}" for line in lines}
        return files


def _newest() -> str:
    """The number of the process that has begun last, of all; empty where the system does not tell."""
    try:
        return Path("/proc/loadavg").read_text().split()[-1]
    except (OSError, IndexError):
        return ""


def _opened(process: int) -> list[str]:
    found = []
    with suppress(OSError):
        for file in Path(f"/proc/{process}/fd").iterdir():
            with suppress(OSError):
                found.append(os.readlink(file))
    return found


def _signal(process: int, number: int) -> None:
    with suppress(OSError):  # it has ended
        os.kill(process, number)
