"""Grids as lines of text, the numbers under each other, and a whole explanation as Markdown."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from harness.explain.document import Beside, Block, Cell, Document, Grid, Table

Line = list[tuple[str, Cell | None]]  # pieces of a line; those without a cell are heads and space between
_GAP, _BETWEEN = "  ", "   "


def lines(block: Grid | Beside) -> list[Line]:
    """A grid, or several side by side with their signs in the middle line; the caption first."""
    caption: list[Line] = [[(block.caption, None)]] if block.caption else []
    if isinstance(block, Grid):
        return [*caption, *_of_grid(block)]
    parts = [_of_grid(one) for one in block.grids]
    height = max(len(part) for part in parts)
    found: list[Line] = []
    for number in range(height):
        line: Line = []
        for place, part in enumerate(parts):
            if place:
                sign = block.signs[place - 1] if number == height // 2 else " "
                line.append((f"{_BETWEEN}{sign}{_BETWEEN}", None))
            line += part[number] if number < len(part) else [(" " * _width(part), None)]
        found.append(line)
    return [*caption, *found]


def plain(line: Line) -> str:
    """A line without its cells."""
    return "".join(text for text, _ in line).rstrip()


def markdown(document: Document) -> str:
    """The whole of it; pictures stand in blocks of code, as they would on a terminal."""
    parts = [f"# {document.title}"]
    for section in document.sections:
        parts += [f"## {section.title}", *(text for block in section.blocks for text in _markdown(block))]
    return "\n\n".join(parts) + "\n"


def _markdown(block: Block) -> Iterator[str]:
    if isinstance(block, str):
        yield _escaped(block)
    elif isinstance(block, Table):
        rows = [block.header, ["---"] * len(block.header), *block.rows]
        yield "\n".join(f"| {' | '.join(_escaped(cell) for cell in row)} |" for row in rows)
    else:
        yield "\n".join(["```text", *(plain(line) for line in lines(block)), "```"])


def _escaped(text: str) -> str:
    """What Markdown would read as emphasis, a link or HTML stays as it is."""
    return "".join(f"\\{c}" if c in "*_[]<>|`" else c for c in text)


def _of_grid(found: Grid) -> list[Line]:
    """Right-aligned columns; heads above and before them."""
    texts = [[cell.text for cell in row] for row in found.rows]
    tall = [found.heads, *texts] if found.heads else texts
    widths = [max(map(len, column)) for column in zip(*tall, strict=True)]
    names = list(found.row_heads) or [""] * len(texts)
    side = max(map(len, names), default=0)
    made: list[Line] = []
    if found.heads:
        made.append([(" " * (side + len(_GAP) if side else 0), None), *_row(found.heads, widths, None)])
    for name, row, cells in zip(names, texts, found.rows, strict=True):
        before: Line = [(f"{name:<{side}}{_GAP}", None)] if side else []
        made.append([*before, *_row(row, widths, cells)])
    return made


def _row(texts: Sequence[str], widths: Sequence[int], cells: Sequence[Cell] | None) -> Line:
    line: Line = []
    for number, (text, width) in enumerate(zip(texts, widths, strict=True)):
        if number:
            line.append((_GAP, None))
        line.append((f"{text:>{width}}", cells[number] if cells else None))
    return line


def _width(part: list[Line]) -> int:
    return sum(len(text) for text, _ in part[0]) if part else 0
