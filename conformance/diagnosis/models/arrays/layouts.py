"""The layouts that people really write, in words: other orders of axes are told by their letters."""

from __future__ import annotations

from typing import NamedTuple

from conformance.diagnosis.models.arrays.opened import Kind

Order = tuple[int, ...]


class Layout(NamedTuple):
    """A layout in words that follow "returns" and "hold", what to change about a result, and where it was seen."""

    words: str
    mend: str
    seen: str = ""
    cost: float = 1.2


_MIXED = "im2col-batch-vs-spatial-columns"
_FLATTENED = "dx-weight-matrix-order"
_FORTRAN = "layout-fortran-order"
_TO_FRONT = "move the axis of images to the front before the result is returned: `.transpose({})`"

_COLUMNS: dict[Order, Layout] = {
    (0, 1, 3, 2, 4, 5): Layout(
        "each window column by column (c, kw, kh) instead of row by row (c, kh, kw)",
        "transpose to (N, C, KH, KW, OH, OW) before the reshape: the kernel's rows are outside, its columns inside",
        "im2col-patch-order-column-major",
        1.1,
    ),
    (0, 2, 3, 1, 4, 5): Layout(
        "the rows of the columns with the channels last (kh, kw, c) instead of first (c, kh, kw)",
        "transpose to (N, C, KH, KW, OH, OW) before the reshape: channels are the outermost of a row's three numbers",
        "im2col-patch-order-channels-last",
        1.1,
    ),
    (0, 3, 2, 1, 4, 5): Layout(
        "the rows of the columns in the order (kw, kh, c) instead of (c, kh, kw)",
        "transpose to (N, C, KH, KW, OH, OW) before the reshape: the order of a row's numbers is (c, kh, kw)",
        "im2col-patch-order-channels-last",
    ),
    (0, 1, 2, 3, 5, 4): Layout(
        "the positions column by column (ow, oh) instead of row by row (oh, ow)",
        "position l is oh * OW + ow: let the loop over output rows be the outer one",
        "col2im-oh-ow-transposed",
        1.1,
    ),
    (0, 4, 5, 1, 2, 3): Layout(
        "(N, L, rows), a window in each row, in the shape of (N, rows, L)",
        "transpose the last two axes, `.transpose(0, 2, 1)`: a window is a column",
        "im2col-orientation-transposed",
    ),
    (0, 5, 4, 1, 2, 3): Layout(
        "(N, L, rows) with the positions column by column in the shape of (N, rows, L)",
        "transpose to (N, C, KH, KW, OH, OW) before the reshape",
    ),
    (1, 2, 3, 0, 4, 5): Layout(
        "(rows, N, L) in the shape of (N, rows, L)",
        _TO_FRONT.format("1, 0, 2"),
        _MIXED,
    ),
    (1, 2, 3, 4, 5, 0): Layout(
        "(rows, L, N), images innermost as in CS231n, in the shape of (N, rows, L)",
        _TO_FRONT.format("2, 0, 1"),
        _MIXED,
    ),
    (4, 5, 0, 1, 2, 3): Layout(
        "(L, N, rows), a window in each row, in the shape of (N, rows, L)",
        "transpose to (N, rows, L), `.transpose(1, 2, 0)`, before the result is returned",
        _MIXED,
        1.3,
    ),
    (4, 5, 1, 2, 3, 0): Layout(
        "(N, rows, L) in Fortran order",
        "reshape in C order: drop `order='F'`",
        _FORTRAN,
        1.3,
    ),
    (5, 4, 3, 2, 1, 0): Layout(
        "all six axes (n, c, kh, kw, oh, ow) in Fortran order",
        "reshape in C order: drop `order='F'`",
        _FORTRAN,
        1.3,
    ),
    (0, 1, 3, 2, 5, 4): Layout(
        "windows and positions column by column, (c, kw, kh) and (ow, oh)",
        "transpose to (N, C, KH, KW, OH, OW) before the reshape: rows are outside, columns inside",
        "im2col-patch-order-column-major",
        1.3,
    ),
}


def _plane(one: str, high: str, wide: str) -> dict[Order, Layout]:
    """Of an array (N, C, H, W) with these letters."""
    right = f"(N, {one}, {high}, {wide})"
    front = f"`.transpose({{}})` to {right} before the result is returned"
    return {
        (0, 2, 3, 1): Layout(
            f"channels last (N, {high}, {wide}, {one}) in the shape of {right}",
            front.format("0, 3, 1, 2"),
            "tracel-ai/cubek #682",
        ),
        (0, 3, 1, 2): Layout(
            f"(N, {wide}, {one}, {high}) in the shape of {right}", front.format("0, 2, 3, 1"), cost=1.4
        ),
        (1, 0, 2, 3): Layout(
            f"({one}, N, {high}, {wide}) in the shape of {right} (with N = 1 nothing shows)",
            front.format("1, 0, 2, 3"),
            "conv-output-reshaped-without-transpose",
            1.1,
        ),
        (1, 2, 3, 0): Layout(
            f"({one}, {high}, {wide}, N), images innermost, in the shape of {right}",
            front.format("3, 0, 1, 2"),
            _MIXED,
        ),
        (2, 3, 0, 1): Layout(
            f"({high}, {wide}, N, {one}) in the shape of {right}", front.format("2, 3, 0, 1"), _MIXED, 1.3
        ),
        (0, 1, 3, 2): Layout(
            f"each plane column by column ({wide}, {high}) instead of row by row ({high}, {wide})",
            "swap the last two axes: rows are outside, columns inside",
            cost=1.1,
        ),
        (3, 2, 1, 0): Layout(
            f"{right} in Fortran order",
            "reshape in C order: drop `order='F'`",
            _FORTRAN,
            1.3,
        ),
    }


_KERNEL: dict[Order, Layout] = {
    (0, 1, 3, 2): Layout(
        "each kernel transposed, column by column (kw, kh) instead of row by row (kh, kw)",
        "keep the kernel's rows outside and its columns inside: (F, C/G, KH, KW)",
        _FLATTENED,
        1.1,
    ),
    (0, 2, 3, 1): Layout(
        "each filter with its channels last (F, KH, KW, C/G) in the shape of (F, C/G, KH, KW)",
        "transpose to (F, C/G, KH, KW): `.transpose(0, 3, 1, 2)`",
        "im2col-patch-order-channels-last",
    ),
    (1, 0, 2, 3): Layout(
        "channels before filters (C/G, F, KH, KW) in the shape of (F, C/G, KH, KW)",
        "swap the first two axes, `.transpose(1, 0, 2, 3)`: filters come first",
    ),
    (2, 3, 1, 0): Layout(
        "(KH, KW, C/G, F), as TensorFlow has it, in the shape of (F, C/G, KH, KW)",
        "transpose to (F, C/G, KH, KW): `.transpose(3, 2, 0, 1)`",
    ),
    (1, 2, 3, 0): Layout(
        "the matrix (C/G*KH*KW, F) in the shape of (F, C/G, KH, KW)",
        "transpose the matrix before it is reshaped: a filter is a row of it",
        _FLATTENED,
    ),
    (3, 2, 1, 0): Layout(
        "(F, C/G, KH, KW) in Fortran order",
        "flatten weights in C order forward and backward: drop `order='F'`",
        _FLATTENED,
        1.3,
    ),
    (0, 3, 2, 1): Layout(
        "each filter in Fortran order (kw, kh, c) instead of (c, kh, kw)",
        "flatten each filter in C order: (c, kh, kw)",
        _FLATTENED,
        1.3,
    ),
}

LAYOUTS: dict[Kind, dict[Order, Layout]] = {
    "columns": _COLUMNS,
    "image": _plane("C", "H", "W"),
    "kernel": _KERNEL,
    "output": _plane("F", "OH", "OW"),
    "bias": {},
}
