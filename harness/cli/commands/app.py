"""The program `harness`: its commands, one line for every wrong call, and the exit code.

Exit codes: 2 the call is wrong (one line, before anything runs); 4 the harness itself failed; 1 a backend failed;
3 a backend is incomplete, or was named and is unavailable; 0 otherwise. Ctrl-C keeps what is finished and gives 130.
"""

from __future__ import annotations

import traceback
from typing import Annotated, Any

import typer

from conformance.cases.case import CaseError, SelectionError
from conformance.run.xfails import XfailsError
from harness import __version__
from harness.cli import terminal
from harness.cli.commands import backends, bench, check, compare, explain, faults, listing, report, train
from harness.cli.commands.files import diff, merge
from harness.cli.commands.new import command
from harness.contract.targets import RegistryError
from harness.geometry.layers import ShapesError
from harness.geometry.spec import SpecError
from harness.results.writing import ResultsError
from harness.telling import one_line

INTERRUPTED = 130
_LONGEST = 2000  # characters of a message
# Typer brings its own copy of Click since 0.27; this is the base of its errors in either case.
_ClickException: Any = next(c for c in typer.BadParameter.__mro__ if c.__name__ == "ClickException")
_CALLER_ERRORS = (
    _ClickException, SpecError, CaseError, RegistryError, ShapesError, ResultsError, SelectionError, XfailsError,
)  # fmt: skip

app = typer.Typer(no_args_is_help=True, help=__doc__, pretty_exceptions_enable=False)
for _command in (
    backends.backends, check.check, bench.bench, compare.compare, report.report, diff.diff, merge.merge, faults.faults,
    train.train,
):  # fmt: skip
    app.command()(_command)
app.command()(explain.explain)
app.command("list")(listing.list_)
app.command()(command.new)


@app.callback(invoke_without_command=True)
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
        code = app(standalone_mode=False)
        if code == INTERRUPTED:  # Typer has caught the Ctrl-C
            terminal.say("harness: interrupted")
    except _CALLER_ERRORS as error:
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
