"""One octave-cli that stays: it is told a call in one line, and answers with one line.

Arrays lie in files without a name, which both sides have open: no process can leave one behind, however it is ended.
The bytes of an array in C order (N, C, H, W) are those of MATLAB's column-major [W H C N], so nothing is converted.
Octave ends when its standard input does, so it does not survive whoever started it.
"""

from __future__ import annotations

import atexit
import math
import os
import subprocess
import tempfile
import threading
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO

import numpy as np

from harness import ConvSpec, Op

_SOURCES = Path(__file__).parent / "matlab"
_OPTIONS = ("--quiet", "--norc", "--no-history", "--no-window-system")
_PRECISIONS = {"float32": "single", "float64": "double"}
_MOST_INPUTS = 3
_MOST_LINES = 20  # that Octave printed before it ended


class OctaveError(RuntimeError):
    """Octave ended, or did not compute what it was asked; the text has its own words."""


class Octave:
    """The process, started when first asked. Several threads may call: one waits for the other."""

    def __init__(self, program: str) -> None:
        """`program`: the path of octave-cli."""
        self._program = program
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._files: list[IO[bytes]] = []
        self._calls = 0
        atexit.register(self.close)
        os.register_at_fork(after_in_child=self._forget)  # two processes cannot share one pipe

    def about(self) -> str:
        """The version of Octave, a blank, and which BLAS it has."""
        with self._lock:
            return self._ask("about")

    def call(self, op: Op, spec: ConvSpec, arrays: Sequence[np.ndarray]) -> np.ndarray:
        """The result of an op on arrays of one dtype, in memory of its own.

        Raises `OctaveError`, and `MemoryError` where Octave has too little; the next call is not harmed.
        """
        dtype, shape = arrays[0].dtype, spec.output_shape(op)
        with self._lock:
            *inputs, output = self._open_files()
            try:
                given = ", ".join(_put(array, file) for array, file in zip(arrays, inputs, strict=False))
                precision = f"'{_PRECISIONS[dtype.name]}'"
                self._ask(op, precision, _geometry(spec), f"{{{given}}}", str(output.fileno()))
                output.seek(0)
                result: np.ndarray = np.fromfile(output, dtype)
                if result.size != math.prod(shape):
                    raise OctaveError(f"Octave gave {result.size} numbers for {op}, not {shape}")
                return result.reshape(shape)
            finally:
                for file in self._files:
                    file.truncate(0)  # gives the memory back

    def close(self) -> None:
        """End Octave, if it runs; a later call starts a new one."""
        process, files = self._process, self._files
        self._process, self._files = None, []
        if process is not None:
            process.kill()
            process.wait()
            for stream in (process.stdin, process.stdout):
                if stream is not None:
                    with suppress(OSError):  # it may hold words that nobody reads any more
                        stream.close()
        for file in files:
            file.close()

    def _forget(self) -> None:
        """Begin anew; what another process has started is left to it."""
        self._lock, self._process, self._files = threading.Lock(), None, []

    def _open_files(self) -> list[IO[bytes]]:
        """Those of the running Octave: its inputs, then its output."""
        if self._process is None:
            self._files = [_file_without_name() for _ in range(_MOST_INPUTS + 1)]
            self._process = subprocess.Popen(
                [self._program, *_OPTIONS], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                cwd=_SOURCES,  # the one folder where it looks for functions of that name first
                pass_fds=[file.fileno() for file in self._files], start_new_session=True,
            )  # fmt: skip
        return self._files

    def _ask(self, op: str, *words: str) -> str:
        """Have `matlab/answer.m` do it, and wait for what it says. If the wait is interrupted, Octave is ended."""
        self._open_files()
        assert self._process is not None
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._calls += 1
        given = ", ".join((str(self._calls), f"'{op}'", *words))
        start, printed = f"octave_loop {self._calls} ".encode(), list[str]()
        try:
            with suppress(BrokenPipeError):  # then it has printed why
                self._process.stdin.write(f"answer({given});\n".encode())
                self._process.stdin.flush()
            while line := self._process.stdout.readline():
                told = line.partition(start)[2].decode(errors="replace").strip()
                if told:
                    break
                printed = [*printed, line.decode(errors="replace").strip()][-_MOST_LINES:]
            else:
                raise OctaveError(_last_words(op, self._process.wait(), printed))
        except BaseException:
            self.close()
            raise
        status, _, text = told.partition(" ")
        if status == "done":
            return text
        if "out of memory" in text:
            raise MemoryError(f"Octave has too little memory for {op}: {text}")
        raise OctaveError(f"Octave cannot do {op}: {text}")


def _file_without_name() -> IO[bytes]:
    """In memory where the system can; on Linux not bounded by the size of /dev/shm."""
    if hasattr(os, "memfd_create"):
        return os.fdopen(os.memfd_create("octave_loop"), "w+b", buffering=0)
    return tempfile.TemporaryFile(buffering=0)


def _geometry(spec: ConvSpec) -> str:
    """The numbers of a spec, as a MATLAB struct."""
    names = ("N", "C", "F", "G", "H", "W", "KH", "KW", "SH", "SW", "DH", "DW", "OH", "OW", "PH", "PW", "top", "left")
    top, _, left, _ = spec.padding
    numbers = (
        spec.batch, spec.in_channels, spec.out_channels, spec.groups, *spec.input_size, *spec.kernel_size,
        *spec.stride, *spec.dilation, *spec.output_size, *spec.padded_size, top, left,
    )  # fmt: skip
    pairs = ", ".join(f"'{name}', {number}" for name, number in zip(names, numbers, strict=True))
    return f"struct({pairs})"


def _put(array: np.ndarray, file: IO[bytes]) -> str:
    """Write an array; where it lies and the size that MATLAB gives it, as a row of numbers."""
    file.seek(0)
    np.ascontiguousarray(array).tofile(file)
    return f"[{' '.join(map(str, (file.fileno(), *reversed(array.shape))))}]"


def _last_words(op: str, code: int, printed: Sequence[str]) -> str:
    """How and where Octave ended."""
    how = f"was ended by signal {-code}" if code < 0 else f"ended with exit code {code}"
    lines = [line for line in printed if line] or ["it printed nothing"]
    words = next((line for line in lines if "error" in line), lines[-1])
    return f"octave-cli {how} in the middle of {op} ({words}); the next call starts a new one"
