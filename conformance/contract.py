"""The clauses of the contract, one check each: form of the result, ownership, untouched inputs, repeatability, NaN."""

from __future__ import annotations

from typing import cast

import numpy as np

from conformance import memory, witness
from conformance.case import LAYOUT_NAMES, Case
from conformance.check import Variant, check
from conformance.specs import ALL, DISTINCT, some
from conformance.subject import Failed, Subject, require_array, require_dtype, require_shape
from harness import tap_oracle
from harness.compare import mismatch
from harness.protocol import Array
from harness.spec import ConvSpec, Op

_EMPTY = [spec for spec in ALL.values() if spec.batch == 0]
# Where a result could be a view of its input, or a shortcut might hand out memory that it keeps.
_VIEWS = [*some("one_pixel", "pointwise", "kernel_is_image"), DISTINCT[0]]


@check(
    "contract.shape",
    [*DISTINCT, *some("stride_not_tiling", "output_1x1", "depthwise", "pad_wider_than_image"), *_EMPTY],
)
def shape(subject: Subject, case: Case) -> None:
    """Exactly the spec's shape, for an empty batch too."""
    result = subject.raw(case.op, case.spec, *witness.exact_inputs(case))
    require_array(case.op, result)
    require_shape(case.op, case.spec, result)


@check("contract.dtype", [*DISTINCT[:1], *some("pointwise"), *_EMPTY[:1]])
def dtype(subject: Subject, case: Case) -> None:
    """The dtype of the inputs."""
    result = subject.raw(case.op, case.spec, *witness.exact_inputs(case))
    require_array(case.op, result)
    require_dtype(case.op, result, case.dtype)


@check("contract.contiguous", [*DISTINCT[:2], *some("pointwise", "pad_bottom_right")])
def contiguous(subject: Subject, case: Case) -> None:
    """C-contiguous and writeable."""
    result = subject.run(case.op, case.spec, *witness.exact_inputs(case))
    if not result.flags.c_contiguous:
        raise Failed(f"{case.op} returned strides {result.strides} for shape {result.shape}, not C-contiguous")
    if not result.flags.writeable:
        raise Failed(f"{case.op} returned a read-only array")


@check("contract.owned", _VIEWS)
def owned(subject: Subject, case: Case) -> None:
    """Fresh memory: no input's, and not that of the previous result, which a second call leaves as it was."""
    arrays = witness.exact_inputs(case)
    first = subject.run(case.op, case.spec, *arrays)
    if any(a is not None and np.shares_memory(first, a) for a in arrays):
        raise Failed(f"{case.op} returned memory of its input")
    kept = first.copy()
    second = subject.run(case.op, case.spec, *[None if a is None else -a for a in arrays])
    if np.shares_memory(first, second):
        raise Failed(f"{case.op} returned the memory of its previous result")
    if not np.array_equal(first, kept):
        raise Failed(f"a second call of {case.op} changed the first result")


@check("contract.inputs_untouched", [*DISTINCT[:2], *some("pad_symmetric", "pointwise")])
def inputs_untouched(subject: Subject, case: Case) -> None:
    """Bytes, shape, strides and flags of every input are what they were."""
    arrays = witness.exact_inputs(case)
    before = [None if a is None else (a.tobytes(), a.shape, a.strides, a.flags.writeable) for a in arrays]
    subject.run(case.op, case.spec, *arrays)
    for number, (a, state) in enumerate(zip(arrays, before, strict=True)):
        if a is not None and (a.tobytes(), a.shape, a.strides, a.flags.writeable) != state:
            raise Failed(f"{case.op} changed its argument {number}")


@check("contract.repeatable", [*DISTINCT[:1], *some("many_channels", "width_33")], kinds="f")
def repeatable(subject: Subject, case: Case) -> None:
    """The same real-valued arrays give the same bits, also after a call on another geometry."""
    first = subject.run(case.op, case.spec, *witness.real_inputs(case)).copy()
    other = Case(case.check, case.op, case.dtype, DISTINCT[2])
    subject.run(other.op, other.spec, *witness.real_inputs(other))
    second = subject.run(case.op, case.spec, *witness.real_inputs(case))
    if first.tobytes() != second.tobytes():
        raise Failed(f"{case.op} gave other bits the second time: {mismatch(second, first)}")


@check("contract.state", DISTINCT)
def state(subject: Subject, case: Case) -> None:
    """A call is right whatever was called before: same shapes with other strides, pads and dilation (stale caches)."""
    spec = case.spec
    (h, w), (kh, kw) = spec.input_size, spec.kernel_size
    fields = {
        name: getattr(spec, name)
        for name in ("batch", "in_channels", "out_channels", "groups", "input_size", "kernel_size")
    }
    for change in (
        {},
        {"stride": (2, 2)},
        {"padding": (kh, 0, 0, kw)},
        {"padding": (0, kh, kw, 0)},
        {"dilation": (1, min(2, w // kw))},
    ):
        relative = ConvSpec(**{**fields, **change}) if kh <= h and kw <= w else spec
        related = Case(case.check, case.op, case.dtype, relative, seed=case.seed)
        difference = mismatch(
            subject.run(related.op, related.spec, *witness.exact_inputs(related)), witness.exact_expected(related)
        )
        if difference:
            raise Failed(f"{case.op} on {related.spec}, after related geometries: {difference}")


def _layouts(op: Op) -> list[Variant]:
    return [{"layout": name} for name in LAYOUT_NAMES[1:]]


@check("contract.strided_inputs", [*DISTINCT[:1], *some("pad_symmetric", "pointwise")], variants=_layouts)
def strided_inputs(subject: Subject, case: Case) -> None:
    """Inputs in Fortran order, with steps of 2, reversed, one byte off their alignment, or read-only."""
    arrays = [None if a is None else memory.arrange(a, case.layout) for a in witness.exact_inputs(case)]
    difference = mismatch(subject.run(case.op, case.spec, *arrays), witness.exact_expected(case))
    if difference:
        raise Failed(f"{case.op} on {case.layout} inputs: {difference}")


# Weights and slopes are tested only where no window touches padding: there 0 * NaN of explicit columns cannot arise.
_INTERIOR = some("plain", "grouped", "stride_not_tiling")
_PADDED: tuple[Op, ...] = ("im2col", "col2im", "conv2d")


def _nonfinite_specs(op: Op) -> list[ConvSpec]:
    return [*_INTERIOR, *DISTINCT[:2]] if op in _PADDED else _INTERIOR


@check(
    "contract.nonfinite",
    _nonfinite_specs,
    kinds="f",
    fits=lambda op, spec: spec.batch > 0 and (op in _PADDED or not any(spec.padding)),
)
def nonfinite(subject: Subject, case: Case) -> None:
    """A NaN or Inf in one element reaches exactly the results that read it, and changes no other."""
    for argument, poison in enumerate((np.nan, np.inf)):
        arrays = [cast(Array, a) for a in witness.exact_inputs(case)]
        which = 0 if case.op in _PADDED else min(argument, len(arrays) - 1)
        touched = [np.zeros_like(a) if i == which else np.ones_like(a) for i, a in enumerate(arrays)]
        if case.op == "conv2d":
            touched[2][...] = 0
        index = tuple(n // 2 for n in arrays[which].shape)
        touched[which][index] = 1
        reads = tap_oracle.run(case.op, case.spec, *touched) != 0
        arrays[which][index] = 1
        clean = tap_oracle.run(case.op, case.spec, *arrays)
        arrays[which][index] = poison
        got = subject.run(case.op, case.spec, *arrays)
        wrong = np.isfinite(got) == reads
        if wrong.any():
            place = [int(i) for i in np.argwhere(wrong)[0]]
            what = "does not reach" if reads[tuple(place)] else "reaches"
            raise Failed(
                f"{poison} at {list(index)} of argument {which} {what} {case.op}{place}, {int(wrong.sum())} such"
            )
        difference = mismatch(np.where(reads, 0, got), np.where(reads, 0, clean))
        if difference:
            raise Failed(f"{poison} at {list(index)} changes results that do not read it: {difference}")
