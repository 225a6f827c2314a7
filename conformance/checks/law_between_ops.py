"""What holds between the ops of one geometry, as equalities of whole numbers without a tolerance.

The ids are `law.adjoint`, `law.difference`, `law.divisor`, `law.lowering` and `law.linear`. A law alone is not
enough: im2col and col2im that share a wrong index function are still adjoint to each other. Nor does it say whose fault
it is: `charged` asks the definition, and each law is asked of the ops on both of its sides.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import wraps

import numpy as np

from conformance.cases.case import Case
from conformance.cases.data import case_data
from conformance.cases.specs import DISTINCT, some
from conformance.checks.outcomes import Failed, Mistrusted, Refused, contradiction
from conformance.checks.registration import Question, asks
from conformance.checks.under_test import BackendUnderTest
from harness.contract.protocol import ARGUMENTS, Array
from harness.geometry.spec import ALL_OPS, ConvSpec, Op, Shape
from harness.oracle import by_taps, data, pointwise
from harness.oracle.comparing import mismatch

LAW_SPECS = [
    *DISTINCT,
    *some(
        "pad_beyond_kernel", "stride_beyond_kernel", "dilated_strided_padded", "depthwise_multiplier", "kernel_is_image"
    ),
]
# Images are summed in blocks, and no geometry of the standing list fills a block of eight.
_BATCH_OF_8 = ConvSpec.parse("n8c2h3w4_f3kh2kw2")
_LINEAR_SPECS = [*DISTINCT[:2], *some("pad_beyond_kernel", "depthwise_multiplier", "kernel_is_image")]
_DIRECTIONS = 3  # elements of an argument that are moved or kept alone, besides dense data
_LARGEST_SHARED = 8  # where conv2d and its gradients take the same arrays
_LARGEST_FACTOR = 60  # of two-argument ops under law.linear: far above the data of the value checks
_LARGEST_TERM = 1000  # of one-argument ops under law.linear
_CONV: tuple[Op, ...] = ("conv2d", "conv2d_input_grad", "conv2d_weight_grad")


def not_empty(op: Op, spec: ConvSpec) -> bool:
    """Of an empty batch every law says 0 = 0."""
    return spec.batch > 0


def charged(question: Question) -> Question:
    """A law that does not hold is a fault of the op of the case only if the definition contradicts a result of that op.

    If it contradicts those of a partner alone, nothing is shown of this op: the case is mistrusted, and never passes.
    """

    @wraps(question)
    def ask(subject: BackendUnderTest, case: Case) -> None:
        try:
            question(subject, case)
        except Failed as failure:
            text = str(failure)
            faults = {call.op: wrong for call in reversed(subject.calls) if (wrong := contradiction(call))}
            if case.op in faults:
                said = [f"{op} is at fault{'' if wrong in text else f': {wrong}'}" for op, wrong in faults.items()]
                raise Failed("; ".join([text, *said])) from failure
            if faults:
                said = [f"{op} is at fault, not {case.op}: {wrong}" for op, wrong in faults.items()]
                raise Mistrusted("; ".join(said)) from failure
            raise

    return ask


@asks("law.adjoint", LAW_SPECS, ops=("im2col",), needs=("col2im",), fits=not_empty)
@charged
def adjoint_im2col(subject: BackendUnderTest, case: Case) -> None:
    """<im2col(x), c> = <x, col2im(c)>."""
    (x,), (c,) = _inputs(case, "im2col"), _inputs(case, "col2im")
    require_adjoint(
        case,
        ("im2col", lambda a: subject.run("im2col", case.spec, a), x),
        ("col2im", lambda a: subject.run("col2im", case.spec, a), c),
    )


@asks("law.adjoint", LAW_SPECS, ops=("col2im",), needs=("im2col",), fits=not_empty)
def adjoint_col2im(subject: BackendUnderTest, case: Case) -> None:
    """The same, for col2im."""
    adjoint_im2col(subject, case)


@asks("law.adjoint", LAW_SPECS, ops=("conv2d_input_grad",), needs=("conv2d",), fits=not_empty)
@charged
def adjoint_conv2d_input_grad(subject: BackendUnderTest, case: Case) -> None:
    """<conv2d(x, w), dy> = <x, dx(dy, w)>, without bias."""
    x, w, _, dy = _shared_inputs(case)
    require_adjoint(
        case,
        ("conv2d", lambda a: subject.run("conv2d", case.spec, a, w, None), x),
        ("dx", lambda a: subject.run("conv2d_input_grad", case.spec, a, w), dy),
    )


@asks("law.adjoint", LAW_SPECS, ops=("conv2d_weight_grad",), needs=("conv2d",), fits=not_empty)
@charged
def adjoint_conv2d_weight_grad(subject: BackendUnderTest, case: Case) -> None:
    """<conv2d(x, w), dy> = <w, dw(dy, x)>, without bias."""
    x, w, _, dy = _shared_inputs(case)
    require_adjoint(
        case,
        ("conv2d", lambda a: subject.run("conv2d", case.spec, x, a, None), w),
        ("dw", lambda a: subject.run("conv2d_weight_grad", case.spec, a, x), dy),
    )


@asks("law.adjoint", LAW_SPECS, ops=("conv2d",), fits=not_empty)
def adjoint_conv2d(subject: BackendUnderTest, case: Case) -> None:
    """Both, for conv2d, with those of its gradients that the backend has."""
    laws: dict[Op, Question] = {
        "conv2d_input_grad": adjoint_conv2d_input_grad,
        "conv2d_weight_grad": adjoint_conv2d_weight_grad,
    }
    reasons = {op: subject.refusal(op, case.spec, case.dtype) for op in laws}
    if None not in reasons.values():
        raise Refused("; ".join(f"{op}: {reason}" for op, reason in reasons.items()))
    for op, law in laws.items():
        if reasons[op] is None:
            law(subject, case)


@asks(
    "law.difference",
    [*LAW_SPECS, _BATCH_OF_8],
    ops=("conv2d_input_grad", "conv2d_weight_grad", "conv2d_bias_grad"),
    needs=("conv2d",),
    fits=not_empty,
)
@charged
def difference(subject: BackendUnderTest, case: Case) -> None:
    """d<y, dy>/da at one element of an argument a = <conv2d(.., a + e, ..) - conv2d(.., a, ..), dy>, step 1.

    The map is linear in each argument, so the difference quotient is the derivative, exactly.
    """
    *arguments, dy = _shared_inputs(case)
    which = ("conv2d_input_grad", "conv2d_weight_grad", "conv2d_bias_grad").index(case.op)
    given = {
        "conv2d_input_grad": (dy, arguments[1]),
        "conv2d_weight_grad": (dy, arguments[0]),
        "conv2d_bias_grad": (dy,),
    }
    gradient = subject.run(case.op, case.spec, *given[case.op])
    before = subject.run("conv2d", case.spec, *arguments)
    slopes = []
    for index in _directions(case, by_taps.term_count(case.op, case.spec, *given[case.op])):
        moved = [a.copy() for a in arguments]
        moved[which][index] += 1
        change = subject.run("conv2d", case.spec, *moved).astype(np.float64) - before.astype(np.float64)
        slopes.append(dot(change, dy))
        if float(gradient[index]) != slopes[-1]:
            raise Failed(f"{case.op}{list(index)} = {gradient[index]:g} but the difference of conv2d is {slopes[-1]:g}")
    if not any(slopes):
        raise Mistrusted("conv2d does not change in any of the directions tried")


@asks("law.divisor", LAW_SPECS, ops=("col2im",), needs=("im2col",), fits=not_empty)
@charged
def divisor_col2im(subject: BackendUnderTest, case: Case) -> None:
    """col2im(im2col(x)) = divisor * x, divisor = how many windows cover the pixel, counted."""
    (x,) = _inputs(case, "im2col")
    x = np.sign(x)  # small enough that the divisor times it stays exact
    got = subject.run("col2im", case.spec, subject.run("im2col", case.spec, x))
    require_same(got, _windows_covering(case.spec) * x.astype(np.float64), "col2im(im2col(x)) is not divisor * x")


@asks("law.divisor", LAW_SPECS, ops=("im2col",), needs=("col2im",), fits=not_empty)
def divisor_im2col(subject: BackendUnderTest, case: Case) -> None:
    """The same, for im2col."""
    divisor_col2im(subject, case)


@asks("law.lowering", LAW_SPECS, ops=("conv2d",), needs=("im2col",), fits=not_empty)
@charged
def lowering_conv2d(subject: BackendUnderTest, case: Case) -> None:
    """conv2d(x, w) = W @ im2col(x), group by group, with the backend's own im2col."""
    x, w, _ = _inputs(case, "conv2d")
    spec, rows = case.spec, case.spec.w_shape[1] * case.spec.taps
    columns = subject.run("im2col", spec, x).astype(np.float64).reshape(spec.batch, spec.groups, rows, spec.positions)
    filters = w.astype(np.float64).reshape(spec.groups, spec.out_channels // spec.groups, rows)
    expected = (filters @ columns).reshape(spec.y_shape)
    require_same(subject.run("conv2d", spec, x, w, None), expected, "conv2d is not W @ im2col")


@asks("law.lowering", LAW_SPECS, ops=("im2col",), needs=("conv2d",), fits=not_empty)
def lowering_im2col(subject: BackendUnderTest, case: Case) -> None:
    """The same, for im2col."""
    lowering_conv2d(subject, case)


@asks("law.linear", _LINEAR_SPECS, ops=[op for op in ALL_OPS if op != "max_pool2d"], fits=not_empty)
def linear(subject: BackendUnderTest, case: Case) -> None:
    """f(2a + 3b) = 2 f(a) + 3 f(b), in each argument with the others held; the bias of conv2d is added."""
    # A convolution is linear in x and w, the bias is not part of that; a maximum is not linear, its gradient in dy.
    names = ARGUMENTS[case.op][: 1 if case.op == "max_pool2d_grad" else 2]
    a, b = _linear_inputs(case, "a"), _linear_inputs(case, "b")
    held = a[:2]

    def run(*arrays: Array) -> Array:
        # With a bias conv2d is not linear: none is given here, and the bias is judged by itself below.
        given = (*arrays, None) if case.op == "conv2d" else arrays
        return subject.run(case.op, case.spec, *given).astype(np.float64)

    of_a = run(*held)
    for which, name in enumerate(names):
        of_b = run(*_with(held, which, b[which]))
        combined = run(*_with(held, which, 2 * a[which] + 3 * b[which]))
        require_same(combined, 2 * of_a + 3 * of_b, f"f(2a + 3b) is not 2 f(a) + 3 f(b) in {name} of {case.op}")
    if case.op == "conv2d":
        bias = a[2].astype(np.float64)[:, None, None]
        require_same(subject.run("conv2d", case.spec, *a), of_a + bias, "conv2d(x, w, b) is not conv2d(x, w) + b")


def require_same(got: Array, expected: Array, claim: str) -> None:
    """Raises `Failed` with the claim if an element differs, `Mistrusted` if zeros would have passed."""
    if not expected.any():
        raise Mistrusted("the expected result is zero everywhere, any result of zeros would pass")
    wrong = mismatch(got, expected)
    if wrong:
        raise Failed(f"{claim}: {wrong}")


def _inputs(case: Case, op: Op) -> tuple[Array, ...]:
    """Whole-number inputs of another op on the case's geometry, seeded by the case."""
    arrays = case_data.exact_inputs(Case(str(case), op, case.dtype, case.spec))
    return tuple(a for a in arrays if a is not None)


def _shared_inputs(case: Case) -> tuple[Array, ...]:
    """x, w, b, dy: the sums of conv2d and of all its gradients are exact, also with 1 added to one element."""
    spec, bits = case.spec, data.SIGNIFICAND_BITS[case.dtype]
    longest = max(data.terms(op, spec) for op in _CONV)
    largest = min(math.isqrt(2**bits // (2 * longest + 2)), _LARGEST_SHARED)
    return _whole(case, "", (*spec.input_shapes("conv2d"), spec.y_shape), largest)


def _linear_inputs(case: Case, name: str) -> tuple[Array, ...]:
    """Whole numbers so small that the sums of f(2a + 3b), of five times their size, are exact."""
    shapes, bits = case.spec.input_shapes(case.op), data.SIGNIFICAND_BITS[case.dtype]
    unit = data.unit(case.op, case.spec)
    room = 2**bits // (5 * data.terms(case.op, case.spec) + 1) // unit  # the bias is one term more
    largest = min(room, _LARGEST_TERM) if len(shapes) == 1 else min(math.isqrt(room), _LARGEST_FACTOR)
    return tuple(unit * a for a in _whole(case, name, shapes, largest))


def _whole(case: Case, name: str, shapes: tuple[Shape, ...], largest: int) -> tuple[Array, ...]:
    """Non-zero whole numbers of the shapes asked for."""
    if largest < 1:
        raise Mistrusted(f"the sums are too long to be exact in {case.dtype}")
    rng = data.generator(f"{case}/{name}")
    signs = np.array([-1, 1])
    return tuple((rng.integers(1, largest + 1, size=s) * rng.choice(signs, size=s)).astype(case.dtype) for s in shapes)


def _with(arrays: tuple[Array, ...], which: int, a: Array) -> tuple[Array, ...]:
    return (*arrays[:which], a, *arrays[which + 1 :])


def _directions(case: Case, count: Array) -> list[tuple[int, ...]]:
    """Indices of a few elements, of those whose `count` is not zero."""
    reached = np.argwhere(count)
    chosen = data.generator(str(case)).choice(len(reached), size=min(_DIRECTIONS, len(reached)), replace=False)
    return [tuple(int(i) for i in reached[k]) for k in chosen]


def _one_hot(like: Array, index: tuple[int, ...]) -> Array:
    e = np.zeros_like(like)
    e[index] = 1
    return e


Map = tuple[str, Callable[[Array], Array], Array]  # name, linear map, dense argument


def require_adjoint(case: Case, forward: Map, backward: Map) -> None:
    """<f(x), y> = <x, g(y)> for the dense x and y, and with either replaced by a few basis vectors.

    Raises `Failed` if not, and `Mistrusted` if both sides are zero.
    """
    (f_name, f, x), (g_name, g, y) = forward, backward
    unit = data.unit(case.op, case.spec)  # times a basis vector: an average of it is whole
    of_x, of_y = f(x), g(y)
    require_equal(f"<{f_name}(x), y>", dot(of_x, y), f"<x, {g_name}(y)>", dot(x, of_y))
    # A dense direction averages over all windows; one element alone takes the paths meant for sparse data.
    for index in _directions(case, np.ones(x.shape)):
        alone, given = dot(f(unit * _one_hot(x, index)), y), unit * float(of_y[index])
        if alone != given:
            raise Failed(f"<{f_name}(e), y> = {alone:g} but {g_name}(y) = {given:g} at e = {list(index)}")
    for index in _directions(case, np.ones(y.shape)):
        alone, given = dot(x, g(unit * _one_hot(y, index))), unit * float(of_x[index])
        if alone != given:
            raise Failed(f"<x, {g_name}(e)> = {alone:g} but {f_name}(x) = {given:g} at e = {list(index)}")


def _windows_covering(spec: ConvSpec) -> Array:
    """(H, W): how many (window, tap) pairs read each pixel, counted along each axis."""
    top, bottom, left, right = spec.padding
    counts = []
    for axis, (before, after) in enumerate(((top, bottom), (left, right))):
        size = spec.input_size[axis]
        starts = pointwise.window_starts(size, before, after, spec.reach[axis], spec.stride[axis])
        reads = [start + u * spec.dilation[axis] for start in starts for u in range(spec.kernel_size[axis])]
        counts.append(np.array([reads.count(i) for i in range(size)], dtype=np.float64))
    return np.outer(counts[0], counts[1])


def dot(a: Array, b: Array) -> float:
    """Exact for the whole numbers used here: all partial sums are far below 2^53."""
    return float(np.vdot(a.astype(np.float64), b.astype(np.float64)))


def require_equal(left_name: str, left: float, right_name: str, right: float) -> None:
    """Raises `Failed` if the two differ, and `Mistrusted` if both are zero."""
    if left == right == 0:
        raise Mistrusted(f"{left_name} and {right_name} are both zero")
    if left != right:
        raise Failed(f"{left_name} = {left:g} but {right_name} = {right:g}")
