"""Orders of axes: results and arguments laid out in another order, turned or transposed kernels, samples and positions.

An array may be *written* in an order, its memory then taken for the right one, or *read* as if it were in that order.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from itertools import permutations, product

import numpy as np

from conformance.diagnosis.models import tables
from conformance.diagnosis.models.arrays.layouts import LAYOUTS, Order
from conformance.diagnosis.models.arrays.opened import (
    LETTERS,
    OF_ARGUMENT,
    OF_RESULT,
    Kind,
    argument_as,
    kinds_of_arguments,
    kinds_of_results,
    result_as,
    right_tables,
    shape,
)
from conformance.diagnosis.models.model import Given, Model
from harness.contract.protocol import Array
from harness.geometry.spec import ConvSpec, Op

# Of the cost:
_ORDER, _A_MOVED_AXIS = 1.4, 0.1
_OF_AN_ARGUMENT = 0.1
_READ_FOR_WRITTEN = 0.05  # the rarer one of both ways to confuse two orders
_CONV: tuple[Op, ...] = ("conv2d", "conv2d_input_grad", "conv2d_weight_grad")


def models() -> Iterator[Model]:
    """All of them, some 3,200."""
    for kind, ops in kinds_of_results():
        for order in orders(len(LETTERS[kind])):
            yield from _of_result(kind, order, ops)
    for kind, ops in kinds_of_arguments():
        for order in orders(len(LETTERS[kind])):
            planes = kind == "output" and order == (0, 1, 3, 2)
            yield from _of_argument(kind, order, _without_the_bias(ops) if planes else ops)
    yield from _matrices()
    yield from _inside()
    yield from _turned()
    yield from _mixed()


def orders(axes: int) -> Iterator[Order]:
    """All permutations of so many axes but the right one."""
    right = tuple(range(axes))
    return (order for order in permutations(right) if order != right)


def _without_the_bias(ops: tuple[Op, ...]) -> tuple[Op, ...]:
    """The bias gradient sums over images and positions: it does not see their order."""
    return tuple(op for op in ops if op != "conv2d_bias_grad")


def written(order: Order, a: Array, _: ConvSpec) -> Array:
    """The memory of the array in another order of its axes."""
    return a.transpose(order)


def read(order: Order, a: Array, _: ConvSpec) -> Array:
    """The array whose memory is taken for that of another order of axes."""
    taken = a.reshape([a.shape[k] for k in order])
    return taken.transpose(np.argsort(order))


def _of_result(kind: Kind, order: Order, ops: tuple[Op, ...]) -> Iterator[Model]:
    canonical, letters, short, cost = _told(kind, order)
    known = LAYOUTS[kind].get(order)
    back = ", ".join(str(k) for k in np.argsort(order))
    yield Model(
        id=f"order/result written as {short}/{kind}",
        says=f"returns {known.words if known else f'({letters}) in the shape of ({canonical})'}",
        mend=known.mend if known else f"`.transpose({back})` to ({canonical}) before the last reshape",
        ops=ops,
        gives=result_as(kind, partial(written, order)),
        cost=known.cost if known else cost,
        seen=known.seen if known else "",
    )
    yield Model(
        id=f"order/result read as {short}/{kind}",
        says=f"takes {OF_RESULT[kind]} for ({letters}) and transposes it once too often",
        mend=f"its memory is in the order ({canonical}) already: drop the transpose",
        ops=ops,
        gives=result_as(kind, partial(read, order)),
        cost=cost + _READ_FOR_WRITTEN,
    )


def _of_argument(kind: Kind, order: Order, ops: tuple[Op, ...]) -> Iterator[Model]:
    canonical, letters, short, cost = _told(kind, order)
    known, what = LAYOUTS[kind].get(order), OF_ARGUMENT[kind]
    fortran = ', as `reshape(F, -1, order="F")` does' if (kind, order) == ("kernel", (0, 3, 2, 1)) else ""
    yield Model(
        id=f"order/{kind} read as {short}",
        says=f"takes {what} to hold {known.words}" if known else f"reads the memory of {what} as ({letters})",
        mend=f"the memory of {what} is ({canonical}): reshape to that, then transpose",
        ops=ops,
        gives=argument_as(kind, partial(read, order)),
        cost=(known.cost if known else cost) + _OF_AN_ARGUMENT,
        seen=known.seen if known else "",
    )
    yield Model(
        id=f"order/{kind} written as {short}",
        says=f"transposes {what} to ({letters}) and reads the memory as ({canonical}){fortran}",
        mend=f"transpose {what} back to ({canonical}), or reshape before the transpose",
        ops=ops,
        gives=argument_as(kind, partial(written, order)),
        cost=cost + _OF_AN_ARGUMENT + _READ_FOR_WRITTEN,
    )


def _told(kind: Kind, order: Order) -> tuple[str, str, str, float]:
    """The right letters, those of the order, these as a part of an id, and the cost."""
    letters = [LETTERS[kind][k] for k in order]
    moved = sum(a != b for a, b in enumerate(order))
    short = " ".join(letters).replace("C/G", "C")
    return ", ".join(LETTERS[kind]), ", ".join(letters), short, _ORDER + _A_MOVED_AXIS * moved


# ---- kernels made a matrix in one order, which is taken for one in another


def _matrices() -> Iterator[Model]:
    for made, taken in product(((2, 3, 1, 0), (3, 2, 1, 0), (1, 2, 3, 0)), ((0, 2, 3, 1), (0, 3, 2, 1))):
        (_, made_of, short, cost), (_, taken_for, other, _) = _told("kernel", made), _told("kernel", taken)
        yield Model(
            id=f"order/kernel written as {short}, read as {other}",
            says=f"makes a matrix of the kernel as ({made_of}), and takes it for ({taken_for})",
            mend="transpose the matrix instead of reshaping it: each row has to hold one filter",
            ops=_CONV[:2],
            gives=argument_as("kernel", partial(_rewritten, made, taken)),
            cost=cost + 0.4,
            seen="dx-weight-matrix-order",
        )


def _rewritten(made: Order, taken: Order, a: Array, spec: ConvSpec) -> Array:
    return read(taken, np.ascontiguousarray(written(made, a, spec)).reshape(a.shape), spec)


# ---- columns inside of a convolution, where weights and groups expect them in the right order


def _inside() -> Iterator[Model]:
    """With one group these are orders of the kernel; with several they are not."""
    for order, layout in LAYOUTS["columns"].items():
        yield Model(
            id=f"order/columns inside as {_told('columns', order)[2]}",
            says=f"makes columns that hold {layout.words}",
            mend="weights are flattened as (c, kh, kw), positions as (oh, ow): make the columns so",
            ops=_CONV,
            gives=partial(_with_columns, order),
            cost=layout.cost + 0.3,
            seen=layout.seen,
        )


def _with_columns(order: Order, given: Given) -> Array:
    """conv2d or a gradient by columns in another order; the input gradient reads its columns so."""
    op, spec, arrays = given
    n, g, filters, l = spec.batch, spec.groups, spec.out_channels // spec.groups, spec.positions
    depth, opened = spec.in_channels // g * spec.taps, shape("columns", spec)
    rows, columns = right_tables(spec)
    if op == "conv2d_input_grad":
        dy, w = _there(arrays[0]), _there(arrays[1])
        spread = w.reshape(g, filters, depth).swapaxes(1, 2) @ dy.reshape(n, g, filters, l)
        return tables.scatter(spec, read(order, spread.reshape(opened), spec), rows, columns)
    x = _there(arrays[0 if op == "conv2d" else 1])
    seen = tables.gather(spec, x, rows, columns).transpose(order).reshape(n, g, depth, l)
    if op == "conv2d_weight_grad":
        dw = _there(arrays[0]).reshape(n, g, filters, l) @ seen.swapaxes(2, 3)
        return np.asarray(dw.sum(0).reshape(spec.w_shape))
    y = np.asarray((_there(arrays[1]).reshape(g, filters, depth) @ seen).reshape(spec.y_shape))
    return y if arrays[2] is None else np.asarray(y + arrays[2][:, None, None])


def _there(a: Array | None) -> Array:
    assert a is not None, "only a bias may be missing"
    return a


# ---- turned by 180 or 90 degrees

_FLIP = "drop `[::-1, ::-1]` or `rot90`"
_NO_CORRELATION = "flips the kernel (that is convolution as in mathematics; here it is cross-correlation)"


def _turned() -> Iterator[Model]:
    kernel: Kind = "kernel"
    yield Model(
        id="order/kernel flipped/conv2d",
        says=_NO_CORRELATION,
        mend=_FLIP,
        ops=("conv2d",),
        gives=argument_as(kernel, partial(_flipped, (2, 3))),
        cost=1.0,
        seen="conv-kernel-flipped",
    )
    yield Model(
        id="order/kernel flipped/conv2d_input_grad",
        says="correlates dy with the kernel as it is, not turned by 180 degrees",
        mend="turn the kernel, `w[:, :, ::-1, ::-1]`, if dy is correlated with it; not if columns are added up",
        ops=("conv2d_input_grad",),
        gives=argument_as(kernel, partial(_flipped, (2, 3))),
        cost=1.0,
        seen="dx-kernel-not-rotated",
    )
    yield Model(
        id="order/result turned/kernel",
        says="gives each kernel's gradient turned by 180 degrees: image and dy are exchanged in the correlation",
        mend="correlate the image with dy, not dy with the image, or turn the result: `[:, :, ::-1, ::-1]`",
        ops=("conv2d_weight_grad",),
        gives=result_as(kernel, partial(_flipped, (2, 3))),
        cost=1.0,
    )
    for turns in (1, 3):
        way = "90 degrees" if turns == 1 else "270 degrees"
        seen = "dx-rotation-transposes-kernel"
        yield Model(
            id=f"order/kernel turned by {way}",
            says=f"turns each kernel by {way}",
            mend="a turn by 180 degrees is `[::-1, ::-1]`; without need of one, leave the kernel as it is",
            ops=("conv2d", "conv2d_input_grad"),
            gives=argument_as(kernel, partial(_quarter, turns)),
            cost=1.3,
            seen=seen,
        )
        yield Model(
            id=f"order/result turned by {way}/kernel",
            says=f"gives each kernel's gradient turned by {way}",
            mend="leave the gradient as it is",
            ops=("conv2d_weight_grad",),
            gives=result_as(kernel, partial(_quarter, turns)),
            cost=1.3,
            seen=seen,
        )
    for kind, axes, word in _PLANES:
        name = word.replace(" ", "-")
        for of, ops in kinds_of_results():
            if of == kind:
                yield Model(
                    id=f"order/result turned, {name}/{kind}",
                    says=f"turns {word} of {OF_RESULT[kind]} by 180 degrees",
                    mend=_FLIP,
                    ops=ops,
                    gives=result_as(kind, partial(_flipped, axes)),
                    cost=1.3,
                )
        for of, ops in kinds_of_arguments():
            if of == kind:
                yield Model(
                    id=f"order/{kind} turned, {name}",
                    says=f"turns {word} of {OF_ARGUMENT[kind]} by 180 degrees",
                    mend=_FLIP,
                    ops=_without_the_bias(ops),
                    gives=argument_as(kind, partial(_flipped, axes)),
                    cost=1.6,
                )


_PLANES: tuple[tuple[Kind, tuple[int, int], str], ...] = (
    ("columns", (2, 3), "the taps"),
    ("columns", (4, 5), "the positions"),
    ("image", (2, 3), "the pixels"),
    ("output", (2, 3), "the positions"),
)


def _flipped(axes: tuple[int, int], a: Array, _: ConvSpec) -> Array:
    return np.flip(a, axes)


def _quarter(turns: int, a: Array, _: ConvSpec) -> Array:
    """Each plane turned; an oblong one keeps its memory and gets its old shape back."""
    return np.rot90(a, turns, (2, 3))


# ---- images and positions along one axis of N*L, in either order


def _mixed() -> Iterator[Model]:
    seen = "im2col-batch-vs-spatial-columns"
    for kind in ("columns", "output"):
        rows: str = "rows" if kind == "columns" else "F"
        inner, outer = f"({rows}, L, N)", f"({rows}, N, L)"
        for made, taken, way in ((inner, outer, _images_inside), (outer, inner, _images_outside)):
            says = f"flattens images and positions as {made} and takes them apart as {taken}"
            mend = f"`.reshape{made}` what was made so, then transpose it to (N, {rows}, L)"
            letters = "images inside" if way is _images_inside else "images outside"
            for place, of in (("result", kinds_of_results()), ("argument", kinds_of_arguments())):
                ops = next(ops for k, ops in of if k == kind)
                yield Model(
                    id=f"order/{place} mixed, {letters}/{kind}",
                    says=says if place == "result" else f"{says} ({OF_ARGUMENT[kind]})",
                    mend=mend,
                    ops=_without_the_bias(ops),
                    gives=(result_as if place == "result" else argument_as)(kind, way),
                    cost=1.3 if way is _images_inside else 1.4,
                    seen=seen,
                )


def _images_inside(a: Array, _: ConvSpec) -> Array:
    """Made as (rows, L, N), taken for (rows, N, L)."""
    n, rows, l = _matrix(a)
    return a.reshape(n, rows, l).transpose(1, 2, 0).reshape(rows, n, l).transpose(1, 0, 2)


def _images_outside(a: Array, _: ConvSpec) -> Array:
    """Made as (rows, N, L), taken for (rows, L, N)."""
    n, rows, l = _matrix(a)
    return a.reshape(n, rows, l).transpose(1, 0, 2).reshape(rows, l, n).transpose(2, 0, 1)


def _matrix(a: Array) -> tuple[int, int, int]:
    """(N, rows, L) of columns or of an output: the last two axes are the positions."""
    l = a.shape[-2] * a.shape[-1]
    return a.shape[0], a.size // (a.shape[0] * l), l
