"""Single elements of a result, each in one NumPy sum over the slices of the arguments that reach it.

They are quick, however long the sum is, and proven equal to both witnesses: for judging results between timed calls.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from harness.contract.protocol import Array
from harness.geometry.spec import ConvSpec, Op


def at(op: Op, spec: ConvSpec, arrays: Sequence[Array], index: tuple[int, ...]) -> float:
    """The element of the result of `op` at `index`, formed in float64."""
    return float(_AT[op](spec, index, *arrays))


def _im2col(spec: ConvSpec, index: tuple[int, ...], x: Array) -> float:
    n, row, position = index
    c, tap = divmod(row, spec.taps)
    patch = _patch(spec, x[n, c : c + 1], *divmod(position, spec.output_size[1]))
    return float(patch.reshape(spec.taps)[tap])


def _col2im(spec: ConvSpec, index: tuple[int, ...], columns: Array) -> float:
    n, c, i, j = index
    rows, cols = _hits(spec, i, j)
    total = 0.0
    for p, u in rows:
        for q, v in cols:
            row = c * spec.taps + u * spec.kernel_size[1] + v
            total += float(columns[n, row, p * spec.output_size[1] + q])
    return total


def _conv2d(spec: ConvSpec, index: tuple[int, ...], x: Array, w: Array, b: Array) -> float:
    n, f, p, q = index
    channels = spec.in_channels // spec.groups
    first = f // (spec.out_channels // spec.groups) * channels
    return float((_patch(spec, x[n, first : first + channels], p, q) * w[f]).sum() + float(b[f]))


def _input_grad(spec: ConvSpec, index: tuple[int, ...], dy: Array, w: Array) -> float:
    n, c, i, j = index
    channels, filters = spec.in_channels // spec.groups, spec.out_channels // spec.groups
    mine = slice(c // channels * filters, (c // channels + 1) * filters)
    rows, cols = _hits(spec, i, j)
    total = 0.0
    for p, u in rows:
        for q, v in cols:
            total += float(dy[n, mine, p, q].astype(float) @ w[mine, c % channels, u, v].astype(float))
    return total


def _weight_grad(spec: ConvSpec, index: tuple[int, ...], dy: Array, x: Array) -> float:
    f, c, u, v = index
    channel = f // (spec.out_channels // spec.groups) * (spec.in_channels // spec.groups) + c
    (rows, i), (cols, j) = _windows(spec, 0, u), _windows(spec, 1, v)
    return float((dy[:, f, rows, cols].astype(float) * x[:, channel, i, j]).sum())


def _bias_grad(spec: ConvSpec, index: tuple[int, ...], dy: Array) -> float:
    return float(dy[:, index[0]].sum(dtype=float))


def _max_pool(spec: ConvSpec, index: tuple[int, ...], x: Array) -> float:
    n, c, p, q = index
    return float(_seen(spec, x[n, c], p, q).max())


def _max_pool_grad(spec: ConvSpec, index: tuple[int, ...], dy: Array, x: Array) -> float:
    n, c, i, j = index
    rows, cols = _hits(spec, i, j)
    total = 0.0
    for p, _ in rows:
        for q, _ in cols:
            seen = _seen(spec, x[n, c], p, q)
            (_, down), (_, across) = _taps_inside(spec, 0, p), _taps_inside(spec, 1, q)
            row, col = divmod(int(seen.argmax()), seen.shape[1])  # the first of those that are equal
            if (down.start + row * down.step, across.start + col * across.step) == (i, j):
                total += float(dy[n, c, p, q])
    return total


def _avg_pool(spec: ConvSpec, index: tuple[int, ...], x: Array) -> float:
    n, c, p, q = index
    return float(_seen(spec, x[n, c], p, q).sum(dtype=float)) / spec.taps


def _avg_pool_exclude(spec: ConvSpec, index: tuple[int, ...], x: Array) -> float:
    n, c, p, q = index
    return float(_seen(spec, x[n, c], p, q).mean(dtype=float))


def _avg_pool_grad(spec: ConvSpec, index: tuple[int, ...], dy: Array) -> float:
    n, c, i, j = index
    rows, cols = _hits(spec, i, j)
    return sum(float(dy[n, c, p, q]) for p, _ in rows for q, _ in cols) / spec.taps


def _avg_pool_exclude_grad(spec: ConvSpec, index: tuple[int, ...], dy: Array) -> float:
    n, c, i, j = index
    rows, cols = _hits(spec, i, j)
    plane = np.empty(spec.input_size, np.bool_)  # only how many pixels a window sees is asked
    return sum(float(dy[n, c, p, q]) / _seen(spec, plane, p, q).size for p, _ in rows for q, _ in cols)


def _seen(spec: ConvSpec, plane: Array, p: int, q: int) -> Array:
    """The pixels of a plane (H, W) that the window (p, q) reads, without the padding."""
    (_, rows), (_, cols) = _taps_inside(spec, 0, p), _taps_inside(spec, 1, q)
    return plane[rows, cols]


def _patch(spec: ConvSpec, planes: Array, p: int, q: int) -> Array:
    """What the window (p, q) reads of planes (C, H, W): (C, KH, KW) in float64, zero in the padding."""
    patch = np.zeros((len(planes), *spec.kernel_size))
    (us, i), (vs, j) = _taps_inside(spec, 0, p), _taps_inside(spec, 1, q)
    patch[:, us, vs] = planes[:, i, j]
    return patch


def _taps_inside(spec: ConvSpec, axis: int, window: int) -> tuple[slice, slice]:
    """Of one axis: the taps of a window that do not lie in the padding, and the pixels that they read."""
    start, step = window * spec.stride[axis] - spec.padding[2 * axis], spec.dilation[axis]
    return _inside(start, step, spec.kernel_size[axis], spec.input_size[axis])


def _windows(spec: ConvSpec, axis: int, tap: int) -> tuple[slice, slice]:
    """Of one axis: the windows whose tap does not lie in the padding, and the pixels that it reads."""
    start, step = tap * spec.dilation[axis] - spec.padding[2 * axis], spec.stride[axis]
    return _inside(start, step, spec.output_size[axis], spec.input_size[axis])


def _inside(start: int, step: int, count: int, size: int) -> tuple[slice, slice]:
    """Which of `count` coordinates, `step` apart from `start` on, lie in 0 .. size - 1: their numbers, and they."""
    first = max(0, -(start // step))  # -(-3 // 2) is 2: the first that is not negative
    end = max(first, min(count, (size - 1 - start) // step + 1))
    return slice(first, end), slice(start + first * step, start + first * step + (end - first) * step, step)


def _hits(spec: ConvSpec, i: int, j: int) -> list[list[tuple[int, int]]]:
    """(window, tap) pairs that read the pixel (i, j), of each axis."""
    found = []
    for axis, coordinate in enumerate((i, j)):
        pairs = []
        for tap in range(spec.kernel_size[axis]):
            away = coordinate + spec.padding[2 * axis] - tap * spec.dilation[axis]
            window, rest = divmod(away, spec.stride[axis])
            if not rest and 0 <= window < spec.output_size[axis]:
                pairs.append((window, tap))
        found.append(pairs)
    return found


_AT: dict[Op, Callable[..., float]] = {
    "im2col": _im2col,
    "col2im": _col2im,
    "conv2d": _conv2d,
    "conv2d_input_grad": _input_grad,
    "conv2d_weight_grad": _weight_grad,
    "conv2d_bias_grad": _bias_grad,
    "max_pool2d": _max_pool,
    "max_pool2d_grad": _max_pool_grad,
    "avg_pool2d": _avg_pool,
    "avg_pool2d_grad": _avg_pool_grad,
    "avg_pool2d_exclude_padding": _avg_pool_exclude,
    "avg_pool2d_exclude_padding_grad": _avg_pool_exclude_grad,
}
