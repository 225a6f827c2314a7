"""The program `harness`: its commands, one line for every wrong call, and the exit code.

Exit codes: 2 the call is wrong (one line, before anything runs); 4 the harness itself failed; 1 a backend failed;
3 a backend is incomplete, or was named and is unavailable; 0 otherwise. Ctrl-C keeps what is finished and gives 130.
"""

from __future__ import annotations

import sys
import traceback
from collections.abc import Callable, Sequence
from typing import Annotated, Any

import typer

from harness import __version__
from harness.cli import terminal
from harness.telling import WrongCall, one_line

INTERRUPTED = 130
_LONGEST = 2000  # characters of a message
# Typer brings its own copy of Click since 0.27; this is the base of its errors in either case.
_ClickException: Any = next(c for c in typer.BadParameter.__mro__ if c.__name__ == "ClickException")
_COMMANDS = (
    "backends", "check", "bench", "compare", "report", "diff", "merge", "faults", "train", "explain", "list", "new",
)  # fmt: skip


def program(typed: Sequence[str] = ()) -> typer.Typer:
    """The program with its commands; with the one alone that is `typed`, if one is, as to import all takes a second."""
    app = typer.Typer(no_args_is_help=True, help=__doc__, pretty_exceptions_enable=False)
    app.callback(invoke_without_command=True)(_version)
    for name in typed[:1] if typed and typed[0] in _COMMANDS else _COMMANDS:
        app.command(name)(_function_of(name))
    return app


def _function_of(command: str) -> Callable[..., Any]:
    """Imports the file of one command."""
    match command:
        case "backends":
            from harness.cli.commands.backends import backends

            return backends
        case "check":
            from harness.cli.commands.check import check

            return check
        case "bench":
            from harness.cli.commands.bench import bench

            return bench
        case "compare":
            from harness.cli.commands.compare import compare

            return compare
        case "report":
            from harness.cli.commands.report import report

            return report
        case "diff":
            from harness.cli.commands.files.diff import diff

            return diff
        case "merge":
            from harness.cli.commands.files.merge import merge

            return merge
        case "faults":
            from harness.cli.commands.faults import faults

            return faults
        case "train":
            from harness.cli.commands.train import train

            return train
        case "explain":
            from harness.cli.commands.explain import explain

            return explain
        case "list":
            from harness.cli.commands.listing import list_

            return list_
        case "new":
            from harness.cli.commands.new.command import new

            return new
        case _:
            raise KeyError(command)


def _version(version: Annotated[bool, typer.Option("--version", help="print the version")] = False) -> None:
    if version:
        print(__version__)
        raise typer.Exit(0)


def _short(text: str) -> str:
    """Beginning and end of a text that repeats an endless name or number."""
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 200]} [..] {text[-200:]}"


def run() -> int:
    """Run the command that was typed; all exit codes are decided here or returned by a command."""
    try:
        code = program(sys.argv[1:])(standalone_mode=False)
        if code == INTERRUPTED:  # Typer has caught the Ctrl-C
            terminal.say("harness: interrupted")
    except (_ClickException, WrongCall) as error:
        text = error.format_message() if isinstance(error, _ClickException) else str(error)
        if text:  # a bare `harness` has printed its help already
            terminal.say(f"harness: {_short(one_line(text))}")
        code = 2
    except KeyboardInterrupt:
        terminal.say("harness: interrupted")
        code = INTERRUPTED
    except Exception:
        traceback.print_exc()
        terminal.say("harness: this is a fault of the harness itself, please report it with the lines above")
        code = 4
    return code if isinstance(code, int) else 0
