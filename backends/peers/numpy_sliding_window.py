"""im2col in one line of NumPy: all windows as a view, then one copy. The peer to beat for im2col without compiling.

harness compare numba_tiled backends/peers/numpy_sliding_window.py --ops im2col --shapes core
"""

from __future__ import annotations

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from harness import ConvSpec, Op

numerics = "direct"


def unsupported(op: Op, spec: ConvSpec, dtype: str) -> str | None:
    """im2col, and nothing else."""
    return None if op == "im2col" else "it is about im2col"


def im2col(x: np.ndarray, spec: ConvSpec) -> np.ndarray:
    """(N, C, H, W) -> (N, C*KH*KW, L)."""
    top, bottom, left, right = spec.padding
    if any(spec.padding):
        x = np.pad(x, ((0, 0), (0, 0), (top, bottom), (left, right)))
    reach = [(k - 1) * d + 1 for k, d in zip(spec.kernel_size, spec.dilation, strict=True)]
    windows = sliding_window_view(x, reach, axis=(2, 3))  # (N, C, H', W', reach, reach)
    (sh, sw), (dh, dw) = spec.stride, spec.dilation
    taps = windows[:, :, ::sh, ::sw, ::dh, ::dw].transpose(0, 1, 4, 5, 2, 3)
    return np.array(taps, order="C").reshape(spec.columns_shape)  # a copy, also where a view would do
