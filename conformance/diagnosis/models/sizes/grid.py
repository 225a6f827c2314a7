"""The ops with another number of windows than the geometry has, and what is done with those that are too many."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import lru_cache, partial
from typing import NamedTuple

import numpy as np

from conformance.diagnosis.models.index.formula import WINDOWED
from conformance.diagnosis.models.model import Given, Model
from conformance.diagnosis.models.tables import Axis, axes, gather, right, run, scattered, unbounded
from harness.contract.protocol import Array
from harness.geometry.spec import ConvSpec, Op

Both = Callable[[Axis, Axis], tuple[Axis, Axis]]  # the height and the width, to what is computed in their place
SHAPED: tuple[Op, ...] = ("im2col", "conv2d")  # their results have the shape of the windows


class Misread(NamedTuple):
    """A mistake that changes the number of windows, in words; "seen" as in `Model`."""

    id: str
    says: str
    mend: str
    change: Both
    cost: float
    seen: str = ""
    sized: bool = True  # without it the result cannot have the shape that follows
    fitted: bool = True  # without it there are never fewer windows than there should be
    flat: bool = True  # without it the number of columns of windows is right


def counted(axis: Axis, **changed: int) -> Axis:
    """With other numbers and as many windows as follow from them."""
    a = replace(axis, **changed)
    reach = (a.kernel - 1) * a.dilation + 1
    return replace(a, output=max((a.size + a.before + a.after - reach) // a.stride + 1, 0))


def models(misread: Misread) -> Iterator[Model]:
    """In the shape that follows from it; in the right one, grid into grid; and position after position.

    The last two are of backends that make the result by the right size: what is too much is cut, the rest is 0.
    """
    id, says, mend, change, cost, seen = misread[:6]
    if misread.sized:
        yield Model(f"{id}/size", says, mend, SHAPED, partial(_sized, change), cost, seen)
    if misread.fitted:
        fitted = f"{says}, in a result of the right size"
        yield Model(f"{id}/fitted", fitted, mend, WINDOWED, partial(_fitted, change), cost + 0.2, seen)
    if misread.flat:
        flat = f"{says}, in a result of the right size that its windows fill one after the other"
        yield Model(f"{id}/flat", flat, mend, WINDOWED, partial(_flat, change), cost + 0.4, seen)


@lru_cache(maxsize=1 << 12)
def _tables(change: Both, spec: ConvSpec) -> tuple[Array, Array] | None:
    """None if nothing is misread there."""
    (high, wide), (read_high, read_wide) = axes(spec), change(*axes(spec))
    if (high, wide) == (read_high, read_wide):
        return None
    return _table(high, read_high), _table(wide, read_wide)


def _table(axis: Axis, read: Axis) -> Array:
    """(K, O as it is read): taps that are missing, and what lies outside of either image, read 0."""
    at = unbounded(read)
    result = np.full((axis.kernel, read.output), axis.size)
    taps = min(axis.kernel, read.kernel)
    outside = (at < 0) | (at >= min(axis.size, read.size))
    result[:taps] = np.where(outside, axis.size, at)[:taps]
    return result


def _sized(change: Both, given: Given) -> Array:
    """Of im2col and conv2d, with windows and taps as many as there are."""
    op, spec, arrays = given
    misread = _tables(change, spec)
    if misread is None:
        return right(given)
    rows, columns = misread
    x, n, g = np.asarray(arrays[0]), spec.batch, spec.groups
    seen = gather(spec, x, rows, columns)
    windows = rows.shape[1] * columns.shape[1]
    if op == "im2col":
        return seen.reshape(n, spec.in_channels * len(rows) * len(columns), windows)
    w, b = np.asarray(arrays[1]), arrays[2]
    depth = spec.in_channels // g * spec.taps
    y = w.reshape(g, spec.out_channels // g, depth) @ seen.reshape(n, g, depth, windows)
    y = y.reshape(n, spec.out_channels, rows.shape[1], columns.shape[1])
    return np.asarray(y if b is None else y + b[:, None, None])


def _fitted(change: Both, given: Given) -> Array:
    misread = _tables(change, given.spec)
    if misread is None:
        return right(given)
    rows, columns = misread
    (oh, ow), (h, w) = given.spec.output_size, given.spec.input_size
    result = run(given, _cut(rows, oh, h), _cut(columns, ow, w))
    if given.op == "conv2d":  # no bias either
        result[:, :, rows.shape[1] :] = 0
        result[:, :, :, columns.shape[1] :] = 0
    return result


def _flat(change: Both, given: Given) -> Array:
    misread = _tables(change, given.spec)
    if misread is None:
        return right(given)
    rows, columns = misread
    result = run(given, rows, columns, _fold_flat, _unfold_flat)
    if given.op == "conv2d":
        result.reshape(*result.shape[:2], given.spec.positions)[:, :, rows.shape[1] * columns.shape[1] :] = 0
    return result


def _cut(made: Array, windows: int, outside: int) -> Array:
    """(K, windows): those that are missing read 0."""
    result = np.full((len(made), windows), outside)
    most = min(windows, made.shape[1])
    result[:, :most] = made[:, :most]
    return result


def _unfold_flat(spec: ConvSpec, x: Array, rows: Array, columns: Array) -> Array:
    seen = gather(spec, x, rows, columns)
    return _positions(seen, rows.shape[1] * columns.shape[1], spec.output_size)


def _fold_flat(spec: ConvSpec, columns6: Array, rows: Array, columns: Array) -> Array:
    made = (rows.shape[1], columns.shape[1])
    return scattered(_positions(columns6, spec.positions, made), rows, columns, spec.input_size)


def _positions(columns6: Array, there: int, wanted: tuple[int, int]) -> Array:
    """The last two axes, which are `there` positions, cut or filled with zeros to the windows that are wanted."""
    lead, count = columns6.shape[:4], wanted[0] * wanted[1]
    result = np.zeros((*lead, count))
    most = min(there, count)
    result[..., :most] = columns6.reshape(*lead, there)[..., :most]
    return result.reshape(*lead, *wanted)
