"""stdout and stderr that may be closed or full at any time: what is lost there costs neither a verdict nor a file."""

from __future__ import annotations

import errno
import io
import os
import select
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any, TextIO

_STDOUT, _STDERR = 1, 2
_closed: set[int] = set()  # of the three streams, those that this process was started without


class _Raw(io.FileIO):
    """A stream whose reader may go away: what cannot be written is dropped, as is all after it, and why is kept."""

    lost: OSError | None = None

    def write(self, data: Any, /) -> int:
        while self.lost is None:
            try:
                written = super().write(data)
            except OSError as error:
                self.lost = error
            else:
                if written is not None:
                    return written
                select.select([], [self], [])  # another program has made it one that does not wait
        return memoryview(data).nbytes


def take_over() -> None:
    """Make both safe. A number that is free is taken first, or a file of results would be opened as stdout."""
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            _closed.add(number)
            os.open(os.devnull, os.O_RDWR)  # gets the lowest number that is free
    sys.stdout = _safe(sys.stdout, _STDOUT)
    sys.stderr = _safe(sys.stderr, _STDERR)


@contextmanager
def kept() -> Iterator[None]:
    """Within it a backend may run in this process; what it did to stdout, stderr and the current folder is undone."""
    folder, before = os.getcwd(), (sys.stdout, sys.stderr)
    try:
        yield
    finally:
        sys.stdout, sys.stderr = before
        make_usable()
        with suppress(OSError):  # it is gone
            os.chdir(folder)


def make_usable() -> None:
    """In place of a stream that a backend in this process has closed or taken away, another."""
    if sys.stdout is None or sys.stdout.closed:
        sys.stdout = _safe(None, _STDOUT)
    if sys.stderr is None or sys.stderr.closed:
        sys.stderr = _safe(None, _STDERR)


def is_stdout_closed() -> bool:
    """Whether there was no stdout from the beginning."""
    return _STDOUT in _closed


def settled(code: int) -> int:
    """Everything written. The exit code: `code`, or that of a wrong call if only stdout could not be written.

    A reader that has gone away has seen enough, and is no error.
    """
    sys.stdout.flush()
    raw = getattr(getattr(sys.stdout, "buffer", None), "raw", None)
    lost = raw.lost if isinstance(raw, _Raw) else None
    if lost is not None and lost.errno != errno.EPIPE:
        print(f"harness: stdout cannot be written: {lost.strerror}", file=sys.stderr)
        code = code or 2
    sys.stderr.flush()
    return code


def _safe(stream: TextIO | None, number: int) -> TextIO:
    """The stream, safe if it is what this process was started with, in any case for texts that no encoding has."""
    if stream is None:
        return io.TextIOWrapper(io.BufferedWriter(_Raw(number, "w", closefd=False)), "utf-8", "backslashreplace")
    if not isinstance(stream, io.TextIOWrapper):
        return stream
    stream.reconfigure(errors="backslashreplace")
    try:
        is_own = stream.fileno() == number
    except (OSError, ValueError):
        is_own = False
    if not is_own:
        return stream
    stream.flush()
    return io.TextIOWrapper(
        io.BufferedWriter(_Raw(number, "w", closefd=False)), stream.encoding, "backslashreplace",
        line_buffering=stream.line_buffering, write_through=stream.write_through,
    )  # fmt: skip
