"""SciPy: `signal.correlate`, plane by plane, which picks the FFT by itself (pip install scipy). conv2d alone.

harness check backends/peers/scipy_signal.py
"""

from __future__ import annotations

import numpy as np
import scipy
from scipy import signal

from harness import ConvSpec, Op

numerics = "fft"


def info() -> dict[str, str]:
    """Where it runs, and its version."""
    return {"device": "cpu", "scipy": scipy.__version__}


def unsupported(op: Op, spec: ConvSpec, dtype: str) -> str | None:
    """conv2d in both floats."""
    if op != "conv2d":
        return "it correlates"
    return None if dtype in ("float32", "float64") else f"dtype {dtype} is not claimed"


def conv2d(x: np.ndarray, w: np.ndarray, b: np.ndarray | None, spec: ConvSpec) -> np.ndarray:
    """(N, C, H, W), (F, C/G, KH, KW), (F,) or None -> (N, F, OH, OW)."""
    top, bottom, left, right = spec.padding
    (sh, sw), (dh, dw) = spec.stride, spec.dilation
    padded = np.pad(x, ((0, 0), (0, 0), (top, bottom), (left, right)))
    kernels = np.zeros((*w.shape[:2], *spec.reach), w.dtype)
    kernels[:, :, ::dh, ::dw] = w
    channels, filters = spec.in_channels // spec.groups, spec.out_channels // spec.groups
    y = np.zeros(spec.y_shape, x.dtype)
    for f in range(spec.out_channels):
        for c in range(channels):
            planes, kernel = padded[:, f // filters * channels + c], kernels[f, c]
            for n in range(spec.batch):
                y[n, f] += signal.correlate(planes[n], kernel, "valid")[::sh, ::sw]
    return y if b is None else y + b[:, None, None]
