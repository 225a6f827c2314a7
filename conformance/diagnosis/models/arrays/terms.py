"""Terms of the inner sum: blocks of them left out, counted twice, replaced or added without their weight.

The sum of conv2d runs over the C/G * KH * KW rows of a group's columns, that of the input gradient over the F/G filters
of a group, that of the weight gradient over the positions of an image or of all, that of the bias gradient too.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import lru_cache, partial
from typing import NamedTuple

import numpy as np

from conformance.diagnosis.models.arrays.blocks import COMMON, POWERS, cost_of, sizes_for
from conformance.diagnosis.models.arrays.opened import (
    VIEWS,
    Kind,
    View,
    along,
    argument,
    right,
    with_argument,
)
from conformance.diagnosis.models.model import Given, Model
from harness.contract.protocol import Array
from harness.geometry.spec import Op

Weights = Callable[[int, int], Array | None]  # n terms in blocks of V -> what each counts; None: all count once


class Terms(NamedTuple):
    """What a sum runs over: along an axis of an argument; (n, oh, ow) as one axis if `view` is None."""

    many: str
    ops: tuple[Op, ...]
    kind: Kind
    view: View | None


def _view(kind: Kind, one: str) -> View:
    return next(view for view in VIEWS[kind] if view.name == one)


_OVER = (
    Terms("rows (c, kh, kw)", ("conv2d",), "kernel", _view("kernel", "element of a filter")),
    Terms("channels of a group", ("conv2d",), "kernel", _view("kernel", "channel")),
    Terms("taps", ("conv2d", "conv2d_input_grad"), "kernel", _view("kernel", "tap")),
    Terms("filters of a group", ("conv2d_input_grad",), "kernel", _view("kernel", "filter of a group")),
    Terms("output rows", ("conv2d_weight_grad", "conv2d_bias_grad"), "output", _view("output", "output row")),
    Terms("output columns", ("conv2d_weight_grad", "conv2d_bias_grad"), "output", _view("output", "output column")),
    Terms("positions", ("conv2d_weight_grad", "conv2d_bias_grad"), "output", _view("output", "position")),
    Terms("images", ("conv2d_weight_grad", "conv2d_bias_grad"), "output", _view("output", "image")),
    Terms("positions of all images", ("conv2d_weight_grad", "conv2d_bias_grad"), "output", None),
)


def _tail_left_out(n: int, size: int) -> Array | None:
    """Less than a block is done right."""
    return _first(n, n // size * size) if n > size and n % size else None


def _rest_left_out(n: int, size: int) -> Array | None:
    """Also where there is no full block."""
    return _first(n, n // size * size) if n % size else None


def _stops(n: int, size: int) -> Array | None:
    return _first(n, size) if n > size else None


def _last_block(n: int, size: int) -> Array | None:
    """Each block replaces the sum so far."""
    return 1 - _first(n, (n - 1) // size * size) if n > size else None


def _first_left_out(n: int, size: int) -> Array | None:
    return 1 - _first(n, size) if n > size else None


def _last_full_left_out(n: int, size: int) -> Array | None:
    full = n // size * size
    return 1 - _first(n, full) + _first(n, full - size) if full > size else None


def _shared_twice(n: int, size: int) -> Array | None:
    """The next block starts one too early."""
    if n <= size:
        return None
    weights = np.ones(n)
    weights[size - 1 :: size] = 2
    if n % size == 0:
        weights[-1] = 1
    return weights


def _first_shared_twice(n: int, size: int) -> Array | None:
    if n <= size:
        return None
    weights = np.ones(n)
    weights[size - 1] = 2
    return weights


def _rest_twice(n: int, size: int) -> Array | None:
    return 2 - _first(n, n // size * size) if n > size and n % size else None


def _moved_back(n: int, size: int) -> Array | None:
    """The last block is moved back to end in time, and adds what it meets once more."""
    return 1 + _first(n, n // size * size) - _first(n, n - size) if n > size and n % size else None


def _first(n: int, count: int) -> Array:
    return (np.arange(n) < count).astype(np.float64)


_ADD_REST = "add the {many} that are left after the last full block of {V} in a loop of their own"
_PLUS = "add the blocks: `+=`, not `=`"
# Weights, words, mend, cost above that of other blocks, whether for any size of block.
_WAYS: dict[str, tuple[Weights, str, str, float, bool]] = {
    "stops after": (_stops, "leaves out the {many} beyond the first {V}", "loop over all {many}", -0.1, True),
    "tail of": (
        _tail_left_out,
        "sums {many} in blocks of {V} and leaves out the rest after the last full block",
        _ADD_REST,
        -0.1,
        True,
    ),
    "rest of": (
        _rest_left_out,
        "sums {many} in blocks of {V} and leaves out what does not fill a block",
        _ADD_REST,
        -0.09,
        True,
    ),
    "only the last block of": (
        _last_block,
        "sums {many} in blocks of {V}, and each block replaces the sum so far",
        _PLUS,
        -0.05,
        True,
    ),
    "first block left out of": (
        _first_left_out,
        "leaves out the first {V} {many} if there are more",
        _PLUS,
        0.0,
        False,
    ),
    "last full block left out of": (
        _last_full_left_out,
        "sums {many} in blocks of {V} and leaves out the last full block",
        "let the blocked loop run over all n // {V} blocks",
        0.0,
        False,
    ),
    "last of each block twice": (
        _shared_twice,
        "sums {many} in blocks of {V} that share their ends: the last of a block is added twice",
        "start the next block at {V}, not at {V} - 1",
        0.1,
        False,
    ),
    "last of the first block twice": (
        _first_shared_twice,
        "sums {many} in blocks of {V}, and adds the last of the first block twice",
        "start the second block at {V}, not at {V} - 1",
        0.1,
        False,
    ),
    "rest twice after": (
        _rest_twice,
        "sums {many} in blocks of {V} and adds the rest after the last full block twice",
        "add the {many} that are left after the last full block once",
        0.1,
        False,
    ),
    "last block moved back": (
        _moved_back,
        "sums {many} in blocks of {V}, the last one moved back to end in time, and adds those that it meets twice",
        "mask those that were added, or add the {many} after the last full block one by one",
        0.1,
        False,
    ),
}
_SEEN = {
    "channels of a group/only the last block of": "pytorch/pytorch #173068",
    "channels of a group/tail of": "conv-channel-tile-remainder",
}


def models() -> Iterator[Model]:
    """All of them, some 1,300."""
    for terms in _OVER:
        for name, (weights, says, mend, dearer, any_size) in _WAYS.items():
            for size in sizes_for(terms.view.one if terms.view else ""):
                if not any_size and (size not in POWERS or size > COMMON):
                    continue
                words = {"many": terms.many, "V": size}
                yield Model(
                    f"terms/{name} {size}/{terms.many} of {terms.kind}",
                    says.format(**words),
                    mend.format(**words),
                    terms.ops,
                    partial(_weighted, terms, weights, size),
                    cost_of(size) + dearer,
                    _SEEN.get(f"{terms.many}/{name}", ""),
                )
    yield from _unweighted()


def _weighted(terms: Terms, weights: Weights, size: int, given: Given) -> Array:
    a = argument(given, terms.kind)
    if a is None:
        return right(given)
    spec = given.spec
    if terms.view is None:
        counts = _kept(weights, spec.batch * spec.positions, size)
        opened = None if counts is None else counts.reshape(spec.batch, 1, *spec.output_size)
        return right(given) if opened is None else with_argument(given, terms.kind, a * opened)
    seen = along(terms.view, terms.kind, spec, a)
    counts = _kept(weights, seen.shape[1], size)
    if counts is None:
        return right(given)
    return with_argument(given, terms.kind, (seen * counts[:, None]).reshape(a.shape))


@lru_cache(maxsize=4096)
def _kept(weights: Weights, n: int, size: int) -> Array | None:
    return weights(n, size)


# ---- the rest of a blocked sum without its weights


def _unweighted() -> Iterator[Model]:
    seen = "microsoft/onnxruntime PR #27749"
    for terms in _OVER[:4]:
        for size in (size for size in sizes_for(terms.view.one if terms.view else "") if size in POWERS):
            for factor, words in ((1.0, "adds the rest without its weight"), (-1.0, "subtracts the rest")):
                yield Model(
                    f"terms/{words} after {size}/{terms.many} of {terms.kind}",
                    f"sums {terms.many} in packs of {size} and {words}",
                    "multiply by the weight in the loop over the rest too" if factor > 0 else "add the rest: `+=`",
                    terms.ops,
                    partial(_rest_changed, terms, size, factor > 0),
                    cost_of(size),
                    seen if factor > 0 and terms.many == "filters of a group" else "",
                )


def _rest_changed(terms: Terms, size: int, to_one: bool, given: Given) -> Array:
    """The weights after the last full pack are 1, or have the other sign; fewer than one pack are done rightly."""
    a = argument(given, terms.kind)
    if a is None or terms.view is None:
        return right(given)
    seen = along(terms.view, terms.kind, given.spec, a)
    n = seen.shape[1]
    if n <= size or not n % size:
        return right(given)
    changed = seen.copy()
    rest = changed[:, n // size * size :]
    rest[...] = 1 if to_one else -rest
    return with_argument(given, terms.kind, changed.reshape(a.shape))
