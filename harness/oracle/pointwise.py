"""The first witness: the definition of every op at one output index, in plain Python on whole numbers and fractions.

Window starts are counted by walking the padded input, never computed from the output-size formula, so a mistake in
`ConvSpec.output_size` shows here. There is no fast path, and there must never be one. The gate asks it for single
elements of large results; `full` makes whole arrays, to compare the second witness with.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction
from typing import Protocol, SupportsInt

import numpy as np

from harness.contract.protocol import Array
from harness.geometry.spec import ConvSpec, Op, Shape


class Elements(Protocol):
    """An argument that is read one element at a time: an array, or one that is never made (`data.Lazy`)."""

    def __getitem__(self, index: int | tuple[int, ...], /) -> SupportsInt:
        """The element, a whole number in any type."""


def window_starts(size: int, before: int, after: int, reach: int, stride: int) -> list[int]:
    """First coordinate of every window of one axis, in input coordinates (negative inside the padding).

    >>> window_starts(size=4, before=1, after=0, reach=2, stride=2)
    [-1, 1]
    """
    starts, start = [], -before
    while start + reach <= size + after:
        starts.append(start)
        start += stride
    return starts


def at(op: Op, spec: ConvSpec, arguments: Sequence[Elements | None], index: tuple[int, ...]) -> int | Fraction:
    """The element of the result of `op` at `index`, for whole-number input; a fraction only where an average is one."""
    value = _AT[op](spec, index, *arguments)
    return int(value) if value.denominator == 1 else value


def full(op: Op, spec: ConvSpec, *arrays: Array | None) -> Array:
    """The whole result of `op`, element by element, as int64, or as float64 for an average."""
    shape = _result_shape(op, spec)
    result = np.zeros(shape, dtype=np.float64 if op.startswith("avg") else np.int64)
    for index in np.ndindex(*shape):
        value = at(op, spec, arrays, index)
        result[index] = value if isinstance(value, int) else float(value)
    return result


def _result_shape(op: Op, spec: ConvSpec) -> Shape:
    """Shape of the result with the window positions counted."""
    (top, bottom, left, right), (h, w) = spec.padding, spec.input_size
    oh = len(window_starts(h, top, bottom, spec.reach[0], spec.stride[0]))
    ow = len(window_starts(w, left, right, spec.reach[1], spec.stride[1]))
    if op == "im2col":
        return spec.batch, spec.in_channels * spec.kernel_size[0] * spec.kernel_size[1], oh * ow
    if op in ("max_pool2d", "avg_pool2d", "avg_pool2d_exclude_padding"):
        return spec.batch, spec.in_channels, oh, ow
    return (spec.batch, spec.out_channels, oh, ow) if op == "conv2d" else spec.output_shape(op)


def _inside(spec: ConvSpec, i: int, j: int) -> bool:
    return 0 <= i < spec.input_size[0] and 0 <= j < spec.input_size[1]


def _taps(spec: ConvSpec) -> Iterator[tuple[int, int]]:
    return ((u, v) for u in range(spec.kernel_size[0]) for v in range(spec.kernel_size[1]))


def _im2col_at(spec: ConvSpec, index: tuple[int, ...], x: Elements) -> int:
    n, row, position = index
    c, u, v = row // spec.taps, row % spec.taps // spec.kernel_size[1], row % spec.kernel_size[1]
    rows, cols = _starts(spec)
    p, q = divmod(position, len(cols))
    i, j = rows[p] + u * spec.dilation[0], cols[q] + v * spec.dilation[1]
    return int(x[n, c, i, j]) if _inside(spec, i, j) else 0


def _col2im_at(spec: ConvSpec, index: tuple[int, ...], columns: Elements) -> int:
    n, c, i, j = index
    rows, cols = _starts(spec)
    total = 0
    for p, u in _hits(rows, spec.kernel_size[0], spec.dilation[0], i):
        for q, v in _hits(cols, spec.kernel_size[1], spec.dilation[1], j):
            row = c * spec.taps + u * spec.kernel_size[1] + v
            total += int(columns[n, row, p * len(cols) + q])
    return total


def _conv2d_at(spec: ConvSpec, index: tuple[int, ...], x: Elements, w: Elements, b: Elements | None) -> int:
    n, f, p, q = index
    rows, cols = _starts(spec)
    top, left = rows[p], cols[q]
    total = 0 if b is None else int(b[f])
    for c in range(spec.in_channels // spec.groups):
        for u, v in _taps(spec):
            i, j = top + u * spec.dilation[0], left + v * spec.dilation[1]
            if _inside(spec, i, j):
                total += int(x[n, _first_channel(spec, f) + c, i, j]) * int(w[f, c, u, v])
    return total


def _input_grad_at(spec: ConvSpec, index: tuple[int, ...], dy: Elements, w: Elements) -> int:
    n, c, i, j = index
    channels, filters = spec.in_channels // spec.groups, spec.out_channels // spec.groups
    rows, cols = _starts(spec)
    total = 0
    for p, u in _hits(rows, spec.kernel_size[0], spec.dilation[0], i):
        for q, v in _hits(cols, spec.kernel_size[1], spec.dilation[1], j):
            for f in range(c // channels * filters, (c // channels + 1) * filters):
                total += int(dy[n, f, p, q]) * int(w[f, c % channels, u, v])
    return total


def _weight_grad_at(spec: ConvSpec, index: tuple[int, ...], dy: Elements, x: Elements) -> int:
    f, c, u, v = index
    rows, cols = _starts(spec)
    total = 0
    for n in range(spec.batch):
        for p, top in enumerate(rows):
            for q, left in enumerate(cols):
                i, j = top + u * spec.dilation[0], left + v * spec.dilation[1]
                if _inside(spec, i, j):
                    total += int(dy[n, f, p, q]) * int(x[n, _first_channel(spec, f) + c, i, j])
    return total


def _bias_grad_at(spec: ConvSpec, index: tuple[int, ...], dy: Elements) -> int:
    rows, cols = _starts(spec)
    return sum(
        int(dy[n, index[0], p, q]) for n in range(spec.batch) for p in range(len(rows)) for q in range(len(cols))
    )


def _max_pool_at(spec: ConvSpec, index: tuple[int, ...], x: Elements) -> int:
    n, c, p, q = index
    return max(int(x[n, c, i, j]) for i, j in _pixels(spec, p, q))


def _max_pool_grad_at(spec: ConvSpec, index: tuple[int, ...], dy: Elements, x: Elements) -> int:
    n, c, i, j = index
    total = 0
    for p, q in _windows_on(spec, i, j):
        pixels = _pixels(spec, p, q)
        values = [int(x[n, c, row, col]) for row, col in pixels]
        if pixels[values.index(max(values))] == (i, j):  # the first of those that are equal
            total += int(dy[n, c, p, q])
    return total


def _avg_pool_at(spec: ConvSpec, index: tuple[int, ...], x: Elements) -> Fraction:
    return Fraction(_window_sum(spec, index, x), spec.kernel_size[0] * spec.kernel_size[1])


def _avg_pool_grad_at(spec: ConvSpec, index: tuple[int, ...], dy: Elements) -> Fraction:
    n, c, i, j = index
    taps = spec.kernel_size[0] * spec.kernel_size[1]
    return sum((Fraction(int(dy[n, c, p, q]), taps) for p, q in _windows_on(spec, i, j)), Fraction(0))


def _avg_pool_exclude_at(spec: ConvSpec, index: tuple[int, ...], x: Elements) -> Fraction:
    return Fraction(_window_sum(spec, index, x), len(_pixels(spec, *index[2:])))


def _avg_pool_exclude_grad_at(spec: ConvSpec, index: tuple[int, ...], dy: Elements) -> Fraction:
    n, c, i, j = index
    shares = (Fraction(int(dy[n, c, p, q]), len(_pixels(spec, p, q))) for p, q in _windows_on(spec, i, j))
    return sum(shares, Fraction(0))


def _window_sum(spec: ConvSpec, index: tuple[int, ...], x: Elements) -> int:
    n, c, p, q = index
    return sum(int(x[n, c, i, j]) for i, j in _pixels(spec, p, q))


def _pixels(spec: ConvSpec, p: int, q: int) -> list[tuple[int, int]]:
    """What the window (p, q) sees of the image, in row-major order."""
    rows, cols = _starts(spec)
    places = ((rows[p] + u * spec.dilation[0], cols[q] + v * spec.dilation[1]) for u, v in _taps(spec))
    return [(i, j) for i, j in places if _inside(spec, i, j)]


def _windows_on(spec: ConvSpec, i: int, j: int) -> list[tuple[int, int]]:
    """The windows that see the pixel (i, j)."""
    rows, cols = _starts(spec)
    down, across = (
        _hits(starts, spec.kernel_size[axis], spec.dilation[axis], place)
        for axis, (starts, place) in enumerate(((rows, i), (cols, j)))
    )
    return [(p, q) for p, _ in down for q, _ in across]


def _starts(spec: ConvSpec) -> tuple[list[int], list[int]]:
    (h, w), (top, bottom, left, right) = spec.input_size, spec.padding
    (rh, rw), (sh, sw) = spec.reach, spec.stride
    return window_starts(h, top, bottom, rh, sh), window_starts(w, left, right, rw, sw)


def _hits(starts: list[int], taps: int, dilation: int, coordinate: int) -> list[tuple[int, int]]:
    """(window, tap) pairs of one axis that read the input at `coordinate`."""
    return [(p, u) for p, start in enumerate(starts) for u in range(taps) if start + u * dilation == coordinate]


def _first_channel(spec: ConvSpec, f: int) -> int:
    """First input channel that filter f sees."""
    return f // (spec.out_channels // spec.groups) * (spec.in_channels // spec.groups)


_AT: dict[Op, Callable[..., int | Fraction]] = {
    "im2col": _im2col_at,
    "col2im": _col2im_at,
    "conv2d": _conv2d_at,
    "conv2d_input_grad": _input_grad_at,
    "conv2d_weight_grad": _weight_grad_at,
    "conv2d_bias_grad": _bias_grad_at,
    "max_pool2d": _max_pool_at,
    "max_pool2d_grad": _max_pool_grad_at,
    "avg_pool2d": _avg_pool_at,
    "avg_pool2d_grad": _avg_pool_grad_at,
    "avg_pool2d_exclude_padding": _avg_pool_exclude_at,
    "avg_pool2d_exclude_padding_grad": _avg_pool_exclude_grad_at,
}
