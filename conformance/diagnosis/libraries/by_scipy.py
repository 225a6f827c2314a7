"""SciPy as a witness: it correlates one 2-D plane at a time; the adjoints with the kernel turned round.

`scipy.ndimage` loads in a third of the time of `scipy.signal`. It takes kernel elements below 2^-52 for zeros, which
whole numbers do not notice: libraries are asked on nothing else.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from conformance.diagnosis.libraries.common import Arrays, CannotDoIt, plain, unit_kernels
from harness.contract.protocol import Array
from harness.geometry.spec import ConvSpec, Op


def run(op: Op, spec: ConvSpec, arrays: Arrays) -> Array:
    """One 2-D correlation per image, filter and channel, at stride 1 with a kernel of dilation 1, thinned out after.

    im2col is the convolution with every tap's own unit kernel, col2im its adjoint.
    """
    if op in ("im2col", "col2im"):
        units, wide = unit_kernels(spec)
        given = plain(arrays[0])
        if op == "im2col":
            return _correlated(wide, given, units).reshape(spec.columns_shape)
        return _convolved(wide, given.reshape(wide.y_shape), units)
    if op == "conv2d":
        y = _correlated(spec, plain(arrays[0]), plain(arrays[1]))
        return y if arrays[2] is None else y + arrays[2][:, None, None]
    if op == "conv2d_input_grad":
        return _convolved(spec, plain(arrays[0]), plain(arrays[1]))
    if op == "conv2d_weight_grad":
        return _weight_grad(spec, plain(arrays[0]), plain(arrays[1]))
    raise CannotDoIt("the bias gradient is a sum, nothing to correlate")


def _correlated(spec: ConvSpec, x: Array, w: Array) -> Array:
    (sh, sw), kernels, padded = spec.stride, _spread(w, spec.reach, spec.dilation), _padded(spec, x)
    y = np.zeros(spec.y_shape)
    for n, f, k, c in _products(spec):
        y[n, f] += _slid(padded[n, c], kernels[f, k])[::sh, ::sw]
    return y


def _convolved(spec: ConvSpec, dy: Array, w: Array) -> Array:
    kernels, dense = _spread(w, spec.reach, spec.dilation), _spread(dy, _dense_size(spec), spec.stride)
    (top, _, left, _), (h, width), (rows, columns) = spec.padding, spec.input_size, spec.reach
    around = ((0, 0), (0, 0), (rows - 1, rows - 1), (columns - 1, columns - 1))
    dense, kernels = np.pad(dense, around), kernels[..., ::-1, ::-1]
    padded = np.zeros((spec.batch, spec.in_channels, *spec.padded_size))
    for n, f, k, c in _products(spec):
        padded[n, c] += _slid(dense[n, f], kernels[f, k])
    return padded[:, :, top : top + h, left : left + width]


def _weight_grad(spec: ConvSpec, dy: Array, x: Array) -> Array:
    (dh, dw), dense, padded = spec.dilation, _spread(dy, _dense_size(spec), spec.stride), _padded(spec, x)
    gradient = np.zeros(spec.w_shape)
    for n, f, k, c in _products(spec):
        gradient[f, k] += _slid(padded[n, c], dense[n, f])[::dh, ::dw]
    return gradient


def _slid(plane: Array, kernel: Array) -> Array:
    """The kernel at every place where it lies within the plane."""
    from scipy.ndimage import correlate

    (height, width), (rows, columns) = plane.shape, kernel.shape
    # SciPy's result is as large as the plane, and an element belongs to the place that has it in its middle.
    every: Array = correlate(plane, kernel, mode="constant")
    return every[rows // 2 :, columns // 2 :][: height - rows + 1, : width - columns + 1]


def _products(spec: ConvSpec) -> Iterator[tuple[int, int, int, int]]:
    """(image, filter, channel within the group, channel)."""
    channels, filters = spec.in_channels // spec.groups, spec.out_channels // spec.groups
    for n, f, k in np.ndindex(spec.batch, spec.out_channels, channels):
        yield n, f, k, f // filters * channels + k


def _spread(a: Array, size: tuple[int, int], step: tuple[int, int]) -> Array:
    """The last two axes with zeros put in between: a dilated kernel, or a gradient at stride 1."""
    wide = np.zeros((*a.shape[:2], *size))
    wide[:, :, :: step[0], :: step[1]] = a
    return wide


def _dense_size(spec: ConvSpec) -> tuple[int, int]:
    """Window positions at stride 1."""
    return spec.padded_size[0] - spec.reach[0] + 1, spec.padded_size[1] - spec.reach[1] + 1


def _padded(spec: ConvSpec, x: Array) -> Array:
    top, bottom, left, right = spec.padding
    return np.pad(x, ((0, 0), (0, 0), (top, bottom), (left, right)))
