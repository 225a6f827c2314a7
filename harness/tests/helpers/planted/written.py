"""im2col, col2im and conv2d as people write them, by loops and slices, each with a place for a mistake."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from conformance.power.one_function import OneFunction
from harness.contract.protocol import Array
from harness.geometry.spec import ConvSpec, Op
from harness.oracle import by_taps

Start = Callable[[ConvSpec, int, int], int]  # of axis 0 or 1 and a window: the first row or column
Step = Callable[[ConvSpec, int], int]  # of an axis
Rule = Callable[[ConvSpec, int], tuple[int, int, int]]  # of an axis: stride, dilation, padding before


def as_it_is(spec: ConvSpec, axis: int) -> tuple[int, int, int]:
    """The right rule."""
    return spec.stride[axis], spec.dilation[axis], spec.padding[2 * axis]


@dataclass
class Written(OneFunction):
    """Loops over taps, by a rule for the index along each axis; col2im adds, or what `add` does."""

    rule: Rule = as_it_is
    add: Callable[[Array, Array], Array] = np.add

    name = "written"

    def unsupported(self, op: Op, spec: ConvSpec, dtype: str) -> str | None:
        """Contract."""
        return None if op in ("im2col", "col2im", "conv2d") else "not written"

    def run(self, op: Op, spec: ConvSpec, *arrays: Array | None) -> Any:
        """One op."""
        first = arrays[0]
        assert first is not None
        if op == "im2col":
            return self._gathered(spec, first).reshape(spec.columns_shape)
        if op == "col2im":
            return self._scattered(spec, first)
        if op == "conv2d":
            w, bias = arrays[1], arrays[2]
            assert w is not None
            opened = self._gathered(spec, first)
            depth = spec.in_channels // spec.groups * spec.taps
            seen = opened.reshape(spec.batch, spec.groups, depth, spec.positions)
            y = w.reshape(spec.groups, spec.out_channels // spec.groups, depth) @ seen
            y = y.reshape(spec.y_shape)
            return y if bias is None else y + bias[:, None, None]
        return by_taps.run(op, spec, *arrays)

    def _places(self, spec: ConvSpec, axis: int) -> Array:
        """(K, O); what lies outside is the size."""
        stride, dilation, before = self.rule(spec, axis)
        size = spec.input_size[axis]
        at = np.arange(spec.kernel_size[axis])[:, None] * dilation + np.arange(spec.output_size[axis]) * stride - before
        return np.where((at < 0) | (at >= size), size, at)

    def _gathered(self, spec: ConvSpec, x: Array) -> Array:
        framed = np.zeros((*x.shape[:2], x.shape[2] + 1, x.shape[3] + 1), x.dtype)
        framed[:, :, :-1, :-1] = x
        rows, columns = self._places(spec, 0), self._places(spec, 1)
        return np.ascontiguousarray(framed[:, :, rows[:, None, :, None], columns[None, :, None, :]])

    def _scattered(self, spec: ConvSpec, columns: Array) -> Array:
        opened = columns.reshape(spec.batch, spec.in_channels, *spec.kernel_size, *spec.output_size)
        h, w = spec.input_size
        framed = np.zeros((spec.batch, spec.in_channels, h + 1, w + 1), columns.dtype)
        rows, places = self._places(spec, 0), self._places(spec, 1)
        for u in range(spec.kernel_size[0]):
            for v in range(spec.kernel_size[1]):
                at = (slice(None), slice(None), rows[u][:, None], places[v])
                framed[at] = self.add(framed[at], opened[:, :, u, v])
        return np.ascontiguousarray(framed[:, :, :h, :w])


def misread(spec: ConvSpec, **changed: Any) -> ConvSpec:
    """The geometry with other numbers."""
    return replace(spec, **changed)
