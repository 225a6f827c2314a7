"""Plug-ins that behave as if they had a device of their own, in NumPy: for rehearsals where there is no card.

A launched call is put off until somebody waits for it, so a timing that waits too early, or not at all, shows.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np

_LOW_BITS = 0x1FFF  # the 13 bits of a float32 that TF32 does not keep


class Buffer:
    """An array on the device: there once the queue before it has run."""

    def __init__(self, value: np.ndarray | None = None) -> None:
        self.value = value


class Device:
    """The contract on a device that does nothing before it is waited for; strict float32 and float64."""

    name = "device"
    numerics = "gemm"

    def __init__(self) -> None:
        self.queue: list[Callable[[], None]] = []
        self.log: list[str] = []  # what was asked: op names, "wait" for a wait, "seconds" for a timing
        self.made: list[Buffer] = []

    def info(self):
        return {"device": "rehearsal card", "numpy": np.__version__}

    def unsupported(self, op, spec, dtype):
        return None if dtype in ("float32", "float64") else f"dtype {dtype} is not claimed"

    def from_numpy(self, a):
        self.made.append(Buffer(a))
        return self.made[-1]

    def to_numpy(self, a):
        self._wait()
        return a.value

    def synchronize(self, a):
        self._wait()

    def seconds(self, call):
        """Nothing is left in the queue; launch; then the time until it is empty again."""
        self.log.append("seconds")
        self._run()
        call()
        start = time.perf_counter()
        self._run()
        return time.perf_counter() - start

    def ceilings(self):
        """As a card would measure them; the figures are made up."""
        return {
            "device": "rehearsal card",
            "copy_gbs": {"cache": 80.0, "dram": 20.0},
            "copy_bytes": {"cache": 2**20, "dram": 2**28},
            "matmul_gflops": {"float32": 200.0, "tf32": 400.0, "float64": 100.0},
        }

    def im2col(self, x, spec):
        return self._launch("im2col", lambda a: _im2col(a, spec), x)

    def col2im(self, columns, spec):
        return self._launch("col2im", lambda a: _col2im(a, spec), columns)

    def conv2d(self, x, w, b, spec):
        def run(x, w, b=None):
            y = self._product(_filters(w, spec), _by_group(_im2col(x, spec), spec)).reshape(spec.y_shape)
            return y if b is None else y + b[:, None, None]

        return self._launch("conv2d", run, *(a for a in (x, w, b) if a is not None))

    def conv2d_input_grad(self, dy, w, spec):
        def run(dy, w):
            columns = self._product(_filters(w, spec).swapaxes(1, 2), _slopes(dy, spec))
            return _col2im(columns.reshape(spec.columns_shape), spec)

        return self._launch("conv2d_input_grad", run, dy, w)

    def conv2d_weight_grad(self, dy, x, spec):
        def run(dy, x):
            columns = _by_group(_im2col(x, spec), spec)
            return self._product(_slopes(dy, spec), columns.swapaxes(2, 3)).sum(0).reshape(spec.w_shape)

        return self._launch("conv2d_weight_grad", run, dy, x)

    def conv2d_bias_grad(self, dy, spec):
        return self._launch("conv2d_bias_grad", lambda a: a.sum((0, 2, 3)), dy)

    def _product(self, a, b):
        return a @ b

    def _launch(self, name: str, run: Callable[..., Any], *arguments: Buffer) -> Buffer:
        result = Buffer()

        def compute():
            result.value = np.ascontiguousarray(run(*(a.value for a in arguments)))

        self.log.append(name)
        self.queue.append(compute)
        return result

    def _wait(self) -> None:
        self.log.append("wait")
        self._run()

    def _run(self) -> None:
        queue, self.queue = self.queue, []
        for compute in queue:
            compute()


class DeviceTf32(Device):
    """The same with the operands of products cut to TF32, as the hardware may."""

    name = "device_tf32"
    numerics = "tf32"

    def unsupported(self, op, spec, dtype):
        return None if dtype == "float32" else f"TF32 is a mode of float32, not of {dtype}"

    def _product(self, a, b):
        return _cut(a) @ _cut(b)


def _cut(a):
    """The 10 bits after the leading one that TF32 keeps; the rest is dropped, not rounded."""
    return (np.ascontiguousarray(a).view(np.uint32) & np.uint32(~_LOW_BITS & 0xFFFFFFFF)).view(np.float32)


def _im2col(x, spec):
    (top, bottom, left, right) = spec.padding
    padded = np.pad(x, ((0, 0), (0, 0), (top, bottom), (left, right)))
    columns = np.empty((spec.batch, spec.in_channels, *spec.kernel_size, *spec.output_size), x.dtype)
    for u, v, window in _taps(padded, spec):
        columns[:, :, u, v] = window
    return columns.reshape(spec.columns_shape)


def _col2im(columns, spec):
    (top, _, left, _), (h, w) = spec.padding, spec.input_size
    padded = np.zeros((spec.batch, spec.in_channels, *spec.padded_size), columns.dtype)
    columns = columns.reshape(spec.batch, spec.in_channels, *spec.kernel_size, *spec.output_size)
    for u, v, window in _taps(padded, spec):
        window += columns[:, :, u, v]
    return padded[:, :, top : top + h, left : left + w].copy()


def _taps(padded, spec):
    (oh, ow), (sh, sw), (dh, dw) = spec.output_size, spec.stride, spec.dilation
    for u in range(spec.kernel_size[0]):
        for v in range(spec.kernel_size[1]):
            i, j = u * dh, v * dw
            yield u, v, padded[:, :, i : i + (oh - 1) * sh + 1 : sh, j : j + (ow - 1) * sw + 1 : sw]


def _by_group(columns, spec):
    return columns.reshape(spec.batch, spec.groups, columns.shape[1] // spec.groups, spec.positions)


def _filters(w, spec):
    return w.reshape(spec.groups, spec.out_channels // spec.groups, spec.w_shape[1] * spec.taps)


def _slopes(dy, spec):
    return dy.reshape(spec.batch, spec.groups, spec.out_channels // spec.groups, spec.positions)
