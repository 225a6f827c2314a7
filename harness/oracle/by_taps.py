"""The second witness: whole arrays by shift-and-add over kernel taps, and not an im2col anywhere.

One tap (u, v) of every window is one strided view of the padded input; each op reads or writes KH*KW such views. This
is what the conformance suite expects of a backend. It is proven equal to the first witness, `harness.oracle.pointwise`,
on every small geometry (`harness/tests/oracle/test_oracles.py`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import DTypeLike

from harness.contract.protocol import Array
from harness.geometry.spec import ConvSpec, Op


def run(op: Op, spec: ConvSpec, *arrays: Array | None, accumulate: DTypeLike = np.float64) -> Array:
    """The result of `op`, with every sum formed in `accumulate` (float64, longdouble or int64)."""
    wide = [None if a is None else a.astype(accumulate) for a in arrays]
    return _RUN[op](spec, *wide)


def absolute(op: Op, spec: ConvSpec, *arrays: Array | None) -> Array:
    """The same sums over absolute values: S of the error bound."""
    if op == "max_pool2d":  # no sum, but one of the pixels
        return np.abs(run(op, spec, *arrays))
    return run(op, spec, *with_terms(op, arrays, lambda a: np.abs(a.astype(np.float64))))


def term_count(op: Op, spec: ConvSpec, *arrays: Array | None) -> Array:
    """How many terms are summed into each element, bias included, padding excluded; to divide counts as one more."""
    if op == "max_pool2d":
        return np.ones(spec.output_shape(op))
    ones = with_terms(op, arrays, lambda a: np.ones(a.shape))
    if op in _SUMMED:
        return _SUMMED[op](spec, *ones) + 1
    return run(op, spec, *ones)


def with_terms(op: Op, arrays: Sequence[Array | None], change: Callable[[Array], Array]) -> list[Array | None]:
    """The arguments with a change in those that sums are made of: x of max_pool2d_grad only says where dy goes."""
    kept = 1 if op == "max_pool2d_grad" else len(arrays)
    return [a if a is None or n >= kept else change(a) for n, a in enumerate(arrays)]


def _pad(spec: ConvSpec, x: Array, value: float = 0) -> Array:
    (top, _, left, _), (h, w) = spec.padding, spec.input_size
    padded = np.full((*x.shape[:2], *spec.padded_size), value, x.dtype)
    padded[:, :, top : top + h, left : left + w] = x
    return padded


def _crop(spec: ConvSpec, padded: Array) -> Array:
    (top, _, left, _), (h, w) = spec.padding, spec.input_size
    return np.ascontiguousarray(padded[:, :, top : top + h, left : left + w])


def _views(spec: ConvSpec, padded: Array) -> Iterator[tuple[int, int, Array]]:
    """(u, v, the input element under that tap for every window): views of shape (N, C, OH, OW)."""
    (oh, ow), (sh, sw), (dh, dw) = spec.output_size, spec.stride, spec.dilation
    for u in range(spec.kernel_size[0]):
        for v in range(spec.kernel_size[1]):
            rows, cols = u * dh, v * dw
            yield u, v, padded[:, :, rows : rows + (oh - 1) * sh + 1 : sh, cols : cols + (ow - 1) * sw + 1 : sw]


def _grouped(spec: ConvSpec, a: Array, axis: int) -> Array:
    """A view with the groups as an axis of their own: (.., C, ..) -> (.., G, C/G, ..)."""
    return a.reshape(*a.shape[:axis], spec.groups, a.shape[axis] // spec.groups, *a.shape[axis + 1 :])


def _im2col(spec: ConvSpec, x: Array) -> Array:
    columns = np.zeros((spec.batch, spec.in_channels, *spec.kernel_size, *spec.output_size), x.dtype)
    for u, v, view in _views(spec, _pad(spec, x)):
        columns[:, :, u, v] = view
    return columns.reshape(spec.columns_shape)


def _col2im(spec: ConvSpec, columns: Array) -> Array:
    padded = np.zeros((spec.batch, spec.in_channels, *spec.padded_size), columns.dtype)
    taps = columns.reshape(spec.batch, spec.in_channels, *spec.kernel_size, *spec.output_size)
    for u, v, view in _views(spec, padded):
        view += taps[:, :, u, v]
    return _crop(spec, padded)


def _conv2d(spec: ConvSpec, x: Array, w: Array, b: Array | None) -> Array:
    y, w = np.zeros(spec.y_shape, x.dtype), _grouped(spec, w, 0)
    into = _grouped(spec, y, 1)
    for u, v, view in _views(spec, _pad(spec, x)):
        into += np.einsum("ngcpq,gfc->ngfpq", _grouped(spec, view, 1), w[..., u, v])
    return y if b is None else y + b[:, None, None]


def _input_grad(spec: ConvSpec, dy: Array, w: Array) -> Array:
    padded = np.zeros((spec.batch, spec.in_channels, *spec.padded_size), dy.dtype)
    dy, w = _grouped(spec, dy, 1), _grouped(spec, w, 0)
    for u, v, view in _views(spec, padded):
        view += np.einsum("ngfpq,gfc->ngcpq", dy, w[..., u, v]).reshape(view.shape)
    return _crop(spec, padded)


def _weight_grad(spec: ConvSpec, dy: Array, x: Array) -> Array:
    dw, dy = np.zeros(spec.w_shape, dy.dtype), _grouped(spec, dy, 1)
    into = _grouped(spec, dw, 0)
    for u, v, view in _views(spec, _pad(spec, x)):
        into[..., u, v] = np.einsum("ngfpq,ngcpq->gfc", dy, _grouped(spec, view, 1))
    return dw


def _bias_grad(spec: ConvSpec, dy: Array) -> Array:
    total: Array = dy.sum(axis=(0, 2, 3))
    return total


def _max_pool(spec: ConvSpec, x: Array) -> Array:
    """Padding is below every pixel; np.maximum keeps a NaN."""
    least = np.iinfo(x.dtype).min if x.dtype.kind == "i" else -np.inf
    y = np.full(spec.pooled_shape, least, x.dtype)
    for _, _, view in _views(spec, _pad(spec, x, least)):
        np.maximum(y, view, out=y)
    return y


def _max_pool_grad(spec: ConvSpec, dy: Array, x: Array) -> Array:
    """Taps come in row-major order, so the first pixel that is the largest stays the winner."""
    inside = _pad(spec, np.ones(x.shape, np.bool_), 0)
    best, winner = np.zeros(spec.pooled_shape, x.dtype), np.full(spec.pooled_shape, -1)
    pairs = zip(_views(spec, _pad(spec, x)), _views(spec, inside), strict=True)
    for number, ((_, _, view), (_, _, is_pixel)) in enumerate(pairs):
        wins = is_pixel & ((winner < 0) | (view > best) | (np.isnan(view) & ~np.isnan(best)))
        best, winner = np.where(wins, view, best), np.where(wins, number, winner)
    padded = np.zeros((spec.batch, spec.in_channels, *spec.padded_size), dy.dtype)
    for number, (_, _, view) in enumerate(_views(spec, padded)):
        view += np.where(winner == number, dy, 0)
    return _crop(spec, padded)


def _window_sums(spec: ConvSpec, x: Array) -> Array:
    y = np.zeros(spec.pooled_shape, x.dtype)
    for _, _, view in _views(spec, _pad(spec, x)):
        y += view
    return y


def _spread(spec: ConvSpec, dy: Array) -> Array:
    """The adjoint of `_window_sums`: every pixel of a window gets its dy."""
    padded = np.zeros((spec.batch, spec.in_channels, *spec.padded_size), dy.dtype)
    for _, _, view in _views(spec, padded):
        view += dy
    return _crop(spec, padded)


def _pixels(spec: ConvSpec, like: Array) -> Array:
    """(1, 1, OH, OW): how many taps of each window lie on a pixel."""
    plane = replace(spec, batch=1, in_channels=1, out_channels=1, groups=1)
    return _window_sums(plane, np.ones(plane.x_shape, like.dtype))


_SUMMED: dict[Op, Callable[..., Array]] = {
    "avg_pool2d": _window_sums,
    "avg_pool2d_grad": _spread,
    "avg_pool2d_exclude_padding": _window_sums,
    "avg_pool2d_exclude_padding_grad": _spread,
}
_RUN: dict[Op, Callable[..., Array]] = {
    "im2col": _im2col,
    "col2im": _col2im,
    "conv2d": _conv2d,
    "conv2d_input_grad": _input_grad,
    "conv2d_weight_grad": _weight_grad,
    "conv2d_bias_grad": _bias_grad,
    "max_pool2d": _max_pool,
    "max_pool2d_grad": _max_pool_grad,
    "avg_pool2d": lambda spec, x: _window_sums(spec, x) / spec.taps,
    "avg_pool2d_grad": lambda spec, dy: _spread(spec, dy) / spec.taps,
    "avg_pool2d_exclude_padding": lambda spec, x: _window_sums(spec, x) / _pixels(spec, x),
    "avg_pool2d_exclude_padding_grad": lambda spec, dy: _spread(spec, dy / _pixels(spec, dy)),
}
