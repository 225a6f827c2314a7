"""`harness report`: everything measured on one machine as a page."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from harness.cli import terminal
from harness.cli.options import folder


def report(
    out: Annotated[Path, typer.Option(parser=folder, metavar="DIR", help="folder of the report")] = Path(
        "results/report"
    ),
    source: Annotated[Path, typer.Option("--results", parser=folder, metavar="DIR", help="results folder")] = Path(
        "results"
    ),
    machine_name: Annotated[
        str | None,
        typer.Option("--machine", metavar="NAME", help="machine to report on; default: the one measured last"),
    ] = None,
) -> None:
    """Results to one self-contained index.html, with every figure as PNG and every table as CSV and Markdown."""
    from harness.report import write_report

    with terminal.waiting("figures and tables"):
        page = write_report(source, out, machine_name, lambda line: terminal.say(f"harness: left out: {line}"))
    print(page)
