"""The child's side of the pipe: a loop that answers requests until the parent closes it.

What backends print goes to stderr, so that it cannot be taken for an answer.
"""

from __future__ import annotations

import os
import traceback
from collections.abc import Callable, Iterable
from typing import IO, Any

from msgspec import Struct

from harness.calls import pipe
from harness.contract import own_packages
from harness.contract.protocol import Array
from harness.telling import one_line

Answers = Iterable[tuple[Struct, pipe.Arrays]]


def serve(requests: Any, answer: Callable[[Any, list[Array | None]], Answers]) -> None:
    """Take over stdin and stdout, and answer every request, one of the Structs of the union `requests`."""
    own_packages.come_first()
    given, out = take_over()
    while (message := pipe.read(given, requests)) is not None:
        try:
            for reply, arrays in answer(*message):
                pipe.write(out, reply, arrays)
        except Exception as error:
            traceback.print_exc()
            pipe.write(out, pipe.Error(type(error).__name__, one_line(error)))
            continue
        pipe.write(out, pipe.Done())


def take_over() -> tuple[IO[bytes], IO[bytes]]:
    """The streams from and to the parent; stdin is empty from here on, and print() of any library goes to stderr."""
    out, given = os.fdopen(os.dup(1), "wb"), os.fdopen(os.dup(0), "rb")
    os.dup2(2, 1)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    return given, out
