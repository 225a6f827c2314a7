"""A process between the harness and a child: when either of them ends, all that the child has started ends too.

Run as a script, `guardian.py PID asked|alone COMMAND...`, by the process PID, whose pipe is its standard input: the
command may read it if it is to be asked, else it finds it empty. The guardian is the reaper of what lies below it, so
that not even a daemon can leave. A signal to interrupt goes on to the child; the end of the child, exit code or signal,
becomes its own. Where there is no Linux it ends the child and the process group of that.
"""

from __future__ import annotations

import ctypes
import os
import resource
import select
import signal
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

_BECOME_REAPER, _DIE_WITH_PARENT = 36, 1  # PR_SET_CHILD_SUBREAPER, PR_SET_PDEATHSIG
_TO_INTERRUPT = {signal.SIGINT}
_ASKED, _ALONE = "asked", "alone"
_LOOK_EVERY = 0.2  # seconds, where the system cannot tell of the end of a process
_LONGEST = 5.0  # seconds to end all; what the kernel holds back for longer is left behind


def command(words: Sequence[str], asked: bool) -> list[str]:
    """The words that run a command under a guardian. Standard input must be a pipe, open as long as it may run.

    `asked`: the command reads that pipe.
    """
    return [sys.executable, "-I", "-S", __file__, str(os.getpid()), _ASKED if asked else _ALONE, *words]


def main() -> int:
    """Start the command, wait until it or its parent ends, and end the rest. The status that `os.waitpid` gave."""
    parent, kind, words = int(sys.argv[1]), sys.argv[2], sys.argv[3:]
    nothing = os.open(os.devnull, os.O_RDWR)
    _prctl(_BECOME_REAPER, 1)
    signal.pthread_sigmask(signal.SIG_BLOCK, _TO_INTERRUPT)  # until there is a child that it can go on to
    child = os.fork()
    if child == 0:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _TO_INTERRUPT)
        if kind == _ALONE:
            os.dup2(nothing, 0)
        os.setsid()
        _prctl(_DIE_WITH_PARENT, signal.SIGKILL)
        signal.signal(signal.SIGPIPE, signal.SIG_DFL)  # as for any new process; Python ignores it
        os.execvp(words[0], words)
    signal.signal(signal.SIGINT, lambda number, frame: _kill(child, number))
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _TO_INTERRUPT)
    lifeline = os.dup(0)
    os.dup2(nothing, 0)
    os.dup2(nothing, 1)  # or nobody would see that the child has closed its end
    _wait(parent, child, lifeline)
    return _end_all(child)


def _wait(parent: int, child: int, lifeline: int) -> None:
    """Until the child ends, or the parent does, or the parent closes the lifeline."""
    poll = select.poll()
    poll.register(lifeline, 0)  # a hang-up is always told
    is_told = hasattr(os, "pidfd_open")
    if is_told:
        try:
            for process in (parent, child):
                poll.register(os.pidfd_open(process), select.POLLIN)
        except OSError:  # one has ended already, or the kernel is older
            is_told = False
    while not poll.poll(None if is_told else _LOOK_EVERY * 1000):
        ended = os.waitid(os.P_PID, child, os.WEXITED | os.WNOHANG | os.WNOWAIT)
        if ended is not None or os.getppid() != parent:
            return


def _end_all(child: int) -> int:
    """Kill what is below this process until nothing is; how the child has ended."""
    status, end, alive = 0, time.monotonic() + _LONGEST, [child]
    while time.monotonic() < end:
        for process in alive:
            _kill(process, signal.SIGKILL)
        time.sleep(0.001)
        try:
            while (found := os.waitpid(-1, os.WNOHANG))[0]:
                status = found[1] if found[0] == child else status
        except ChildProcessError:
            break
        alive = below(os.getpid()) if sys.platform.startswith("linux") else [-child]
    return status


def below(top: int) -> list[int]:
    """The processes that a process has started, and those that they have started."""
    parents: dict[int, int] = {}
    for file in Path("/proc").glob("[0-9]*/stat"):
        try:  # PID (NAME) STATE PARENT ..: a name may hold anything
            parents[int(file.parent.name)] = int(file.read_bytes().rpartition(b")")[2].split()[1])
        except (OSError, ValueError, IndexError):  # it has ended
            continue
    found = {top}
    while more := {child for child, parent in parents.items() if parent in found} - found:
        found |= more
    return sorted(found - {top})


def _kill(process: int, number: int) -> None:
    with suppress(OSError):  # it has ended, or belongs to somebody else
        os.kill(process, number)


def _prctl(option: int, value: int) -> None:
    if sys.platform.startswith("linux"):
        ctypes.CDLL(None).prctl(option, value, 0, 0, 0)


def _end_like(status: int) -> None:
    """End this process as the child has ended."""
    if os.WIFSIGNALED(status):
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        signal.signal(os.WTERMSIG(status), signal.SIG_DFL) if os.WTERMSIG(status) != signal.SIGKILL else None
        os.kill(os.getpid(), os.WTERMSIG(status))
    os._exit(os.waitstatus_to_exitcode(status) & 0xFF)


if __name__ == "__main__":
    _end_like(main())
