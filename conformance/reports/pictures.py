"""One plane of a result as a picture: squares where it is wrong, dots where it is right.

Neighbours in a row are one dashed line, whose dashes are the squares: a plane of thousands of elements stays short.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

_WIDTH = 280.0  # pixels, of the widest picture


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
