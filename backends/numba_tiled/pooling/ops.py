"""The six pooling ops: for each a plan, made once for a spec, and a compiled function that carries it out."""

from __future__ import annotations

from typing import Any

import numpy as np

from backends.numba_tiled.launch.arguments import apart, contiguous
from backends.numba_tiled.launch.threads import launch, thread_count, worth
from backends.numba_tiled.launch.workspace import fresh, scratch
from backends.numba_tiled.pooling import plans
from backends.numba_tiled.pooling.forward import maxima, means
from backends.numba_tiled.pooling.max_grad import max_grad
from backends.numba_tiled.pooling.mean_grad import mean_grad
from harness import ConvSpec


def max_pool2d(x: np.ndarray, spec: ConvSpec) -> np.ndarray:
    """(N, C, H, W) -> (N, C, OH, OW): the largest pixel of every window; NaN where it holds one."""
    return _slid(maxima, x, spec.pooled_shape, plans.forward(spec, x.itemsize, True))


def max_pool2d_grad(dy: np.ndarray, x: np.ndarray, spec: ConvSpec) -> np.ndarray:
    """(N, C, OH, OW), (N, C, H, W) -> (N, C, H, W): dy goes to the first of the largest pixels; NaN is the largest."""
    s, seen, size, chosen = plans.search(spec, x.itemsize)
    threads = worth(thread_count(), x.size)
    dx = fresh(spec.x_shape, x.dtype)
    kinds = (("pooled", size, x.dtype), ("chosen", chosen, np.dtype(f"i{x.itemsize}")))
    memory = tuple(scratch(name, threads * apart(count, x.itemsize), dtype) for name, count, dtype in kinds)
    launch(max_grad, contiguous(dy), contiguous(x), dx, threads, s, seen, memory)
    return dx


def avg_pool2d(x: np.ndarray, spec: ConvSpec) -> np.ndarray:
    """(N, C, H, W) -> (N, C, OH, OW): the sum of every window / KH*KW."""
    return _slid(means, x, spec.pooled_shape, plans.forward(spec, x.itemsize, True))


def avg_pool2d_grad(dy: np.ndarray, spec: ConvSpec) -> np.ndarray:
    """(N, C, OH, OW) -> (N, C, H, W): every tap gets dy / KH*KW."""
    return _slid(mean_grad, dy, spec.x_shape, plans.backward(spec, dy.itemsize, True))


def avg_pool2d_exclude_padding(x: np.ndarray, spec: ConvSpec) -> np.ndarray:
    """(N, C, H, W) -> (N, C, OH, OW): the sum of every window / the number of its pixels."""
    return _slid(means, x, spec.pooled_shape, plans.forward(spec, x.itemsize, False))


def avg_pool2d_exclude_padding_grad(dy: np.ndarray, spec: ConvSpec) -> np.ndarray:
    """(N, C, OH, OW) -> (N, C, H, W): every pixel of a window gets dy / the number of its pixels."""
    return _slid(mean_grad, dy, spec.x_shape, plans.backward(spec, dy.itemsize, False))


def _slid(function: Any, given: np.ndarray, shape: tuple[int, ...], plan: Any) -> np.ndarray:
    """A compiled function over a plan of `plans.forward` or `plans.backward`."""
    s, tables, size = plan
    result = fresh(shape, given.dtype)
    threads = worth(thread_count(), max(given.size, result.size))
    buffer = scratch("pooled", threads * apart(size, given.itemsize), given.dtype)
    launch(function, contiguous(given), result, threads, s, tables, buffer)
    return result
