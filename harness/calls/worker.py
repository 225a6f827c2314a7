"""A child process with its own environment and deadline, which answers requests with records, one JSON line each.

Threads and allocator must be set before the first library loads, and a backend that crashes or hangs must cost only
its own cell or case: both need another process. What backends print goes to stderr, so that it cannot be taken for an
answer. A record may carry arrays: their bytes follow its line, as many as its "arrays" say.
"""

from __future__ import annotations

import json
import os
import queue
import signal
import subprocess
import tempfile
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import IO, Any

import numpy as np

from harness.contract import own_packages
from harness.contract.protocol import Array
from harness.contract.targets import Target
from harness.results.run_files import Record

THREAD_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")
# glibc keeps freed memory instead of returning it to the system, so nobody pays page faults for fresh results.
_STEADY = {"MALLOC_MMAP_MAX_": "0", "MALLOC_TRIM_THRESHOLD_": str(2**62), "MALLOC_TOP_PAD_": str(64 * 2**20)}
ALLOCATORS = ("steady", "default")
_DONE = "done"
Answer = tuple[Record, Sequence[Array | None]]


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


def write(stream: IO[bytes], record: Record, arrays: Sequence[Array | None] = ()) -> None:
    """Send a record and the arrays that go with it."""
    if arrays:
        record = record | {"arrays": [None if a is None else [a.dtype.str, a.shape] for a in arrays]}
    stream.write(json.dumps(record).encode() + b"\n")
    for a in arrays:
        if a is not None:
            stream.write(np.ascontiguousarray(a).reshape(a.size).view(np.uint8).data if a.size else b"")
    stream.flush()


def read(stream: IO[bytes]) -> Record | None:
    """The next record, its arrays (new ones, writeable) in place of their description; None at the end."""
    line = stream.readline()
    if not line.endswith(b"\n"):
        return None
    record: Record = json.loads(line)
    if "arrays" in record:
        record["arrays"] = [None if d is None else _read_array(stream, *d) for d in record["arrays"]]
    return record


def _read_array(stream: IO[bytes], dtype: str, shape: Sequence[int]) -> Array:
    a: Array = np.empty(tuple(shape), dtype)
    if a.size:
        rest = a.reshape(a.size).view(np.uint8).data
        while rest:
            count = stream.readinto(rest)  # type: ignore[attr-defined]
            if not count:
                raise EOFError("the other side ended in the middle of an array")
            rest = rest[count:]
    return a


class Worker:
    """One child. Use as a context manager; `request` yields its answers as they come."""

    def __init__(self, env: dict[str, str]) -> None:
        self._errors = tempfile.TemporaryFile(mode="w+", encoding="utf-8", errors="replace")  # noqa: SIM115
        self._process = subprocess.Popen(
            own_packages.command("harness.calls.worker"), env=env,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._errors,
        )  # fmt: skip
        self._records: queue.Queue[Record | None] = queue.Queue()
        threading.Thread(target=self._read, daemon=True).start()

    def __enter__(self) -> Worker:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def request(
        self, action: str, deadline: float, *, arrays: Sequence[Array | None] = (), **arguments: Any
    ) -> Iterator[Record]:
        """Ask the child; yields records until it is done.

        Raises `WorkerDied` if the child ends, or stays silent for `deadline` seconds and is then killed.
        """
        assert self._process.stdin is not None
        try:
            write(self._process.stdin, {"action": action, **arguments}, arrays)
        except (OSError, ValueError):  # it has ended, or the pipe is closed already
            raise WorkerDied(self._epitaph(), hung=False) from None
        while True:
            try:
                record = self._records.get(timeout=deadline)
            except queue.Empty:
                self.close()
                raise WorkerDied(f"no answer within {deadline:g} s", hung=True) from None
            if record is None:
                raise WorkerDied(self._epitaph(), hung=False)
            if record["kind"] == _DONE:
                return
            if record["kind"] == "error":
                raise WorkerError(record["type"], record["text"])
            yield record

    def close(self) -> None:
        """End the child."""
        self._process.kill()
        self._process.wait()
        self._errors.close() if not self._errors.closed else None

    def _read(self) -> None:
        assert self._process.stdout is not None
        try:
            while (record := read(self._process.stdout)) is not None:
                self._records.put(record)
        except (EOFError, ValueError):
            pass  # it died in the middle of a record
        self._records.put(None)

    def _epitaph(self) -> str:
        """Exit code or signal, and the last line that the child wrote to stderr."""
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


def serve(requests: IO[bytes], answers: IO[bytes]) -> None:
    """The child's loop: answer requests until the parent closes the pipe."""
    actions: dict[str, Callable[[Record], Iterable[Answer]]] = {}
    while (message := read(requests)) is not None:
        try:
            if not actions:
                actions = _actions(message["action"])
            for record, arrays in actions[message["action"]](message):
                write(answers, record, arrays)
        except Exception as error:
            import traceback

            traceback.print_exc()
            write(answers, {"kind": "error", "type": type(error).__name__, "text": str(error)})
            continue
        write(answers, {"kind": _DONE})


def _actions(first: str) -> dict[str, Callable[[Record], Iterable[Answer]]]:
    """What this child does, by its first request: it measures, or it calls one backend for a conformance run."""
    if first == "open":
        from harness.calls.in_child import Child

        return Child().actions()
    from harness.timing import ceilings
    from harness.timing.group import MeasuringChild

    bench = MeasuringChild()
    return {
        "load": lambda m: [(bench.load(Target(m["text"], m["name"], m["location"])), ())],
        "ceilings": lambda m: [(ceilings.of_cpu(m["threads"], m["allocator"]), ())],
        "device": lambda m: ((r, ()) for r in bench.device_ceilings(m["name"], m["threads"], m["allocator"])),
        "group": lambda m: ((record, ()) for record in bench.group(m["job"])),
    }


if __name__ == "__main__":
    own_packages.come_first()
    own_answers, own_requests = os.fdopen(os.dup(1), "wb"), os.fdopen(os.dup(0), "rb")
    os.dup2(2, 1)  # from here on, print() of any library goes to stderr
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    serve(own_requests, own_answers)
