"""An explanation on a terminal: headings, tables, and grids in colours; plain lines where stdout is no terminal."""

from __future__ import annotations

import sys

from rich.console import Console
from rich.text import Text

from harness.cli import terminal
from harness.explain import text
from harness.explain.document import Block, Cell, Document, Table
from harness.telling import plain

_MARKS = {"padding": "dim", "empty": "dim", "window": "bold reverse"}
_HEAT = ("", "on grey19", "on grey27", "on grey35", "bold on grey42")
_WIDTH = 100  # of a paragraph where stdout is no terminal


def show(document: Document) -> None:
    """All sections, on stdout."""
    console = Console(width=None if sys.stdout.isatty() else _WIDTH, highlight=False)
    console.print(Text(plain(document.title), style="bold"), soft_wrap=True)
    for section in document.sections:
        console.print()
        console.print(Text(plain(section.title), style="bold underline"), soft_wrap=True)
        for block in section.blocks:
            _show(console, block)


def _show(console: Console, block: Block) -> None:
    if isinstance(block, str):
        console.print(Text(plain(block)), soft_wrap=not sys.stdout.isatty())
    elif isinstance(block, Table):
        terminal.table("", block.header, block.rows)
    else:
        console.print()
        for line in text.lines(block):
            console.print(Text.assemble(*((piece, _style(cell)) for piece, cell in line)), soft_wrap=True)


def _style(cell: Cell | None) -> str:
    if cell is None:
        return "dim"
    return _MARKS.get(cell.mark, "") or _HEAT[round(4 * cell.heat)]
