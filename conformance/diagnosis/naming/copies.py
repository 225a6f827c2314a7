"""Arguments for which every element of a result is a copy of one number of one argument, or 0.

One argument carries the numbers, the others hold a 1 here and there. So what an op does to single numbers is seen as it
is, without sums.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from conformance.diagnosis.experiment.experiment import Experiment
from harness.contract.protocol import Array
from harness.geometry.spec import ConvSpec, Op
from harness.oracle import by_taps

_MOST = 20_000  # multiply-adds of a geometry that is used
_TRIED = 40  # geometries, those with the largest results
_ENOUGH = 48  # copies
_CALLS = 6  # until each number was copied
_Index = tuple[int | slice, ...]
_ALL = slice(None)

# By op and the argument that carries: where another argument is 1, so that no sum has two terms. Groups: all are alike.
_ONES: dict[tuple[Op, int], dict[int, str]] = {
    ("im2col", 0): {}, ("col2im", 0): {}, ("conv2d", 0): {1: "tap"}, ("conv2d", 1): {0: "pixel"}, ("conv2d", 2): {},
    ("conv2d_input_grad", 0): {1: "tap of a filter"}, ("conv2d_input_grad", 1): {0: "position of a filter"},
    ("conv2d_weight_grad", 0): {1: "pixels"}, ("conv2d_weight_grad", 1): {0: "positions"},
    ("conv2d_bias_grad", 0): {},
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Copying:
    """A geometry, and the arguments beside the one that carries the numbers."""

    spec: ConvSpec
    carrier: int
    others: tuple[Array | None, ...]
    mask: Array  # where the carrier may be other than 0
    count: Array  # of the result: whether an element is a copy

    def arrays(self, values: Array) -> tuple[Array | None, ...]:
        """With these numbers, repeated as often as there is room."""
        carried = np.zeros(self.mask.shape)
        carried[self.mask] = _filled(values, int(self.mask.sum()))
        return tuple(carried if n == self.carrier else a for n, a in enumerate(self.others))


def carriers(op: Op) -> Iterator[int]:
    """The arguments of an op that can carry numbers."""
    yield from (number for of, number in _ONES if of == op)


def copying(experiment: Experiment, carrier: int, alone: bool = False) -> Copying | None:
    """A geometry that the backend takes, and right results of whole numbers. `alone`: a term stands in no sum at all.

    Then nothing is multiplied by 0, so that NaN and infinities come through where they should.
    """
    cheap = (one.spec for one in experiment.passing() if one.spec.macs <= _MOST)
    largest = sorted(cheap, key=lambda spec: -experiment.right(spec).size)
    best: Copying | None = None
    for spec in largest if alone else largest[:_TRIED]:
        made = _made(experiment.op, spec, carrier) if spec.batch and experiment.right(spec).size else None
        if made is None or (alone and not _stands_alone(experiment.op, made)):
            continue
        if best is None or made.count.sum() > best.count.sum():
            best = made
        if best.count.sum() >= _ENOUGH:
            break
    return best


def seen(experiment: Experiment, copies: Copying, values: Array) -> tuple[Array, Array] | None:
    """(numbers given, numbers in their place in the result), flat; None if a call raised or has another shape."""
    given: list[Array] = []
    got: list[Array] = []
    room = int(copies.mask.sum())
    for turn in range(_CALLS):
        part = np.roll(values, -turn * room)
        arrays = copies.arrays(part)
        result = experiment.raw(copies.spec, arrays)
        if isinstance(result, str) or result.shape != copies.count.shape:
            return None
        where = copies.count > 0
        given.append(_copied(experiment.op, copies, part)[where])
        got.append(result.astype(np.float64)[where])
        if (turn + 1) * room >= len(values):
            break
    return np.concatenate(given), np.concatenate(got)


def _filled(values: Array, room: int) -> Array:
    """Repeated, each time one further, so that a stride does not meet the same ones alone."""
    place = np.arange(room)
    taken: Array = values[(place + place // len(values)) % len(values)]
    return taken


def _copied(op: Op, copies: Copying, values: Array) -> Array:
    """The right result, also of NaN and infinities: by the place that each element comes from."""
    places = np.arange(1, int(copies.mask.sum()) + 1, dtype=np.float64)
    came_from = by_taps.run(op, copies.spec, *copies.arrays(places)).astype(np.int64)
    carried = np.concatenate([[0.0], _filled(values, len(places))])
    taken: Array = carried[came_from]
    return taken


def _made(op: Op, spec: ConvSpec, carrier: int) -> Copying | None:
    shapes = spec.input_shapes(op)
    others: list[Array | None] = [np.zeros(shape) for shape in shapes]
    if op == "conv2d" and carrier != 2:
        others[2] = None
    for number, what in _ONES[op, carrier].items():
        for index in _places(what, spec):
            array = others[number]
            assert array is not None
            array[index] = 1
    mask = np.ones(shapes[carrier], bool)
    if op == "col2im":  # one tap never meets a pixel twice
        mask = np.zeros((spec.batch, spec.in_channels, spec.taps, spec.positions), bool)
        mask[:, :, _middle(spec)] = True
        mask = mask.reshape(shapes[0])
    if op == "conv2d_bias_grad":
        mask = np.zeros(shapes[0], bool)
        mask[:1, :, :1, :1] = True
    ones = [a if n != carrier else mask.astype(np.float64) for n, a in enumerate(others)]
    count = by_taps.run(op, spec, *ones)
    if count.max(initial=0) != 1:
        return None
    return Copying(spec, carrier, tuple(others), mask, count)


def _stands_alone(op: Op, copies: Copying) -> bool:
    """Whether each element of the result has one term, and no more that are 0."""
    shapes: Sequence[tuple[int, ...]] = copies.spec.input_shapes(op)
    full = [None if a is None else np.ones(shape) for a, shape in zip(copies.others, shapes, strict=True)]
    return op != "conv2d_bias_grad" and bool(copies.mask.all()) and int(by_taps.run(op, copies.spec, *full).max()) == 1


def _middle(spec: ConvSpec) -> int:
    """The tap in the middle, which meets the padding least."""
    return spec.kernel_size[0] // 2 * spec.kernel_size[1] + spec.kernel_size[1] // 2


def _places(what: str, spec: ConvSpec) -> Iterator[_Index]:
    u, v = divmod(_middle(spec), spec.kernel_size[1])
    i, j = (size // 2 for size in spec.input_size)
    p, q = (size // 2 for size in spec.output_size)
    depth, filters = spec.in_channels // spec.groups, spec.out_channels // spec.groups
    match what:
        case "tap":
            yield _ALL, 0, u, v
        case "pixel":
            yield from ((_ALL, group * depth, i, j) for group in range(spec.groups))
        case "tap of a filter":
            yield from ((group * filters, _ALL, u, v) for group in range(spec.groups))
        case "position of a filter":
            yield from ((_ALL, group * filters, p, q) for group in range(spec.groups))
        case "pixels":
            yield 0, _ALL, i, j
        case "positions":
            yield 0, _ALL, p, q
