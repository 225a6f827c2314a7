"""im2col and col2im of a whole batch in one launch.

Common geometries have kernels compiled for them, large ones are worth compiling for; all others share a kernel that
takes kernel size, stride and dilation as arguments. No index is divided on the card, unless a plane is huge:
a divisor travels as a multiplier and a shift.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from harness import ConvSpec

from .source import Build, build

THREADS = 256
MOST_INDEX = 2**29  # sums of a few indices below it stay below 2^31
_MOST_THREADS = 2**31 - 2 * THREADS
# Of a kernel that is compiled for its geometry and holds as much in registers; a segment is what it reads of a row.
_MOST_TAPS, _MOST_WIDE, _MOST_STRIDE, _MOST_SEGMENT = 121, 15, 16, 48
_WORTH_COMPILING = 16 * 2**20  # elements of columns
# kernel size and stride, dilation 1: compiled for at any size, so that small cases test them too
COMMON = {
    ((1, 1), (2, 2)), ((2, 2), (2, 2)), ((3, 3), (1, 1)), ((3, 3), (2, 2)), ((5, 5), (1, 1)), ((7, 7), (2, 2)),
}  # fmt: skip


def divisor(d: int) -> np.uint64:
    """Multiplier and shift that stand for a division by d: see index.cuh.

    >>> packed = int(divisor(7)); multiplier, shift = packed & 0xFFFFFFFF, packed >> 32
    >>> [n * multiplier >> shift for n in (0, 6, 7, 2**31 - 1)] == [0, 0, 1, (2**31 - 1) // 7]
    True
    """
    shift = 31 + (d - 1).bit_length()
    return np.uint64(shift << 32 | -(-(1 << shift) // d))


class Columns:
    """Both ops on one device."""

    def __init__(self, device: Any) -> None:
        self._device = device

    def im2col(self, x: Any, spec: ConvSpec) -> Any:
        """(N, C, H, W) -> (N, C*KH*KW, L), images as many as x has."""
        _, rows, positions = spec.columns_shape
        x = self._device.array(x)
        columns = self._device.empty((x.shape[0], rows, positions), x.dtype, "the columns")
        if _are_the_image(spec):
            columns[...] = x.reshape(columns.shape)
            return columns
        kernel, vector = im2col_build(spec, x.dtype.name)
        index, divide = _types(kernel)
        (h, w), (_, ow), (top, _, left, _) = spec.input_size, spec.output_size, spec.padding
        if kernel.kernel == "im2col":
            packs = positions // vector
            arguments = [packs, divide(packs), ow, divide(ow), positions, h, w, top, left]
        else:
            packs = positions
            taps = (*spec.kernel_size, *spec.stride, *spec.dilation)
            arguments = [ow, divide(ow), positions, divide(positions), h, w, top, left, *taps]
        self._launch(kernel, x, columns, packs, spec, _typed(arguments, index))
        return columns

    def col2im(self, columns: Any, spec: ConvSpec) -> Any:
        """(N, C*KH*KW, L) -> (N, C, H, W), images as many as the columns have."""
        columns = self._device.array(columns)
        x = self._device.empty((columns.shape[0], *spec.x_shape[1:]), columns.dtype, "the image")
        if _are_the_image(spec):
            x[...] = columns.reshape(x.shape)
            return x
        kernel = col2im_build(spec, columns.dtype.name)
        index, divide = _types(kernel)
        (h, w), (sh, sw), (top, _, left, _) = spec.input_size, spec.stride, spec.padding
        oh, ow = spec.output_size
        if kernel.kernel == "col2im":
            high, wide = (h - 1 + top) // sh - top // sh + 1, (w - 1 + left) // sw - left // sw + 1
            threads = high * wide
            arguments = [high, wide, divide(wide), divide(threads), oh, ow, h, w, top, left]
        else:
            threads = h * w
            arguments = [w, divide(w), threads, divide(threads), oh, ow, top, left, *spec.kernel_size,
                         sh, divide(sh), sw, divide(sw), *spec.dilation]  # fmt: skip
        self._launch(kernel, columns, x, threads, spec, _typed(arguments, index))
        return x

    def _launch(
        self, kernel: Build, source: Any, result: Any, threads: int, spec: ConvSpec, arguments: list[Any]
    ) -> None:
        """One launch, or several over some of the planes each where the threads of all outgrow 31 bits."""
        planes = source.shape[0] * spec.in_channels
        if not planes:
            return
        most = planes if _is_wide(kernel) else max(1, _MOST_THREADS // threads)
        index, _ = _types(kernel)
        source, result = source.reshape(planes, -1), result.reshape(planes, -1)
        for start in range(0, planes, most):
            some = slice(start, start + most)
            count = min(most, planes - start) * threads
            self._device.launch(
                kernel, -(-count // THREADS), THREADS, source[some], result[some], index(count), *arguments
            )


def _are_the_image(spec: ConvSpec) -> bool:
    """Whether im2col and col2im are copies."""
    return spec.taps == 1 and spec.stride == (1, 1) and not any(spec.padding)


def im2col_build(spec: ConvSpec, dtype: str) -> tuple[Build, int]:
    """The kernel for a geometry, and how many positions a thread of it writes."""
    if not _is_compiled_for(spec):
        return build("im2col_any", dtype, **_wide(spec)), 1
    vector = 16 // np.dtype(dtype).itemsize
    while spec.positions % vector:  # rows of the columns must all begin at a multiple of what is stored at once
        vector //= 2
    return build("im2col", dtype, **_geometry(spec), VEC=vector, **_wide(spec)), vector


def col2im_build(spec: ConvSpec, dtype: str) -> Build:
    """The kernel for a geometry."""
    if not _is_compiled_for(spec):
        return build("col2im_any", dtype, **_wide(spec))
    return build("col2im", dtype, **_geometry(spec), **_wide(spec))


def _is_compiled_for(spec: ConvSpec) -> bool:
    if spec.dilation == (1, 1) and (spec.kernel_size, spec.stride) in COMMON:
        return True
    segment = (spec.kernel_size[1] - 1) * spec.dilation[1] + 3 * spec.stride[1] + 1
    fits = (
        spec.taps <= _MOST_TAPS
        and spec.stride[0] * spec.stride[1] <= _MOST_STRIDE
        and segment <= _MOST_SEGMENT
        and spec.kernel_size[1] <= _MOST_WIDE
    )
    n, rows, positions = spec.columns_shape
    return fits and n * rows * positions >= _WORTH_COMPILING


def _geometry(spec: ConvSpec) -> dict[str, int]:
    names = ("KH", "KW", "SH", "SW", "DH", "DW")
    return dict(zip(names, (*spec.kernel_size, *spec.stride, *spec.dilation), strict=True))


def largest_index(spec: ConvSpec) -> int:
    """The largest of a geometry's sides, positions and distances between taps, the plane of the image left out."""
    reach = (k * d for k, d in zip(spec.kernel_size, spec.dilation, strict=True))
    return max(*spec.padded_size, *reach, spec.positions)


def _wide(spec: ConvSpec) -> dict[str, int]:
    """64-bit indices where one plane is that large."""
    h, w = spec.input_size
    return {"WIDE": 1} if max(h * w, *spec.stride, largest_index(spec)) >= MOST_INDEX else {}


def _is_wide(kernel: Build) -> bool:
    return ("WIDE", 1) in kernel.defines


def _types(kernel: Build) -> tuple[Any, Any]:
    """What an index and a divisor are to the kernel."""
    return (np.int64, np.int64) if _is_wide(kernel) else (np.int32, divisor)


def _typed(arguments: list[Any], index: Any) -> list[Any]:
    return [index(a) if isinstance(a, int) else a for a in arguments]
