"""The parent's side of a child process with its own environment and deadline.

Threads and allocator must be set before the first library loads, and a backend that crashes or hangs must cost only
its own cell or case: both need another process.
"""

from __future__ import annotations

import os
import queue
import signal
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from typing import Any

from msgspec import Struct

from harness.calls import pipe
from harness.contract import own_packages
from harness.contract.protocol import Array

THREAD_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")
# glibc keeps freed memory instead of returning it to the system, so nobody pays page faults for fresh results.
_STEADY = {"MALLOC_MMAP_MAX_": "0", "MALLOC_TRIM_THRESHOLD_": str(2**62), "MALLOC_TOP_PAD_": str(64 * 2**20)}
ALLOCATORS = ("steady", "default")
_LAST_WORDS = 5.0  # seconds for a child to end that does not listen any more
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
        self._errors = tempfile.TemporaryFile(mode="w+", encoding="utf-8", errors="replace")  # noqa: SIM115
        self._process = subprocess.Popen(
            own_packages.command(module), env=env,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._errors,
        )  # fmt: skip
        self._answers: queue.Queue[_Answer | None] = queue.Queue()
        threading.Thread(target=self._read, daemon=True).start()

    def __enter__(self) -> Worker:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def request(self, message: Struct, deadline: float, arrays: pipe.Arrays = ()) -> Iterator[_Answer]:
        """Ask the child; yields messages with their arrays until it is done.

        Raises `WorkerDied` if the child ends, or stays silent for `deadline` seconds and is then killed, and
        `WorkerError` if it answers with an exception.
        """
        assert self._process.stdin is not None
        try:
            pipe.write(self._process.stdin, message, arrays)
        except (OSError, ValueError):  # it has ended, or the pipe is closed already
            raise WorkerDied(self._last_words(), hung=False) from None
        while True:
            try:
                answer = self._answers.get(timeout=deadline)
            except queue.Empty:
                self.close()
                raise WorkerDied(f"no answer within {deadline:g} s", hung=True) from None
            if answer is None:
                raise WorkerDied(self._last_words(), hung=False)
            if isinstance(answer[0], pipe.Done):
                return
            if isinstance(answer[0], pipe.Error):
                raise WorkerError(answer[0].name, answer[0].text)
            yield answer

    def close(self) -> None:
        """End the child."""
        self._process.kill()
        self._process.wait()
        self._errors.close() if not self._errors.closed else None

    def _read(self) -> None:
        assert self._process.stdout is not None
        try:
            while (answer := pipe.read(self._process.stdout, self._messages)) is not None:
                self._answers.put(answer)
        except (EOFError, ValueError):  # it died in the middle of a message, or sends what is none
            self._process.kill()
        self._answers.put(None)

    def _last_words(self) -> str:
        """Exit code or signal, and the last line that the child wrote to stderr."""
        try:
            code = self._process.wait(_LAST_WORDS)
        except subprocess.TimeoutExpired:  # it has closed its end and lives on
            self._process.kill()
            code = self._process.wait()
        how = f"killed by {_signal_name(-code)}" if code < 0 else f"exited with code {code}"
        if self._errors.closed:
            return how
        self._errors.seek(0)
        last = [line.strip() for line in self._errors.read().splitlines() if line.strip()][-1:]
        return how + (f": {last[0][:200]}" if last else "")


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
