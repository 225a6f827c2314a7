"""The first steps of `harness`: little is imported here, so that even a Ctrl-C in the first second ends in one line."""

from __future__ import annotations

import atexit
import os
import signal
import sys
import threading
from typing import NoReturn

from harness.cli import streams
from harness.contract import own_packages

_WRONG_CALL, _INTERRUPTED = 2, 130
_A_MOMENT = 0.05  # seconds


def main() -> None:
    """Run the program and exit."""
    streams.take_over()
    try:
        os.getcwd()  # libraries ask for it as they are imported
    except OSError as error:
        print(f"harness: the current folder is gone ({error.strerror}); go to one that exists", file=sys.stderr)
        sys.exit(streams.settled(_WRONG_CALL))
    own_packages.come_first()
    sys.unraisablehook = _not_lost
    try:
        from harness.cli.commands import app

        code = app.run()
    except KeyboardInterrupt:  # while it was imported, which takes a second and more
        print("harness: interrupted", file=sys.stderr)
        code = _INTERRUPTED
    _leave(streams.settled(code))


def _leave(code: int) -> NoReturn:
    """Exit; at once after a Ctrl-C: it may have cut off the import of a library, which Python cannot take down then."""
    if code == _INTERRUPTED:
        atexit._run_exitfuncs()
        sys.stderr.flush()
        os._exit(code)
    sys.exit(code)


def _not_lost(lost: sys.UnraisableHookArgs) -> None:
    """A Ctrl-C within a destructor or a callback, from which nothing can be raised, is repeated a moment later."""
    if not issubclass(lost.exc_type, KeyboardInterrupt):
        sys.__unraisablehook__(lost)
        return
    main_thread = threading.main_thread().ident or 0  # a real signal, which ends its waiting
    again = threading.Timer(_A_MOMENT, signal.pthread_kill, [main_thread, signal.SIGINT])
    again.daemon = True
    again.start()
