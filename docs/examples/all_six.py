"""A plug-in with all six ops: every one is a sum over the taps of the kernel, so nothing is left to derive.

    harness check docs/examples/all_six.py

`numerics = "direct"` says how the sums are formed; the error bound for real-valued data follows from it.
"""

import numpy as np

numerics = "direct"


def pad(x, spec):
    top, bottom, left, right = spec.padding
    return np.pad(x, ((0, 0), (0, 0), (top, bottom), (left, right)))


def crop(padded, spec):
    (top, _, left, _), (h, w) = spec.padding, spec.input_size
    return padded[:, :, top : top + h, left : left + w].copy()


def taps(padded, spec):
    """For every tap, a view (N, G, C/G, OH, OW) of the pixel that it reads in each window."""
    (oh, ow), (sh, sw), (dh, dw) = spec.output_size, spec.stride, spec.dilation
    for u in range(spec.kernel_size[0]):
        for v in range(spec.kernel_size[1]):
            i, j = u * dh, v * dw
            view = padded[:, :, i : i + (oh - 1) * sh + 1 : sh, j : j + (ow - 1) * sw + 1 : sw]
            yield u, v, view.reshape(spec.batch, spec.groups, spec.in_channels // spec.groups, oh, ow)


def grouped(spec):
    """Shapes of columns, of w and of y with the groups apart: a group of filters sees a group of channels."""
    n, g, c, f = spec.batch, spec.groups, spec.in_channels // spec.groups, spec.out_channels // spec.groups
    return (n, g, c, *spec.kernel_size, *spec.output_size), (g, f, c, *spec.kernel_size), (n, g, f, *spec.output_size)


def im2col(x, spec):
    columns = np.empty(grouped(spec)[0], x.dtype)
    for u, v, view in taps(pad(x, spec), spec):
        columns[:, :, :, u, v] = view
    return columns.reshape(spec.columns_shape)


def col2im(columns, spec):
    columns = columns.reshape(grouped(spec)[0])
    padded = np.zeros((spec.batch, spec.in_channels, *spec.padded_size), columns.dtype)
    for u, v, view in taps(padded, spec):
        view += columns[:, :, :, u, v]
    return crop(padded, spec)


def conv2d(x, w, b, spec):
    _, w_shape, y_shape = grouped(spec)
    w, y = w.reshape(w_shape), np.zeros(y_shape, x.dtype)
    for u, v, view in taps(pad(x, spec), spec):
        y += np.einsum("gfc,ngcpq->ngfpq", w[..., u, v], view)
    y = y.reshape(spec.y_shape)
    return y if b is None else y + b.reshape(1, spec.out_channels, 1, 1)


def conv2d_input_grad(dy, w, spec):
    _, w_shape, y_shape = grouped(spec)
    w, dy = w.reshape(w_shape), dy.reshape(y_shape)
    padded = np.zeros((spec.batch, spec.in_channels, *spec.padded_size), dy.dtype)
    for u, v, view in taps(padded, spec):
        view += np.einsum("gfc,ngfpq->ngcpq", w[..., u, v], dy)
    return crop(padded, spec)


def conv2d_weight_grad(dy, x, spec):
    _, w_shape, y_shape = grouped(spec)
    dy, dw = dy.reshape(y_shape), np.empty(w_shape, dy.dtype)
    for u, v, view in taps(pad(x, spec), spec):
        dw[..., u, v] = np.einsum("ngfpq,ngcpq->gfc", dy, view)
    return dw.reshape(spec.w_shape)


def conv2d_bias_grad(dy, spec):
    return dy.sum(axis=(0, 2, 3), dtype=dy.dtype)
