"""An explanation as one HTML page that loads nothing: sections, and a slider that moves the window over the image.

Without scripts the positions of the window stand beside each other as a strip of frames; the script hides all but one.
"""

from __future__ import annotations

from html import escape
from importlib.resources import files

from harness.explain.document import Beside, Block, Cell, Document, Film, Frame, Grid, Section, Table


def render(document: Document) -> str:
    """The whole page."""
    film = _film(document.film) if document.film else ""
    sections = "\n".join(_section(section) for section in document.sections)
    style = _file("harness.report.web", "style.css") + _file("harness.explain.web", "page.css")
    script = f"<script>\n{_file('harness.explain.web', 'page.js')}</script>\n" if film else ""
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(document.title)}: im2col-harness</title>\n<style>\n{style}</style>\n</head>\n<body>\n"
        f"<h1>{escape(document.title)}</h1>\n<main>\n{film}{sections}\n</main>\n{script}</body>\n</html>\n"
    )


def _file(package: str, name: str) -> str:
    return files(package).joinpath(name).read_text(encoding="utf-8")


def _film(film: Film) -> str:
    """The strip of frames, the slider (which only the script shows) and the columns that the frames fill."""
    frames = "\n".join(_frame(number, frame) for number, frame in enumerate(film.frames))
    note = f'<p class="note">{escape(film.note)}</p>\n' if film.note else ""
    last = len(film.frames) - 1
    return (
        '<section id="film">\n<h2>The window on its way</h2>\n'
        '<p>The marked pixels are the window; they become one column of the matrix below.</p>\n'
        '<p id="slide" hidden><label>position '
        f'<input id="position" type="range" min="0" max="{last}" value="0"></label></p>\n'
        f'<div class="strip">\n{frames}\n</div>\n{note}<div id="columns">{_grid(film.columns)}</div>\n</section>\n'
    )  # fmt: skip


def _frame(number: int, frame: Frame) -> str:
    return (
        f'<figure class="frame" id="frame-{number}"><figcaption>{escape(frame.title)}</figcaption>'
        f'<div class="beside">{_grid(frame.image)}<span class="sign">&rarr;</span>{_grid(frame.column)}</div></figure>'
    )


def _section(section: Section) -> str:
    blocks = "\n".join(_block(block) for block in section.blocks)
    return f"<section>\n<h2>{escape(section.title)}</h2>\n{blocks}\n</section>"


def _block(block: Block) -> str:
    if isinstance(block, str):
        return f"<p>{escape(block)}</p>"
    if isinstance(block, Table):
        head = "".join(f"<th>{escape(name)}</th>" for name in block.header)
        rows = "".join(f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in row)}</tr>\n" for row in block.rows)
        return f'<div class="scroll"><table><thead><tr>{head}</tr></thead>\n<tbody>\n{rows}</tbody></table></div>'
    if isinstance(block, Beside):
        return _beside(block)
    return _grid(block)


def _beside(block: Beside) -> str:
    parts = [_grid(block.grids[0])]
    for sign, one in zip(block.signs, block.grids[1:], strict=True):
        parts += [f'<span class="sign">{escape(sign)}</span>', _grid(one)]
    caption = f"<figcaption>{escape(block.caption)}</figcaption>" if block.caption else ""
    return f'<figure>{caption}<div class="beside">{"".join(parts)}</div></figure>'


def _grid(found: Grid) -> str:
    """A table of numbers; its caption above it."""
    corner = "<th></th>" if found.row_heads else ""
    heads = "".join(f"<th>{escape(name)}</th>" for name in found.heads)
    top = f"<thead><tr>{corner}{heads}</tr></thead>" if found.heads else ""
    lines = []
    for number, row in enumerate(found.rows):
        name = f"<th>{escape(found.row_heads[number])}</th>" if found.row_heads else ""
        lines.append(f"<tr>{name}{''.join(map(_cell, row))}</tr>")
    caption = f"<caption>{escape(found.caption)}</caption>" if found.caption else ""
    return f'<table class="grid">{caption}{top}<tbody>{"".join(lines)}</tbody></table>'


def _cell(cell: Cell) -> str:
    look = f' class="{cell.mark}"' if cell.mark else f' class="heat{round(4 * cell.heat)}"' if cell.heat else ""
    return f"<td{look}>{escape(cell.text)}</td>"
