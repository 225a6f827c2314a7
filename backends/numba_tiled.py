"""im2col and col2im compiled by Numba, parallel over planes; convolution follows by lowering.

col2im is a gather: each row of the image collects all that falls on it, so no two threads write the same memory and
the bits do not depend on their number. Surprising fact: which windows a tap reads inside the image is found before
the inner loop, so that loop has no branch and vectorises.
"""

from __future__ import annotations

from importlib.metadata import version

import numpy as np
from numba import get_num_threads, njit, prange, types, uintp

from harness import ConvSpec

numerics = "gemm"


def info() -> dict[str, str]:
    """Device and versions."""
    return {"device": "cpu", "numba": version("numba"), "threads": str(get_num_threads())}


def im2col(x: np.ndarray, spec: ConvSpec) -> np.ndarray:
    """(N, C, H, W) -> (N, C*KH*KW, L)."""
    columns = np.empty(spec.columns_shape, dtype=x.dtype)
    _im2col(_flat(x), columns.reshape(columns.size), *_geometry(spec))
    return columns


def col2im(columns: np.ndarray, spec: ConvSpec) -> np.ndarray:
    """(N, C*KH*KW, L) -> (N, C, H, W)."""
    x = np.empty(spec.x_shape, dtype=columns.dtype)
    _col2im(_flat(columns), x.reshape(x.size), *_geometry(spec))
    return x


def _flat(a: np.ndarray) -> np.ndarray:
    """One-dimensional, contiguous and aligned, which the compiled signatures demand; copied only if it is not."""
    return np.require(a, requirements=["C", "A"]).reshape(a.size)


def _geometry(spec: ConvSpec) -> tuple[int, ...]:
    planes, (top, _, left, _) = spec.batch * spec.in_channels, spec.padding
    sizes = (*spec.input_size, *spec.kernel_size, *spec.output_size)
    return (planes, *sizes, *spec.stride, top, left, *spec.dilation)


# One signature a dtype; a read-only input type takes writeable arrays too.
_SIGNATURES = [
    types.void(types.Array(t, 1, "C", readonly=True), types.Array(t, 1, "C"), *[types.int64] * 13)
    for t in (types.float32, types.float64)
]


@njit(types.UniTuple(types.int64, 2)(*[types.int64] * 4), cache=True)
def _inside(size: int, count: int, stride: int, offset: int) -> tuple[int, int]:
    """Windows lo <= q < hi (of `count`) with 0 <= q * stride + offset < size."""
    lo = min(max((-offset + stride - 1) // stride, 0), count)
    hi = min(max((size - 1 - offset) // stride + 1, lo), count)
    return lo, hi


# The arrays are flat and every index is cast to an unsigned integer: with a sign Numba checks each for wrapping around,
# and views of single rows cost more than short rows do. Together that is worth 1.3x to 8x on real layers.


@njit(_SIGNATURES, parallel=True, cache=True, error_model="numpy")
def _im2col(x, columns, planes, height, width, kh, kw, oh, ow, sh, sw, top, left, dh, dw):  # type: ignore[no-untyped-def]
    """x (planes, H, W) -> columns (planes, KH, KW, OH, OW), row by row; padding is written, not tested for."""
    for plane in prange(planes):
        for u in range(kh):
            for v in range(kw):
                offset = v * dw - left
                lo, hi = _inside(width, ow, sw, offset)
                out = ((plane * kh + u) * kw + v) * oh * ow
                for p in range(oh):
                    i = p * sh + u * dh - top
                    inside = 0 <= i < height
                    first, last = (lo, hi) if inside else (ow, ow)
                    source = (plane * height + i) * width + offset
                    for q in range(first):
                        columns[uintp(out + q)] = 0
                    if sw == 1:
                        for q in range(first, last):
                            columns[uintp(out + q)] = x[uintp(source + q)]
                    else:
                        for q in range(first, last):
                            columns[uintp(out + q)] = x[uintp(source + q * sw)]
                    for q in range(last, ow):
                        columns[uintp(out + q)] = 0
                    out += ow


@njit(_SIGNATURES, parallel=True, cache=True, error_model="numpy")
def _col2im(columns, x, planes, height, width, kh, kw, oh, ow, sh, sw, top, left, dh, dw):  # type: ignore[no-untyped-def]
    """columns (planes, KH, KW, OH, OW) -> x (planes, H, W), every row summed in the order u, v."""
    for plane in prange(planes):
        for i in range(height):
            row = (plane * height + i) * width
            for j in range(width):
                x[uintp(row + j)] = 0
            for u in range(kh):
                p, left_over = divmod(i + top - u * dh, sh)
                if left_over != 0 or p < 0 or p >= oh:
                    continue
                for v in range(kw):
                    offset = v * dw - left
                    lo, hi = _inside(width, ow, sw, offset)
                    source = (((plane * kh + u) * kw + v) * oh + p) * ow
                    target = row + offset
                    if sw == 1:
                        for q in range(lo, hi):
                            x[uintp(target + q)] += columns[uintp(source + q)]
                    else:
                        for q in range(lo, hi):
                            x[uintp(target + q * sw)] += columns[uintp(source + q)]
