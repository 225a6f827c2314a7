"""Convolution and its gradients as implicit GEMM: the columns exist in shared memory only, one tile at a time.

With `tf32`, tensor cores multiply operands rounded to TF32; without, the products are in the precision of the data.
Surprising fact: nothing here is added atomically. A sum that is cut into splits is put together in a fixed order, so
every run gives the same bits.
"""

from __future__ import annotations

from math import ceil
from typing import Any

import numpy as np

from harness import ConvSpec, Op

from .columns import MOST_INDEX, divisor
from .contract import OnDevice
from .lowered import Lowered, covers_all, forward, input_grad, table, windows
from .source import build

THREADS, TILE_COLUMNS = 128, 128  # as in tile.cuh
STAGES = 3  # of tiles in shared memory: one is multiplied, two are on their way
_DEPTH = {"float32": 16, "float64": 8}
TILE_ROWS = {"float32": (32, 64, 128), "float64": (32, 64)}
_BLOCKS_A_PROCESSOR = 2  # that run at once, so fewer leave some idle
_FEWEST_TILES = 4  # of a split; shorter ones are all start and end
_MOST_SPLIT_BYTES = 64 * 2**20
_MOST_PIXELS = 2**31 - 1024
_MOST_TABLES = 256


class Implicit(OnDevice):
    """The contract on one device."""

    def __init__(self, device: Any, tf32: bool) -> None:
        super().__init__(device)
        self._tf32 = tf32
        self.numerics = "tf32" if tf32 else "gemm"
        self._tables: dict[Lowered, tuple[Any, Any]] = {}

    def unsupported(self, op: Op, spec: ConvSpec, dtype: str) -> str | None:
        """float32 (and float64 where precision is strict) on every geometry with sides below 2^29."""
        if self._tf32 and dtype == "float64":
            return "TF32 is a mode of float32; cupy_implicit takes float64"
        reach = [k * d for k, d in zip(spec.kernel_size, spec.dilation, strict=True)]
        tables = op in ("conv2d", "conv2d_input_grad", "conv2d_weight_grad")
        if tables and max(*spec.padded_size, *reach, spec.positions) >= MOST_INDEX:
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
        if not covers_all(parts):
            dx[...] = 0
        flag = self._device.xp.zeros(1, np.int32)
        for part in parts:
            self._multiply(part, dy, w, None, dx, may_split=len(parts) == 1, flag=flag)
        (sh, sw), (top, _, left, _), filters = spec.stride, spec.padding, spec.out_channels // spec.groups
        if dx.size:
            self._device.launch(
                build("nonfinite_input_grad", dy.dtype.name), 2 * self._device.processors, THREADS, flag, dy, w, dx,
                *_wides(dx.size),
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
        depth, height = _DEPTH[dtype], _tile_rows(part.rows, dtype)
        across, down = ceil(part.terms / TILE_COLUMNS), ceil(part.rows / height)
        most = max(1, _MOST_PIXELS // part.positions)  # images of a launch
        launches = [(start, min(images, start + most)) for start in range(0, images, most)]
        tiles = ceil((launches[0][1] * part.positions) / depth)
        splits = self._splits(across * down * part.groups, tiles, dw.nbytes * len(launches))
        share = ceil(tiles / splits)
        counts = [ceil(ceil((end - start) * part.positions / depth) / share) for start, end in launches]
        sums = dw if sum(counts) == 1 else self._device.empty((sum(counts), dw.size), dw.dtype, "sums of splits")
        kernel = build("conv2d_weight_grad", dtype, BM=height, STAGES=STAGES, **self._mode(part))
        for number, (start, end) in enumerate(launches):
            pixels, own = (end - start) * part.positions, counts[number]
            self._device.launch(
                kernel, across * down * own * part.groups, THREADS, dy[start:end], x[start:end],
                sums if sums is dw else sums[sum(counts[:number]) :], *self._tables_of(part),
                *_ints(across, down, own, ceil(pixels / depth), share),
                *_pixels(part, pixels), *_source(part), *_ints(part.rows, part.terms),
                *_wides(part.y.inner[0], dw.size), shared=_shared(height, dtype),
            )  # fmt: skip
        return self._summed(sums, dw)

    def _mode(self, part: Lowered | None = None) -> dict[str, int]:
        return ({"TF32": 1} if self._tf32 else {}) | ({"LARGE": 1} if part and part.is_large else {})

    def _multiply(
        self, part: Lowered, x: Any, w: Any, bias: Any | None, y: Any, may_split: bool, flag: Any = None
    ) -> None:
        """The part's positions of y = filters @ columns of x, plus the bias."""
        dtype, images = x.dtype.name, x.shape[0]
        if not images:
            return
        depth, height = _DEPTH[dtype], _tile_rows(part.rows, dtype)
        tiles, down = ceil(part.terms / depth), ceil(part.rows / height)
        filters = self._filters(part, w, tiles * depth, down * height, flag)
        most = max(1, _MOST_PIXELS // part.positions)
        blocks = ceil(min(images, most) * part.positions / TILE_COLUMNS) * down * part.groups
        splits = self._splits(blocks, tiles, y.nbytes) if may_split else 1
        share = ceil(tiles / splits)
        splits = ceil(tiles / share)
        sums = y if splits == 1 else self._device.empty((splits, y.size), y.dtype, "sums of splits")
        flat = sums.reshape(sums.size)
        wide = part.is_pointwise and part.positions % (16 // x.dtype.itemsize) == 0
        mode = self._mode() | {"POINTWISE": 1} if wide else self._mode(part)
        kernel = build("conv2d", dtype, BM=height, STAGES=STAGES, **mode)
        for start in range(0, images, most):
            end = min(images, start + most)
            pixels = (end - start) * part.positions
            across = ceil(pixels / TILE_COLUMNS)
            self._device.launch(
                kernel, across * down * splits * part.groups, THREADS, x[start:end], filters,
                filters if bias is None else bias, flat[part.y.first + start * part.y.inner[0] :],
                *self._tables_of(part),
                *_ints(bias is not None, part.has_wide_rows, across, down, splits, tiles, share),
                *_pixels(part, pixels), *_source(part), *_ints(part.rows, down * height, part.terms),
                *_wides(part.y.inner[0], part.y.group, part.y.row, part.y.outer, part.y.inner[1], y.size),
                shared=_shared(height, dtype),
            )  # fmt: skip
        self._summed(sums, y)

    def _filters(self, part: Lowered, w: Any, terms: int, rows: int, flag: Any) -> Any:
        """w as the left operand: (G, K, M), padded to whole tiles."""
        packed = self._device.empty((part.groups, terms, rows), w.dtype, "packed filters")
        self._device.launch(
            build("pack_filters", w.dtype.name, **self._mode()), part.groups * terms // 8, THREADS,
            w.reshape(w.size)[part.w.first :], packed, packed if flag is None else flag,
            *_ints(flag is not None, part.rows, rows, part.terms, terms, len(part.down), len(part.across)),
            *_wides(part.w.group, part.w.row, part.w.outer, *part.w.inner),
        )  # fmt: skip
        return packed

    def _splits(self, blocks: int, tiles: int, nbytes: int) -> int:
        """Into how many sums the product is cut so that all processors have work, and memory for them is bounded."""
        room = min(_MOST_SPLIT_BYTES, self._device.available() // 2) // max(nbytes, 1)
        wanted = _BLOCKS_A_PROCESSOR * self._device.processors // blocks
        return max(1, min(wanted, tiles // _FEWEST_TILES, room))

    def _summed(self, sums: Any, total: Any) -> Any:
        """The splits added in their order; nothing to do if there is one."""
        if sums is not total:
            blocks = ceil(total.size / 256)
            kernel = build("sum_splits", total.dtype.name)
            self._device.launch(kernel, blocks, 256, sums, total, np.int32(sums.shape[0]), np.int64(total.size))
        return total

    def _tables_of(self, part: Lowered) -> tuple[Any, Any]:
        """The tables of taps and windows on the device, kept for the geometries in use."""
        if part not in self._tables:
            if len(self._tables) >= _MOST_TABLES:
                self._tables.pop(next(iter(self._tables)), None)
            self._tables[part] = (self._device.from_numpy(table(part)), self._device.from_numpy(windows(part)))
        return self._tables[part]


def _tile_rows(rows: int, dtype: str) -> int:
    """The height of a tile for which the fewest elements enter shared memory, tiles being TILE_COLUMNS wide."""
    return min(TILE_ROWS[dtype], key=lambda height: ceil(rows / height) * (height + TILE_COLUMNS))


def _shared(height: int, dtype: str) -> int:
    """Bytes of shared memory of a block, sizeof(Stages) in tile.cuh."""
    return STAGES * _DEPTH[dtype] * (height + 8 + TILE_COLUMNS + 8) * np.dtype(dtype).itemsize


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
