"""`harness list`: what there is to ask, to measure, to run."""

from __future__ import annotations

from typing import Annotated

import typer

from harness.cli import terminal
from harness.cli.explaining.listed import KINDS
from harness.telling import did_you_mean

_WHAT = ", ".join(KINDS)


def list_(
    what: Annotated[str, typer.Argument(metavar="|".join(KINDS), help=f"one of {_WHAT}")],
    pattern: Annotated[str, typer.Argument(metavar="[GLOB]", help="only those of this name, set or id")] = "",
) -> None:
    """What there is: checks with what they ask, layers, backends (none is loaded), ids of the standing cases."""
    if what not in KINDS:
        raise typer.BadParameter(f"there are lists of {_WHAT}, got {what[:60]!r}{did_you_mean(what, KINDS)}")
    header, rows = KINDS[what]
    found = list(rows(pattern))
    if not found:
        raise typer.BadParameter(f"none of the {what} matches {pattern[:60]!r}; `harness list {what}` shows all")
    if len(header) == 1:
        for row in found:
            terminal.show(row[0])
    else:
        terminal.table("", header, found)
