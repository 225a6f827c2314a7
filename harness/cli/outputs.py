"""The files that a command writes at its end: looked at before anything runs, and never at the cost of the verdict."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from harness.cli import terminal
from harness.contract.targets import Target
from harness.results.writing import STDOUT, ResultsError, require_writable, write_atomically

CALLER_ERROR = 2


def require(files: Sequence[Path | None], inputs: Iterable[Path | None]) -> list[Path]:
    """The files that were given: each can be written, each is another, and none is an input.

    Raises `ResultsError`.
    """
    given = [file for file in files if file]
    read = [path for path in inputs if path]
    for file in given:
        require_writable(file, read)
    if len({file.resolve() for file in given}) < len(given):
        raise ResultsError(f"documents need a file each, got {', '.join(map(str, given))}")
    return given


def files_of(targets: Iterable[Target]) -> list[Path | None]:
    """The files that the targets are in."""
    return [target.file for target in targets]


def takes_stdout(files: Sequence[Path | None]) -> bool:
    """Whether a document goes to stdout, so that tables must not."""
    return STDOUT in files


def write(documents: Sequence[tuple[Path | None, Callable[[], str]]], code: int) -> int:
    """Write each document that has a file. The exit code: `code`, or that of a wrong call if only writing failed."""
    failed = False
    for file, text in documents:
        if file is not None:
            try:
                write_atomically(file, text())
            except ResultsError as error:
                terminal.say(f"harness: {error}")
                failed = True
    return CALLER_ERROR if failed and code == 0 else code
