"""Convolution as a matrix product: the ops that follow from im2col and from col2im.

Only `reshape`, `swapaxes`, `@`, `+` and `.sum(axis)` of the backend's own arrays are used, so it works for NumPy,
CuPy, torch or anything alike. No size is left to be inferred: a reshape to -1 fails on an empty batch.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any

from harness.geometry.spec import ConvSpec, Op

Function = Callable[..., Any]
Stages = list[tuple[str, Function]]  # each gets what the one before gives as its arguments; the last gives the result
StagesOf = Callable[[Op, ConvSpec], Stages]

NEEDS: dict[Op, Op] = {
    "conv2d": "im2col",
    "conv2d_input_grad": "col2im",
    "conv2d_weight_grad": "im2col",
}


def derivable(given: Collection[Op]) -> list[Op]:
    """The ops that follow from those given, and are not among them; the bias gradient from either."""
    found = [op for op, needed in NEEDS.items() if needed in given]
    if "im2col" in given or "col2im" in given:
        found.append("conv2d_bias_grad")
    return [op for op in found if op not in given]


def with_bias(conv2d: Function) -> Function:
    """The op for a backend whose own takes no bias (`bias = False`): it gets None, and the bias is added here."""

    def added(x: Any, w: Any, b: Any, spec: ConvSpec) -> Any:
        """The backend's own result, plus b (F,) in every position."""
        return _plus(conv2d(x, w, None, spec), b, spec)

    return added


def _plus(y: Any, b: Any, spec: ConvSpec) -> Any:
    return y if b is None else y + b.reshape(1, spec.out_channels, 1, 1)


def derive(im2col: Function, col2im: Function) -> dict[Op, Function]:
    """The four ops that follow from im2col and col2im, with the signatures of the contract."""

    def conv2d(x: Any, w: Any, b: Any, spec: ConvSpec) -> Any:
        """W (F/G x K) @ columns (K x L) -> y (F/G x L), for every image and group; K = C/G*KH*KW."""
        return _plus(_product(w, im2col(x, spec), spec), b, spec)

    def conv2d_input_grad(dy: Any, w: Any, spec: ConvSpec) -> Any:
        """W' (K x F/G) @ dy (F/G x L) -> columns (K x L), then col2im."""
        g, f, k = _blocks(spec)
        columns = w.reshape(1, g, f, k).swapaxes(2, 3) @ dy.reshape(spec.batch, g, f, spec.positions)
        return col2im(columns.reshape(spec.columns_shape), spec)

    def conv2d_weight_grad(dy: Any, x: Any, spec: ConvSpec) -> Any:
        """dy (F/G x L) @ columns' (L x K) -> dw (F/G x K), summed over the images."""
        g, f, k = _blocks(spec)
        columns = im2col(x, spec).reshape(spec.batch, g, k, spec.positions)
        dw = dy.reshape(spec.batch, g, f, spec.positions) @ columns.swapaxes(2, 3)
        return _sum(dw, 0).reshape(spec.w_shape)

    def conv2d_bias_grad(dy: Any, spec: ConvSpec) -> Any:
        """Sum of dy over images and positions."""
        return _sum(_sum(dy.reshape(spec.batch, spec.out_channels, spec.positions), 2), 0)

    return {
        "conv2d": conv2d,
        "conv2d_input_grad": conv2d_input_grad,
        "conv2d_weight_grad": conv2d_weight_grad,
        "conv2d_bias_grad": conv2d_bias_grad,
    }


def conv2d_stages(im2col: Function) -> StagesOf:
    """The stages of the derived conv2d, as the contract has them; none of any other op."""

    def stages(op: Op, spec: ConvSpec) -> Stages:
        if op != "conv2d":
            return []
        return [
            ("im2col", lambda x, w, b: (im2col(x, spec), w, b)),
            ("product", lambda columns, w, b: (_product(w, columns, spec), b)),
            ("bias", lambda y, b: _plus(y, b, spec)),
        ]

    return stages


def _product(w: Any, columns: Any, spec: ConvSpec) -> Any:
    g, f, k = _blocks(spec)
    y = w.reshape(1, g, f, k) @ columns.reshape(spec.batch, g, k, spec.positions)
    return y.reshape(spec.y_shape)


def _blocks(spec: ConvSpec) -> tuple[int, int, int]:
    """Groups, filters a group, rows of columns a group."""
    return spec.groups, spec.out_channels // spec.groups, spec.in_channels // spec.groups * spec.taps


def _sum(a: Any, axis: int) -> Any:
    """Sum in the array's own dtype: NumPy would widen int32."""
    return a.sum(axis, dtype=a.dtype)
