"""What all backends of this package share: the contract's plumbing, and the ops that differ in none of them."""

from __future__ import annotations

from typing import Any

from harness import ConvSpec, Op

from .columns import Columns
from .source import SCALARS


class OnDevice:
    """A device's conversions, its clock, im2col, col2im and the bias gradient."""

    numerics = "gemm"

    def __init__(self, device: Any) -> None:
        self._device, columns = device, Columns(device)
        self.im2col, self.col2im = columns.im2col, columns.col2im
        self.info, self.from_numpy, self.to_numpy = device.info, device.from_numpy, device.to_numpy
        self.synchronize = device.synchronize
        for member in ("seconds", "ceilings"):  # a device that is emulated has no times to speak of
            if hasattr(device, member):
                setattr(self, member, getattr(device, member))

    def unsupported(self, op: Op, spec: ConvSpec, dtype: str) -> str | None:
        """float32 and float64 on every geometry."""
        return None if dtype in SCALARS else f"dtype {dtype} is not claimed"

    def conv2d_bias_grad(self, dy: Any, spec: ConvSpec) -> Any:
        """Sum over images and positions."""
        dy = self._device.array(dy)
        return dy.sum(axis=(0, 2, 3), dtype=dy.dtype)
