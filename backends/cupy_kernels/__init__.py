"""im2col and col2im as CUDA kernels launched through CuPy, cuBLAS for the products.

CuPy 14 has no cuDNN, and its batched `matmul` does not go where its 2-D one goes; every product here is 2-D, per group.
Surprising fact: `import cupy` succeeds without a GPU, so the factory asks for a device and proves that it computes.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import cupy as cp
import numpy as np

from harness import BackendUnavailable, ConvSpec, Op
from harness.layouts import LAYOUTS

_FOLDER = Path(__file__).parent
_C_TYPE = {"float32": "float", "float64": "double"}
_THREADS = 256
_MOST_BLOCKS = 1 << 20  # the kernels stride over their grid


class CupyKernels:
    """The contract on the current CUDA device, in strict float32."""

    numerics = "gemm"

    def __init__(self) -> None:
        if not cp.cuda.is_available():
            raise BackendUnavailable("CuPy finds no CUDA device")
        self._kernels = {
            (name, dtype): _compile(name, c_type) for name in ("im2col", "col2im") for dtype, c_type in _C_TYPE.items()
        }
        try:
            probe = cp.ones((4, 4), cp.float32)
            if float((probe @ probe)[0, 0]) != 4.0:
                raise BackendUnavailable("cuBLAS gives a wrong product")
        except ImportError as error:
            raise BackendUnavailable(f"cuBLAS is missing: {error}") from error

    def info(self) -> dict[str, str]:
        """Device and versions."""
        properties = cp.cuda.runtime.getDeviceProperties(cp.cuda.Device().id)
        return {
            "device": properties["name"].decode(),
            "cupy": cp.__version__,
            "cuda": str(cp.cuda.runtime.runtimeGetVersion()),
        }

    def unsupported(self, op: Op, spec: ConvSpec, dtype: str) -> str | None:
        """float32 and float64 on every geometry."""
        return None if dtype in _C_TYPE else f"dtype {dtype} is not claimed"

    def from_numpy(self, a: np.ndarray) -> cp.ndarray:
        """Host to device, C-contiguous."""
        return cp.asarray(np.ascontiguousarray(a))

    def to_numpy(self, a: cp.ndarray) -> np.ndarray:
        """Device to host, waiting for the result."""
        return cp.asnumpy(a)

    def synchronize(self, a: cp.ndarray) -> None:
        """Wait for the current stream."""
        cp.cuda.get_current_stream().synchronize()

    def seconds(self, call: Callable[[], object]) -> float:
        """Device time of one call, between two events on the current stream."""
        start, end = cp.cuda.Event(), cp.cuda.Event()
        start.record()
        call()
        end.record()
        end.synchronize()
        return cp.cuda.get_elapsed_time(start, end) / 1e3

    def im2col(self, x: cp.ndarray, spec: ConvSpec) -> cp.ndarray:
        """(N, C, H, W) -> (N, C*KH*KW, L)."""
        columns = cp.empty(spec.columns_shape, x.dtype)
        self._launch("im2col", x, columns, spec, spec.batch * spec.in_channels * spec.positions)
        return columns

    def col2im(self, columns: cp.ndarray, spec: ConvSpec) -> cp.ndarray:
        """(N, C*KH*KW, L) -> (N, C, H, W)."""
        x = cp.empty(spec.x_shape, columns.dtype)
        self._launch("col2im", columns, x, spec, x.size)
        return x

    def conv2d(self, x: cp.ndarray, w: cp.ndarray, b: cp.ndarray | None, spec: ConvSpec) -> cp.ndarray:
        """W (F/G x K) @ columns (K x L*N) -> y (F/G x L*N), one 2-D product a group."""
        columns, filters = _by_group(self.im2col(x, spec), spec), _filters(w, spec)
        y = cp.empty((spec.groups, filters.shape[1], spec.positions * spec.batch), x.dtype)
        for g in range(spec.groups):
            y[g] = filters[g] @ columns[g]
        y = y.reshape(spec.out_channels, *spec.output_size, spec.batch)
        if b is not None:
            y += b.reshape(spec.out_channels, 1, 1, 1)
        return cp.ascontiguousarray(y.transpose(3, 0, 1, 2))

    def conv2d_input_grad(self, dy: cp.ndarray, w: cp.ndarray, spec: ConvSpec) -> cp.ndarray:
        """W' (K x F/G) @ dy (F/G x L*N) -> columns (K x L*N), then col2im."""
        slopes, filters = _slopes(dy, spec), _filters(w, spec)
        n, rows, positions = spec.columns_shape
        columns = cp.empty((spec.groups, rows // spec.groups, positions * n), dy.dtype)
        for g in range(spec.groups):
            columns[g] = filters[g].T @ slopes[g]
        batched = columns.reshape(rows, positions, n).transpose(2, 0, 1)
        return self.col2im(cp.ascontiguousarray(batched), spec)

    def conv2d_weight_grad(self, dy: cp.ndarray, x: cp.ndarray, spec: ConvSpec) -> cp.ndarray:
        """dy (F/G x L*N) @ columns' (L*N x K) -> dw (F/G x K)."""
        slopes, columns = _slopes(dy, spec), _by_group(self.im2col(x, spec), spec)
        dw = cp.empty((spec.groups, slopes.shape[1], columns.shape[1]), dy.dtype)
        for g in range(spec.groups):
            dw[g] = slopes[g] @ columns[g].T
        return dw.reshape(spec.w_shape)

    def conv2d_bias_grad(self, dy: cp.ndarray, spec: ConvSpec) -> cp.ndarray:
        """Sum over images and positions."""
        return dy.sum(axis=(0, 2, 3), dtype=dy.dtype)

    def _launch(self, name: str, source: cp.ndarray, result: cp.ndarray, spec: ConvSpec, threads: int) -> None:
        if not threads:  # CUDA refuses an empty grid
            return
        blocks = min(-(-threads // _THREADS), _MOST_BLOCKS)
        self._kernels[name, source.dtype.name]((blocks,), (_THREADS,), (source, result, *kernel_arguments(spec)))


def kernel_arguments(spec: ConvSpec) -> tuple[np.int64, ...]:
    """The scalar arguments that both kernels take after their two arrays, in order."""
    top, _, left, _ = spec.padding
    sizes = (*spec.input_size, *spec.kernel_size, *spec.output_size, *spec.stride, top, left, *spec.dilation)
    return tuple(np.int64(v) for v in (spec.batch * spec.in_channels, *sizes))


def _compile(name: str, c_type: str) -> cp.RawKernel:
    return cp.RawKernel((_FOLDER / f"{name}.cu").read_text(), name, options=("-std=c++17", f"-DSCALAR={c_type}"))


def _by_group(columns: cp.ndarray, spec: ConvSpec) -> cp.ndarray:
    """(N, C*KH*KW, L) -> (G, K, L*N)."""
    rows = spec.in_channels // spec.groups * spec.taps
    return (
        LAYOUTS["batch_innermost"].from_batched(columns, spec).reshape(spec.groups, rows, spec.positions * spec.batch)
    )


def _filters(w: cp.ndarray, spec: ConvSpec) -> cp.ndarray:
    """(F, C/G, KH, KW) -> (G, F/G, K)."""
    return w.reshape(spec.groups, spec.out_channels // spec.groups, spec.in_channels // spec.groups * spec.taps)


def _slopes(dy: cp.ndarray, spec: ConvSpec) -> cp.ndarray:
    """(N, F, OH, OW) -> (G, F/G, L*N)."""
    filters = spec.out_channels // spec.groups
    return dy.transpose(1, 2, 3, 0).reshape(spec.groups, filters, spec.positions * spec.batch)
