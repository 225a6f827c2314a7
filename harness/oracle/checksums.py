"""A whole result checked at a fraction of its cost, with the second witness on a smaller op: Freivalds' check.

Every op is linear in the argument that carries the filters (or channels) of its result. So these, weighed and added
up, are the result for a single filter whose argument is weighed and added up likewise. One wrong element always shows;
several of one sum escape only if their errors cancel under weights that the implementation does not know.
Pooling sums no channels, so there is nothing to save: each element is looked at, in a row, and none is weighed.

Source: R. Freivalds, Probabilistic machines can use less running time, IFIP Congress 1977.
"""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from harness.contract.protocol import Array
from harness.geometry.spec import POOL_OPS, ConvSpec, Op
from harness.oracle import by_taps, data

_HEAVIEST = 15  # whole numbers: sums of them stay exact in float64


def result(op: Op, spec: ConvSpec, array: Array) -> Array:
    """The weighed sums of a result, in one row."""
    if op in POOL_OPS:
        return array.ravel()
    axis = 0 if op in ("conv2d_weight_grad", "conv2d_bias_grad") else 1
    return _sum(array, axis, _weights(op, spec)).ravel()


def heaviest(op: Op, spec: ConvSpec) -> float:
    """The largest sum of weights: how much of an error in every element a weighed sum can have."""
    if op in POOL_OPS:
        return 1.0
    return float(_weights(op, spec).sum(axis=1).max(initial=0))


def expected(op: Op, spec: ConvSpec, arrays: tuple[Array, ...]) -> Array:
    """What `result` has to be for these arguments, from `harness.oracle.by_taps`."""
    if op in POOL_OPS:
        return by_taps.run(op, spec, *arrays).ravel()
    weights = _weights(op, spec)
    groups = len(weights)
    if op in ("im2col", "col2im"):
        small = replace(spec, in_channels=1, out_channels=1, groups=1)
        weighed = [_sum(arrays[0], 1, weights).reshape(small.input_shapes(op)[0])]
    elif op == "conv2d":
        x, w, b = arrays
        small = replace(spec, out_channels=groups)
        weighed = [x, _sum(w, 0, weights).reshape(small.w_shape), _sum(b, 0, weights).ravel()]
    elif op == "conv2d_input_grad":
        dy, w = arrays
        small = replace(spec, in_channels=groups)
        by_group = w.reshape(groups, -1, weights.shape[1], spec.taps)
        weighed = [dy, np.einsum("gfct,gc->gft", by_group, weights).reshape(small.w_shape)]
    else:
        small = replace(spec, out_channels=groups)
        weighed = [_sum(arrays[0], 1, weights).reshape(small.y_shape), *arrays[1:]]
    return by_taps.run(op, small, *weighed).ravel()


def _weights(op: Op, spec: ConvSpec) -> Array:
    """Of the filters of each group, or the channels: (groups, filters or channels of a group)."""
    shape = {
        "im2col": (1, spec.in_channels),
        "col2im": (1, spec.in_channels),
        "conv2d_input_grad": (spec.groups, spec.in_channels // spec.groups),
    }.get(op, (spec.groups, spec.out_channels // spec.groups))
    return data.generator(f"weighed/{op}/{spec}").integers(1, _HEAVIEST, size=shape, endpoint=True).astype(float)


def _sum(array: Array, axis: int, weights: Array) -> Array:
    """Over the filters of each group, which are along `axis`: (what is before, groups, what is after)."""
    before = math.prod(array.shape[:axis])
    after = array.size // max(before * weights.size, 1)
    total: Array = np.einsum("bgfa,gf->bga", array.reshape(before, *weights.shape, after), weights)
    return total
