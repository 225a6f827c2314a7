"""A backend whose six ops are one function, `run`."""

from __future__ import annotations

from typing import Any

from harness.contract.protocol import Array
from harness.geometry.spec import ConvSpec, Op


class OneFunction:
    """Every op of the contract, by `run`, which whoever derives from this has."""

    def run(self, op: Op, spec: ConvSpec, *arrays: Array | None) -> Any:
        """One op."""
        raise NotImplementedError

    def im2col(self, x: Array, spec: ConvSpec) -> Any:
        """Contract."""
        return self.run("im2col", spec, x)

    def col2im(self, columns: Array, spec: ConvSpec) -> Any:
        """Contract."""
        return self.run("col2im", spec, columns)

    def conv2d(self, x: Array, w: Array, b: Array | None, spec: ConvSpec) -> Any:
        """Contract."""
        return self.run("conv2d", spec, x, w, b)

    def conv2d_input_grad(self, dy: Array, w: Array, spec: ConvSpec) -> Any:
        """Contract."""
        return self.run("conv2d_input_grad", spec, dy, w)

    def conv2d_weight_grad(self, dy: Array, x: Array, spec: ConvSpec) -> Any:
        """Contract."""
        return self.run("conv2d_weight_grad", spec, dy, x)

    def conv2d_bias_grad(self, dy: Array, spec: ConvSpec) -> Any:
        """Contract."""
        return self.run("conv2d_bias_grad", spec, dy)
