"""Messages between parent and child: one JSON line each, and behind it the bytes of the arrays that go with it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import IO, Any

import msgspec
import numpy as np
from msgspec import Struct

from harness.contract.protocol import Array

Arrays = Sequence[Array | None]


class Done(Struct, frozen=True, tag_field="kind", tag="done"):
    """The child has answered a request in full."""


class Error(Struct, frozen=True, tag_field="kind", tag="error"):
    """The child answers with an exception: its class by name, and its text."""

    name: str
    text: str


def write(stream: IO[bytes], message: Struct, arrays: Arrays = ()) -> None:
    """Send a message and the arrays that go with it.

    The standard library writes the line: a path or an error's text may hold lone surrogates, which no UTF-8 has.
    """
    described = [None if a is None else (a.dtype.str, a.shape) for a in arrays]
    frame = {"message": msgspec.to_builtins(message, enc_hook=_plain), "arrays": described}
    stream.write(json.dumps(frame).encode("ascii") + b"\n")
    for a in arrays:
        if a is not None and a.size:
            stream.write(np.ascontiguousarray(a).reshape(a.size).view(np.uint8).data)
    stream.flush()


def read(stream: IO[bytes], messages: Any) -> tuple[Any, list[Array | None]] | None:
    """The next message, one of the Structs of a union that are told apart by their `kind`, and its new arrays.

    None at the end of the stream. Raises `EOFError` in the middle of an array, `ValueError` for anything foreign.
    """
    line = stream.readline()
    if not line.endswith(b"\n"):
        return None
    frame = json.loads(line)
    message = msgspec.convert(frame["message"], messages)
    return message, [None if d is None else _read_array(stream, *d) for d in frame["arrays"]]


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
