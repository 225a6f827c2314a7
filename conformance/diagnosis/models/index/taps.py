"""Two taps exchanged, or one taken for another, as in a loop that was written out by hand."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from itertools import combinations, permutations

import numpy as np

from conformance.diagnosis.models.arrays.opened import Gives, argument_as, result_as
from conformance.diagnosis.models.model import Model
from harness.contract.protocol import Array
from harness.geometry.spec import ConvSpec, Op

_TAPS = 9  # of a kernel of 3 x 3: a larger one is hardly written out
_COST, _ACROSS = 1.5, 1.45
_MEND = "tap u * KW + v is row u, column v of the kernel: keep them in this order"
_LOOK = "look through the line where the nine taps are written out: one index in it is another's"
_MISTYPED = 1.55
_WRITTEN_OUT = (3, 3)
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


def _in_place_of(one: int, other: int, a: Array, spec: ConvSpec) -> Array:
    """Tap `other` where tap `one` should be, of a 3 x 3 kernel."""
    if spec.kernel_size != _WRITTEN_OUT:
        return a
    taps = _opened(a, spec).copy()
    taps[:, one] = taps[:, other]
    return taps.reshape(a.shape)


def _added_to(one: int, other: int, a: Array, spec: ConvSpec) -> Array:
    """Tap `one` added to tap `other`, as it meets the same pixels."""
    if spec.kernel_size != _WRITTEN_OUT:
        return a
    taps = _opened(a, spec).copy()
    taps[:, other] += taps[:, one]
    taps[:, one] = 0
    return taps.reshape(a.shape)


def _opened(a: Array, spec: ConvSpec) -> Array:
    return a.reshape(a.shape[0] * a.shape[1], spec.taps, *a.shape[4:])


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
    yield from _mistyped()


def _mistyped() -> Iterator[Model]:
    """One tap of nine reads the pixels, or the weights, of another."""
    for number, (one, other) in enumerate(permutations(range(_TAPS), 2)):
        first, second = divmod(one, 3), divmod(other, 3)
        added, put = partial(_added_to, one, other), partial(_in_place_of, one, other)
        pixels: tuple[tuple[tuple[Op, ...], Gives], ...] = (
            (("im2col",), result_as("columns", put)), (("col2im",), argument_as("columns", added)),
            (("conv2d", "conv2d_input_grad"), argument_as("kernel", added)),
            (("conv2d_weight_grad",), result_as("kernel", put)),
        )  # fmt: skip
        says = f"lets tap {first} of a 3x3 kernel meet the pixels of tap {second}"
        for ops, gives in pixels:
            key = f"taps/{one} meets those of {other}/{ops[0]}"
            yield Model(key, says, _LOOK, ops, gives, _MISTYPED + number / 1e4)
        of_weights: tuple[Op, ...] = ("conv2d", "conv2d_input_grad")
        says = f"takes the weight of tap {second} of a 3x3 kernel for that of tap {first}"
        gives = argument_as("kernel", put)
        yield Model(f"taps/{one} weighs as {other}", says, _LOOK, of_weights, gives, _MISTYPED + number / 1e4)


MODELS: tuple[Model, ...] = tuple(_models())
