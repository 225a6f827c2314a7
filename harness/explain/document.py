"""What an explanation is made of: sections of paragraphs, tables, and grids of numbers, whatever shows them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

PADDING, WINDOW, EMPTY = "padding", "window", "empty"  # zeros around the image; part of the window; nothing there


@dataclass(frozen=True, slots=True)
class Cell:
    """A number of a grid; `heat` from 0 to 1 is how strongly it is coloured."""

    text: str
    mark: str = ""
    heat: float = 0.0


@dataclass(frozen=True, slots=True)
class Grid:
    """A picture made of numbers, with a head for every column and row if there are any."""

    rows: Sequence[Sequence[Cell]]
    caption: str = ""
    heads: Sequence[str] = ()
    row_heads: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Beside:
    """Grids side by side, with a sign before each but the first: a + b = c."""

    grids: Sequence[Grid]
    signs: Sequence[str]
    caption: str = ""


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of texts under a header."""

    header: Sequence[str]
    rows: Sequence[Sequence[str]]


Block = str | Grid | Beside | Table


@dataclass(frozen=True, slots=True)
class Section:
    """A heading and what stands under it; a text is a paragraph."""

    title: str
    blocks: Sequence[Block]


@dataclass(frozen=True, slots=True)
class Frame:
    """One position of the window: what it lies on, and the column that it becomes."""

    title: str
    image: Grid
    column: Grid


@dataclass(frozen=True, slots=True)
class Film:
    """The window on its way over the image: a frame for each position, in order, and the columns that it fills."""

    frames: Sequence[Frame]
    columns: Grid  # of its columns, the first are those of the frames
    note: str = ""


@dataclass(frozen=True, slots=True)
class Document:
    """A whole explanation; the film is shown by a page alone."""

    title: str
    sections: Sequence[Section]
    film: Film | None = None


def grid(
    size: tuple[int, int],
    cell: Callable[[int, int], Cell],
    most: int,
    *,
    caption: str = "",
    head: Callable[[int], str] | None = None,
    row_head: Callable[[int], str] | None = None,
) -> Grid:
    """A grid of `size` (rows, columns), of each the first `most`; the caption says what was left out.

    >>> made = grid((2, 20), lambda i, j: Cell(str(i * 20 + j)), 3, caption="all")
    >>> [cell.text for cell in made.rows[1]], made.caption
    (['20', '21', '22', '..'], 'all (the first 3 of 20 columns)')
    """
    down, across = (min(count, most) for count in size)
    ends = [".."] if across < size[1] else []
    rows = [[*(cell(i, j) for j in range(across)), *map(Cell, ends)] for i in range(down)]
    row_heads = [row_head(i) for i in range(down)] if row_head else []
    if down < size[0]:
        rows.append([Cell("..")] * (across + len(ends)))
        row_heads += [".."] if row_head else []
    return Grid(rows, _cut(caption, size, most), [*map(head, range(across)), *ends] if head else (), row_heads)


def rows_of(all_rows: Sequence[Sequence[str]], most: int, what: str) -> tuple[Sequence[Sequence[str]], list[str]]:
    """The first `most` rows of a table, and a note on the others if there are any."""
    if len(all_rows) <= most:
        return all_rows, []
    return all_rows[:most], [f"The first {most} of {len(all_rows):,} {what}; --most shows more."]


def _cut(caption: str, size: tuple[int, int], most: int) -> str:
    counted = zip(size, ("rows", "columns"), strict=True)
    said = [f"{most} of {count:,} {what}" for count, what in counted if count > most]
    return f"{caption} (the first {' and the first '.join(said)})".strip() if said else caption
