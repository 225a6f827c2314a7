"""Finds a section of an explanation, and the paragraphs, tables and grids in it."""

from __future__ import annotations

from harness.explain.document import Beside, Document, Grid, Section, Table


def section(document: Document, title: str) -> Section:
    """The one whose title begins so."""
    (found,) = (one for one in document.sections if one.title.startswith(title))
    return found


def texts(found: Section) -> list[str]:
    """Its paragraphs."""
    return [block for block in found.blocks if isinstance(block, str)]


def table(found: Section) -> Table:
    """Its only table."""
    (only,) = (block for block in found.blocks if isinstance(block, Table))
    return only


def grids(found: Section) -> list[Grid]:
    """Its grids, without those that stand side by side."""
    return [block for block in found.blocks if isinstance(block, Grid)]


def sums(found: Section) -> dict[str, Beside]:
    """What stands side by side, by its caption."""
    return {block.caption: block for block in found.blocks if isinstance(block, Beside)}


def numbers(grid: Grid) -> list[list[str]]:
    """What stands in a grid."""
    return [[cell.text for cell in row] for row in grid.rows]
