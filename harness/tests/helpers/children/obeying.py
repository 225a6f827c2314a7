"""A child that does what it is told, in Python: for tests of what the code of a backend may do to its process.

A statement finds the arrays that it was sent, and says something in `said`.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from typing import Any

from msgspec import Struct

from harness.calls.serving import Answers, serve
from harness.calls.worker import Worker, environment


class Do(Struct, frozen=True, tag_field="kind", tag=True):
    """Run a statement; answered by what it says."""

    statement: str


class Said(Struct, frozen=True, tag_field="kind", tag=True):
    """The text in `said`, as often as `times`; the arrays in `arrays` come with it."""

    text: str


def child() -> Worker:
    """Such a child, started."""
    return Worker(__name__, Said, environment(1, "default"))


def told(worker: Worker, statement: str, deadline: float = 120.0, arrays: Any = ()) -> str:
    """What the child says to a statement."""
    return "".join(message.text for message, _ in worker.request(Do(statement), deadline, arrays))


def _answer(message: Do, arrays: list[Any]) -> Answers:
    scope: dict[str, Any] = {
        "os": os, "signal": signal, "subprocess": subprocess, "sys": sys, "threading": threading, "time": time,
        "arrays": arrays, "said": "", "times": 1,
    }  # fmt: skip
    exec(message.statement, scope)
    return [(Said(str(scope["said"])), scope["arrays"])] * scope["times"]


if __name__ == "__main__":
    serve(Do, _answer)
