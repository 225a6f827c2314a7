"""Depthwise convolution: one channel a group, any number of filters (the multiplier) to a channel.

With one channel a group there is no matrix product: a multiply-add for each tap and pixel, and nothing to reuse but
the plane itself. Filter f reads channel f // multiplier.
"""

from __future__ import annotations

import numpy as np

from backends.numba_tiled.depthwise import plans
from backends.numba_tiled.depthwise.correlate import correlate
from backends.numba_tiled.depthwise.stencil import stencil
from backends.numba_tiled.launch.threads import launch, thread_count, worth
from backends.numba_tiled.launch.workspace import scratch, zeros
from backends.numba_tiled.layout.window import work
from harness import ConvSpec

# Filters of one channel from which on the implicit product, which reads a plane once for 8 of them, is as fast.
_MANY = 16


def takes(spec: ConvSpec) -> bool:
    """Whether conv2d and the weight gradient are better off here. The input gradient is, for any number of filters."""
    return spec.in_channels == spec.groups and spec.out_channels < _MANY * spec.groups


def conv2d(x: np.ndarray, w: np.ndarray, start: np.ndarray, y: np.ndarray, spec: ConvSpec) -> None:
    """All contiguous; `start` is the bias, or zeros."""
    given, size = plans.of_result(spec, x.itemsize)
    threads = worth(thread_count(), work(spec))
    launch(stencil, x, w, start, y, threads, given, scratch("bands", threads * size, x.dtype))


def conv2d_input_grad(dy: np.ndarray, w: np.ndarray, dx: np.ndarray, spec: ConvSpec) -> None:
    """All contiguous; the weights must be finite."""
    given, size = plans.of_image(spec, dy.itemsize)
    threads = worth(thread_count(), work(spec))
    start = zeros(spec.in_channels, dy.dtype)
    launch(stencil, dy, w, start, dx, threads, given, scratch("bands", threads * size, dy.dtype))


def conv2d_weight_grad(dy: np.ndarray, x: np.ndarray, dw: np.ndarray, spec: ConvSpec) -> None:
    """All contiguous."""
    given, size = plans.of_weights(spec, dy.itemsize)
    threads = worth(thread_count(), work(spec))
    launch(correlate, dy, x, dw, threads, given, scratch("bands", threads * size, dy.dtype))
