"""One plane of a result as a picture: squares where it is wrong, dots where it is right; and planes of numbers.

Neighbours in a row are one dashed line, whose dashes are the squares: a plane of thousands of elements stays short.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import NamedTuple

from conformance.run.records import PlaneReport

_WIDTH = 280.0  # pixels, of the widest picture
_LOOKS = {"#": "wrong", "o": "read", "@": "one", "-": "padding"}  # classes of the page's style


@dataclass(frozen=True, slots=True)
class PlaneDrawing:
    """One plane of a result as two SVG paths, to be drawn with dashes of one unit."""

    width: int
    height: int
    scale: float
    wrong: str
    right: str
    label: str


def picture(rows: Sequence[str]) -> PlaneDrawing:
    """`#` in the rows is a wrong element, anything else a right one."""
    width, height = max(map(len, rows)), len(rows)
    wrong, right, bad = "", "", 0
    for i, row in enumerate(rows):
        j = 0
        for is_wrong, run in groupby(row, lambda mark: mark == "#"):
            length = len(list(run))
            if is_wrong:
                wrong, bad = f"{wrong}M{j} {i + 0.45:g}h{length - 0.1:g}", bad + length
            else:
                right = f"{right}M{j + 0.35:g} {i + 0.45:g}h{length - 0.8:g}"
            j += length
    scale = max(3.0, min(14.0, _WIDTH / max(width, 1)))
    label = f"{bad} of {sum(map(len, rows))} elements of this plane are wrong"
    return PlaneDrawing(width, height, scale, wrong, right, label)


class Run(NamedTuple):
    """Numbers of a row that are marked alike, as a text, and their class; "" for none."""

    text: str
    look: str


def written(plane: PlaneReport) -> list[list[Run]]:
    """A plane as rows of text in columns.

    >>> plane = PlaneReport(title="got", cells=[["1", "-2"], ["3", "4"]], marks=[".#", ".."])
    >>> written(plane)
    [[Run(text='  1 ', look=''), Run(text=' -2 ', look='wrong')], [Run(text='  3   4 ', look='')]]
    """
    width = 1 + max((len(text) for row in plane.cells for text in row), default=0)
    rows = []
    for texts, marks in zip(plane.cells, plane.marks, strict=True):
        pairs = groupby(zip(texts, marks, strict=True), lambda pair: pair[1])
        rows.append([Run("".join(f"{text:>{width}} " for text, _ in run), _LOOKS.get(mark, "")) for mark, run in pairs])
    return rows
