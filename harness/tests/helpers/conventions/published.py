"""Two published pairs of functions, retold: the names, arguments, order of columns, checks and buffers are theirs.

What Python 3 asks for (// for the output size and for the row of a window) is mended; the tests break it again.
"""

from __future__ import annotations

# CS231n, assignment 2: the images of one position side by side; checks by assert, the second with the kernel's height;
# a reshape to -1; col2im gives a view of the padded image.
CS231N = """\
import numpy as np


def get_im2col_indices(x_shape, field_height, field_width, padding=1, stride=1):
    N, C, H, W = x_shape
    assert (H + 2 * padding - field_height) % stride == 0
    assert (W + 2 * padding - field_height) % stride == 0
    out_height = (H + 2 * padding - field_height) // stride + 1
    out_width = (W + 2 * padding - field_width) // stride + 1
    k, u, v = (a.reshape(-1, 1) for a in np.indices((C, field_height, field_width)))
    p, q = (a.reshape(1, -1) for a in np.meshgrid(np.arange(out_height), np.arange(out_width), indexing="ij"))
    return k, u + stride * p, v + stride * q


def im2col_indices(x, field_height, field_width, padding=1, stride=1):
    x_padded = np.pad(x, ((0, 0), (0, 0), (padding, padding), (padding, padding)), mode="constant")
    k, i, j = get_im2col_indices(x.shape, field_height, field_width, padding, stride)
    windows = x_padded[:, k, i, j]
    return windows.transpose(1, 2, 0).reshape(x.shape[1] * field_height * field_width, -1)


def col2im_indices(cols, x_shape, field_height=3, field_width=3, padding=1, stride=1):
    N, C, H, W = x_shape
    x_padded = np.zeros((N, C, H + 2 * padding, W + 2 * padding), dtype=cols.dtype)
    k, i, j = get_im2col_indices(x_shape, field_height, field_width, padding, stride)
    by_image = cols.reshape(C * field_height * field_width, -1, N).transpose(2, 0, 1)
    np.add.at(x_padded, (slice(None), k, i, j), by_image)
    if padding == 0:
        return x_padded
    return x_padded[:, :, padding:-padding, padding:-padding]
"""

# The Python of L. Araujo dos Santos' book: one image, padded by the caller; a window is a row; float64 buffers;
# `col2im` is a reshape of the result, the adjoint is called col2im_back and knows no rows that the stride leaves over.
PER_IMAGE = """\
import numpy as np


def im2col(x, hh, ww, stride):
    c, h, w = x.shape
    new_h, new_w = (h - hh) // stride + 1, (w - ww) // stride + 1
    col = np.zeros([new_h * new_w, c * hh * ww])
    for l in range(new_h * new_w):
        i, j = l // new_w * stride, l % new_w * stride
        col[l] = x[:, i : i + hh, j : j + ww].reshape(c * hh * ww)
    return col


def col2im(mul, h_prime, w_prime, C):
    return mul.T.reshape(mul.shape[1], h_prime, w_prime)


def col2im_back(dim_col, h_prime, w_prime, stride, hh, ww, c):
    dx = np.zeros([c, (h_prime - 1) * stride + hh, (w_prime - 1) * stride + ww])
    for i in range(h_prime * w_prime):
        h_start = i // w_prime * stride
        w_start = i % w_prime * stride
        dx[:, h_start : h_start + hh, w_start : w_start + ww] += dim_col[i].reshape(c, hh, ww)
    return dx
"""


def broken(source: str, old: str, new: str) -> str:
    """One of them with a passage, which must be there, replaced wherever it stands."""
    assert old in source, old
    return source.replace(old, new)
