"""The files that a command writes at its end: looked at before anything runs, and never at the cost of the verdict."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterable, Sequence
from itertools import combinations
from pathlib import Path

from harness.cli import streams, terminal
from harness.contract.targets import Target
from harness.results.writing import STDOUT, ResultsError, require_writable, stream_of, write_atomically

CALLER_ERROR = 2


def require(files: Sequence[Path | None], inputs: Iterable[Path | None]) -> list[Path]:
    """The files that were given: each can be written, each is another, and none is an input.

    Raises `ResultsError`.
    """
    given = [file for file in files if file]
    read = [path for path in inputs if path]
    for file in given:
        require_writable(file, read)
        if file == STDOUT and streams.is_stdout_closed():
            raise ResultsError("'-' cannot be written: stdout is closed")
    for one, other in combinations(given, 2):
        if _is_same(one, other):
            raise ResultsError(f"documents need a file each, got {one} and {other}")
    return given


def files_of(targets: Iterable[Target]) -> list[Path | None]:
    """The files that the targets are in."""
    return [target.file for target in targets]


def takes_stdout(files: Sequence[Path | None]) -> bool:
    """Whether a document goes to stdout, so that tables must not."""
    stdout = stream_of(STDOUT)
    return any(file is not None and stream_of(file) is stdout for file in files)


def write(documents: Sequence[tuple[Path | None, Callable[[], str | bytes]]], code: int) -> int:
    """Write each document that has a file. The exit code: `code`, or that of a wrong call if only writing failed.

    Ctrl-C gives up the document at hand, which may wait for somebody to read its pipe, and no other.
    """
    failed = interrupted = False
    for file, text in documents:
        if file is None:
            continue
        try:
            write_atomically(file, text(), lambda waiting: terminal.say(f"harness: {waiting}"))
        except ResultsError as error:
            terminal.say(f"harness: {error}")
            failed = True
        except KeyboardInterrupt:
            interrupted = True
    if interrupted:
        raise KeyboardInterrupt
    return CALLER_ERROR if failed and code == 0 else code


def _is_same(one: Path, other: Path) -> bool:
    """Whether two documents would go to one place; devices may have many."""
    if one.exists() and other.exists() and STDOUT not in (one, other):
        return one.samefile(other) and not stat.S_ISCHR(one.stat().st_mode)
    one_stream, other_stream = stream_of(one), stream_of(other)
    same_stream = one_stream is not None and one_stream is other_stream
    return same_stream or os.path.realpath(one) == os.path.realpath(other)
