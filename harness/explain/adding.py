"""col2im, one column after the other: how the windows are added up, and why that does not give the image back."""

from __future__ import annotations

import numpy as np

from harness.contract.protocol import Array
from harness.explain.columns import values
from harness.explain.document import EMPTY, WINDOW, Beside, Block, Cell, Grid, Section, grid
from harness.explain.windows import counts, image, pixel
from harness.geometry.spec import ConvSpec
from harness.oracle import by_taps

_NARROW = 8  # columns of a padded image, three of which fit beside each other

_WHY = (
    "A pixel that many windows cover was copied into as many columns, and col2im adds every copy: so col2im(im2col(x)) "
    "is counts * x and not x. col2im is not the inverse of im2col but its adjoint (the transpose): for any x and "
    "columns c, the sum of im2col(x) * c is the sum of x * col2im(c)."
)
_WHAT_FOR = (
    "It is there for backpropagation. The columns then hold gradients, W' @ dy (W transposed), each window's own "
    "share, and the gradient of a pixel is the sum of all shares: with W and dy all ones and one filter, dx is exactly "
    "the counts. Do not divide it by them."
)
_WHEN_TO_DIVIDE = (
    "Divide by the counts to get x back from its own columns, or to average patches that were changed where they "
    "overlap. A pixel whose count is 0 is in no column, and cannot be got back."
)
_CUT = "At the end the padding is cut off; gradients that lie there are dropped:"


def steps(spec: ConvSpec, most: int) -> Section:
    """The sum of the first channel of the first image, written out; then the whole of it, and what it says."""
    columns = values(spec)
    count = min(spec.positions, most // 2 + 1)
    blocks: list[Block] = [
        "The columns are those of the image above. An image of zeros is made, padding and all, and every column is "
        "added to it, as the window that it was. - is where a window does not lie."
    ]
    total = np.zeros(spec.padded_size, np.int64)
    blocks.append(_grid(total, set(), most, "start with zeros"))
    for l in range(count):
        before, added = total.copy(), np.zeros_like(total)
        window = _window(spec, l)
        for tap, place in enumerate(window):
            added[place] += columns[0, tap, l]
        total += added
        said, marked = f"add col {l}", set(window)
        if spec.padded_size[1] <= _NARROW:
            terms = [_grid(before, set(), most), _patch(added, marked, most), _grid(total, marked, most)]
            blocks.append(Beside(terms, ["+", "="], said))
        else:
            blocks.append(_grid(total, marked, most, said))
    if count < spec.positions:
        blocks.append(f"And so on: {spec.positions - count:,} more columns.")
    result = by_taps.run("col2im", spec, columns, accumulate=np.int64)[0, 0]
    x, times = image(spec)[0, 0], counts(spec)
    blocks += [
        _CUT if any(spec.padding) else "There is no padding to be cut off:",
        _grid(result, set(), most, "col2im(im2col(x))"),
        Beside([_grid(times, set(), most), _grid(x, set(), most), _grid(times * x, set(), most)], ["*", "="],
               "the same: counts * x"),
    ]  # fmt: skip
    return Section("col2im: every column is added", blocks)


def why(spec: ConvSpec, most: int) -> Section:
    """What the sum says: why it is not the image, what it is for, and when to divide."""
    x, times = image(spec)[0, 0], counts(spec)
    seen = np.where(times > 0, x, 0)
    divided = [_grid(times * x, set(), most), _grid(times, set(), most), _grid(seen, set(), most)]
    blocks: list[Block] = [_WHY, _WHAT_FOR, _WHEN_TO_DIVIDE, Beside(divided, ["/", "="], "col2im(im2col(x)) / counts")]
    return Section("Why col2im(im2col(x)) is not x, and when to divide", blocks)


def _window(spec: ConvSpec, l: int) -> list[tuple[int, int]]:
    """Rows and columns of the padded image under each tap, in the order of the taps."""
    top, left = spec.padding[0], spec.padding[2]
    return [(i + top, j + left) for i, j in (pixel(spec, tap, l) for tap in range(spec.taps))]


def _grid(a: Array, marked: set[tuple[int, int]], most: int, caption: str = "") -> Grid:
    return grid(
        (a.shape[0], a.shape[1]), lambda i, j: Cell(str(a[i, j]), WINDOW if (i, j) in marked else ""), most,
        caption=caption,
    )  # fmt: skip


def _patch(a: Array, there: set[tuple[int, int]], most: int) -> Grid:
    return grid(
        (a.shape[0], a.shape[1]),
        lambda i, j: Cell(str(a[i, j]), WINDOW) if (i, j) in there else Cell("-", EMPTY), most,
    )  # fmt: skip
