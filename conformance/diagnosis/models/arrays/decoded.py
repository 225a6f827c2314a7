"""One number for several taken apart with a wrong divisor: a tap, a position, a row (c, kh, kw) of the columns.

`r // (KH * KH)` for `r // (KH * KW)` is right for square kernels, and reads taps that do not exist for others.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import NamedTuple

import numpy as np

from conformance.diagnosis.models.arrays.opened import right
from conformance.diagnosis.models.model import Given, Model
from harness.contract.protocol import Array
from harness.geometry.spec import ConvSpec, Op

_At = tuple[Array, Array, Array]
_OPS: tuple[Op, ...] = ("im2col", "col2im", "conv2d", "conv2d_input_grad", "conv2d_weight_grad")


class Rows(NamedTuple):
    """(C*KH*KW,) each: what the rows of the columns stand for."""

    channel: Array
    u: Array
    v: Array


class Starts(NamedTuple):
    """(L,) each: the row and the column of the padded image at which the window of a position starts."""

    row: Array
    column: Array


def rows(spec: ConvSpec) -> Rows:
    """The right ones."""
    r = np.arange(spec.in_channels * spec.taps)
    kw = spec.kernel_size[1]
    return Rows(r // spec.taps, r % spec.taps // kw, r % kw)


def starts(spec: ConvSpec) -> Starts:
    """The right ones."""
    l = np.arange(spec.positions)
    return _starts_of(spec, l // spec.output_size[1], l % spec.output_size[1])


def by_numbers(of_rows: Callable[[ConvSpec], Rows], of_starts: Callable[[ConvSpec], Starts], given: Given) -> Array:
    """The op where rows and positions stand for these taps and windows; what does not exist is 0, or dropped."""
    op, spec, arrays = given
    if any(a is not None and not a.size for a in arrays):
        return right(given)
    at = _where(spec, of_rows(spec), of_starts(spec))
    n, g, l = spec.batch, spec.groups, spec.positions
    filters, depth = spec.out_channels // g, spec.in_channels // g * spec.taps
    first, second = arrays[0], arrays[1] if len(arrays) > 1 else None
    assert first is not None
    if op == "im2col":
        return _gathered(first, at)
    if op == "col2im":
        return _added(spec, first, at)
    assert second is not None
    if op == "conv2d":
        y = second.reshape(g, filters, depth) @ _gathered(first, at).reshape(n, g, depth, l)
        b = arrays[2]
        return y.reshape(spec.y_shape) if b is None else np.asarray(y.reshape(spec.y_shape) + b[:, None, None])
    dy = first.reshape(n, g, filters, l)
    if op == "conv2d_input_grad":
        return _added(spec, second.reshape(g, filters, depth).swapaxes(1, 2) @ dy, at)
    dw = dy @ _gathered(second, at).reshape(n, g, depth, l).swapaxes(2, 3)
    return np.asarray(dw.sum(0).reshape(spec.w_shape))


def models() -> Iterator[Model]:
    """All of them: of taps, of rows, of positions."""
    for name, says, mend, of, seen in _ROWS:
        yield Model(f"decoded/{name}", says, mend, _OPS, partial(by_numbers, of, starts), 1.4, seen)
    for name, says, mend, where, seen in _STARTS:
        yield Model(f"decoded/{name}", says, mend, _OPS, partial(by_numbers, rows, where), 1.4, seen)


def _where(spec: ConvSpec, r: Rows, s: Starts) -> _At:
    """(rows, L): channel, row and column of every element, those that are not there behind the last."""
    (h, w), (dh, dw), (top, _, left, _) = spec.input_size, spec.dilation, spec.padding
    i = r.u[:, None] * dh + s.row[None, :] - top
    j = r.v[:, None] * dw + s.column[None, :] - left
    c = np.minimum(r.channel, spec.in_channels)[:, None]
    outside = (i < 0) | (i >= h) | (j < 0) | (j >= w)
    return np.broadcast_to(c, i.shape), np.where(outside, h, i), np.where(outside, w, j)


def _gathered(x: Array, at: _At) -> Array:
    """(N, C*KH*KW, L)."""
    n, c, h, w = x.shape
    framed = np.zeros((n, c + 1, h + 1, w + 1))
    framed[:, :c, :h, :w] = x
    return np.asarray(framed[:, at[0], at[1], at[2]])


def _added(spec: ConvSpec, columns: Array, at: _At) -> Array:
    """(N, C, H, W)."""
    n, c, h, w = spec.x_shape
    framed = np.zeros((c + 1, h + 1, w + 1, n))
    np.add.at(framed, at, columns.reshape(n, -1, spec.positions).transpose(1, 2, 0))
    return np.ascontiguousarray(framed[:c, :h, :w].transpose(3, 0, 1, 2))


def _starts_of(spec: ConvSpec, p: Array, q: Array) -> Starts:
    return Starts(p * spec.stride[0], q * spec.stride[1])


def _tap(row_by: int, column_by: int, spec: ConvSpec) -> Rows:
    """Tap t taken for row t // KH or KW, column t % KH or KW: 0 stands for KH."""
    right_rows = rows(spec)
    t = np.arange(spec.in_channels * spec.taps) % spec.taps
    return Rows(right_rows.channel, t // spec.kernel_size[row_by], t % spec.kernel_size[column_by])


def _channel(squared: int, spec: ConvSpec) -> Rows:
    """Row r taken for channel r // (K * K)."""
    r, k = np.arange(spec.in_channels * spec.taps), spec.kernel_size[squared]
    return Rows(r // (k * k), r % (k * k) // k, r % k)


def _crossed(spec: ConvSpec) -> Rows:
    """Tap (u, v) reads tap (v, u), each modulo the kernel's size."""
    right_rows, (kh, kw) = rows(spec), spec.kernel_size
    return Rows(right_rows.channel, right_rows.v % kh, right_rows.u % kw)


def _position(row_by: int, column_by: int, spec: ConvSpec) -> Starts:
    """Position l taken for row l // OH or OW, column l % OH or OW: 0 stands for OH."""
    l = np.arange(spec.positions)
    return _starts_of(spec, l // spec.output_size[row_by], l % spec.output_size[column_by])


def _of_pixels(spec: ConvSpec) -> Starts:
    l, w = np.arange(spec.positions), spec.input_size[1]
    return _starts_of(spec, l // w, l % w)


def _multiplied_first(spec: ConvSpec) -> Starts:
    l, ow = np.arange(spec.positions), spec.output_size[1]
    return Starts(l * spec.stride[0] // ow, starts(spec).column)


_TAP = "tap t of a window is row t // KW, column t % KW"
_ROW = "row r of the columns is channel r // (KH * KW), kernel row r % (KH * KW) // KW, kernel column r % KW"
_POSITION = "position l is output row l // OW, output column l % OW"
_LLAMA = "ggml-org/llama.cpp PR #14789"
_ROWS: tuple[tuple[str, str, str, Callable[[ConvSpec], Rows], str], ...] = (
    ("tap by KH", "takes tap t of a window for row t // KH, column t % KH", _TAP, partial(_tap, 0, 0), _LLAMA),
    ("tap row by KH", "takes tap t of a window for row t // KH, column t % KW", _TAP, partial(_tap, 0, 1), _LLAMA),
    ("tap column by KH", "takes tap t of a window for row t // KW, column t % KH", _TAP, partial(_tap, 1, 0), _LLAMA),
    ("taps crossed", "reads tap (v % KH, u % KW) in place of tap (u, v)", _TAP, _crossed, _LLAMA),
    ("channel by KH * KH", "counts KH * KH rows of the columns for each channel", _ROW, partial(_channel, 0), ""),
    ("channel by KW * KW", "counts KW * KW rows of the columns for each channel", _ROW, partial(_channel, 1), ""),
)
_STARTS: tuple[tuple[str, str, str, Callable[[ConvSpec], Starts], str], ...] = (
    ("position by OH", "takes position l for row l // OH, column l % OH", _POSITION, partial(_position, 0, 0), ""),
    ("position row by OH", "takes position l for row l // OH, column l % OW", _POSITION, partial(_position, 0, 1), ""),
    (
        "position column by OH",
        "takes position l for row l // OW, column l % OH",
        _POSITION,
        partial(_position, 1, 0),
        "",
    ),
    ("position by W", "takes position l for row l // W, column l % W", _POSITION, _of_pixels, ""),
    (
        "start multiplied first",
        "starts the window of position l at row l * stride // OW: rows slide down where the stride is above 1",
        "divide first, then multiply: l // OW * stride",
        _multiplied_first,
        "L. Araujo dos Santos, Artificial Intelligence (book) (MATLAB)",
    ),
)
