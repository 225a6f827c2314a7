"""`contract.nonfinite`: NaN and Inf reach what reads them, and nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import NamedTuple, cast

import numpy as np

from conformance.cases.case import Case
from conformance.cases.data import case_data
from conformance.cases.specs import DISTINCT, some
from conformance.checks.outcomes import Failed, Refused
from conformance.checks.registration import LITTLE, OfDomain, asks
from conformance.checks.under_test import BackendUnderTest
from harness.calls.caller import OneCall
from harness.contract.protocol import ARGUMENTS, Array
from harness.contract.status import Grade
from harness.geometry.spec import POOL_OPS, ConvSpec, Op
from harness.oracle import by_taps
from harness.oracle.bounding import allowed
from harness.oracle.comparing import divides, mismatch, mixes

# Weights and slopes are tested only where no window touches padding: there 0 * NaN of explicit columns cannot arise.
# Gradients only without stride: some put zeros between the slopes, and 0 * NaN is NaN.
_INTERIOR = some("plain", "grouped")
_PADDED: tuple[Op, ...] = ("im2col", "col2im", "conv2d")
_PRODUCTS: tuple[Op, ...] = ("conv2d", "conv2d_input_grad", "conv2d_weight_grad")  # of their first two arguments
_NOT_FINITE = (np.nan, np.inf, -np.inf)
_MOST_PIXELS = 25  # of a window


def _nonfinite_specs(op: Op) -> list[ConvSpec]:
    return [*_INTERIOR, *some("stride_not_tiling"), *DISTINCT[:2]] if op in (*_PADDED, *POOL_OPS) else _INTERIOR


def _judges_nonfinite(op: Op, spec: ConvSpec) -> bool:
    dense = spec.stride == spec.dilation == (1, 1)
    return spec.batch > 0 and (op in (*_PADDED, *POOL_OPS, "conv2d_bias_grad") or (dense and not any(spec.padding)))


@asks(
    "contract.nonfinite", OfDomain(_nonfinite_specs, every=8, most_work=LITTLE), kinds="f", grade=Grade.FORM,
    fits=_judges_nonfinite,
)  # fmt: skip
def nonfinite(subject: BackendUnderTest, case: Case) -> None:
    """A NaN or Inf in one element reaches exactly the results that read it, and changes no other.

    Also where it is multiplied with zeros, which some leave out of the sum. Methods that transform a whole plane spread
    it over the plane, and are not judged.
    """
    if case.op in POOL_OPS:
        _pooling(subject, case)
        return
    if mixes(subject.backend.numerics, case.op):
        raise Refused(f"{subject.backend.numerics} spreads what is not finite")
    clean = [cast(Array, a) for a in case_data.exact_inputs(case)]
    judged = range(1 if any(case.spec.padding) else len(clean))
    poisoned = [
        _Element(poison, which, tuple(int(i) for i in np.unravel_index(place, clean[which].shape)))
        for which in judged
        for poison in _NOT_FINITE
        for place in dict.fromkeys((_middle(clean[which]), clean[which].size - 1))
    ]
    poisoned += _times_zeros(case.op, clean, judged)
    calls = [OneCall(case.op, case.spec, one.put_in(clean)) for one in poisoned]
    of_data = by_taps.run(case.op, case.spec, *clean)
    for one, call, got in zip(poisoned, calls, subject.each(calls), strict=True):
        finite = by_taps.run(case.op, case.spec, *one.beside(clean)) if one.times_zeros else of_data
        reads = _reads(case.op, case.spec, clean, one)
        wrong = np.where(reads, np.isfinite(got), ~np.isfinite(got) & ~(_may_read(case, clean, one) & np.isnan(got)))
        where = f"{one.poison} at {list(one.place)} of argument {one.which}{', times zeros,' * one.times_zeros}"
        if wrong.any():
            place = tuple(int(i) for i in np.argwhere(wrong)[0])
            what = "does not reach" if reads[place] else "reaches"
            raise Failed(f"{where} {what} {case.op}{list(place)}, {int(wrong.sum())} such")
        opposite = got == -by_taps.run(case.op, case.spec, *call.arrays)
        if (opposite & np.isinf(got)).any():
            raise Failed(
                f"{where} reaches {case.op} with the opposite sign, {int((opposite & np.isinf(got)).sum())} such"
            )
        difference = mismatch(np.where(np.isfinite(got), got, 0), np.where(np.isfinite(got), finite, 0))
        if difference:
            raise Failed(f"{where} changes results that do not read it: {difference}")


class _Element(NamedTuple):
    """What is put into one element of one argument, and whether all that it is multiplied with is zero."""

    poison: float
    which: int
    place: tuple[int, ...]
    times_zeros: bool = False

    def put_in(self, arrays: list[Array]) -> list[Array]:
        """The arguments with it."""
        given = self.beside(arrays)
        given[self.which] = given[self.which].copy()
        given[self.which][self.place] = self.poison
        return given

    def beside(self, arrays: list[Array]) -> list[Array]:
        """The arguments as they are without it."""
        zeros = 1 - self.which if self.times_zeros else None
        return [np.zeros_like(a) if n == zeros else a for n, a in enumerate(arrays)]


def _times_zeros(op: Op, clean: list[Array], judged: range) -> Iterator[_Element]:
    """What is multiplied with zeros: NaN and Inf, in the middle of one argument or of each of the two."""
    if op in _PRODUCTS:
        for number, poison in enumerate(_NOT_FINITE[:2]):
            which = number if number in judged else 0
            place = np.unravel_index(_middle(clean[which]), clean[which].shape)
            yield _Element(poison, which, tuple(int(i) for i in place), times_zeros=True)


def _middle(a: Array) -> int:
    return int(np.ravel_multi_index(tuple(n // 2 for n in a.shape), a.shape))


def _reads(op: Op, spec: ConvSpec, arrays: list[Array], one: _Element) -> Array:
    """Which results have the element in one of their sums."""
    touched = [np.zeros_like(a) if n == one.which else np.ones_like(a) for n, a in enumerate(arrays)]
    if op == "conv2d" and one.which != 2:
        touched[2][...] = 0
    if op == "conv2d" and one.which == 2:
        touched[1][...] = 0
    touched[one.which][one.place] = 1
    reached: Array = by_taps.run(op, spec, *touched) != 0
    return reached


def _may_read(case: Case, arrays: list[Array], one: _Element) -> Array:
    """Which results have it in a sum with zeros that a method puts in itself: 0 * NaN may be a term of it.

    These are zeros between the taps of a dense kernel, the others of one-hot kernels, which copy a whole window, and
    those around the slopes, where the input gradient is a convolution of them.
    """
    op, spec = case.op, case.spec
    may: Array = np.zeros(spec.output_shape(op), bool)
    if op == "im2col":
        may |= _reads(op, spec, arrays, one).any(axis=1, keepdims=True)
    elif op == "col2im":
        window = np.zeros(spec.columns_shape)
        window[one.place[0], :, one.place[2]] = 1
        may |= by_taps.run(op, spec, window) > 0
    elif op == "conv2d_input_grad" and one.which == 1:
        group = one.place[0] // (spec.out_channels // spec.groups)
        may[:, group * (spec.in_channels // spec.groups) + one.place[1]] = True
    elif op == "conv2d" and one.which == 0 and spec.dilation != (1, 1):
        dense = replace(spec, kernel_size=spec.reach, dilation=(1, 1))
        may |= _reads(op, dense, [arrays[0], np.ones(dense.w_shape, arrays[1].dtype), arrays[2]], one)
    return may


def _pooling(subject: BackendUnderTest, case: Case) -> None:
    """In each pixel of a window in turn: who compares with `>` loses a NaN that is not the first.

    dy may meet zeros in its window, of a mask that is multiplied with it: 0 * NaN. So may what is made of im2col.
    """
    op, spec = case.op, case.spec
    clean = [cast(Array, a) for a in case_data.exact_inputs(case)]
    wide = np.longdouble if case.dtype == "float64" else np.float64
    bound = None
    if divides(op):
        finite = by_taps.run(op, spec, *clean, accumulate=wide)
        bound = allowed(op, spec, case.dtype, subject.backend.numerics, finite, clean)
    asked = list(_of_pooling(op, spec, clean))
    calls = [OneCall(op, spec, arrays) for _, arrays in asked]
    for (where, arrays), got in zip(asked, subject.each(calls), strict=True):
        expected = by_taps.run(op, spec, *arrays, accumulate=wide)
        if op == "max_pool2d_grad" or op not in subject.backend.native:
            reads = _same_windows(op, spec, [~np.isfinite(a) for a in arrays])
            expected = np.where(reads & np.isnan(got), np.nan, expected)
        difference = mismatch(got, expected, bound)
        if difference:
            raise Failed(f"{where}: {difference}")


def _of_pooling(op: Op, spec: ConvSpec, clean: list[Array]) -> Iterator[tuple[str, list[Array]]]:
    """What is put where, and the arguments with it. Where x has a NaN, nobody says to which pixel dy goes."""
    n, c, p, q = (size // 2 for size in spec.pooled_shape)
    (sh, sw), (dh, dw), (top, _, left, _), (h, w) = spec.stride, spec.dilation, spec.padding, spec.input_size
    taps = ((p * sh + u * dh - top, q * sw + v * dw - left) for u, v in np.ndindex(*spec.kernel_size))
    pixels = [(n, c, i, j) for i, j in taps if 0 <= i < h and 0 <= j < w]
    for which, name in enumerate(ARGUMENTS[op]):
        places = pixels[:_MOST_PIXELS] if name == "x" else [(n, c, p, q)]
        last = tuple(size - 1 for size in clean[which].shape)
        for poison in _NOT_FINITE if which == 0 else _NOT_FINITE[1:]:
            for place in dict.fromkeys((*places, last)):
                yield f"{poison} at {list(place)} of {name}", _Element(poison, which, place).put_in(clean)
    if op.startswith("max"):
        yield "-inf everywhere in x", [*clean[:-1], np.full_like(clean[-1], -np.inf)]


def _same_windows(op: Op, spec: ConvSpec, marked: list[Array]) -> Array:
    """The elements of the result that belong to a window with a marked element."""
    found = np.zeros(spec.output_shape(op), bool)
    for name, mark in zip(ARGUMENTS[op], marked, strict=True):
        windows = by_taps.run("avg_pool2d", spec, mark) > 0 if name == "x" else mark
        found |= by_taps.run("avg_pool2d_grad", spec, windows) > 0 if op.endswith("_grad") else windows
    return found
