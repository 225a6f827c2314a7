"""`--jobs N`: the same command in N processes, each with its shard, and their results put together."""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from conformance.cases.case import SelectionError
from conformance.cases.shard import Shard
from conformance.reports import summary
from harness.cli import terminal
from harness.contract import own_packages
from harness.contract.targets import Target

_CALLER_ERROR = 2
# Options of the command that the parent keeps to itself, each with a value.
_OWN = ("--jobs", "--shard", "--json", "--junit", "--html")


class JobFailed(RuntimeError):
    """A process of the run ended without a result."""


def run(jobs: int, shard: Shard, targets: Sequence[Target], argv: Sequence[str]) -> tuple[list[dict[str, Any]], bool]:
    """The merged objects of all backends, and whether the user interrupted.

    Part k of our shard I/N is I + (k - 1) * N of N * jobs: those whose remainder modulo N is ours.
    """
    with tempfile.TemporaryDirectory() as folder:
        environment = {"OMP_WAIT_POLICY": "PASSIVE", **os.environ}  # threads that spin steal the other jobs' time
        files = [Path(folder, f"{k}.json") for k in range(jobs)]
        children = [
            subprocess.Popen(
                own_packages.command("harness", *_without_own(argv), "--json", str(file),
                 "--shard", f"{shard.index + k * shard.count}/{shard.count * jobs}"),
                stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, env=environment,
            )
            for k, file in enumerate(files)
        ]  # fmt: skip
        listeners = [_Listener(f"job {k + 1} of {jobs}", child) for k, child in enumerate(children)]
        interrupted = False
        try:
            errors = [listener.last_words() for listener in listeners]
        except KeyboardInterrupt:  # the terminal has sent it to the children too; they write what is finished
            interrupted, errors = True, [listener.last_words() for listener in listeners]
        for child, file, error in zip(children, files, errors, strict=True):
            if child.returncode == _CALLER_ERROR and error:
                raise SelectionError(error.strip().splitlines()[-1].removeprefix("harness: "))
            if not file.exists():
                raise JobFailed(f"a job ended with code {child.returncode}: {error[-2000:]}")
        parts = [json.loads(file.read_text(encoding="utf-8")) for file in files]
    named = f"{shard.index}/{shard.count}" if shard.count > 1 else ""
    whole = [summary.merge([part[k] for part in parts]) | {"shard": named} for k in range(len(targets))]
    return whole, interrupted


class _Listener:
    """Reads the stderr of one process while it runs: passes its progress on, keeps the rest."""

    def __init__(self, name: str, child: subprocess.Popen[str]) -> None:
        self._name, self._child, self._kept = name, child, ""
        self._thread = threading.Thread(target=self._listen, daemon=True)
        self._thread.start()

    def last_words(self) -> str:
        """Wait for its end; what it said that was no progress."""
        self._child.wait()
        self._thread.join()
        return self._kept

    def _listen(self) -> None:
        assert self._child.stderr is not None
        for line in self._child.stderr:
            if line.startswith("check: "):
                terminal.say(f"{self._name}: {line.strip()}")
            else:
                self._kept += line


def _without_own(argv: Sequence[str]) -> list[str]:
    kept, skip = [], False
    for word in argv:
        if skip:
            skip = False
        elif word in _OWN:
            skip = True
        elif not word.startswith(tuple(f"{own}=" for own in _OWN)):
            kept.append(word)
    return kept
