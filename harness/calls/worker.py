"""The parent's side of a child process with its own environment and deadline.

Threads and allocator must be set before the first library loads, and a backend that crashes or hangs must cost only
its own cell or case: both need another process. Whatever it starts itself ends with it, see `guardian`.
"""

from __future__ import annotations

import os
import queue
import signal
import subprocess
import threading
from collections.abc import Iterator
from contextlib import suppress
from typing import IO, Any

from msgspec import Struct

from harness.calls import guardian, pipe
from harness.calls.limits.seconds import waiting
from harness.calls.serving import CLOSED, CLOSED_CODE, FORKED
from harness.contract import own_packages
from harness.contract.protocol import Array
from harness.telling import one_line

THREAD_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")
# glibc keeps freed memory instead of returning it to the system, so nobody pays page faults for fresh results.
_STEADY = {"MALLOC_MMAP_MAX_": "0", "MALLOC_TRIM_THRESHOLD_": str(2**62), "MALLOC_TOP_PAD_": str(64 * 2**20)}
ALLOCATORS = ("steady", "default")
_LAST_WORDS = 10.0  # seconds for a child to end that does not listen any more
_KEPT_WORDS = 2**16  # bytes of what it printed last
_Answer = tuple[Any, list[Array | None]]


class WorkerDied(Exception):
    """The child ended or was ended; `hung` tells which, the text says why."""

    def __init__(self, text: str, hung: bool) -> None:
        super().__init__(text)
        self.hung = hung


class WorkerError(RuntimeError):
    """The child answered with an exception: its class by name, and its text."""

    def __init__(self, kind: str, text: str) -> None:
        super().__init__(f"{kind}: {text}")
        self.kind, self.detail = kind, text


def environment(threads: int, allocator: str) -> dict[str, str]:
    """This process's environment with the thread counts and the allocator set."""
    clean = {k: v for k, v in os.environ.items() if k not in _STEADY}
    clean |= dict.fromkeys(THREAD_VARIABLES, str(threads))
    return clean | (_STEADY if allocator == "steady" else {})


class Worker:
    """One child. Use as a context manager; `request` yields its answers as they come."""

    def __init__(self, module: str, answers: Any, env: dict[str, str]) -> None:
        """Start `python -m module`, whose messages back are of the union `answers`."""
        self._messages = answers | pipe.Done | pipe.Error
        self._process = subprocess.Popen(
            guardian.command(own_packages.command(module), asked=True), env=env, start_new_session=True, bufsize=0,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        assert self._process.stderr is not None
        self._given = pipe.PatientSink(self._process.stdin.fileno())
        self._answers: queue.SimpleQueue[_Answer | None] = queue.SimpleQueue()
        self._foreign = ""  # what it sent that is no message
        self._is_asked = False
        self._words = _Tail(self._process.stderr)
        self._reader = threading.Thread(target=self._read, args=(self._process.stdout,), daemon=True)
        self._reader.start()

    def __enter__(self) -> Worker:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def request(self, message: Struct, deadline: float, arrays: pipe.Arrays = ()) -> Iterator[_Answer]:
        """Ask the child; yields messages with their arrays until it is done.

        Raises `WorkerDied` if the child ends, or stays silent for `deadline` seconds and is then killed, and
        `WorkerError` if it answers with an exception.
        """
        if self._is_asked:  # its caller was interrupted: the next answer would be that to another question
            self.close()
        seconds, self._is_asked = waiting(deadline), True
        self._given.give(seconds)
        try:
            pipe.write(self._given, message, arrays)
        except TimeoutError:
            raise self._hung(deadline) from None
        except (OSError, ValueError):  # it has ended, or the pipe is closed already
            raise WorkerDied(self._last_words(), hung=False) from None
        while True:
            try:
                answer = self._answers.get(timeout=seconds)
            except queue.Empty:
                raise self._hung(deadline) from None
            if answer is None:
                raise WorkerDied(self._last_words(), hung=False)
            if isinstance(answer[0], pipe.Done | pipe.Error):
                break
            yield answer
        self._is_asked = False
        if isinstance(answer[0], pipe.Error):
            raise WorkerError(answer[0].name, answer[0].text)

    @property
    def guardian(self) -> int:
        """The process below which all of the child's processes lie."""
        return self._process.pid

    def interrupt(self) -> None:
        """Ctrl-C: a child lies in a session of its own, so the terminal does not tell it."""
        self._process.send_signal(signal.SIGINT)

    def close(self) -> None:
        """End the child and all that it has started."""
        self._end()
        self._reader.join(_LAST_WORDS)
        self._words.close()
        assert self._process.stdout is not None
        self._process.stdout.close()

    def _end(self) -> int:
        """Close the lifeline and wait for the guardian, which then ends all; its exit code is that of the child."""
        assert self._process.stdin is not None
        with suppress(OSError):
            self._process.stdin.close()
        try:
            return self._process.wait(_LAST_WORDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            return self._process.wait()

    def _hung(self, deadline: float) -> WorkerDied:
        self.close()
        return WorkerDied(f"no answer within {deadline:g} s", hung=True)

    def _read(self, stream: IO[bytes]) -> None:
        try:
            with open(stream.fileno(), "rb", closefd=False) as buffered:
                while (answer := pipe.read(buffered, self._messages)) is not None:
                    self._answers.put(answer)
        except EOFError:  # it died in the middle of a message
            pass
        except Exception as error:
            self._foreign = one_line(error)
        finally:
            self._answers.put(None)

    def _last_words(self) -> str:
        """Exit code or signal, and the last line that the child wrote to stderr."""
        if self._foreign:
            self.close()
            return f"it wrote into the pipe to the harness: {self._foreign}"
        try:
            code = self._process.wait(_LAST_WORDS)
        except subprocess.TimeoutExpired:  # it lives on
            self.close()
            return CLOSED
        lines = self._words.lines()
        self.close()
        if FORKED in lines:
            return FORKED
        if code == CLOSED_CODE:
            return CLOSED
        how = f"killed by {_signal_name(-code)}" if code < 0 else f"exited with code {code}"
        if code == -signal.SIGKILL:
            how += ", perhaps by the system for want of memory"
        return how + (f": {lines[-1][:200]}" if lines else "")


class _Tail:
    """Reads what a child prints, so that it never has to wait and no disk fills up, and keeps the end of it."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream, self._kept = stream, b""
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def lines(self) -> list[str]:
        """The last lines that are not empty, once the child has ended."""
        self._thread.join(_LAST_WORDS)
        text = self._kept.decode("utf-8", "replace")
        return [line.strip() for line in text.splitlines() if line.strip()]

    def close(self) -> None:
        """Stop reading, once the child has ended."""
        self._thread.join(_LAST_WORDS)
        self._stream.close()

    def _read(self) -> None:
        while data := os.read(self._stream.fileno(), _KEPT_WORDS):
            self._kept = (self._kept + data)[-_KEPT_WORDS:]


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
