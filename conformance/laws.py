"""Laws that hold between the ops, checked as equalities of whole numbers: no tolerance, no epsilon.

A law alone is not enough: im2col and col2im that share a wrong index function are still adjoint to each other.
"""

from __future__ import annotations

import numpy as np

from conformance import witness
from conformance.case import Case
from conformance.check import check
from conformance.specs import DISTINCT, some
from conformance.subject import Failed, Mistrusted, Subject
from harness import data, oracle, tap_oracle
from harness.compare import mismatch
from harness.protocol import Array
from harness.spec import ConvSpec, Op

_LAW_SPECS = [
    *DISTINCT,
    *some(
        "pad_beyond_kernel", "stride_beyond_kernel", "dilated_strided_padded", "depthwise_multiplier", "kernel_is_image"
    ),
]
_DIRECTIONS = 3  # basis directions of a difference check, besides the exact comparison of every element elsewhere


@check("law.adjoint", _LAW_SPECS, ops=("im2col",), needs=("col2im",))
def unfold_and_fold(subject: Subject, case: Case) -> None:
    """<im2col(x), c> = <x, col2im(c)>."""
    (x,), (c,) = _inputs(case, "im2col"), _inputs(case, "col2im")
    _require_equal(
        "<im2col(x), c>",
        _dot(subject.run("im2col", case.spec, x), c),
        "<x, col2im(c)>",
        _dot(x, subject.run("col2im", case.spec, c)),
    )


@check("law.adjoint", _LAW_SPECS, ops=("conv2d_input_grad", "conv2d_weight_grad"), needs=("conv2d",))
def convolution_and_gradients(subject: Subject, case: Case) -> None:
    """<conv2d(x, w), dy> = <x, dx(dy, w)> = <w, dw(dy, x)>, without bias."""
    x, w, _ = _inputs(case, "conv2d")
    (dy,) = _inputs(case, "conv2d_bias_grad")
    left = _dot(subject.run("conv2d", case.spec, x, w, None), dy)
    if case.op == "conv2d_input_grad":
        _require_equal("<conv2d(x, w), dy>", left, "<x, dx>", _dot(x, subject.run(case.op, case.spec, dy, w)))
    else:
        _require_equal("<conv2d(x, w), dy>", left, "<w, dw>", _dot(w, subject.run(case.op, case.spec, dy, x)))


@check(
    "law.difference", _LAW_SPECS, ops=("conv2d_input_grad", "conv2d_weight_grad", "conv2d_bias_grad"), needs=("conv2d",)
)
def gradient_is_difference(subject: Subject, case: Case) -> None:
    """d<y, dy>/da at one element of an argument a = <conv2d(.., a + e, ..) - conv2d(.., a, ..), dy>, step 1.

    The map is linear in each argument, so the difference quotient is the derivative, exactly.
    """
    arguments = list(_inputs(case, "conv2d"))
    (dy,) = _inputs(case, "conv2d_bias_grad")
    which = ("conv2d_input_grad", "conv2d_weight_grad", "conv2d_bias_grad").index(case.op)
    given = {
        "conv2d_input_grad": (dy, arguments[1]),
        "conv2d_weight_grad": (dy, arguments[0]),
        "conv2d_bias_grad": (dy,),
    }
    gradient = subject.run(case.op, case.spec, *given[case.op])
    before = subject.run("conv2d", case.spec, *arguments)
    slopes = []
    for index in _directions(case, given[case.op]):
        moved = [a.copy() for a in arguments]
        moved[which][index] += 1
        change = subject.run("conv2d", case.spec, *moved).astype(np.float64) - before.astype(np.float64)
        slopes.append(_dot(change, dy))
        if float(gradient[index]) != slopes[-1]:
            raise Failed(f"{case.op}{list(index)} = {gradient[index]:g} but the difference of conv2d is {slopes[-1]:g}")
    if not any(slopes):
        raise Mistrusted("conv2d does not change in any of the directions tried")


@check("law.divisor", _LAW_SPECS, ops=("col2im",), needs=("im2col",))
def fold_of_unfold(subject: Subject, case: Case) -> None:
    """col2im(im2col(x)) = divisor * x, divisor = how many windows cover the pixel, counted."""
    (x,) = _inputs(case, "im2col")
    x = np.sign(x)  # small enough that the divisor times it stays exact
    got = subject.run("col2im", case.spec, subject.run("im2col", case.spec, x))
    difference = mismatch(got, _divisor(case.spec) * x.astype(np.float64))
    if difference:
        raise Failed(f"col2im(im2col(x)) is not divisor * x: {difference}")


@check("law.lowering", _LAW_SPECS, ops=("conv2d",), needs=("im2col",))
def convolution_is_a_product(subject: Subject, case: Case) -> None:
    """conv2d(x, w) = W @ im2col(x), group by group, with the backend's own im2col."""
    x, w, _ = _inputs(case, "conv2d")
    spec, rows = case.spec, case.spec.w_shape[1] * case.spec.taps
    columns = subject.run("im2col", spec, x).astype(np.float64).reshape(spec.batch, spec.groups, rows, spec.positions)
    filters = w.astype(np.float64).reshape(spec.groups, spec.out_channels // spec.groups, rows)
    expected = (filters @ columns).reshape(spec.y_shape)
    difference = mismatch(subject.run("conv2d", spec, x, w, None), expected)
    if difference:
        raise Failed(f"conv2d is not W @ im2col: {difference}")


def _inputs(case: Case, op: Op) -> tuple[Array, ...]:
    """Whole-number inputs of another op on the case's geometry, seeded by the case."""
    arrays = witness.exact_inputs(Case(str(case), op, case.dtype, case.spec))
    return tuple(a for a in arrays if a is not None)


def _directions(case: Case, arrays: tuple[Array, ...]) -> list[tuple[int, ...]]:
    """A few elements of the gradient that some window reaches."""
    reached = np.argwhere(tap_oracle.term_count(case.op, case.spec, *arrays))
    chosen = data.generator(str(case)).choice(len(reached), size=min(_DIRECTIONS, len(reached)), replace=False)
    return [tuple(int(i) for i in reached[k]) for k in chosen]


def _divisor(spec: ConvSpec) -> Array:
    """(H, W): how many (window, tap) pairs read each pixel, counted along each axis."""
    top, bottom, left, right = spec.padding
    counts = []
    for axis, (before, after) in enumerate(((top, bottom), (left, right))):
        size = spec.input_size[axis]
        starts = oracle.window_starts(size, before, after, spec.reach[axis], spec.stride[axis])
        reads = [start + u * spec.dilation[axis] for start in starts for u in range(spec.kernel_size[axis])]
        counts.append(np.array([reads.count(i) for i in range(size)], dtype=np.float64))
    return np.outer(counts[0], counts[1])


def _dot(a: Array, b: Array) -> float:
    """Exact for the whole numbers used here: all partial sums are far below 2^53."""
    return float(np.vdot(a.astype(np.float64), b.astype(np.float64)))


def _require_equal(left_name: str, left: float, right_name: str, right: float) -> None:
    if left == right == 0:
        raise Mistrusted(f"{left_name} and {right_name} are both zero")
    if left != right:
        raise Failed(f"{left_name} = {left:g} but {right_name} = {right:g}")
