"""`harness new`: a plug-in that passes as it stands, to be changed."""

from __future__ import annotations

from typing import Annotated

import typer

from harness.cli import terminal
from harness.cli.commands.new import files

_LIBRARIES = f"what it computes with: {', '.join(files.LIBRARIES)}"


def new(
    name: Annotated[str, typer.Argument(metavar="NAME", help="a Python identifier; NAME.py is written here")],
    library: Annotated[str, typer.Option(metavar="LIBRARY", help=_LIBRARIES)] = "numpy",
    force: Annotated[bool, typer.Option("--force", help="write over files that are there already")] = False,
) -> None:
    """A plug-in that passes as it stands: NAME.py to be changed, and test_NAME.py, in the current folder."""
    files.require_library(library)
    files.require_name(name)
    made = files.rendered(name, library)
    files.write(made, force)
    missing = files.what_is_missing(library)
    if missing:
        terminal.say(f"harness: {missing}, so it will be unavailable here")
    terminal.show(_next_steps(name, list(made)))


def _next_steps(name: str, made: list[str]) -> str:
    """What was written, and what to run next."""
    *first, last = made
    return f"""\
wrote {", ".join(first)} and {last}; what is to be changed in it is marked CHANGE

    harness check ./{name}.py --tier 0         # is it right? a second
    harness check ./{name}.py                  # all of it, with the causes of what fails
    pytest test_{name}.py                      # the same as tests of yours
    harness compare ./{name}.py numpy_fancy --shapes n8c16h28w28_f16kh3kw3    # how fast is it? minutes
    harness check ./{name}.py --watch          # again whenever you save"""
