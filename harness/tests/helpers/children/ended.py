"""Processes that a test has seen alive, and whether they have ended."""

from __future__ import annotations

from collections.abc import Iterable

import psutil


def seen(pids: Iterable[int | str]) -> list[psutil.Process]:
    """The processes of these numbers, which must all be alive. A later process of the same number is another one."""
    found = [psutil.Process(int(pid)) for pid in pids]
    assert found
    assert all(lives(process) for process in found)
    return found


def lives(process: psutil.Process) -> bool:
    """Whether it has not ended; one that is only kept in the system's list, for who asks how it ended, has."""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def survivors(processes: Iterable[psutil.Process], seconds: float = 60.0) -> list[psutil.Process]:
    """Those that have not ended after so many seconds; looked at often, and never waited for in vain."""
    waiting = list(processes)
    for _ in range(int(seconds / 0.02)):
        waiting = [process for process in waiting if lives(process)]
        if not waiting:
            break
        psutil.wait_procs(waiting, timeout=0.02)
    return waiting
