"""Convolution as im2col and cuBLAS, in strict precision: the columns of the whole batch, or of few images at a time.

The products are batched over images, so cuBLAS reads and writes columns (N, K, L) as they lie; CuPy copies an operand
that is transposed, so that is never the columns. What chunks buy is memory. Whether columns that fit
the cache also save time, against a few launches for every chunk, is for a card to say.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from harness import ConvSpec

from .contract import OnDevice

_MOST_SUMS_BYTES = 64 * 2**20  # weight gradients of single images that wait to be added


class Explicit(OnDevice):
    """The contract on one device; `chunk_bytes` bounds the columns that exist at once, None does not."""

    def __init__(self, device: Any, chunk_bytes: int | None = None) -> None:
        super().__init__(device)
        self._chunk_bytes = chunk_bytes

    def conv2d(self, x: Any, w: Any, b: Any | None, spec: ConvSpec) -> Any:
        """W (F/G x K) @ columns (K x L) -> y (F/G x L), for every image and group."""
        x, filters = self._device.array(x), _filters(self._device.array(w), spec)
        y = self._device.empty((x.shape[0], *spec.y_shape[1:]), x.dtype, "the result")
        for some in self._chunks(x, spec):
            columns = _by_group(self.im2col(x[some], spec), spec)
            self._device.matmul(filters, columns, _by_group(y[some], spec))
        if b is not None:
            y += self._device.array(b).reshape(-1, 1, 1)
        return y

    def conv2d_input_grad(self, dy: Any, w: Any, spec: ConvSpec) -> Any:
        """W' (K x F/G) @ dy (F/G x L) -> columns (K x L), for every image and group, then col2im."""
        dy, filters = self._device.array(dy), _filters(self._device.array(w), spec)
        dx = self._device.empty((dy.shape[0], *spec.x_shape[1:]), dy.dtype, "the input gradient")
        for some in self._chunks(dy, spec):
            slopes = _by_group(dy[some], spec)
            columns = self._device.empty((slopes.shape[0], *spec.columns_shape[1:]), dy.dtype, "the columns")
            self._device.matmul(filters.swapaxes(1, 2), slopes, _by_group(columns, spec))
            dx[some] = self.col2im(columns, spec)
        return dx

    def conv2d_weight_grad(self, dy: Any, x: Any, spec: ConvSpec) -> Any:
        """columns (K x L) @ dy' (L x F/G) -> dw' (K x F/G), for every image and group, added image by image."""
        dy, x = self._device.array(dy), self._device.array(x)
        dw = self._device.empty(spec.w_shape, dy.dtype, "the weight gradient")
        dw[...] = 0
        total = _filters(dw, spec)
        at_once = max(1, _MOST_SUMS_BYTES // dw.nbytes)
        for some in self._chunks(x, spec):
            slopes, columns = _by_group(dy[some], spec), _by_group(self.im2col(x[some], spec), spec)
            for start in range(0, slopes.shape[0], at_once):
                few = slice(start, start + at_once)
                turned = slopes[few].swapaxes(2, 3)
                shape = (turned.shape[0], spec.groups, columns.shape[2], turned.shape[3])
                sums = self._device.empty(shape, dw.dtype, "sums of images")
                self._device.matmul(columns[few], turned, sums)
                total += sums.sum(axis=0).swapaxes(1, 2)
        return dw

    def _chunks(self, images: Any, spec: ConvSpec) -> Iterator[slice]:
        """Images whose columns exist together."""
        count, (_, rows, positions) = images.shape[0], spec.columns_shape
        each = rows * positions * images.dtype.itemsize
        limit = None if self._chunk_bytes is None else min(self._chunk_bytes, self._device.available() // 2)
        step = max(count, 1) if limit is None else max(1, limit // each)
        return (slice(start, min(count, start + step)) for start in range(0, count, step))


def _by_group(a: Any, spec: ConvSpec) -> Any:
    """(N, G*rows, ..) -> (N, G, rows, L), a view."""
    return a.reshape(a.shape[0], spec.groups, a.shape[1] // spec.groups, spec.positions)


def _filters(w: Any, spec: ConvSpec) -> Any:
    """(F, C/G, KH, KW) -> (G, F/G, K), a view."""
    return w.reshape(spec.groups, spec.out_channels // spec.groups, spec.in_channels // spec.groups * spec.taps)
