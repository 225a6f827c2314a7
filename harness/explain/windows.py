"""Where the windows lie: which pixel each tap reads, where each pixel goes, and how many windows cover it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

import numpy as np

from harness.contract.protocol import Array
from harness.explain.document import PADDING, WINDOW, Cell, Grid, Section, Table, grid, rows_of
from harness.geometry.spec import ConvSpec
from harness.geometry.windows import place
from harness.oracle import by_taps

_TERMS = 9  # of a sum that is written out


def image(spec: ConvSpec) -> Array:
    """x (N, C, H, W): every pixel another number, 1, 2, 3 and so on."""
    return np.arange(1, np.prod(spec.x_shape) + 1).reshape(spec.x_shape)


def tap_name(spec: ConvSpec, tap: int) -> str:
    """The u and v of a tap; taps are numbered as the rows of the columns are."""
    return "u{} v{}".format(*divmod(tap, spec.kernel_size[1]))


def pixel(spec: ConvSpec, tap: int, l: int) -> tuple[int, int]:
    """(i, j) that a tap reads at position l; outside the image lies padding."""
    (u, v), (p, q) = divmod(tap, spec.kernel_size[1]), divmod(l, spec.output_size[1])
    return place(spec, 0, u, p), place(spec, 1, v, q)


def is_inside(spec: ConvSpec, i: int, j: int) -> bool:
    """Whether there is such a pixel."""
    return 0 <= i < spec.input_size[0] and 0 <= j < spec.input_size[1]


def extent(spec: ConvSpec, l: int) -> str:
    """The rows and columns that the window at a position lies on, in words."""
    (i, j), (i_last, j_last) = pixel(spec, 0, l), pixel(spec, spec.taps - 1, l)
    return f"rows {i} to {i_last}, columns {j} to {j_last}"


def padded_grid(spec: ConvSpec, values: Array, most: int, caption: str = "", l: int | None = None) -> Grid:
    """A channel (H, W) within its padding, drawn as zeros; the taps of the window at position l are marked."""
    (top, _, left, _), seen = spec.padding, set()
    if l is not None:
        seen = {pixel(spec, tap, l) for tap in range(spec.taps)}

    def cell(i: int, j: int) -> Cell:
        i, j = i - top, j - left
        inside = is_inside(spec, i, j)
        text = str(values[i, j]) if inside else "0"
        return Cell(text, WINDOW if (i, j) in seen else "" if inside else PADDING)

    return grid(spec.padded_size, cell, most, caption=caption)


def pictures(spec: ConvSpec, most: int) -> list[Section]:
    """All that can be said of where the windows lie, of the first image and channel."""
    return [_image(spec, most), _positions(spec, most), _goes(spec, most), _covered(spec, most)]


def _image(spec: ConvSpec, most: int) -> Section:
    x = image(spec)
    around = "" if not any(spec.padding) else " The zeros around it are padding."
    more = "" if x.shape[:2] == (1, 1) else " The first channel of the first image; the others look the same."
    return Section(
        "The image", [f"Every pixel has a number of its own.{more}{around}", padded_grid(spec, x[0, 0], most)]
    )


def _positions(spec: ConvSpec, most: int) -> Section:
    """The windows, and the index table: which pixel every tap reads at every position."""
    ow = spec.output_size[1]
    rows = [[str(l), f"{l // ow}, {l % ow}", extent(spec, l)] for l in range(spec.positions)]
    shown, note = rows_of(rows, most, "positions")

    def cell(l: int, tap: int) -> Cell:
        i, j = pixel(spec, tap, l)
        return Cell(f"{i},{j}") if is_inside(spec, i, j) else Cell("-", PADDING)

    index = grid(
        (spec.positions, spec.taps), cell, most,
        caption="Which pixel i,j every tap u,v reads; a line is one window, which becomes one column",
        head=lambda tap: tap_name(spec, tap), row_head=lambda l: f"l{l}",
    )  # fmt: skip
    outside = [] if not any(spec.padding) else ["Rows and columns below 0 or beyond the last pixel are padding."]
    return Section(
        "Where the windows are",
        [
            "The window goes along the rows, from the left to the right; position l is p, q of the output.",
            Table(("l", "p, q", "lies on"), shown), *note, *outside, index,
        ],
    )  # fmt: skip


def _sources(spec: ConvSpec) -> dict[tuple[int, int], list[tuple[int, int]]]:
    """For every pixel that is read, the (row, position) of the columns that hold it; of one channel, row is the tap."""
    found: defaultdict[tuple[int, int], list[tuple[int, int]]] = defaultdict(list)
    for l in range(spec.positions):
        for tap in range(spec.taps):
            found[pixel(spec, tap, l)].append((tap, l))
    return found


def _goes(spec: ConvSpec, most: int) -> Section:
    sources = _sources(spec)

    def lines() -> Iterator[list[str]]:
        for i in range(spec.input_size[0]):
            for j in range(spec.input_size[1]):
                there = sources.get((i, j), [])
                terms = [f"columns[{row},{l}]" for row, l in there[:_TERMS]] + [".."] * (len(there) > _TERMS)
                yield [f"{i},{j}", str(len(there)), f"dx[{i},{j}] = {' + '.join(terms) or '0'}"]

    rows, note = rows_of(list(lines()), most, "pixels")
    return Section(
        "Where each pixel goes",
        [
            "im2col copies a pixel to these places, [row, position]; col2im adds up what stands there.",
            Table(("pixel", "copies", "col2im"), rows), *note,
        ],
    )  # fmt: skip


def counts(spec: ConvSpec) -> Array:
    """(H, W): how many windows cover each pixel, counted by folding ones."""
    one = ConvSpec(
        batch=1, in_channels=1, input_size=spec.input_size, out_channels=1, kernel_size=spec.kernel_size,
        stride=spec.stride, padding=spec.padding, dilation=spec.dilation,
    )  # fmt: skip
    found: Array = by_taps.run("col2im", one, np.ones(one.columns_shape, np.int64), accumulate=np.int64)[0, 0]
    return found


def _covered(spec: ConvSpec, most: int) -> Section:
    found = counts(spec)
    largest = max(1, int(found.max()))
    unseen = int((found == 0).sum())
    said = "Every pixel is seen." if not unseen else f"{unseen} of {found.size} pixels are seen by no window."
    picture = grid(
        spec.input_size, lambda i, j: Cell(str(found[i, j]), heat=float(found[i, j]) / largest), most
    )  # fmt: skip
    return Section(
        "How many windows cover each pixel",
        [
            f"The counts: col2im(im2col(x)) = counts * x; why, and when to divide, is told below. From "
            f"{found.min()} to {found.max()}. {said}",
            picture,
        ],
    )
