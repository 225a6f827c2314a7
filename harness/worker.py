"""A child process with its own environment and deadline, which answers requests with records, one JSON line each.

Threads and allocator must be set before the first library loads, and a backend that crashes or hangs must cost only
its own cell: both need another process. What backends print goes to stderr, so that it cannot be taken for an answer.
"""

from __future__ import annotations

import json
import os
import queue
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from typing import IO, Any

from harness.results import Record

THREAD_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")
# glibc keeps freed memory instead of returning it to the system, so nobody pays page faults for fresh results.
_STEADY = {"MALLOC_MMAP_MAX_": "0", "MALLOC_TRIM_THRESHOLD_": str(2**62), "MALLOC_TOP_PAD_": str(64 * 2**20)}
ALLOCATORS = ("steady", "default")
_DONE = "done"


class WorkerDied(Exception):
    """The child ended or was ended; `hung` tells which, the text says why."""

    def __init__(self, text: str, hung: bool) -> None:
        super().__init__(text)
        self.hung = hung


def environment(threads: int, allocator: str) -> dict[str, str]:
    """This process's environment with the thread counts and the allocator set."""
    clean = {k: v for k, v in os.environ.items() if k not in _STEADY}
    clean |= dict.fromkeys(THREAD_VARIABLES, str(threads))
    return clean | (_STEADY if allocator == "steady" else {})


class Worker:
    """One child. Use as a context manager; `request` yields its answers as they come."""

    def __init__(self, threads: int, allocator: str) -> None:
        self._errors = tempfile.TemporaryFile(mode="w+", encoding="utf-8", errors="replace")  # noqa: SIM115
        self._process = subprocess.Popen(
            [sys.executable, "-m", "harness.worker"], env=environment(threads, allocator), text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._errors,
        )  # fmt: skip
        self._lines: queue.Queue[str | None] = queue.Queue()
        threading.Thread(target=self._read, daemon=True).start()

    def __enter__(self) -> Worker:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def request(self, action: str, deadline: float, **arguments: Any) -> Iterator[Record]:
        """Ask the child; yields records until it is done.

        Raises `WorkerDied` if the child ends, or stays silent for `deadline` seconds and is then killed.
        """
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(json.dumps({"action": action, **arguments}) + "\n")
            self._process.stdin.flush()
        except OSError:
            raise WorkerDied(self._epitaph(), hung=False) from None
        while True:
            try:
                line = self._lines.get(timeout=deadline)
            except queue.Empty:
                self.close()
                raise WorkerDied(f"no answer within {deadline:g} s", hung=True) from None
            if line is None:
                raise WorkerDied(self._epitaph(), hung=False)
            record = json.loads(line)
            if record["kind"] == _DONE:
                return
            if record["kind"] == "error":
                raise RuntimeError(record["text"])
            yield record

    def close(self) -> None:
        """End the child."""
        self._process.kill()
        self._process.wait()
        self._errors.close() if not self._errors.closed else None

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self._lines.put(line)
        self._lines.put(None)

    def _epitaph(self) -> str:
        """Exit code or signal, and the last line that the child wrote to stderr."""
        code = self._process.wait()
        self._errors.seek(0)
        last = [line.strip() for line in self._errors.read().splitlines() if line.strip()][-1:]
        how = f"killed by signal {-code}" if code < 0 else f"exited with code {code}"
        return f"the measuring process was {how}".replace("was exited", "exited") + (f": {last[0]}" if last else "")


def serve(requests: IO[str], answers: IO[str]) -> None:
    """The child's loop: answer requests until the parent closes the pipe."""
    from harness import machine
    from harness.measure import Bench

    bench = Bench()

    def send(record: Record) -> None:
        answers.write(json.dumps(record) + "\n")
        answers.flush()

    for line in requests:
        message = json.loads(line)
        try:
            match message["action"]:
                case "load":
                    send(bench.load(message["target"]))
                case "ceilings":
                    send(machine.ceilings(message["threads"], message["allocator"]))
                case "group":
                    for record in bench.group(message["job"]):
                        send(record)
                case unknown:
                    raise ValueError(f"unknown action {unknown!r}")
        except Exception as error:
            import traceback

            traceback.print_exc()
            send({"kind": "error", "text": f"{type(error).__name__}: {error}"})
            continue
        send({"kind": _DONE})


if __name__ == "__main__":
    own_answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # from here on, print() of any library goes to stderr
    serve(sys.stdin, own_answers)
