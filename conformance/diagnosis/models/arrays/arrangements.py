"""The channels and filters of groups in another order, and the kernel of each group with its axes in another order."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from itertools import permutations

import numpy as np

from conformance.diagnosis.models.arrays.opened import (
    OF_ARGUMENT,
    OF_RESULT,
    Kind,
    Rearrange,
    argument_as,
    rerun,
    result_as,
    sizes,
    with_argument_of,
    with_result,
)
from conformance.diagnosis.models.model import Given, Model
from harness.contract.protocol import Array
from harness.geometry.spec import ConvSpec, Op

Arrangement = Callable[[int, int], Array]  # n channels or filters in g groups -> which one stands in each place

_OPS: tuple[Op, ...] = ("conv2d", "conv2d_input_grad", "conv2d_weight_grad", "conv2d_bias_grad")
_MENDS = {
    "channels": "the channels of a group are a block: C // G of them from g * (C // G) on, in order",
    "filters": "the filters of a group are a block: F // G of them from g * (F // G) on, in order",
}


def models() -> Iterator[Model]:
    """All of them, some 150."""
    yield from _arranged()
    yield from _kernels()


def _interleaved(n: int, g: int) -> Array:
    return np.arange(n).reshape(g, -1).T.ravel()


def _dealt(n: int, g: int) -> Array:
    return np.arange(n).reshape(-1, g).T.ravel()


_ARRANGED: dict[str, tuple[str, Arrangement]] = {
    "interleaved": ("interleaves the {of} of the groups (the first of each group, then the second ...)", _interleaved),
    "dealt": ("deals the {of} out to the groups in turn (0, G, 2G ... to the first)", _dealt),
    "groups reversed": (
        "takes the groups of the {of} in reverse",
        lambda n, g: np.arange(n).reshape(g, -1)[::-1].ravel(),
    ),
    "reversed in groups": (
        "reverses the {of} inside each group",
        lambda n, g: np.arange(n).reshape(g, -1)[:, ::-1].ravel(),
    ),
    "group before": (
        "takes the {of} of the group before for each group",
        lambda n, g: np.roll(np.arange(n).reshape(g, -1), 1, 0).ravel(),
    ),
    "next group": (
        "takes the {of} of the next group for each group",
        lambda n, g: np.roll(np.arange(n).reshape(g, -1), -1, 0).ravel(),
    ),
    "first group for all": (
        "takes the {of} of the first group for every group",
        lambda n, g: np.tile(np.arange(n // g), g),
    ),
}
_OF: tuple[tuple[str, Kind, int], ...] = (
    ("channels", "image", 1),
    ("filters", "output", 1),
    ("filters", "kernel", 0),
    ("filters", "bias", 0),
)
_SEEN = {"first group for all/bias": "conv-bias-first-group-only"}


def _arranged() -> Iterator[Model]:
    for name, (says, arrangement) in _ARRANGED.items():
        for word, kind, axis in _OF:
            change = partial(_taken, arrangement, axis)
            mend = _MENDS[word]
            seen = _SEEN.get(f"{name}/{kind}", "")
            of = f"{word} of {OF_ARGUMENT[kind]}"
            ops = tuple(op for op in with_argument_of(kind) if op in _OPS)
            yield Model(
                f"arrangement/argument {name}/{kind}",
                says.format(of=of),
                mend,
                ops,
                argument_as(kind, change),
                1.5,
                seen,
            )
            ops = tuple(op for op in with_result(kind) if op in _OPS)
            of = f"{word} of {OF_RESULT[kind]}"
            yield Model(
                f"arrangement/result {name}/{kind}", says.format(of=of), mend, ops, result_as(kind, change), 1.5
            )
        yield Model(
            id=f"arrangement/kernel and bias {name}",
            says=says.format(of="filters of kernel and bias"),
            mend=_MENDS["filters"],
            ops=("conv2d",),
            gives=partial(_kernel_and_bias, arrangement),
            cost=1.45,
        )


def _taken(arrangement: Arrangement, axis: int, a: Array, spec: ConvSpec) -> Array:
    return np.take(a, arrangement(a.shape[axis], spec.groups), axis)


def _kernel_and_bias(arrangement: Arrangement, given: Given) -> Array:
    x, w, b = given.arrays
    assert w is not None
    order = arrangement(given.spec.out_channels, given.spec.groups)
    return rerun(given, x, w[order], None if b is None else b[order])


# ---- the kernel of each group in another order of axes


def _kernels() -> Iterator[Model]:
    kind: Kind = "kernel"
    letters = ("F/G", "C/G", "KH", "KW")
    for order in permutations(range(4)):
        if order == (0, 1, 2, 3):
            continue
        words = ", ".join(("G", *(letters[k] for k in order)))
        cost = 1.55 + 0.1 * sum(a != b for a, b in enumerate(order))
        transposed = order == (1, 0, 2, 3)
        canonical = "(F, C/G, KH, KW)"
        ways: tuple[tuple[str, Rearrange, str, str], ...] = (
            (
                "read",
                partial(_read, order),
                f"reads the memory of w as ({words})",
                f"takes its result for ({words}) and transposes it once too often",
            ),
            (
                "written",
                partial(_written, order),
                f"transposes w to ({words}) and reads the memory as {canonical}",
                f"returns ({words}) in the shape of {canonical}",
            ),
        )
        for way, change, says, says_of_result in ways:
            if transposed:
                says += ", the layout of a transposed convolution"
            ident = words.replace("/G", "").replace(",", "")
            yield Model(
                id=f"arrangement/kernel {way} as {ident}",
                says=says,
                mend="the kernel is (F, C/G, KH, KW): the filters of a group first, then its channels",
                ops=("conv2d", "conv2d_input_grad"),
                gives=argument_as(kind, change),
                cost=1.4 if transposed else cost,
            )
            yield Model(
                id=f"arrangement/result {way} as {ident}/kernel",
                says=says_of_result,
                mend="the gradient is (F, C/G, KH, KW): the filters of a group first, then its channels",
                ops=("conv2d_weight_grad",),
                gives=result_as(kind, change),
                cost=cost,
            )


def _read(order: tuple[int, ...], a: Array, spec: ConvSpec) -> Array:
    opened = sizes("kernel", spec)
    axes = (0, *(k + 1 for k in order))
    return a.reshape([opened[k] for k in axes]).transpose(np.argsort(axes))


def _written(order: tuple[int, ...], a: Array, spec: ConvSpec) -> Array:
    return a.reshape(sizes("kernel", spec)).transpose((0, *(k + 1 for k in order)))
