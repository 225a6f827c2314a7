"""im2col and col2im compiled by Numba, parallel over planes; convolution follows by lowering.

col2im is a gather: each row of the image collects all that falls on it, so no two threads write the same memory and
the bits do not depend on their number. Surprising fact: which windows a tap reads inside the image is found before
the inner loop, so that loop has no branch and vectorises.
"""

from __future__ import annotations

from importlib.metadata import version

import numpy as np
from numba import get_num_threads, njit, prange, types

from harness import ConvSpec

numerics = "gemm"


def info() -> dict[str, str]:
    """Device and versions."""
    return {"device": "cpu", "numba": version("numba"), "threads": str(get_num_threads())}


def im2col(x: np.ndarray, spec: ConvSpec) -> np.ndarray:
    """(N, C, H, W) -> (N, C*KH*KW, L)."""
    columns = np.empty(spec.columns_shape, dtype=x.dtype)
    planes = spec.batch * spec.in_channels
    _im2col(
        _dense(x).reshape(planes, *spec.input_size),
        columns.reshape(planes, *spec.kernel_size, *spec.output_size),
        *_geometry(spec),
    )
    return columns


def col2im(columns: np.ndarray, spec: ConvSpec) -> np.ndarray:
    """(N, C*KH*KW, L) -> (N, C, H, W)."""
    x = np.empty(spec.x_shape, dtype=columns.dtype)
    planes = spec.batch * spec.in_channels
    _col2im(
        _dense(columns).reshape(planes, *spec.kernel_size, *spec.output_size),
        x.reshape(planes, *spec.input_size),
        *_geometry(spec),
    )
    return x


def _dense(a: np.ndarray) -> np.ndarray:
    """C-contiguous and aligned, which the compiled signatures demand; copied only if it is not."""
    return np.require(a, requirements=["C", "A"])


def _geometry(spec: ConvSpec) -> tuple[int, ...]:
    top, _, left, _ = spec.padding
    return (*spec.stride, top, left, *spec.dilation)


def _signatures(inputs: int, outputs: int) -> list:
    """One signature a dtype; a read-only input type takes writeable arrays too."""
    return [
        types.void(types.Array(t, inputs, "C", readonly=True), types.Array(t, outputs, "C"), *[types.int64] * 6)
        for t in (types.float32, types.float64)
    ]


@njit(types.UniTuple(types.int64, 2)(*[types.int64] * 4), cache=True)
def _inside(size: int, count: int, stride: int, offset: int) -> tuple[int, int]:
    """Windows lo <= q < hi (of `count`) with 0 <= q * stride + offset < size."""
    lo = min(max((-offset + stride - 1) // stride, 0), count)
    hi = min(max((size - 1 - offset) // stride + 1, lo), count)
    return lo, hi


@njit(_signatures(3, 5), parallel=True, cache=True, error_model="numpy")
def _im2col(x, columns, sh, sw, top, left, dh, dw):  # type: ignore[no-untyped-def]
    """x (planes, H, W) -> columns (planes, KH, KW, OH, OW)."""
    planes, kh, kw, oh, ow = columns.shape
    height, width = x.shape[1:]
    for plane in prange(planes):
        for u in range(kh):
            for v in range(kw):
                offset = v * dw - left
                lo, hi = _inside(width, ow, sw, offset)
                for p in range(oh):
                    i = p * sh + u * dh - top
                    out = columns[plane, u, v, p]
                    if i < 0 or i >= height:
                        out[:] = 0
                        continue
                    row = x[plane, i]
                    out[:lo] = 0
                    out[hi:] = 0
                    if sw == 1:
                        for q in range(lo, hi):
                            out[q] = row[q + offset]
                    else:
                        for q in range(lo, hi):
                            out[q] = row[q * sw + offset]


@njit(_signatures(5, 3), parallel=True, cache=True, error_model="numpy")
def _col2im(columns, x, sh, sw, top, left, dh, dw):  # type: ignore[no-untyped-def]
    """columns (planes, KH, KW, OH, OW) -> x (planes, H, W), every row summed in the order u, v."""
    planes, kh, kw, oh, ow = columns.shape
    height, width = x.shape[1:]
    for plane in prange(planes):
        for i in range(height):
            row = x[plane, i]
            row[:] = 0
            for u in range(kh):
                p, left_over = divmod(i + top - u * dh, sh)
                if left_over != 0 or p < 0 or p >= oh:
                    continue
                for v in range(kw):
                    offset = v * dw - left
                    lo, hi = _inside(width, ow, sw, offset)
                    values = columns[plane, u, v, p]
                    if sw == 1:
                        for q in range(lo, hi):
                            row[q + offset] += values[q]
                    else:
                        for q in range(lo, hi):
                            row[q * sw + offset] += values[q]
