"""A scheduler and workers of dask.distributed as processes on this machine, as a user would start them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from harness.contract.own_packages import ROOT

_LOCAL = ("--host", "127.0.0.1", "--no-dashboard")


class Cluster:
    """Processes of one scheduler, by name; `scheduler` is its address."""

    def __init__(self, folder: Path, running: ExitStack) -> None:
        self._folder, self._running = folder, running
        file = folder / "scheduler.json"
        self._start("scheduler", ("dask_scheduler", *_LOCAL, "--port", "0", "--scheduler-file", str(file)), [])
        self.scheduler: str = _written(file)

    def worker(self, name: str, before: Sequence[Path] = (), nanny: bool = False) -> subprocess.Popen[bytes]:
        """Start a worker. `before`: what Python searches first. A nanny starts its worker again if that ends."""
        watched = "--nanny" if nanny else "--no-nanny"
        words = ("dask_worker", self.scheduler, *_LOCAL, "--name", name, "--nthreads", "1", watched)
        return self._start(name, (*words, "--memory-limit", "0", "--local-directory", str(self._folder)), before)

    def _start(self, name: str, words: Sequence[str], before: Sequence[Path]) -> subprocess.Popen[bytes]:
        module, *arguments = words
        path = os.pathsep.join(map(str, (*before, ROOT)))
        with (self._folder / f"{name}.log").open("wb") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", f"distributed.cli.{module}", *arguments],
                cwd=self._folder, env={**os.environ, "PYTHONPATH": path}, stdout=log, stderr=log,
            )  # fmt: skip
        self._running.callback(_end, process)
        return process


@contextmanager
def cluster(folder: Path) -> Iterator[Cluster]:
    """A scheduler without workers; everything ends with it."""
    with ExitStack() as running:
        yield Cluster(folder, running)


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(20)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _written(file: Path) -> str:
    """The address of a scheduler, once it has written it."""
    for _ in range(600):
        try:
            return str(json.loads(file.read_text(encoding="utf-8"))["address"])
        except (OSError, ValueError):
            time.sleep(0.1)
    raise AssertionError(f"{file} was not written: {(file.parent / 'scheduler.log').read_text()}")
