"""The ops of the contract and of pooling, each one question to Octave."""

from __future__ import annotations

import numpy as np

from harness import ConvSpec

from .program import Octave


class OctaveLoop:
    """The contract on NumPy arrays; float32 is MATLAB's single, float64 its double."""

    numerics = "gemm"

    def __init__(self, octave: Octave) -> None:
        self._octave = octave

    def info(self) -> dict[str, str]:
        """Device, version of Octave, and its BLAS: the one called reference is slow, libopenblas0-pthread is not."""
        version, _, blas = self._octave.about().partition(" ")
        return {"device": "cpu", "octave": version, "blas": blas}

    def unsupported(self, op: str, spec: ConvSpec, dtype: str) -> str | None:
        """float32 and float64 on every geometry."""
        return None if dtype in ("float32", "float64") else f"dtype {dtype} is not claimed"

    def im2col(self, x: np.ndarray, spec: ConvSpec) -> np.ndarray:
        """(N, C, H, W) -> (N, C*KH*KW, L)."""
        return self._octave.call("im2col", spec, (x,))

    def col2im(self, columns: np.ndarray, spec: ConvSpec) -> np.ndarray:
        """(N, C*KH*KW, L) -> (N, C, H, W)."""
        return self._octave.call("col2im", spec, (columns,))

    def conv2d(self, x: np.ndarray, w: np.ndarray, b: np.ndarray | None, spec: ConvSpec) -> np.ndarray:
        """(N, C, H, W), (F, C/G, KH, KW), (F,) or None -> (N, F, OH, OW)."""
        return self._octave.call("conv2d", spec, (x, w) if b is None else (x, w, b))

    def conv2d_input_grad(self, dy: np.ndarray, w: np.ndarray, spec: ConvSpec) -> np.ndarray:
        """(N, F, OH, OW), (F, C/G, KH, KW) -> (N, C, H, W)."""
        return self._octave.call("conv2d_input_grad", spec, (dy, w))

    def conv2d_weight_grad(self, dy: np.ndarray, x: np.ndarray, spec: ConvSpec) -> np.ndarray:
        """(N, F, OH, OW), (N, C, H, W) -> (F, C/G, KH, KW)."""
        return self._octave.call("conv2d_weight_grad", spec, (dy, x))

    def conv2d_bias_grad(self, dy: np.ndarray, spec: ConvSpec) -> np.ndarray:
        """(N, F, OH, OW) -> (F,)."""
        return self._octave.call("conv2d_bias_grad", spec, (dy,))

    def max_pool2d(self, x: np.ndarray, spec: ConvSpec) -> np.ndarray:
        """(N, C, H, W) -> (N, C, OH, OW)."""
        return self._octave.call("max_pool2d", spec, (x,))

    def max_pool2d_grad(self, dy: np.ndarray, x: np.ndarray, spec: ConvSpec) -> np.ndarray:
        """(N, C, OH, OW), (N, C, H, W) -> (N, C, H, W)."""
        return self._octave.call("max_pool2d_grad", spec, (dy, x))

    def avg_pool2d(self, x: np.ndarray, spec: ConvSpec) -> np.ndarray:
        """(N, C, H, W) -> (N, C, OH, OW)."""
        return self._octave.call("avg_pool2d", spec, (x,))

    def avg_pool2d_grad(self, dy: np.ndarray, spec: ConvSpec) -> np.ndarray:
        """(N, C, OH, OW) -> (N, C, H, W)."""
        return self._octave.call("avg_pool2d_grad", spec, (dy,))

    def avg_pool2d_exclude_padding(self, x: np.ndarray, spec: ConvSpec) -> np.ndarray:
        """(N, C, H, W) -> (N, C, OH, OW)."""
        return self._octave.call("avg_pool2d_exclude_padding", spec, (x,))

    def avg_pool2d_exclude_padding_grad(self, dy: np.ndarray, spec: ConvSpec) -> np.ndarray:
        """(N, C, OH, OW) -> (N, C, H, W)."""
        return self._octave.call("avg_pool2d_exclude_padding_grad", spec, (dy,))
