"""A class that does only a part, and says in words what it refuses.

    harness check docs/examples/refusals.py

What is refused is counted and shown with its reason; it is not called, and it is no failure.
"""

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view


class Windows:
    name = "windows"

    def unsupported(self, op, spec, dtype):
        """A reason, or None; asked while planning, for the op, the geometry and the dtype."""
        if dtype != "float32":
            return f"dtype {dtype} is not claimed"
        if spec.batch == 0:
            return "an empty batch"
        if max(spec.padding) > max(spec.reach):
            return "padding wider than the kernel"
        return None

    def im2col(self, x, spec):
        top, bottom, left, right = spec.padding
        padded = np.pad(x, ((0, 0), (0, 0), (top, bottom), (left, right)))
        (sh, sw), (dh, dw) = spec.stride, spec.dilation
        windows = sliding_window_view(padded, spec.reach, axis=(2, 3))[:, :, ::sh, ::sw, ::dh, ::dw]
        return windows.transpose(0, 1, 4, 5, 2, 3).copy().reshape(spec.columns_shape)

    def col2im(self, columns, spec):
        (oh, ow), (sh, sw), (dh, dw) = spec.output_size, spec.stride, spec.dilation
        padded = np.zeros((spec.batch, spec.in_channels, *spec.padded_size), columns.dtype)
        columns = columns.reshape(spec.batch, spec.in_channels, *spec.kernel_size, oh, ow)
        for u, v in np.ndindex(spec.kernel_size):
            i, j = u * dh, v * dw
            padded[:, :, i : i + (oh - 1) * sh + 1 : sh, j : j + (ow - 1) * sw + 1 : sw] += columns[:, :, u, v]
        (top, _, left, _), (h, w) = spec.padding, spec.input_size
        return padded[:, :, top : top + h, left : left + w].copy()
