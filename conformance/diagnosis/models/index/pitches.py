"""Rows taken for as long as columns in flat memory: row * OH + column, where row * OW + column belongs.

What is written beyond the array is lost, and 0 is read there: what lies behind it, nobody knows.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import lru_cache, partial
from typing import NamedTuple

import numpy as np

from conformance.diagnosis.models.arrays.opened import (
    OF_ARGUMENT,
    OF_RESULT,
    Kind,
    argument_as,
    result_as,
    with_argument_of,
    with_result,
)
from conformance.diagnosis.models.model import Model
from harness.contract.protocol import Array
from harness.geometry.spec import ConvSpec, Shape

_COST, _READ = 1.2, 0.02


class _Rows(NamedTuple):
    """Of an array: the axis that counts the rows, what they are called, how long one is, and what is taken for it."""

    kind: Kind
    axis: int
    words: str
    length: str
    taken: str


_ROWS = (
    _Rows("columns", 4, "rows of positions", "OW", "OH"),
    _Rows("output", 2, "rows of positions", "OW", "OH"),
    _Rows("columns", 2, "kernel rows", "KW", "KH"),
    _Rows("kernel", 2, "kernel rows", "KW", "KH"),
    _Rows("image", 2, "rows of pixels", "W", "H"),
)


@lru_cache(maxsize=512)
def _places(shape: Shape, axis: int) -> Array:
    """Where each element is looked for in flat memory: the step of one axis is that of a square plane."""
    steps = [math.prod(shape[k + 1 :]) for k in range(len(shape))]
    steps[axis] = shape[axis] * steps[axis + 1]
    counts = np.meshgrid(*(np.arange(n) * step for n, step in zip(shape, steps, strict=True)), indexing="ij")
    return np.asarray(np.sum(counts, axis=0), np.int64)


def _read(axis: int, a: Array, _: ConvSpec) -> Array:
    places, flat = _places(a.shape, axis), a.reshape(a.size)
    return np.where(places < a.size, flat[np.minimum(places, a.size - 1)], 0.0)


def _written(axis: int, a: Array, _: ConvSpec) -> Array:
    """Zeros where nothing is written; of two that are written to one place the later stays."""
    places = _places(a.shape, axis).reshape(a.size)[::-1]
    taken, last = np.unique(places, return_index=True)
    flat = np.zeros(max(a.size, int(taken[-1]) + 1))
    flat[taken] = a.reshape(a.size)[::-1][last]
    return flat[: a.size].reshape(a.shape)


def _models() -> Iterator[Model]:
    for number, one in enumerate(_ROWS):
        where = f"{one.taken} apart in memory, at row * {one.taken} + column"
        mend = f"a row has {one.length} numbers: row * {one.length} + column"
        key, cost = f"{one.words} {one.taken} apart", _COST + number / 1000
        yield Model(
            f"flat/{key}, written/{one.kind}", f"writes the {one.words} of {OF_RESULT[one.kind]} {where}", mend,
            with_result(one.kind), result_as(one.kind, partial(_written, one.axis)), cost,
        )  # fmt: skip
        yield Model(
            f"flat/{key}, read/{one.kind}", f"reads the {one.words} of {OF_ARGUMENT[one.kind]} {where}", mend,
            with_argument_of(one.kind), argument_as(one.kind, partial(_read, one.axis)), cost + _READ,
        )  # fmt: skip


MODELS: tuple[Model, ...] = tuple(_models())
