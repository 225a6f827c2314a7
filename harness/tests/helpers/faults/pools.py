"""Right pooling by two methods, and pooling that is wrong: retold from public reports, and one for a check of its own.

What has no window or index to be wrong in here (indices that are returned, a geometry that is no pooling) is retold by
what it does to a value.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, cast

import numpy as np

from harness.contract.protocol import Array
from harness.geometry.spec import ConvSpec, Op
from harness.geometry.windows import meets_pixel, pixels_in_windows
from harness.oracle import by_taps
from harness.tests.helpers.faults.faulty import Right, geometry, result

_Arguments = tuple[Array | None, ...]
_GRADS = ("max_pool2d_grad", "avg_pool2d_grad", "avg_pool2d_exclude_padding_grad")


class Pools(Right):
    """The tap oracle with pooling of its own; subclasses go wrong."""

    def max_pool2d(self, x: Array, spec: ConvSpec) -> Any:
        """Contract."""
        return self.run("max_pool2d", spec, x)

    def max_pool2d_grad(self, dy: Array, x: Array, spec: ConvSpec) -> Any:
        """Contract."""
        return self.run("max_pool2d_grad", spec, dy, x)

    def avg_pool2d(self, x: Array, spec: ConvSpec) -> Any:
        """Contract."""
        return self.run("avg_pool2d", spec, x)

    def avg_pool2d_grad(self, dy: Array, spec: ConvSpec) -> Any:
        """Contract."""
        return self.run("avg_pool2d_grad", spec, dy)

    def avg_pool2d_exclude_padding(self, x: Array, spec: ConvSpec) -> Any:
        """Contract."""
        return self.run("avg_pool2d_exclude_padding", spec, x)

    def avg_pool2d_exclude_padding_grad(self, dy: Array, spec: ConvSpec) -> Any:
        """Contract."""
        return self.run("avg_pool2d_exclude_padding_grad", spec, dy)


class Multiplying(Pools):
    """Right by another way of rounding: sums and slopes are multiplied by the reciprocal, in the dtype itself."""

    def run(self, op: Op, spec: ConvSpec, *arrays: Array | None) -> Any:
        """One op."""
        if not op.startswith("avg"):
            return super().run(op, spec, *arrays)
        (a,) = cast(tuple[Array], arrays)
        counts = pixels_in_windows(spec) if "exclude" in op else np.full(spec.positions, spec.taps)
        factors = (np.ones(1, a.dtype) / counts.astype(a.dtype)).reshape(spec.output_size)
        if op in _GRADS:
            return np.ascontiguousarray(spread(spec, a * factors))
        return np.ascontiguousarray(windows(spec, a).sum(axis=2).reshape(spec.pooled_shape) * factors)


def windows(spec: ConvSpec, x: Array) -> Array:
    """(N, C, KH*KW, L): what every window sees, with zeros in the padding."""
    columns = by_taps.run("im2col", spec, x, accumulate=x.dtype)
    return columns.reshape(spec.batch, spec.in_channels, spec.taps, spec.positions)


def spread(spec: ConvSpec, dy: Array) -> Array:
    """Every pixel of a window gets what the window has."""
    each = dy.reshape(spec.batch, spec.in_channels, 1, spec.positions)
    columns = np.broadcast_to(each, (spec.batch, spec.in_channels, spec.taps, spec.positions))
    return by_taps.run("col2im", spec, columns.reshape(spec.columns_shape), accumulate=dy.dtype)


def _given_back(spec: ConvSpec, chosen: Array, dy: Array) -> Array:
    """dy to every tap (N, C, KH*KW, L) that is chosen."""
    columns = chosen * dy.reshape(spec.batch, spec.in_channels, 1, spec.positions)
    return by_taps.run("col2im", spec, columns.reshape(spec.columns_shape)).astype(dy.dtype)


def _zeros_win(op: Op, spec: ConvSpec, out: Any, arrays: _Arguments) -> Any:
    """The maximum is taken of columns in which padding is 0."""
    if op != "max_pool2d" or arrays[0] is None:
        return out
    return np.ascontiguousarray(windows(spec, arrays[0]).max(axis=2).reshape(out.shape))


def _gradient_to_zeros(op: Op, spec: ConvSpec, out: Any, arrays: _Arguments) -> Any:
    """argmax of columns in which padding is 0: its gradient is cut off with the padding."""
    if op != "max_pool2d_grad" or arrays[0] is None or arrays[1] is None:
        return out
    first = windows(spec, arrays[1]).argmax(axis=2)
    return _given_back(spec, np.arange(spec.taps)[:, None] == first[:, :, None], arrays[0])


def _to_all_equal(op: Op, spec: ConvSpec, out: Any, arrays: _Arguments) -> Any:
    """A mask of all that is equal to the maximum."""
    if op != "max_pool2d_grad" or arrays[0] is None or arrays[1] is None:
        return out
    seen = np.where(meets_pixel(spec), windows(spec, arrays[1]), -np.inf)
    return _given_back(spec, seen == seen.max(axis=2, keepdims=True), arrays[0])


def _padded_coordinates(op: Op, spec: ConvSpec, out: Any, arrays: _Arguments) -> Any:
    """The place of the maximum is counted from the corner of the padding, and written to the image."""
    if op != "max_pool2d_grad":
        return out
    top, _, left, _ = spec.padding
    (h, w) = spec.input_size
    return np.ascontiguousarray(np.pad(out, ((0, 0), (0, 0), (top, 0), (left, 0)))[:, :, :h, :w])


def _nan_dropped(op: Op, spec: ConvSpec, out: Any, arrays: _Arguments) -> Any:
    """`if v > best`: a NaN is kept only where it comes first."""
    if op != "max_pool2d" or arrays[0] is None:
        return out
    seen, mask = windows(spec, arrays[0]), meets_pixel(spec)
    best, found = np.zeros_like(seen[:, :, 0]), np.zeros(spec.positions, bool)
    for tap in range(spec.taps):
        wins = mask[tap] & (~found | (seen[:, :, tap] > best))
        best, found = np.where(wins, seen[:, :, tap], best), found | mask[tap]
    return np.ascontiguousarray(best.reshape(out.shape))


def _index_minus_one(op: Op, spec: ConvSpec, out: Any, arrays: _Arguments) -> Any:
    """Nothing is larger than -inf, so the index stays -1: the gradient goes to the last pixel of the plane."""
    if op != "max_pool2d_grad" or arrays[0] is None or arrays[1] is None or not spec.batch:
        return out
    unset = np.isneginf(by_taps.run("max_pool2d", spec, arrays[1]))
    if unset.any():
        out = Pools().run(op, spec, np.where(unset, 0, arrays[0]), arrays[1])
        out[:, :, -1, -1] += (arrays[0] * unset).sum(axis=(2, 3))
    return out


def _window_beyond(op: Op, spec: ConvSpec, out: Any, arrays: _Arguments) -> Any:
    """A last row of windows that begins behind the image: there is nothing but the least number."""
    if op != "max_pool2d" or spec.stride[0] == 1:
        return out
    return np.pad(out, ((0, 0), (0, 0), (0, 1), (0, 0)), constant_values=-np.inf)


def _finite_sentinel(op: Op, spec: ConvSpec, out: Any, arrays: _Arguments) -> Any:
    """The search begins with the least finite number of float32, which so becomes the result."""
    return np.maximum(out, np.float32(-3.4e38)).astype(out.dtype) if op == "max_pool2d" else out


def _whole_gradient(op: Op, spec: ConvSpec, out: Any, arrays: _Arguments) -> Any:
    """dx is an array of integers."""
    return np.trunc(out) if op == "max_pool2d_grad" else out


def _planes_mixed(op: Op, spec: ConvSpec, out: Any, arrays: _Arguments) -> Any:
    """dy is reshaped to (C, N, ..) without its axes being exchanged."""
    if op != "avg_pool2d_grad" or arrays[0] is None:
        return out
    n, c, *size = arrays[0].shape
    return Pools().run(op, spec, np.ascontiguousarray(arrays[0].reshape(c, n, *size).swapaxes(0, 1)))


def _fortran_dropped(op: Op, spec: ConvSpec, out: Any, arrays: _Arguments) -> Any:
    """One of two reshapes in Fortran order is left out."""
    if op != "avg_pool2d_grad":
        return out
    return np.ascontiguousarray(out.reshape(out.size, order="F").reshape(out.shape))


def _other_convention(op: Op, spec: ConvSpec, out: Any, arrays: _Arguments) -> Any:
    """Padding is counted where it is not to be, and not counted where it is."""
    other: dict[Op, Op] = {
        "avg_pool2d": "avg_pool2d_exclude_padding",
        "avg_pool2d_grad": "avg_pool2d_exclude_padding_grad",
        "avg_pool2d_exclude_padding": "avg_pool2d",
        "avg_pool2d_exclude_padding_grad": "avg_pool2d_grad",
    }
    return Pools().run(other[op], spec, *arrays) if op in other else out


def _end_by_leading_padding(op: Op, spec: ConvSpec, out: Any, arrays: _Arguments) -> Any:
    """Windows are cut off at the image and the padding before it, so that they divide by less behind it."""
    if op != "avg_pool2d" or arrays[0] is None:
        return out
    divisors = []
    for axis in (0, 1):
        start, reach = np.arange(spec.output_size[axis]) * spec.stride[axis], spec.reach[axis]
        end = np.minimum(start + reach, spec.input_size[axis] + 2 * spec.padding[2 * axis])
        divisors.append(np.maximum(end - start, 1) / reach * spec.kernel_size[axis])
    sums = windows(spec, arrays[0]).sum(axis=2).reshape(out.shape)
    return (sums / np.outer(*divisors)).astype(out.dtype)


def _negative_planes_forgotten(op: Op, spec: ConvSpec, out: Any, arrays: _Arguments) -> Any:
    """The search begins with 0: where no pixel of an image is positive, no place is ever set."""
    nothing = op == "max_pool2d_grad" and arrays[1] is not None and arrays[1].max(initial=-1) <= 0
    return out * 0 if nothing else out


# name -> (backend, op, check that sees it): the rows on pooling of a catalogue of public reports.
FAULTS: dict[str, tuple[type[Right], Op, str]] = {
    "maxpool_padded_with_zero": (result(_zeros_win, Pools), "max_pool2d", "values.exact"),
    "maxpool_grad_lost_into_padding": (result(_gradient_to_zeros, Pools), "max_pool2d_grad", "values.exact"),
    "maxpool_argmax_wrong_coordinates": (result(_padded_coordinates, Pools), "max_pool2d_grad", "values.exact"),
    "maxpool_ties_to_all": (result(_to_all_equal, Pools), "max_pool2d_grad", "law.conserved"),
    "maxpool_nan_dropped": (result(_nan_dropped, Pools), "max_pool2d", "contract.nonfinite"),
    "maxpool_index_minus_one": (result(_index_minus_one, Pools), "max_pool2d_grad", "contract.nonfinite"),
    "maxpool_window_in_padding": (result(_window_beyond, Pools), "max_pool2d", "contract.shape"),
    "maxpool_pad_not_less_than_kernel": (result(_finite_sentinel, Pools), "max_pool2d", "contract.nonfinite"),
    "maxpool_grad_dtype_from_x": (result(_whole_gradient, Pools), "max_pool2d_grad", "values.real"),
    "avgpool_batch_channel_mixed": (result(_planes_mixed, Pools), "avg_pool2d_grad", "values.exact"),
    "avgpool_fortran_order_dropped": (result(_fortran_dropped, Pools), "avg_pool2d_grad", "values.exact"),
    "avgpool_pad_counted": (result(_other_convention, Pools), "avg_pool2d_exclude_padding", "values.exact"),
    "avgpool_pad_not_counted": (result(_other_convention, Pools), "avg_pool2d", "values.exact"),
    "avgpool_asymmetric_pad_divisor": (result(_end_by_leading_padding, Pools), "avg_pool2d", "values.exact"),
    "pool_stride_unused": (geometry(lambda s: replace(s, stride=s.kernel_size), Pools), "max_pool2d", "values.exact"),
    "pool_ceil_mode_ignored": (
        geometry(lambda s: replace(s, padding=(s.padding[0],) * 2 + (s.padding[2],) * 2), Pools), "max_pool2d",
        "values.exact",
    ),
}  # fmt: skip
# Seen first by the check that is of pooling alone.
OF_ITS_OWN: dict[str, tuple[type[Right], str]] = {
    "planes_without_a_positive_pixel_forgotten": (result(_negative_planes_forgotten, Pools), "law.conserved"),
}
