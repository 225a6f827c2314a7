"""Two taps exchanged, as in a loop that was written out by hand."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from itertools import combinations

import numpy as np

from conformance.diagnosis.models.arrays.opened import Gives, argument_as, result_as
from conformance.diagnosis.models.model import Model
from harness.contract.protocol import Array
from harness.geometry.spec import ConvSpec, Op

_TAPS = 9  # of a kernel of 3 x 3: a larger one is hardly written out
_COST, _ACROSS = 1.5, 1.45
_MEND = "tap u * KW + v is row u, column v of the kernel: keep them in this order"
_Two = Callable[[ConvSpec], tuple[int, int]]


def _exchanged(two: _Two, a: Array, spec: ConvSpec) -> Array:
    """Of columns (N, C, KH, KW, OH, OW) or kernels (F, C/G, KH, KW); as it is where there are fewer taps."""
    one, other = two(spec)
    if max(one, other) >= spec.taps:
        return a
    order = np.arange(spec.taps)
    order[[one, other]] = other, one
    before, after = a.shape[0] * a.shape[1], a.shape[4:]
    return a.reshape(before, spec.taps, *after)[:, order].reshape(a.shape)


def _numbers(one: int, other: int, _: ConvSpec) -> tuple[int, int]:
    return one, other


def _across(spec: ConvSpec) -> tuple[int, int]:
    """Taps (0, 1) and (1, 0), where there are both."""
    return (1, spec.kernel_size[1]) if min(spec.kernel_size) > 1 else (0, 0)


def _ends(spec: ConvSpec) -> tuple[int, int]:
    return 0, spec.taps - 1


def _ways() -> Iterator[tuple[str, str, _Two, float]]:
    """Of each a key, what is done, the taps, and the cost."""
    yield "(0, 1) and (1, 0)", "exchanges the taps (0, 1) and (1, 0)", _across, _ACROSS
    yield "first and last", "exchanges the first and the last tap", _ends, _ACROSS
    for one, other in combinations(range(_TAPS), 2):
        says = f"exchanges tap {one} and tap {other}, counted from 0 along the kernel rows"
        yield f"{one} and {other}", says, partial(_numbers, one, other), _COST + (other - one) / 100 + one / 1000


def _models() -> Iterator[Model]:
    for key, says, two, cost in _ways():
        change = partial(_exchanged, two)
        several: tuple[tuple[tuple[Op, ...], Gives], ...] = (
            (("im2col",), result_as("columns", change)), (("col2im",), argument_as("columns", change)),
            (("conv2d", "conv2d_input_grad"), argument_as("kernel", change)),
            (("conv2d_weight_grad",), result_as("kernel", change)),
        )  # fmt: skip
        for ops, gives in several:
            yield Model(f"taps/{key} exchanged/{ops[0]}", says, _MEND, ops, gives, cost)


MODELS: tuple[Model, ...] = tuple(_models())
