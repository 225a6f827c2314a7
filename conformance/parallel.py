"""`--jobs N`: the same command in N processes, each with its shard, and their results put together."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from conformance import summary
from conformance.case import SelectionError
from conformance.shard import Shard

# Options of the command that the parent keeps to itself, each with a value.
_CALLER_ERROR = 2
_OWN = ("--jobs", "--shard", "--json", "--junit", "--html")


class JobFailed(RuntimeError):
    """A process of the run ended without a result."""


def run(jobs: int, shard: Shard, targets: Sequence[str], argv: Sequence[str]) -> tuple[list[dict[str, Any]], bool]:
    """The merged objects of all backends, and whether the user interrupted.

    Part k of our shard I/N is I + (k - 1) * N of N * jobs: those whose remainder modulo N is ours.
    """
    with tempfile.TemporaryDirectory() as folder:
        files = [Path(folder, f"{k}.json") for k in range(jobs)]
        children = [
            subprocess.Popen(
                [sys.executable, "-m", "harness", *_without_own(argv), "--json", str(file),
                 "--shard", f"{shard.index + k * shard.count}/{shard.count * jobs}"],
                stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
            )
            for k, file in enumerate(files)
        ]  # fmt: skip
        interrupted = False
        try:
            errors = [child.communicate()[1] for child in children]
        except KeyboardInterrupt:  # the terminal has sent it to the children too; they write what is finished
            interrupted, errors = True, [child.communicate()[1] for child in children]
        for child, file, error in zip(children, files, errors, strict=True):
            if child.returncode == _CALLER_ERROR and error:
                raise SelectionError(error.decode().strip().splitlines()[-1].removeprefix("harness: "))
            if not file.exists():
                raise JobFailed(f"a job ended with code {child.returncode}: {error.decode()[-2000:]}")
        parts = [json.loads(file.read_text(encoding="utf-8")) for file in files]
    named = f"{shard.index}/{shard.count}" if shard.count > 1 else ""
    whole = [summary.merge([part[k] for part in parts]) | {"shard": named} for k in range(len(targets))]
    return whole, interrupted


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
