"""Two variants in one file: the same copy of windows, tap by tap or all at once.

    harness check docs/examples/two.py:ByTap docs/examples/two.py:AtOnce
    harness compare docs/examples/two.py:ByTap docs/examples/two.py:AtOnce --ops im2col
    harness compare before=docs/examples/two.py:ByTap after=docs/examples/two.py:AtOnce --ops im2col

They are called `two.ByTap` and `two.AtOnce`, or whatever NAME=TARGET says.
"""

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view


class ByTap:
    def im2col(self, x, spec):
        columns = np.empty((spec.batch, spec.in_channels, *spec.kernel_size, *spec.output_size), x.dtype)
        for u, v, view in self.taps(self.pad(x, spec), spec):
            columns[:, :, u, v] = view
        return columns.reshape(spec.columns_shape)

    def col2im(self, columns, spec):
        padded = np.zeros((spec.batch, spec.in_channels, *spec.padded_size), columns.dtype)
        columns = columns.reshape(spec.batch, spec.in_channels, *spec.kernel_size, *spec.output_size)
        for u, v, view in self.taps(padded, spec):
            view += columns[:, :, u, v]
        (top, _, left, _), (h, w) = spec.padding, spec.input_size
        return padded[:, :, top : top + h, left : left + w].copy()

    @staticmethod
    def pad(x, spec):
        top, bottom, left, right = spec.padding
        return np.pad(x, ((0, 0), (0, 0), (top, bottom), (left, right)))

    @staticmethod
    def taps(padded, spec):
        (oh, ow), (sh, sw), (dh, dw) = spec.output_size, spec.stride, spec.dilation
        for u in range(spec.kernel_size[0]):
            for v in range(spec.kernel_size[1]):
                i, j = u * dh, v * dw
                yield u, v, padded[:, :, i : i + (oh - 1) * sh + 1 : sh, j : j + (ow - 1) * sw + 1 : sw]


class AtOnce(ByTap):
    def im2col(self, x, spec):
        (sh, sw), (dh, dw) = spec.stride, spec.dilation
        windows = sliding_window_view(self.pad(x, spec), spec.reach, axis=(2, 3))
        windows = windows[:, :, ::sh, ::sw, ::dh, ::dw]  # (N, C, OH, OW, KH, KW)
        return windows.transpose(0, 1, 4, 5, 2, 3).copy().reshape(spec.columns_shape)
