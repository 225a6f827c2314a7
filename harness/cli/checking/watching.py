"""The program again, in a process of its own, whenever one of the files of its targets is saved."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
import time
from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path

import typer

from harness.cli import terminal
from harness.contract import targets
from harness.contract.targets import Target
from harness.results.words import plural

_INTERRUPTED = 130
_PAUSE = 0.3  # seconds between two looks
_SETTLED = 0.1  # seconds in which a file that is being saved does not change
Stamps = dict[Path, tuple[int, int]]  # when a file was changed, and its size


def watch(asked: Sequence[Target], words: Sequence[str]) -> None:
    """Run the program with these words, again at each change, until Ctrl-C. Raises `BadParameter` without a file."""
    files = watched(asked)
    if not files:
        raise typer.BadParameter("--watch needs a backend that is a file or a module, so that there is one to watch")
    command = [sys.executable, "-m", "harness", *(word for word in words if word != "--watch")]
    while True:
        before = stamps(files)
        _run(command)
        more = len(files) - 1
        beside = f" and {plural(more, 'other Python file')} beside it" if more else ""
        terminal.say(f"watching {files[0]}{beside}: it is checked again when one is saved; Ctrl-C ends this")
        wait_for_a_change(files, before)


def _run(command: Sequence[str]) -> None:
    """To its end. After Ctrl-C, which it gets as well, it tells what is finished."""
    with subprocess.Popen(command) as process:
        try:
            process.wait()
        except KeyboardInterrupt:
            process.wait()
            raise
    if process.returncode == _INTERRUPTED:
        raise KeyboardInterrupt


def watched(asked: Iterable[Target]) -> list[Path]:
    """The file of each target, and the Python files beside it, which it may import."""
    found: dict[Path, None] = {}
    for target in asked:
        file = target.file or _of_module(target)
        if file is not None:
            found.update(dict.fromkeys([file, *sorted(file.parent.glob("*.py"))] if target.file else [file]))
    return list(found)


def stamps(files: Iterable[Path]) -> Stamps:
    """Of the files that are there."""
    found = {}
    for file in files:
        with suppress(OSError):
            state = file.stat()
            found[file] = (state.st_mtime_ns, state.st_size)
    return found


def wait_for_a_change(files: Sequence[Path], before: Stamps) -> None:
    """Until a file is another than before, and stays so for a moment: editors save in several steps."""
    while True:
        now = stamps(files)
        if now != before and len(now) == len(files):
            time.sleep(_SETTLED)
            if stamps(files) == now:
                return
        time.sleep(_PAUSE)


def _of_module(target: Target) -> Path | None:
    """Where a module is; nothing is imported but the packages that it is in. None of a registered backend."""
    if target.location in targets.sources():
        return None
    try:
        spec = importlib.util.find_spec(target.location.partition(":")[0])
    except (ImportError, ValueError):
        return None
    return Path(spec.origin) if spec is not None and spec.origin else None
