"""Mistakes in which an index depends on both axes: a flat number taken apart wrongly, only the flat index tested."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import lru_cache, partial
from typing import NamedTuple

import numpy as np

from conformance.diagnosis.models.index.formula import WINDOWED
from conformance.diagnosis.models.model import Given, Model
from conformance.diagnosis.models.tables import axes, run, unbounded
from harness.contract.protocol import Array
from harness.geometry.spec import ConvSpec

_Places = Callable[[ConvSpec], Array]  # (KH, KW, OH, OW) of row * W + column; H * W is outside
_ONE_ROW = np.zeros((1, 1), int)  # tables that nobody reads
_COUNTS = (16, 32, 64, 100, 128, 256, 512, 1000, 1024)
_OF_COUNTS = 1.5


class _Numbers(NamedTuple):
    """What a flat number of a tap or of a window is taken for: both (KH, KW, OH, OW) or what broadcasts to it."""

    u: Array
    v: Array
    p: Array
    q: Array


def _right(spec: ConvSpec) -> _Numbers:
    (kh, kw), (oh, ow) = spec.kernel_size, spec.output_size
    u, v = np.arange(kh)[:, None, None, None], np.arange(kw)[None, :, None, None]
    return _Numbers(u, v, np.arange(oh)[:, None], np.arange(ow))


def _pixels(spec: ConvSpec, n: _Numbers) -> Array:
    """Where tap (u, v) of window (p, q) lies."""
    (sh, sw), (dh, dw), (top, _, left, _) = spec.stride, spec.dilation, spec.padding
    return _inside(spec, n.p * sh + n.u * dh - top, n.q * sw + n.v * dw - left)


def _inside(spec: ConvSpec, row: Array, column: Array) -> Array:
    h, w = spec.input_size
    outside = (row < 0) | (row >= h) | (column < 0) | (column >= w)
    return np.broadcast_to(np.where(outside, h * w, row * w + column), (*spec.kernel_size, *spec.output_size))


def _windows_by_height(spec: ConvSpec) -> Array:
    n, (oh, ow) = _right(spec), spec.output_size
    flat = n.p * ow + n.q
    return _pixels(spec, n._replace(p=flat // oh, q=flat % oh))


def _windows_exchanged(spec: ConvSpec) -> Array:
    n, (_, ow) = _right(spec), spec.output_size
    flat = n.p * ow + n.q
    return _pixels(spec, n._replace(p=flat % ow, q=flat // ow))


def _windows_down(spec: ConvSpec) -> Array:
    n, (oh, ow) = _right(spec), spec.output_size
    flat = n.p * ow + n.q
    return _pixels(spec, n._replace(p=flat % oh, q=flat // oh))


def _taps_by_height(spec: ConvSpec) -> Array:
    n, (kh, kw) = _right(spec), spec.kernel_size
    flat = n.u * kw + n.v
    return _pixels(spec, n._replace(u=flat // kh, v=flat % kh))


def _taps_exchanged(spec: ConvSpec) -> Array:
    n, (_, kw) = _right(spec), spec.kernel_size
    flat = n.u * kw + n.v
    return _pixels(spec, n._replace(u=flat % kw, v=flat // kw))


def _taps_down(spec: ConvSpec) -> Array:
    n, (kh, kw) = _right(spec), spec.kernel_size
    flat = n.u * kw + n.v
    return _pixels(spec, n._replace(u=flat % kh, v=flat // kh))


def _taps_turned(spec: ConvSpec) -> Array:
    """The two numbers of a tap exchanged, each by the remainder so that it stays in the kernel."""
    n, (kh, kw) = _right(spec), spec.kernel_size
    return _pixels(spec, n._replace(u=n.v % kh, v=n.u % kw)) if kh != kw else _pixels(spec, n)


def _floor_after_multiplying(spec: ConvSpec) -> Array:
    n, (_, ow) = _right(spec), spec.output_size
    (sh, sw), (dh, dw), (top, _, left, _) = spec.stride, spec.dilation, spec.padding
    row = (n.p * ow + n.q) * sh // ow + n.u * dh - top
    return _inside(spec, row, n.q * sw + n.v * dw - left)


def _flat_bounds(spec: ConvSpec) -> Array:
    """A column outside of the image is one of the row before or after."""
    high, wide = axes(spec)
    at = unbounded(high)[:, None, :, None] * wide.size + unbounded(wide)[None, :, None, :]
    return np.where((at < 0) | (at >= high.size * wide.size), high.size * wide.size, at)


def _columns_unbounded(spec: ConvSpec) -> Array:
    """The same with the rows tested."""
    high, wide = axes(spec)
    row, at = unbounded(high)[:, None, :, None], _flat_bounds(spec)
    return np.where((row < 0) | (row >= high.size), high.size * wide.size, at)


def _height_as_width(spec: ConvSpec) -> Array:
    """row * H + column: the step from row to row is the height."""
    high, wide = axes(spec)
    row, column = unbounded(high)[:, None, :, None], unbounded(wide)[None, :, None, :]
    size = high.size * wide.size
    outside = (row < 0) | (row >= high.size) | (column < 0) | (column >= wide.size)
    return np.minimum(np.where(outside, size, row * high.size + column), size)


def _added_up(spec: ConvSpec) -> Array:
    """row and column exchanged: the pixel (column, row), where there is one."""
    high, wide = axes(spec)
    row, column = unbounded(high)[:, None, :, None], unbounded(wide)[None, :, None, :]
    return _inside(spec, np.asarray(column + 0 * row), np.asarray(row + 0 * column))


def _padded_up_to(count: int, in_blocks: bool, spec: ConvSpec) -> Array:
    """Of the padded pixels so many alone, or whole blocks of so many; the others are taken for padding."""
    high, wide = axes(spec)
    row, column = unbounded(high)[:, None, :, None], unbounded(wide)[None, :, None, :]
    (top, _, left, _), (ph, pw) = spec.padding, spec.padded_size
    last = ph * pw // count * count if in_blocks and ph * pw > count else count
    at = (row + top) * pw + column + left
    return np.where(at < last, _inside(spec, row, column), high.size * wide.size)


_WAYS: tuple[tuple[str, str, str, _Places, str], ...] = (
    ("windows by OH", "takes the number of a window apart by OH: p = l // OH, q = l % OH",
     "a row of windows has OW of them: p = l // OW, q = l % OW", _windows_by_height, "col2im-oh-ow-transposed"),
    ("windows exchanged", "exchanges quotient and remainder of a window's number: p = l % OW, q = l // OW",
     "p = l // OW is the output row, q = l % OW the output column", _windows_exchanged, "col2im-oh-ow-transposed"),
    ("windows down", "counts windows down the columns of the output: p = l % OH, q = l // OH",
     "windows run along the rows: p = l // OW, q = l % OW", _windows_down, "col2im-oh-ow-transposed"),
    ("taps by KH", "takes the number of a tap apart by KH: u = t // KH, v = t % KH",
     "a kernel row has KW taps: u = t // KW, v = t % KW", _taps_by_height, ""),
    ("taps exchanged", "exchanges quotient and remainder of a tap's number: u = t % KW, v = t // KW",
     "u = t // KW is the kernel row, v = t % KW the kernel column", _taps_exchanged, ""),
    ("taps down", "counts taps down the columns of the kernel: u = t % KH, v = t // KH",
     "taps run along the kernel rows: u = t // KW, v = t % KW", _taps_down, "im2col-patch-order-column-major"),
    ("taps turned", "exchanges KH and KW where it takes a flat number apart: (u, v) holds tap (v % KH, u % KW), unless "
     "the kernel is square", "divide by OW * KH where OW * KW stands, and the reverse: a kernel row has KW taps",
     _taps_turned, "ggml-org/llama.cpp PR #14789"),
    ("floor after multiplying", "multiplies by the stride before it rounds: row = floor(l / OW * stride)",
     "round first: row = (l // OW) * stride", _floor_after_multiplying, "col2im-floor-after-multiply"),
    ("flat bounds", "tests row * W + column alone: a column outside is one of the row before or after",
     "test row and column each: `0 <= row < H and 0 <= column < W`", _flat_bounds, ""),
    ("columns unbounded", "tests the row but not the column: a column outside is one of the row before or after",
     "test the column too: `0 <= column < W`", _columns_unbounded, ""),
    ("rows of H", "steps from row to row by H: row * H + column", "a row of the image has W pixels: row * W + column",
     _height_as_width, ""),
    ("row and column exchanged", "exchanges row and column of the pixel", "read `x[n, c, row, column]`", _added_up, ""),
)  # fmt: skip


@lru_cache(maxsize=4096)
def _kept(places: _Places, spec: ConvSpec) -> Array:
    return np.ascontiguousarray(places(spec))


def _gather(places: _Places, spec: ConvSpec, x: Array, rows: Array, columns: Array) -> Array:
    """(N, C, KH, KW, OH, OW)."""
    h, w = spec.input_size
    framed = np.zeros((*x.shape[:2], h * w + 1))
    framed[:, :, : h * w] = x.reshape(*x.shape[:2], h * w)
    taken: Array = framed[:, :, _kept(places, spec)]
    return taken


def _scatter(places: _Places, spec: ConvSpec, columns6: Array, rows: Array, columns: Array) -> Array:
    """(N, C, H, W)."""
    (n, c), (h, w), at = columns6.shape[:2], spec.input_size, _kept(places, spec)
    image = np.arange(n * c)[:, None] * (h * w + 1) + at.reshape(at.size)
    total = np.bincount(
        image.reshape(image.size), columns6.reshape(columns6.size), minlength=n * c * (h * w + 1)
    )  # of nothing, it is of whole numbers
    return np.ascontiguousarray(total.astype(float).reshape(n, c, h * w + 1)[:, :, : h * w].reshape(n, c, h, w))


def _gives(places: _Places, given: Given) -> Array:
    return run(given, _ONE_ROW, _ONE_ROW, partial(_scatter, places), partial(_gather, places))


def _models() -> Iterator[Model]:
    for number, (key, says, mend, places, seen) in enumerate(_WAYS):
        yield Model(f"flat/{key}", says, mend, WINDOWED, partial(_gives, places), 1.15 + number / 1000, seen)
    mend = "let buffer and loop be as long as the padded image"
    for count in _COUNTS:
        says = f"leaves out the padded pixels beyond the first {count}"
        places, cost = partial(_padded_up_to, count, False), _OF_COUNTS + count / 1e5
        yield Model(f"flat/beyond {count} padded pixels", says, mend, WINDOWED, partial(_gives, places), cost)
        says = f"does the padded image in blocks of {count} pixels and leaves the rest out"
        places = partial(_padded_up_to, count, True)
        yield Model(f"flat/rest of {count} padded pixels", says, mend, WINDOWED, partial(_gives, places), cost)


MODELS: tuple[Model, ...] = tuple(_models())
