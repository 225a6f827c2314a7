"""A process's side of every run that several share: it answers the parent's one request, and ends."""

from __future__ import annotations

import os
import signal
import traceback
from collections.abc import Callable
from typing import Any, NoReturn

from msgspec import Struct

from harness.calls import pipe
from harness.calls.serving import take_over
from harness.contract import own_packages

Tell = Callable[[Struct], None]


class Broken(Struct, frozen=True, tag_field="kind", tag=True):
    """The harness itself failed."""

    traceback: str

    @classmethod
    def now(cls) -> Broken:
        """By the exception in hand."""
        return cls(encodable(traceback.format_exc()))


def once(request: type[Struct], answer: Callable[[Any, Tell], Struct | None]) -> NoReturn:
    """Read a request of that type, tell what comes of it and answer, if there is more to say; end this process."""
    own_packages.come_first()
    given, reply = take_over()
    signal.signal(signal.SIGINT, _once)  # the parent sends it, whether or not a terminal did
    asked = pipe.read(given, request)
    if asked is not None:
        last = answer(asked[0], reply)
        if last is not None:
            reply(last)
        reply(pipe.Done())
    os._exit(0)  # whatever threads a backend has left behind


def _once(*of_signal: object) -> None:
    """A second Ctrl-C must not spoil the report of what is finished; the parent can end this process at any time."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    raise KeyboardInterrupt


def encodable(text: str) -> str:
    """With what no UTF-8 has escaped."""
    return text.encode("utf-8", "backslashreplace").decode()
