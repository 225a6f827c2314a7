"""The six ops by tables of indices, so that a mistake in a formula is a changed table.

A table (K, O) of one axis says which row (or column) of the image tap u of window p reads: p * stride + u * dilation -
padding. What lies outside the image is the index `size`, where a row of zeros is.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import numpy as np

from conformance.diagnosis.models.model import Given
from harness.contract.protocol import Array
from harness.geometry.spec import ConvSpec

Fold = Callable[[ConvSpec, Array, Array, Array], Array]  # columns (N, C, KH, KW, OH, OW) and both tables to an image
Unfold = Callable[[ConvSpec, Array, Array, Array], Array]  # an image and both tables to columns
_MOST_KEPT = 512  # right results


@dataclass(frozen=True, slots=True)
class Axis:
    """What a convolution is along one axis."""

    size: int
    kernel: int
    output: int
    stride: int
    dilation: int
    before: int  # padding: top or left
    after: int  # padding: bottom or right


@lru_cache(maxsize=8192)
def axes(spec: ConvSpec) -> tuple[Axis, Axis]:
    """Of the height and of the width."""
    t, b, l, r = spec.padding
    pads = ((t, b), (l, r))
    high, wide = (
        Axis(
            spec.input_size[k], spec.kernel_size[k], spec.output_size[k], spec.stride[k], spec.dilation[k], *pads[k]
        )
        for k in (0, 1)
    )  # fmt: skip
    return high, wide


def unbounded(axis: Axis, **changed: int) -> Array:
    """(K, O): where each tap of each window reads, padding as negative or too large indices."""
    a = replace(axis, **changed) if changed else axis
    return np.arange(a.kernel)[:, None] * a.dilation + np.arange(a.output) * a.stride - a.before


def bounded(where: Array, size: int) -> Array:
    """With everything outside of the image at the index `size`."""
    return np.where((where < 0) | (where >= size), size, where)


def table(axis: Axis, **changed: int) -> Array:
    """(K, O) of one axis; of `changed` stride, dilation or padding, for a mistake."""
    return bounded(unbounded(axis, **changed), axis.size)


def gather(spec: ConvSpec, x: Array, rows: Array, columns: Array) -> Array:
    """(N, C, KH, KW, OH, OW) that the tables read from x (N, C, H, W)."""
    h, w = spec.input_size
    framed = np.zeros((*x.shape[:2], h + 1, w + 1))
    framed[:, :, :h, :w] = x
    taken: Array = framed[:, :, rows[:, None, :, None], columns[None, :, None, :]]
    return taken


def scatter(spec: ConvSpec, columns6: Array, rows: Array, columns: Array) -> Array:
    """(N, C, H, W): everything added where the tables say; what falls outside is dropped."""
    return scattered(columns6, rows, columns, spec.input_size)


def scattered(columns6: Array, rows: Array, columns: Array, size: tuple[int, int]) -> Array:
    """The same into images of any size. Counted with weights: many times faster than `np.add.at`."""
    (n, c, *_), (h, w) = columns6.shape, size
    pixels = (h + 1) * (w + 1)
    at = rows[:, None, :, None] * (w + 1) + columns[None, :, None, :]
    places = np.arange(n * c)[:, None] * pixels + at.reshape(at.size)
    total = np.bincount(places.reshape(places.size), columns6.reshape(columns6.size), minlength=n * c * pixels)
    framed = total.reshape(n, c, h + 1, w + 1).astype(np.float64, copy=False)  # of nothing it would be whole numbers
    return np.ascontiguousarray(framed[:, :, :h, :w])


def run(
    given: Given, rows: Array | None = None, columns: Array | None = None, fold: Fold = scatter, unfold: Unfold = gather
) -> Array:
    """The result of the op by these tables (None: the right ones), where windows meet put together by `fold`."""
    op, spec, arrays = given
    if op == "conv2d_bias_grad":
        assert arrays[0] is not None
        return np.asarray(arrays[0].sum((0, 2, 3)))
    if rows is None or columns is None:
        high, wide = axes(spec)
        rows = table(high) if rows is None else rows
        columns = table(wide) if columns is None else columns
    a: list[Any] = list(arrays)
    n, f, g = spec.batch, spec.out_channels, spec.groups
    depth, filters = spec.in_channels // g * spec.taps, f // g
    opened = (n, spec.in_channels, *spec.kernel_size, *spec.output_size)
    if op == "im2col":
        return unfold(spec, a[0], rows, columns).reshape(spec.columns_shape)
    if op == "col2im":
        return fold(spec, a[0].reshape(opened), rows, columns)
    if op == "conv2d":
        seen = unfold(spec, a[0], rows, columns).reshape(n, g, depth, spec.positions)
        y: Array = (a[1].reshape(g, filters, depth) @ seen).reshape(spec.y_shape)
        return y if a[2] is None else np.asarray(y + a[2][:, None, None])
    if op == "conv2d_input_grad":
        spread = a[1].reshape(g, filters, depth).swapaxes(1, 2) @ a[0].reshape(n, g, filters, spec.positions)
        return fold(spec, spread.reshape(opened), rows, columns)
    seen = unfold(spec, a[1], rows, columns).reshape(n, g, depth, spec.positions)
    dw = a[0].reshape(n, g, filters, spec.positions) @ seen.swapaxes(2, 3)
    return np.asarray(dw.sum(0).reshape(spec.w_shape))


_kept: dict[int, tuple[Given, Array]] = {}


def right(given: Given) -> Array:
    """The right result, kept for as long as this very call is asked about: nobody may write into it."""
    found = _kept.get(id(given))
    if found is not None and found[0] is given:
        return found[1]
    result = run(given)
    result.flags.writeable = False
    if len(_kept) >= _MOST_KEPT:
        _kept.clear()
    _kept[id(given)] = given, result
    return result
