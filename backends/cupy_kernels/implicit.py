"""Convolution and its gradients as implicit GEMM: the columns exist in shared memory only, one tile at a time.

With `tf32`, tensor cores multiply operands rounded to TF32; without, the products are in the precision of the data.
Nothing here is added atomically: a sum that is cut into splits is put together in a fixed order, so every run gives the
same bits.
"""

from __future__ import annotations

import itertools
from math import ceil
from typing import Any

import numpy as np

from harness import BackendUnavailable, ConvSpec, Op

from .columns import MOST_INDEX, divisor, largest_index
from .contract import OnDevice
from .lowered import Lowered, covers_all, forward, input_grad, table, windows
from .source import build
from .tiles import COLUMNS, DEPTH, MOST_PIXELS, STAGES, THREADS, rows_of, shared_bytes, splits_of

_MOST_TABLES = 256
_OLDEST = 80  # compute capability, in tenths: asynchronous copies and TF32


class Implicit(OnDevice):
    """The contract on one device."""

    def __init__(self, device: Any, tf32: bool) -> None:
        if device.capability < _OLDEST:
            raise BackendUnavailable(f"{device.name} has compute capability {device.capability / 10}, 8.0 is needed")
        super().__init__(device)
        self._tf32 = tf32
        self.numerics = "tf32" if tf32 else "gemm"
        self._tables: dict[tuple[int, Lowered], tuple[Any, Any]] = {}
        self._calls = itertools.count(1)
        self._flags: dict[int, Any] = {}

    def unsupported(self, op: Op, spec: ConvSpec, dtype: str) -> str | None:
        """float32 (and float64 where precision is strict) on every geometry with sides below 2^29."""
        if self._tf32 and dtype == "float64":
            return "TF32 is a mode of float32; cupy_implicit takes float64"
        is_product = op in ("conv2d", "conv2d_input_grad", "conv2d_weight_grad")
        if is_product and largest_index(spec) >= MOST_INDEX:
            return "a side or an output plane of 2^29 or more"
        return super().unsupported(op, spec, dtype)

    def conv2d(self, x: Any, w: Any, b: Any | None, spec: ConvSpec) -> Any:
        """W (F/G x K) @ columns (K x N*L) -> y (F/G x N*L), per group."""
        x, w = self._device.array(x), self._device.array(w)
        y = self._device.empty((x.shape[0], *spec.y_shape[1:]), x.dtype, "the result")
        self._multiply(forward(spec), x, w, None if b is None else self._device.array(b), y, may_split=True)
        return y

    def conv2d_input_grad(self, dy: Any, w: Any, spec: ConvSpec) -> Any:
        """W' (C/G x F/G*taps) @ columns of dy -> dx (C/G x pixels), per group and set of pixels that share taps."""
        dy, w = self._device.array(dy), self._device.array(w)
        dx = self._device.empty((dy.shape[0], *spec.x_shape[1:]), dy.dtype, "the input gradient")
        parts = input_grad(spec)
        is_all = covers_all(parts)
        if not is_all:
            dx[...] = 0
        call = next(self._calls)
        for part in parts:
            self._multiply(part, dy, w, None, dx, may_split=is_all and len(parts) == 1, call=call)
        (sh, sw), (top, _, left, _), filters = spec.stride, spec.padding, spec.out_channels // spec.groups
        if dx.size:
            self._device.launch(
                build("nonfinite_input_grad", dy.dtype.name), 2 * self._device.processors, THREADS,
                self._flag(), np.int64(call), dy, w, dx, *_wides(dx.size),
                *_ints(spec.groups, spec.in_channels // spec.groups, filters, *spec.input_size, *spec.output_size),
                *_ints(*spec.kernel_size, sh, sw, top, left, *spec.dilation),
            )  # fmt: skip
        return dx

    def conv2d_weight_grad(self, dy: Any, x: Any, spec: ConvSpec) -> Any:
        """dy (F/G x N*L) @ columns' (N*L x K) -> dw (F/G x K), per group."""
        dy, x = self._device.array(dy), self._device.array(x)
        dw = self._device.empty(spec.w_shape, dy.dtype, "the weight gradient")
        part, dtype, images = forward(spec), dy.dtype.name, dy.shape[0]
        if not images:
            dw[...] = 0
            return dw
        height = rows_of(part.rows, dtype)
        across, down = ceil(part.terms / COLUMNS), ceil(part.rows / height)
        launches = _launches(images, part)
        tiles = [ceil((end - start) * part.positions / DEPTH[dtype]) for start, end in launches]
        blocks, nbytes = across * down * part.groups, dw.nbytes * len(launches)
        _, share = splits_of(blocks, tiles[0], self._device.processors, nbytes)
        splits = [ceil(count / share) for count in tiles]
        sums = self._sums(dw, sum(splits))
        kernel = build("conv2d_weight_grad", dtype, BM=height, STAGES=STAGES, **self._mode(part))
        for number, (start, end) in enumerate(launches):
            self._device.launch(
                kernel, blocks * splits[number], THREADS, dy[start:end], x[start:end],
                sums[sum(splits[:number]) * dw.size :], *self._tables_of(part),
                *_ints(across, down, splits[number], tiles[number], share),
                *_pixels(part, (end - start) * part.positions), *_source(part), *_ints(part.rows, part.terms),
                *_wides(part.y.image, dw.size), shared=shared_bytes(height, dtype),
            )  # fmt: skip
        return self._summed(sums, dw)

    def _mode(self, part: Lowered | None = None) -> dict[str, int]:
        return ({"TF32": 1} if self._tf32 else {}) | ({"LARGE": 1} if part and part.is_large else {})

    def _multiply(
        self, part: Lowered, x: Any, w: Any, bias: Any | None, y: Any, may_split: bool, call: int = 0
    ) -> None:
        """The part's positions of y = filters @ columns of x, plus the bias."""
        dtype, images = x.dtype.name, x.shape[0]
        if not images:
            return
        height, launches = rows_of(part.rows, dtype), _launches(images, part)
        tiles, down = ceil(part.terms / DEPTH[dtype]), ceil(part.rows / height)
        filters = self._filters(part, w, tiles * DEPTH[dtype], down * height, call)
        splits, share = 1, tiles
        if may_split:
            blocks = ceil(launches[0][1] * part.positions / COLUMNS) * down * part.groups
            splits, share = splits_of(blocks, tiles, self._device.processors, y.nbytes)
        sums = self._sums(y, splits)
        in_packs = part.is_pointwise and part.positions % (16 // x.dtype.itemsize) == 0
        mode = {**self._mode(), "POINTWISE": 1} if in_packs else self._mode(part)
        kernel = build("conv2d", dtype, BM=height, STAGES=STAGES, **mode)
        for start, end in launches:
            pixels = (end - start) * part.positions
            across = ceil(pixels / COLUMNS)
            self._device.launch(
                kernel, across * down * splits * part.groups, THREADS, x[start:end], filters,
                filters if bias is None else bias, sums[part.y.first + start * part.y.image :],
                *self._tables_of(part),
                *_ints(bias is not None, part.has_wide_rows, across, down, splits, tiles, share),
                *_pixels(part, pixels), *_source(part), *_ints(part.rows, down * height, part.terms),
                *_wides(part.y.image, part.y.group, part.y.filter, part.y.row, part.y.column, y.size),
                shared=shared_bytes(height, dtype),
            )  # fmt: skip
        self._summed(sums, y)

    def _filters(self, part: Lowered, w: Any, terms: int, rows: int, call: int) -> Any:
        """w as the left operand (G, K, M), padded to whole tiles; a `call` above 0 is flagged if not all is finite."""
        packed = self._device.empty((part.groups, terms, rows), w.dtype, "packed filters")
        self._device.launch(
            build("pack_filters", w.dtype.name, **self._mode()), ceil(packed.size / 4 / THREADS), THREADS,
            w.reshape(w.size)[part.w.first :], packed, self._flag(), *_wides(call, packed.size // 4),
            *_ints(part.rows, rows, part.terms, terms, len(part.down), len(part.across)),
            *_wides(part.w.group, part.w.row, part.w.channel, part.w.down, part.w.across),
        )  # fmt: skip
        return packed

    def _flag(self) -> Any:
        """A number on the current device: the last call whose filters were not all finite."""
        ordinal = self._device.ordinal()
        if ordinal not in self._flags:
            flag = self._device.xp.zeros(1, np.uint64)
            self._device.settle()  # another stream may be the next to use it
            self._flags[ordinal] = flag
        return self._flags[ordinal]

    def _sums(self, total: Any, splits: int) -> Any:
        """Where the splits of a result go, one after the other; the result itself if there is one."""
        if splits == 1:
            return total.reshape(total.size)
        return self._device.empty((splits * total.size,), total.dtype, "sums of splits")

    def _summed(self, sums: Any, total: Any) -> Any:
        """The splits added in their order; nothing to do if there is one."""
        splits = sums.size // total.size
        if splits > 1:
            kernel = build("sum_splits", total.dtype.name)
            self._device.launch(kernel, ceil(total.size / 256), 256, sums, total, *_ints(splits), *_wides(total.size))
        return total

    def _tables_of(self, part: Lowered) -> tuple[Any, Any]:
        """The tables of taps and windows on the device, kept for the geometries in use."""
        key = (self._device.ordinal(), part)
        if key not in self._tables:
            made = self._device.from_numpy(table(part)), self._device.from_numpy(windows(part))
            self._device.settle()  # another stream may be the next to read them, or still read those that go
            if len(self._tables) >= _MOST_TABLES:
                self._tables.clear()
            self._tables[key] = made
            return made
        return self._tables[key]


def _launches(images: int, part: Lowered) -> list[tuple[int, int]]:
    """The images of every launch, from and to: as many as have pixels that one launch can count."""
    most = max(1, MOST_PIXELS // part.positions)
    return [(start, min(images, start + most)) for start in range(0, images, most)]


def _pixels(part: Lowered, pixels: int) -> list[Any]:
    """How the kernels find a pixel's image and position."""
    rows, width = part.grid
    return [np.int32(pixels), np.int32(part.positions), divisor(part.positions), np.int32(width), divisor(width),
            *_ints(rows, *part.stride)]  # fmt: skip


def _source(part: Lowered) -> list[Any]:
    """Where the source's pixels lie."""
    (h, w), channels = part.size, part.channels
    return [*_ints(h, w), *_wides(part.groups * channels * h * w, channels * h * w)]


def _ints(*values: int) -> list[Any]:
    return [np.int32(value) for value in values]


def _wides(*values: int) -> list[Any]:
    return [np.int64(value) for value in values]
