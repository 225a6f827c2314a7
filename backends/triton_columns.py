"""im2col, col2im and convolution in Triton: one kernel for each use of a tile of the columns.

Triton's programs compute with tiles, and so everything here is made of one: some rows by some positions of one image's
columns, gathered from the image with a mask. Only im2col and the input gradient have the whole column matrix in memory.

                     positions of windows
                   .----------------------.
       channel,    |      .------.        |     im2col        stores the tile
       then row    |      | tile |        |     conv2d        multiplies weights by it, tile after tile down the rows
       and column  |      '------'        |     weight_grad   multiplies slopes by it, tile after tile of positions,
       of the tap  |                      |                   and image after image
                   '----------------------'

col2im is a gather, too: a tile of pixels sums the taps that reach it. Nothing is added to memory, and the order of
a sum is fixed. The input gradient is a pointwise convolution of the slopes by the transposed weights, which gives
columns in float32, then col2im.

Products are "ieee": float32 is never rounded to TF32, and so the tensor cores stay idle. float16 is summed in float32
and rounded once. The geometry is a kernel's arguments and not compiled in: a kernel is compiled for a height of its
tiles, 32 or 64-bit indices and a dtype, not for every layer. No size of a tile was tuned.

With `TRITON_INTERPRET=1` in the environment before Triton is imported, its interpreter runs all of it on the CPU: slow,
and enough to see whether it is right.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from math import prod
from threading import Lock
from typing import Any

import numpy as np
import torch
import triton
import triton.language as tl

from harness import BackendUnavailable, ConvSpec, Op

_DTYPES = ("float32", "float16")
LOW, HIGH, WIDTH = 16, 64, 64  # of a tile; a product in Triton has 16 rows at least
WARPS = {LOW: 4, HIGH: 8}  # a gather of a high tile would take 224 registers a thread, a product with 4 warps spills
DEPTH = 32  # terms that a product sums at once
_MOST_INDEX = 2**30  # a 32-bit index below it may pass the end by a tile
_LEAD = 400_000  # clock cycles that the device spins before a timed call: 200 us at 2 GHz
# A kernel would be compiled anew for every number that is 1, and every multiple of 16.
_GEOMETRY = ["groups", "channels", "h", "w", "kh", "kw", "oh", "ow", "sh", "sw", "top", "left", "dh", "dw"]
_AS_NUMBERS = {"do_not_specialize": [*_GEOMETRY, "batch", "filters", "down", "across"]}


@triton.jit
def place(down, across, ROWS: tl.constexpr, COLUMNS: tl.constexpr, INDEX: tl.constexpr):
    """Which of many matrices of (down, across) tiles this program works at, and the rows and columns of its tile."""
    program = tl.program_id(0)
    of_all = program // across
    row = (of_all % down).to(INDEX) * ROWS + tl.arange(0, ROWS)
    column = (program % across).to(INDEX) * COLUMNS + tl.arange(0, COLUMNS)
    return (of_all // down).to(tl.int64), row, column


@triton.jit
def columns_at(x, row, position, rows, h, w, kh, kw, oh, ow, sh, sw, top, left, dh, dw):
    """The tile (rows, positions) of the columns of the image at x: 0 in the padding and beyond either end."""
    c, u, v = row // (kh * kw), row // kw % kh, row % kw
    p, q = position // ow, position % ow
    i = (u * dh)[:, None] + (p * sh - top)[None, :]
    j = (v * dw)[:, None] + (q * sw - left)[None, :]
    there = (row < rows)[:, None] & (p < oh)[None, :] & (i >= 0) & (i < h) & (j >= 0) & (j < w)
    return tl.load(x + (c[:, None] * h + i) * w + j, mask=there, other=0.0)


@triton.jit(**_AS_NUMBERS)
def store_columns(
    x, columns, channels, h, w, kh, kw, oh, ow, sh, sw, top, left, dh, dw, down, across,
    ROWS: tl.constexpr, COLUMNS: tl.constexpr, INDEX: tl.constexpr,
):  # fmt: skip
    """Store the tile."""
    rows, positions = channels.to(INDEX) * kh * kw, oh.to(INDEX) * ow
    image, row, position = place(down, across, ROWS, COLUMNS, INDEX)
    x += image * channels * h * w
    columns += image * rows * positions
    tile = columns_at(x, row, position, rows, h, w, kh, kw, oh, ow, sh, sw, top, left, dh, dw)
    here = (row < rows)[:, None] & (position < positions)[None, :]
    tl.store(columns + row[:, None] * positions + position[None, :], tile, mask=here)


@triton.jit(**_AS_NUMBERS)
def sum_taps(
    columns, x, channels, h, w, kh, kw, oh, ow, sh, sw, top, left, dh, dw, down, across,
    ROWS: tl.constexpr, COLUMNS: tl.constexpr, INDEX: tl.constexpr,
):  # fmt: skip
    """Sum, for a tile (channels, pixels), what the windows that read a pixel have in its place: one of each tap."""
    pixels, positions = h.to(INDEX) * w, oh.to(INDEX) * ow
    image, c, pixel = place(down, across, ROWS, COLUMNS, INDEX)
    columns += image * channels * kh * kw * positions
    x += image * channels * pixels
    here = (c < channels)[:, None] & (pixel < pixels)[None, :]
    i, j = pixel // w + top, pixel % w + left
    total = tl.full((ROWS, COLUMNS), 0.0, tl.float32)
    for u in range(kh):
        for v in range(kw):
            a, b = i - u * dh.to(INDEX), j - v * dw.to(INDEX)  # where the window begins
            p, q = a // sh, b // sw
            is_read = (a >= 0) & (a % sh == 0) & (p < oh) & (b >= 0) & (b % sw == 0) & (q < ow)
            at = ((c * kh + u) * kw + v)[:, None] * positions + (p * ow + q)[None, :]
            total += tl.load(columns + at, mask=here & is_read[None, :], other=0.0).to(tl.float32)
    tl.store(x + c[:, None] * pixels + pixel[None, :], total, mask=here)


@triton.jit(**_AS_NUMBERS)
def multiply_weights(
    x, weights, bias, y, filters, groups, channels, h, w, kh, kw, oh, ow, sh, sw, top, left, dh, dw, down, across,
    ROWS: tl.constexpr, COLUMNS: tl.constexpr, DEPTH: tl.constexpr, INDEX: tl.constexpr,
):  # fmt: skip
    """A tile (filters, positions) of y, of one group of an image; `filters` and `channels` are those of a group."""
    rows, positions = channels.to(INDEX) * kh * kw, oh.to(INDEX) * ow
    part, f, position = place(down, across, ROWS, COLUMNS, INDEX)  # groups are images that follow
    first = part % groups * filters  # the first filter of the group
    x += part * channels * h * w
    weights += first * rows
    y += part * filters * positions
    total = tl.full((ROWS, COLUMNS), 0.0, tl.float32)
    for start in range(0, rows, DEPTH):
        row = start + tl.arange(0, DEPTH).to(INDEX)
        here = (f < filters)[:, None] & (row < rows)[None, :]
        some = tl.load(weights + f[:, None] * rows + row[None, :], mask=here, other=0.0)
        tile = columns_at(x, row, position, rows, h, w, kh, kw, oh, ow, sh, sw, top, left, dh, dw)
        total = tl.dot(some, tile, total, input_precision="ieee")
    if bias is not None:
        total += tl.load(bias + first + f, mask=f < filters, other=0.0).to(tl.float32)[:, None]
    here = (f < filters)[:, None] & (position < positions)[None, :]
    tl.store(y + f[:, None] * positions + position[None, :], total, mask=here)


@triton.jit(**_AS_NUMBERS)
def multiply_slopes(
    dy, x, dw_, batch, filters, groups, channels, h, w, kh, kw, oh, ow, sh, sw, top, left, dh, dw, down, across,
    ROWS: tl.constexpr, COLUMNS: tl.constexpr, DEPTH: tl.constexpr, INDEX: tl.constexpr,
):  # fmt: skip
    """A tile (filters, rows of the columns) of dw, of one group: the sum over all positions of all images."""
    rows, positions = channels.to(INDEX) * kh * kw, oh.to(INDEX) * ow
    group, f, row = place(down, across, ROWS, COLUMNS, INDEX)
    dw_ += group * filters * rows
    total = tl.full((ROWS, COLUMNS), 0.0, tl.float32)
    for image in range(batch):
        part = group + image * groups
        for start in range(0, positions, DEPTH):
            position = start + tl.arange(0, DEPTH).to(INDEX)
            here = (f < filters)[:, None] & (position < positions)[None, :]
            at = part * filters * positions + f[:, None] * positions + position[None, :]
            some = tl.load(dy + at, mask=here, other=0.0)
            pixels = x + part * channels * h * w
            tile = columns_at(pixels, row, position, rows, h, w, kh, kw, oh, ow, sh, sw, top, left, dh, dw)
            total = tl.dot(some, tl.trans(tile), total, input_precision="ieee")
    here = (f < filters)[:, None] & (row < rows)[None, :]
    tl.store(dw_ + f[:, None] * rows + row[None, :], total, mask=here)


_INTERPRETED = not isinstance(store_columns, triton.JITFunction)
# The interpreter keeps the program that it runs in a global of its own.
_ONE_AT_A_TIME: Any = Lock() if _INTERPRETED else nullcontext()


class TritonColumns:
    """The contract on a torch device."""

    numerics = "gemm"

    def __init__(self, device: str) -> None:
        self.device = torch.device(device)

    def info(self) -> dict[str, str]:
        """Device and versions."""
        return {"device": "cpu", "triton": f"{triton.__version__}, interpreted", "torch": torch.__version__}

    def unsupported(self, op: Op, spec: ConvSpec, dtype: str) -> str | None:
        """float32 and float16 on every geometry."""
        return None if dtype in _DTYPES else f"dtype {dtype} is not claimed"

    def from_numpy(self, a: np.ndarray) -> torch.Tensor:
        """To the device, C-contiguous. torch takes neither negative strides nor read-only memory: such are copied.

        A single pixel may have a negative stride and count as C-contiguous for NumPy.
        """
        a = a.copy() if min(a.strides, default=0) < 0 else np.require(a, requirements=["C", "A", "W"])
        return torch.from_numpy(a).to(self.device)

    def to_numpy(self, a: torch.Tensor) -> np.ndarray:
        """Back to the host, waiting for the result; on the CPU the memory is shared."""
        host: np.ndarray = a.cpu().numpy()
        return host

    def synchronize(self, a: torch.Tensor) -> None:
        """What is interpreted is ready on return."""

    def im2col(self, x: torch.Tensor, spec: ConvSpec) -> torch.Tensor:
        """(N, C, H, W) -> (N, C*KH*KW, L)."""
        columns = x.new_empty(spec.columns_shape)
        rows, positions = spec.columns_shape[1:]
        _launch(store_columns, (x, columns), spec.batch, (rows, positions), (spec.in_channels, *_window(spec)), spec)
        return columns

    def col2im(self, columns: torch.Tensor, spec: ConvSpec) -> torch.Tensor:
        """(N, C*KH*KW, L) -> (N, C, H, W)."""
        return self._folded(columns, spec, columns.dtype)

    def conv2d(self, x: torch.Tensor, w: torch.Tensor, b: torch.Tensor | None, spec: ConvSpec) -> torch.Tensor:
        """(N, C, H, W), (F, C/G, KH, KW), (F,) or None -> (N, F, OH, OW)."""
        return self._convolved(x, w, b, spec, x.dtype)

    def conv2d_input_grad(self, dy: torch.Tensor, w: torch.Tensor, spec: ConvSpec) -> torch.Tensor:
        """(N, F, OH, OW), (F, C/G, KH, KW) -> (N, C, H, W), by way of the columns, which are float32."""
        _, rows, _ = spec.columns_shape
        by_group = w.reshape(spec.groups, spec.out_channels // spec.groups, rows // spec.groups)
        transposed = by_group.transpose(1, 2).contiguous().reshape(rows, -1, 1, 1)
        pointwise = ConvSpec.of(
            batch=spec.batch, in_channels=spec.out_channels, input_size=spec.output_size, out_channels=rows,
            kernel_size=1, groups=spec.groups,
        )  # fmt: skip
        columns = self._convolved(dy, transposed, None, pointwise, torch.float32)
        return self._folded(columns, spec, dy.dtype)

    def conv2d_weight_grad(self, dy: torch.Tensor, x: torch.Tensor, spec: ConvSpec) -> torch.Tensor:
        """(N, F, OH, OW), (N, C, H, W) -> (F, C/G, KH, KW)."""
        dw = x.new_empty(spec.w_shape)
        filters, channels = spec.out_channels // spec.groups, spec.in_channels // spec.groups
        numbers = (spec.batch, filters, spec.groups, channels, *_window(spec))
        tile = (filters, channels * spec.taps)
        _launch(multiply_slopes, (dy, x, dw), spec.groups, tile, numbers, spec, _height(filters), DEPTH=DEPTH)
        return dw

    def conv2d_bias_grad(self, dy: torch.Tensor, spec: ConvSpec) -> torch.Tensor:
        """torch's own sum over images and positions."""
        return dy.sum((0, 2, 3), dtype=torch.float32).to(dy.dtype)

    def _folded(self, columns: torch.Tensor, spec: ConvSpec, dtype: torch.dtype) -> torch.Tensor:
        x = columns.new_empty(spec.x_shape, dtype=dtype)
        h, w = spec.input_size
        numbers = (spec.in_channels, *_window(spec))
        _launch(sum_taps, (columns, x), spec.batch, (spec.in_channels, h * w), numbers, spec)
        return x

    def _convolved(
        self, x: torch.Tensor, w: torch.Tensor, b: torch.Tensor | None, spec: ConvSpec, dtype: torch.dtype
    ) -> torch.Tensor:
        y = x.new_empty(spec.y_shape, dtype=dtype)
        filters, channels = spec.out_channels // spec.groups, spec.in_channels // spec.groups
        numbers = (filters, spec.groups, channels, *_window(spec))
        matrices, tile = spec.batch * spec.groups, (filters, spec.positions)
        _launch(multiply_weights, (x, w, b, y), matrices, tile, numbers, spec, _height(filters), DEPTH=DEPTH)
        return y


class TritonColumnsCuda(TritonColumns):
    """The contract on a GPU."""

    def info(self) -> dict[str, str]:
        """Device and versions."""
        return super().info() | {"device": torch.cuda.get_device_name(self.device), "triton": triton.__version__}

    def synchronize(self, a: torch.Tensor) -> None:
        """Wait for all that was launched."""
        torch.cuda.synchronize(self.device)

    def seconds(self, call: Callable[[], object]) -> float:
        """Device time of one call: between two events, behind a kernel that waits until the host is ahead."""
        start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
        torch.cuda._sleep(_LEAD)
        start.record()
        call()
        end.record()
        end.synchronize()
        return float(start.elapsed_time(end)) / 1e3


def on_this_machine() -> TritonColumns:
    """On the current CUDA device, or on the CPU where Triton interprets. Raises `BackendUnavailable`."""
    if _INTERPRETED:
        return TritonColumns("cpu")
    if not torch.cuda.is_available():
        raise BackendUnavailable("torch finds no CUDA device; TRITON_INTERPRET=1 runs the kernels on the CPU")
    return TritonColumnsCuda("cuda")


def _window(spec: ConvSpec) -> tuple[int, ...]:
    """The numbers of a geometry, from h to dw in the order that every kernel has them in."""
    (top, _, left, _), sides = spec.padding, (*spec.input_size, *spec.kernel_size, *spec.output_size)
    return (*sides, *spec.stride, top, left, *spec.dilation)


def _height(filters: int) -> int:
    """Of the tiles of a product."""
    return LOW if filters <= LOW else HIGH


def _launch(
    kernel: Any, arrays: tuple[Any, ...], matrices: int, size: tuple[int, int], numbers: tuple[int, ...],
    spec: ConvSpec, height: int = LOW, **more: int,
) -> None:  # fmt: skip
    """One program for each tile of so many matrices of that size."""
    if not matrices:
        return
    down, across = triton.cdiv(size[0], height), triton.cdiv(size[1], WIDTH)
    of_an_image = (shape[1:] for shape in (spec.x_shape, spec.columns_shape, spec.y_shape))
    largest = max(*map(prod, of_an_image), prod(spec.w_shape), *spec.padded_size, *spec.reach)
    largest = max(largest, WIDTH * max(spec.stride))  # of positions beyond the last
    index = tl.int64 if largest >= _MOST_INDEX else tl.int32
    arrays = tuple(a if a is None else a.contiguous() for a in arrays)
    tile = {"ROWS": height, "COLUMNS": WIDTH, "INDEX": index, "num_warps": WARPS[height]}
    with _ONE_AT_A_TIME:
        kernel[(matrices * down * across,)](*arrays, *numbers, down, across, **tile, **more)
