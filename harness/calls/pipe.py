"""Messages between parent and child: one JSON line each, and behind it the bytes of the arrays that go with it."""

from __future__ import annotations

import json
import os
import select
import time
from collections.abc import Sequence
from typing import IO, Any, Protocol

import msgspec
import numpy as np
from msgspec import Struct

from harness.contract.protocol import Array

Arrays = Sequence[Array | None]
_LONGEST_LINE = 2**30  # bytes: the reports of a whole run are well below; what is longer is no message
_AT_ONCE = 2**16  # bytes: what is less is put together first, as each writing takes time
_MOST_MILLISECONDS = 2**31 - 1  # that one poll can wait


class Sink(Protocol):
    """What messages are written to."""

    def write(self, data: Any, /) -> object:
        """All of the bytes."""

    def flush(self) -> object:
        """Hand them on."""


class PatientSink:
    """The end of a pipe that waits for who reads it, but not for ever."""

    def __init__(self, file: int) -> None:
        self._file, self._end = file, 0.0
        os.set_blocking(file, False)

    def give(self, seconds: float) -> None:
        """Let all that is written from now on take so long together."""
        self._end = time.monotonic() + seconds

    def write(self, data: Any, /) -> None:
        """Write all. Raises `TimeoutError` when the time is over, and `OSError` where nobody reads any more."""
        rest = memoryview(data).cast("B")
        poll = select.poll()
        poll.register(self._file, select.POLLOUT)
        while rest:
            left = self._end - time.monotonic()
            if left <= 0 or not poll.poll(min(left * 1000, _MOST_MILLISECONDS)):
                if time.monotonic() >= self._end:
                    raise TimeoutError("nobody has read the pipe")
                continue
            try:
                rest = rest[os.write(self._file, rest) :]
            except BlockingIOError:
                continue

    def flush(self) -> None:
        """Everything is written at once."""


class Done(Struct, frozen=True, tag_field="kind", tag="done"):
    """The child has answered a request in full."""


class Error(Struct, frozen=True, tag_field="kind", tag="error"):
    """The child answers with an exception: its class by name, and its text."""

    name: str
    text: str


def write(stream: Sink, message: Struct, arrays: Arrays = ()) -> None:
    """Send a message and the arrays that go with it.

    The standard library writes the line: a path or an error's text may hold lone surrogates, which no UTF-8 has.
    """
    described = [None if a is None else (a.dtype.str, a.shape) for a in arrays]
    frame = {"message": msgspec.to_builtins(message, enc_hook=_plain), "arrays": described}
    parts: list[Any] = [json.dumps(frame).encode("ascii") + b"\n"]
    parts += [np.ascontiguousarray(a).reshape(a.size).view(np.uint8).data for a in arrays if a is not None and a.size]
    if sum(len(part) for part in parts) <= _AT_ONCE:
        parts = [b"".join(parts)]
    for part in parts:
        stream.write(part)
    stream.flush()


def read(stream: IO[bytes], messages: Any) -> tuple[Any, list[Array | None]] | None:
    """The next message, one of the Structs of a union that are told apart by their `kind`, and its new arrays.

    None at the end of the stream. Raises `EOFError` in the middle of a message, `ValueError` for anything foreign.
    """
    line = stream.readline(_LONGEST_LINE)
    if not line:
        return None
    try:
        if not line.endswith(b"\n"):
            raise EOFError("the other side ended in the middle of a message")
        frame = json.loads(line)
        message = msgspec.convert(frame["message"], messages)
        return message, [None if d is None else _read_array(stream, *d) for d in frame["arrays"]]
    except (KeyError, TypeError, MemoryError) as error:
        raise ValueError(f"no message: {line[:60]!r}") from error


def _plain(value: object) -> object:
    """NumPy's numbers as Python's."""
    if isinstance(value, np.generic):
        return value.item()
    raise NotImplementedError(f"a {type(value).__name__} cannot be sent")


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
