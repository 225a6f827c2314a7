"""The smallest plug-in: two functions on NumPy arrays. The harness derives the other four ops from them.

harness check docs/examples/smallest.py
"""

import numpy as np


def windows(padded, spec):
    """For every tap, a view (N, C, OH, OW) of the pixel that it reads in each window."""
    (oh, ow), (sh, sw), (dh, dw) = spec.output_size, spec.stride, spec.dilation
    for u in range(spec.kernel_size[0]):
        for v in range(spec.kernel_size[1]):
            i, j = u * dh, v * dw
            yield u, v, padded[:, :, i : i + (oh - 1) * sh + 1 : sh, j : j + (ow - 1) * sw + 1 : sw]


def im2col(x, spec):
    top, bottom, left, right = spec.padding
    padded = np.pad(x, ((0, 0), (0, 0), (top, bottom), (left, right)))
    columns = np.empty((spec.batch, spec.in_channels, *spec.kernel_size, *spec.output_size), x.dtype)
    for u, v, view in windows(padded, spec):
        columns[:, :, u, v] = view
    return columns.reshape(spec.columns_shape)


def col2im(columns, spec):
    padded = np.zeros((spec.batch, spec.in_channels, *spec.padded_size), columns.dtype)
    columns = columns.reshape(spec.batch, spec.in_channels, *spec.kernel_size, *spec.output_size)
    for u, v, view in windows(padded, spec):
        view += columns[:, :, u, v]  # windows overlap, so their values add up
    (top, _, left, _), (h, w) = spec.padding, spec.input_size
    return padded[:, :, top : top + h, left : left + w].copy()
