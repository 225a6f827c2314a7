"""Which common mistake gives exactly this wrong result: a kernel flipped, a bias forgotten, overlaps overwritten.

A mistake is named only if the whole result equals what the mistake gives, so a second fault hides the first.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from conformance.checks.outcomes import RecordedCall
from conformance.diagnosis.misreadings import misreadings, results
from conformance.diagnosis.where import AXES, expected, opened, wrong
from harness.contract import lowering
from harness.contract.protocol import Array, Numerics
from harness.geometry.spec import POOL_OPS, ConvSpec, Op, Shape
from harness.geometry.windows import meets_pixel
from harness.oracle import by_taps

_MOST_WORK = 20_000_000  # multiply-adds of one mistake; some fifty are tried
_MOST_NAMED = 3

# Ways to lay the axes of columns (n, c, kh, kw, oh, ow) and of other arrays out in memory.
_COLUMN_ORDERS = {
    "the rows of the columns are in the order (c, kw, kh)": (0, 1, 3, 2, 4, 5),
    "the rows of the columns are in the order (kh, kw, c)": (0, 2, 3, 1, 4, 5),
    "the rows of the columns are in the order (kw, kh, c)": (0, 3, 2, 1, 4, 5),
    "the positions are in the order (ow, oh)": (0, 1, 2, 3, 5, 4),
    "the columns are laid out as (N, positions, rows)": (0, 4, 5, 1, 2, 3),
    "the columns are laid out as (rows, positions, N)": (1, 2, 3, 4, 5, 0),
    "the columns are laid out as (rows, N, positions)": (1, 2, 3, 0, 4, 5),
    "the columns are laid out in Fortran order": (5, 4, 3, 2, 1, 0),
}
_PLANE_ORDERS = {
    "the last two axes of {what} are swapped": (0, 1, 3, 2),
    "the first two axes of {what} are swapped": (1, 0, 2, 3),
    "{what} is laid out channels last": (0, 2, 3, 1),
    "the first two axes of {what} are laid out last": (2, 3, 1, 0),
    "{what} is laid out in Fortran order": (3, 2, 1, 0),
}
_ORDERS: dict[int, Mapping[str, tuple[int, ...]]] = {6: _COLUMN_ORDERS, 4: _PLANE_ORDERS}
# Two axes that are turned together, by the names of both.
_TURNS = {
    ("kernel row", "kernel column"): "the kernel is flipped",
    ("output row", "output column"): "the positions are reversed",
    ("row", "column"): "the pixels are reversed",
}


class Mistake(NamedTuple):
    """What is done wrongly, in words that follow "when", and the result of it."""

    when: str
    result: Array


def likely(call: RecordedCall, numerics: Numerics = "gemm") -> str:
    """Which common mistakes give exactly this result, at most three, as one sentence; "" if none is known."""
    known, got = expected(call, numerics), call.outcome.result
    if (
        known is None
        or got is None
        or got.dtype.kind not in "biuf"
        or not got.size * known.values.size
        or call.spec.macs > _MOST_WORK
    ):
        return ""
    if got.shape == known.values.shape and wrong(call, numerics) is None:
        return ""
    if not got.any() or np.isnan(got).all():
        return f"the result is all {'NaN' if got.any() else 'zeros'}"
    slack = 0.0 if known.allowed is None else 4 * float(known.allowed.max())
    with np.errstate(all="ignore"):
        found = dict.fromkeys(when for when, made in _mistakes(call, known.values) if _same(got, made, slack))
    if not found:
        return ""
    exactly = "exactly " if known.allowed is None else ""  # real numbers are compared within a bound
    return f"this is {exactly}what you get when {', or when '.join(list(found)[:_MOST_NAMED])}"


def _same(got: Array, made: Array, slack: float) -> bool:
    return got.shape == made.shape and bool((np.abs(got.astype(np.float64) - made) <= slack).all())


def _mistakes(call: RecordedCall, right: Array) -> Iterator[Mistake]:
    op, spec, arrays = call.op, call.spec, call.arrays
    for misread in misreadings(spec):
        yield from (Mistake(misread.when, made) for made in results(misread, op, spec, arrays))
    for number, a in enumerate(arrays):
        if a is not None and (a.ndim == 3 or (op in ("conv2d", "conv2d_input_grad") and number == 1)):
            what, axes = ("the columns", AXES["im2col"]) if a.ndim == 3 else ("the kernel", AXES["conv2d_weight_grad"])
            for when, changed in _rearranged(spec, a, what, axes):
                yield Mistake(when, by_taps.run(op, spec, *arrays[:number], changed, *arrays[number + 1 :]))
    result = "the kernel" if op == "conv2d_weight_grad" else "the result"
    yield from _rearranged(spec, right, result, AXES[op])
    yield from _arithmetic(call, right)
    if op in POOL_OPS:
        yield from _pooling(call, right)
    if right.ndim > 1:
        swapped = "the rows and positions of the columns" if right.ndim == 3 else f"the last two axes of {result}"
        yield Mistake(f"{swapped} are swapped", right.swapaxes(-1, -2))
    yield Mistake("the right values are returned in another shape", right.reshape(_shape_like(call, right)))


def _shape_like(call: RecordedCall, right: Array) -> Shape:
    got = call.outcome.result
    return right.shape if got is None or got.size != right.size else tuple(got.shape)


def _rearranged(spec: ConvSpec, a: Array, what: str, axes: Sequence[str]) -> Iterator[Mistake]:
    """The elements of `a` in other orders: axes permuted in memory, written or read so, and axes reversed."""
    named = a.reshape(opened(spec, a.shape))
    for text, order in _ORDERS.get(named.ndim, {}).items():
        when = text.format(what=what)
        yield Mistake(when, named.transpose(order).reshape(a.shape))
        there = [named.shape[axis] for axis in order]
        yield Mistake(when, named.reshape(there).transpose(np.argsort(order)).reshape(a.shape))
    for (i, one), (j, other) in pairwise(enumerate(axes)):
        if (one, other) in _TURNS:
            yield Mistake(_TURNS[one, other], np.flip(named, (i, j)).reshape(a.shape))
    for axis, name in enumerate(axes):
        yield Mistake(f"the {name}s are reversed", np.flip(named, axis).reshape(a.shape))


def _arithmetic(call: RecordedCall, right: Array) -> Iterator[Mistake]:
    """Terms left out, counted twice, averaged or overwritten, and lost digits."""
    op, spec, arrays, got = call.op, call.spec, call.arrays, call.outcome.result
    bias = arrays[2] if op == "conv2d" else None
    if bias is not None:
        yield Mistake("the bias is left out", by_taps.run(op, spec, *arrays[:2], None))
        yield Mistake("the bias is added twice", by_taps.run(op, spec, *arrays[:2], 2 * bias))
        yield Mistake("the bias is reversed", by_taps.run(op, spec, *arrays[:2], bias[::-1]))
    if op in ("col2im", "conv2d_input_grad"):
        mean = right / np.maximum(by_taps.term_count(op, spec, *arrays), 1)
        yield Mistake("overlapping windows are averaged instead of being added", mean)
        wide = [a.astype(np.float64) for a in arrays if a is not None]
        for taps_last in (True, False):
            fold = partial(_overwritten, taps_last=taps_last)
            made = fold(wide[0], spec) if op == "col2im" else lowering.derive(fold, fold)[op](*wide, spec)
            yield Mistake("overlapping windows overwrite each other instead of being added", made)
    if spec.batch > 1 and right.ndim > 2 and op != "conv2d_weight_grad":
        yield Mistake("the first image is given in place of every image", np.broadcast_to(right[:1], right.shape))
    at = np.unravel_index(int(np.abs(right).argmax()), right.shape)
    if got is not None and got.shape == right.shape and right[at]:
        factor = float(got[at]) / float(right[at])
        yield Mistake(f"every value is multiplied by {factor:.6g}", (right * factor).astype(got.dtype))
    yield Mistake("the result is rounded towards zero", np.trunc(right))
    halves = [None if a is None else a.astype(np.float16) for a in arrays]
    yield Mistake("the inputs are rounded to half precision", by_taps.run(op, spec, *halves))


def _pooling(call: RecordedCall, right: Array) -> Iterator[Mistake]:
    """Padding that wins, is counted or is not, and a gradient that is given away more than once."""
    op, spec, arrays = call.op, call.spec, [a for a in call.arrays if a is not None]
    touches = ~meets_pixel(spec).all(axis=0).reshape(spec.output_size)
    if op == "max_pool2d":
        made = np.where(touches, np.maximum(right, 0), right)
        yield Mistake("padding is taken for zeros, which are larger than negative pixels", made)
    elif op == "max_pool2d_grad":
        dy, x = arrays
        largest = by_taps.run("max_pool2d", spec, x)
        lost = by_taps.run(op, spec, np.where(touches & (largest <= 0), 0, dy), x)
        yield Mistake("padding is taken for zeros, and the gradient goes to it", lost)
        named = (spec.batch, spec.in_channels, spec.taps, spec.positions)
        equal = by_taps.run("im2col", spec, x).reshape(named) == largest.reshape(*named[:2], 1, named[3])
        spread = (equal * dy.reshape(*named[:2], 1, named[3])).reshape(spec.columns_shape)
        yield Mistake(
            "every pixel that is as large as the largest gets the gradient", by_taps.run("col2im", spec, spread)
        )
    elif "_exclude_padding" in op:
        counting: Op = "avg_pool2d_grad" if op.endswith("_grad") else "avg_pool2d"
        yield Mistake("padding is counted", by_taps.run(counting, spec, *arrays))
    else:
        excluding: Op = "avg_pool2d_exclude_padding_grad" if op.endswith("_grad") else "avg_pool2d_exclude_padding"
        yield Mistake("padding is not counted", by_taps.run(excluding, spec, *arrays))


def _overwritten(columns: Array, spec: ConvSpec, taps_last: bool) -> Array:
    """col2im that assigns: the last tap wins, or the last window."""
    padded = np.zeros((spec.batch, spec.in_channels, *spec.padded_size))
    named = columns.reshape(opened(spec, columns.shape))
    (sh, sw), (dh, dw) = spec.stride, spec.dilation
    outer, inner = (spec.kernel_size, spec.output_size)[:: 1 if taps_last else -1]
    for index in np.ndindex(*outer, *inner):
        u, v, p, q = index if taps_last else (*index[2:], *index[:2])
        padded[:, :, p * sh + u * dh, q * sw + v * dw] = named[:, :, u, v, p, q]
    (top, _, left, _), (h, w) = spec.padding, spec.input_size
    return padded[:, :, top : top + h, left : left + w]
