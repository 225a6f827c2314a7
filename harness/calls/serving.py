"""The child's side of the pipe: a loop that answers requests until the parent closes it.

What backends print goes to stderr, so that it cannot be taken for an answer. A copy of this process, which a backend
made with fork() and which came back as if it were the process itself, ends both: two would answer.
"""

from __future__ import annotations

import os
import signal
import time
import traceback
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import IO, Any

from msgspec import Struct

from harness.calls import pipe
from harness.contract import own_packages
from harness.contract.protocol import Array
from harness.telling import one_line

Answers = Iterable[tuple[Struct, pipe.Arrays]]
FORKED = "it forked, and two processes answered: the copy must end itself, with os._exit()"
CLOSED = "it closed the pipe to the harness, or put another file in its place"
CLOSED_CODE = 213  # exit code of a process that cannot even say so
_A_MOMENT = 0.2  # seconds for the copy of a fork to come back, so that the call is blamed that made it
_MOST_MOMENTS = 10  # of a process: some fork in every call, and end the copy


def serve(requests: Any, answer: Callable[[Any, list[Array | None]], Answers]) -> None:
    """Take over stdin and stdout, and answer every request, one of the Structs of the union `requests`.

    The process ends with the last request, whatever threads and exit handlers of a backend would go on.
    """
    own_packages.come_first()
    given, reply = take_over()
    while (message := _next(given, requests, reply)) is not None:
        try:
            for one, arrays in answer(*message):
                reply(one, arrays)
        except Exception as error:
            with suppress(Exception):  # stderr may be closed
                traceback.print_exc()
            reply(pipe.Error(type(error).__name__, one_line(error)))
            continue
        reply(pipe.Done())
    os._exit(0)


def _next(given: IO[bytes], requests: Any, reply: Reply) -> tuple[Any, list[Array | None]] | None:
    try:
        return pipe.read(given, requests)
    except OSError:
        reply.end(CLOSED)
        raise


class Reply:
    """Sends messages to the parent, from this very process, and into nothing but the pipe that it was given."""

    def __init__(self, pipe_to_parent: int, errors: int) -> None:
        self._pipe, self._errors, self._process = _Own(pipe_to_parent), _Own(errors), os.getpid()
        self._stream = os.fdopen(pipe_to_parent, "wb")
        self._has_forked, self._moments = False, 0
        os.register_at_fork(after_in_parent=self._forked)

    def __call__(self, message: Struct, arrays: pipe.Arrays = ()) -> None:
        """Send one. Ends the process if it cannot: there is nobody else to tell."""
        if os.getpid() != self._process:
            self.end(FORKED, self._process)
        if self._has_forked and self._moments < _MOST_MOMENTS:
            time.sleep(_A_MOMENT)
            self._has_forked, self._moments = False, self._moments + 1
        if not self._pipe.is_there:
            self.end(CLOSED)
        try:
            pipe.write(self._stream, message, arrays)
        except OSError:
            os._exit(1)  # the parent has gone

    def _forked(self) -> None:
        self._has_forked = True

    def end(self, text: str, other: int = 0) -> None:
        """Say a last word, past whatever a backend has made of `sys.stderr`; end the other process and this one."""
        if self._errors.is_there:
            with suppress(OSError):
                os.write(self._errors.file, f"\n{text}\n".encode())
        if other:
            with suppress(OSError):
                os.kill(other, signal.SIGKILL)
        os._exit(CLOSED_CODE)


class _Own:
    """A file descriptor of ours, and which pipe it is: a backend may close it, and open a file of its own there."""

    def __init__(self, file: int) -> None:
        self.file, self._was = file, self._identity(file)

    @property
    def is_there(self) -> bool:
        """Whether it is still the same."""
        return self._identity(self.file) == self._was

    @staticmethod
    def _identity(file: int) -> tuple[int, int] | None:
        try:
            found = os.fstat(file)
        except OSError:
            return None
        return found.st_dev, found.st_ino


def take_over() -> tuple[IO[bytes], Reply]:
    """The way from and to the parent; stdin is empty from here on, and print() of any library goes to stderr."""
    reply, given = Reply(os.dup(1), os.dup(2)), os.fdopen(os.dup(0), "rb")
    os.dup2(2, 1)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    return given, reply
