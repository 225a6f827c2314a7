"""im2col: the matrix of the columns, in any of the layouts that are found, and the window on its way to fill it."""

from __future__ import annotations

import numpy as np

from harness.contract.columns_layouts import COLUMNS_LAYOUTS
from harness.contract.protocol import Array
from harness.explain.document import PADDING, Cell, Film, Frame, Grid, Section, grid
from harness.explain.windows import extent, image, is_inside, padded_grid, pixel, tap_name
from harness.geometry.spec import ConvSpec
from harness.oracle import by_taps

_MOST_FRAMES = 64


def values(spec: ConvSpec) -> Array:
    """(N, C*KH*KW, L): the columns of the image 1, 2, 3 and so on."""
    return by_taps.run("im2col", spec, image(spec), accumulate=np.int64)


def matrix(spec: ConvSpec, layout: str, most: int) -> Section:
    """The columns in a layout, with what stands in every row and column of it."""
    form = COLUMNS_LAYOUTS[layout]
    drawn, caption = _named_grid(spec, layout, most), f"layout {layout}: {form.form} = {form.shape(spec)}"
    of_one = " Drawn is the first image." if len(form.shape(spec)) == 3 and spec.batch > 1 else ""
    return Section(
        "im2col: every window becomes a column" if layout != "rows" else "im2col: every window becomes a row",
        [
            f"{caption}.{of_one} u, v is the tap, l the position"
            + _letters(spec)
            + "."
            + (" Shaded zeros are padding." if any(spec.padding) else ""),
            drawn,
        ],
    )


def _letters(spec: ConvSpec) -> str:
    said = [text for text, many in (("c the channel", spec.in_channels > 1), ("n the image", spec.batch > 1)) if many]
    return "".join(f", {text}" for text in said)


def _named_grid(spec: ConvSpec, layout: str, most: int) -> Grid:
    """The matrix (of the first image, where the layout has an axis of images) with a name for each row and column."""
    columns, (n, rows, positions) = values(spec), spec.columns_shape
    convert = COLUMNS_LAYOUTS[layout].from_batched
    pads = np.tile(
        [[not is_inside(spec, *pixel(spec, row % spec.taps, l)) for l in range(positions)] for row in range(rows)],
        (n, 1, 1),
    )
    # Which row and which window an entry is of: one of the two is the same along a line of the matrix, and names it.
    row = np.broadcast_to(np.arange(rows)[:, None], columns.shape)
    window = np.broadcast_to(np.arange(n * positions).reshape(n, 1, positions), columns.shape)
    shown, padded, row, window = (_first(convert(a, spec)) for a in (columns, pads, row, window))
    upright = layout == "rows"
    across, down = (row[0], window[:, 0]) if upright else (window[0], row[:, 0])
    name_across, name_down = (_row, _window) if upright else (_window, _row)
    return grid(
        (shown.shape[0], shown.shape[1]),
        lambda i, j: Cell(str(shown[i, j]), PADDING if padded[i, j] else ""), most,
        head=lambda j: name_across(spec, int(across[j])), row_head=lambda i: name_down(spec, int(down[i])),
    )  # fmt: skip


def _first(a: Array) -> Array:
    first: Array = a[0] if a.ndim == 3 else a
    return first


def _row(spec: ConvSpec, row: int) -> str:
    return (f"c{row // spec.taps} " if spec.in_channels > 1 else "") + tap_name(spec, row % spec.taps)


def _window(spec: ConvSpec, window: int) -> str:
    n, l = divmod(window, spec.positions)
    return (f"n{n} " if spec.batch > 1 else "") + f"l{l}"


def film(spec: ConvSpec, most: int) -> Film:
    """The window at one position after the other, over the first channel of the first image."""
    x, columns, ow = image(spec)[0, 0], values(spec)[0], spec.output_size[1]
    count = min(spec.positions, most, _MOST_FRAMES)

    def cell(row: int, l: int) -> Cell:
        inside = is_inside(spec, *pixel(spec, row % spec.taps, l))
        return Cell(str(columns[row, l]), "" if inside else PADDING)

    def column(l: int) -> Grid:
        return grid(
            (columns.shape[0], 1), lambda row, _: cell(row, l), most,
            head=lambda _: f"l{l}", row_head=lambda row: _row(spec, row),
        )  # fmt: skip

    frames = [
        Frame(
            f"l{l}: p {l // ow}, q {l % ow}; {extent(spec, l)}",
            padded_grid(spec, x, most, l=l),
            column(l),
        )
        for l in range(count)
    ]
    whole = grid(
        (columns.shape[0], spec.positions), cell, min(most, _MOST_FRAMES), head=lambda l: f"l{l}",
        row_head=lambda row: _row(spec, row), caption="The columns of the first image",
    )  # fmt: skip
    note = f"The first {count} of {spec.positions:,} positions." if count < spec.positions else ""
    return Film(frames, whole, note)
