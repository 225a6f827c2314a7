"""The parent's side of every run that several processes share: it waits until all have ended."""

from __future__ import annotations

import queue
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Protocol, TypeVar

_Event = TypeVar("_Event")


class Job(Protocol):
    """One process of the run."""

    @property
    def is_running(self) -> bool:
        """Whether it may still tell something."""

    def interrupt(self) -> None:
        """Let it report what is finished, and end."""


def wait(started: Sequence[Job], events: queue.Queue[_Event], take: Callable[[_Event], None]) -> bool:
    """Take the events as they come, until all have ended; whether the user interrupted, which the processes are told.

    They then report what is finished. A second Ctrl-C does not wait for that.
    """
    interrupted = False
    while True:
        try:
            if not any(one.is_running for one in started) and events.empty():
                return interrupted
            with suppress(queue.Empty):
                take(events.get(timeout=0.1))
        except KeyboardInterrupt:
            if interrupted:
                raise
            interrupted = True
            for one in started:
                one.interrupt()
